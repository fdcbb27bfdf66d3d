"""In place of pip, on PYTHONPATH: answers what Pulumi's host for Python asks of it before each run, in a fraction of
pip's time. All else is left to pip itself."""

import importlib.metadata
import json
import runpy
import sys
from pathlib import Path


def main():
    words = {*sys.argv[2:]} - {"-v", "--format", "json", "--format=json"}
    if sys.argv[1:2] == ["list"] and not words:
        found = importlib.metadata.distributions()
        print(
            json.dumps(
                [
                    {
                        "name": one.metadata["Name"],
                        "version": one.version,
                        "location": str(one.locate_file("")),
                        "installer": "pip",
                    }
                    for one in found
                ]
            )
        )
        return
    here = Path(__file__).resolve().parents[1]
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]
    for name in [name for name in sys.modules if name.partition(".")[0] == "pip"]:
        del sys.modules[name]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


main()
