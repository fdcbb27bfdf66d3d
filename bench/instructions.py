#!/usr/bin/env python3
"""Instructions of single operations, against ceilings.json: a tenth more fails. `--renew` writes the figures.

A count depends on no clock and on no other process. What is left is the seed of hash maps and the C library's choice of
copying routines for the processor, each far below the tenth.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CEILINGS = ROOT / "bench/ceilings.json"
BINARY = ROOT / "target/instructions/bench"
TOLERANCE = 0.10
# An operation is repeated, so that maps with different seeds average out.
TIMES = {"check": 40, "diff": 40, "sign-v1": 40, "sign-v3": 40, "decode-page": 4, "encode": 40}


def counted(operation, folder):
    """Instructions of one call, of nothing but the calls."""
    times = TIMES[operation]
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--toggle-collect=bench::measured*",
         f"--callgrind-out-file={folder}/{operation}", str(BINARY), "operation", operation, str(times)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    found = re.search(r"Collected : (\d+)", done.stdout)
    assert done.returncode == 0 and found, f"{operation}: valgrind ended with {done.returncode}:\n{done.stdout}"
    count = round(int(found[1]) / times)
    assert count > 0, f"{operation}: nothing was counted"
    return count


def verdict(operation, count, ceilings):
    if operation not in ceilings:
        return False, "has no ceiling: `make instructions-renew` writes it"
    change = count / ceilings[operation] - 1
    told = f"{count:,} instructions, {change:+.1%} of {ceilings[operation]:,}"
    if change > TOLERANCE:
        return (
            False,
            f"{told}: too many; where they are worth it, `make instructions-renew` and commit bench/ceilings.json",
        )
    if change < -TOLERANCE:
        told += ": better; `make instructions-renew` and commit bench/ceilings.json, so that it stays so"
    return True, told


def main():
    if shutil.which("valgrind") is None:
        print("SKIPPED instruction counts: there is no valgrind here; install it (apt install valgrind)")
        return os.environ.get("CI") == "true"
    started = time.monotonic()
    subprocess.run(["cargo", "build", "--quiet", "--profile", "instructions", "-p", "bench"], cwd=ROOT, check=True)
    built = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = {operation: counted(operation, folder) for operation in TIMES}
    print(f"built in {built - started:.0f} s, counted in {time.monotonic() - built:.0f} s")
    if "--renew" in sys.argv[1:]:
        CEILINGS.write_text(json.dumps(counts, indent=2) + "\n")
    ceilings = json.loads(CEILINGS.read_text())
    verdicts = [(operation, *verdict(operation, count, ceilings)) for operation, count in counts.items()]
    for operation, good, told in verdicts:
        print(f"{'ok  ' if good else 'FAIL'} {operation}: {told}")
    failed = sum(not good for _, good, _ in verdicts)
    print(f"test result: {'FAILED' if failed else 'ok'}. {len(verdicts) - failed} passed; {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
