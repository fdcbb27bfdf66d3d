"""In place of pip, on PYTHONPATH: answers what Pulumi's host for Python asks of it before each run, in a fraction of
pip's time. All else is left to pip itself."""

import importlib.metadata
import json
import runpy
import sys
from pathlib import Path

LIST_AS_JSON = {"list", "-v", "--format", "json", "--format=json"}


def as_pip_lists(package):
    return {
        "name": package.metadata["Name"],
        "version": package.version,
        "location": str(package.locate_file("")),
        "installer": "pip",
    }


def leave_to_pip():
    here = Path(__file__).resolve().parents[1]
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != here]
    for name in [name for name in sys.modules if name.partition(".")[0] == "pip"]:
        del sys.modules[name]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


asked = sys.argv[1:]
if asked[:1] == ["list"] and LIST_AS_JSON.issuperset(asked) and "json" in " ".join(asked):
    print(json.dumps([as_pip_lists(package) for package in importlib.metadata.distributions()]))
else:
    leave_to_pip()
