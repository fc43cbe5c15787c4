#!/usr/bin/env python3
"""Holds the hot paths to their instruction budgets (bench/instructions.json), counted by callgrind.

Counts are per document (for a policy, per decision) and include what a function calls. More than the tolerance
above the budget fails; more than the tolerance below asks for a smaller budget, so that what was won is kept.

usage: check-instructions.py DIRECTORY_OF_BENCH_PROGRAMS
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def count(program, function, arguments):
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--toggle-collect={function}",
             "--callgrind-out-file=" + os.path.join(directory, "out"), str(program), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def main():
    programs = pathlib.Path(sys.argv[1])
    wanted = json.loads((ROOT / "bench" / "instructions.json").read_text())
    failed = False
    for entry in wanted["budgets"]:
        total = count(programs / entry["program"], entry["function"], entry["arguments"])
        each = total / entry["documents"]
        budget, tolerance = entry["instructions"], wanted["tolerance"]
        state = "ok"
        if each > budget * (1 + tolerance):
            state, failed = "TOO MANY", True
        elif each < budget * (1 - tolerance):
            state = "fewer than the budget: lower it"
        print(f"{entry['name']}: {each:.0f} instructions each, budget {budget} ({state})")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
