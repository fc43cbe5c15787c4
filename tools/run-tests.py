#!/usr/bin/env python3
"""Runs every test and ends with the line `N passed, N failed`.

C tests (build/asan/tests/*, and those named *concurrent* from build/tsan/tests) speak TAP; Python tests are
unittest files under tests/; end-to-end tests are node test files under tests/end-to-end. A test program that
crashes or exceeds its time counts as one failure.

usage: run-tests.py BUILD_DIRECTORY [NAME_PART...]
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECONDS = {"c": 300, "python": 600, "node": 900}


def commands(build):
    for path in sorted((build / "asan" / "tests").glob("test_*")):
        if os.access(path, os.X_OK) and path.is_file():
            yield "c", path.name, [str(path)]
    for path in sorted((build / "tsan" / "tests").glob("test_*concurrent*")):
        if os.access(path, os.X_OK) and path.is_file():
            yield "c", path.name + " (threads)", [str(path)]
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        yield "python", str(path.relative_to(ROOT)), [sys.executable, "-m", "unittest", "-v", str(path)]
    for path in sorted((ROOT / "tests" / "end-to-end").glob("*.test.mjs")):
        yield "node", str(path.relative_to(ROOT)), ["node", "--test", "--test-reporter=tap", str(path)]


def count(kind, text):
    """(passed, failed, skipped) told by the program's own output."""
    if kind == "python":
        ran = re.search(r"^Ran (\d+) tests?", text, re.M)
        bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", text))
        total = int(ran.group(1)) if ran else 0
        return total - min(bad, total), bad, 0
    indent = r"^\s*" if kind == "node" else r"^"
    good = re.findall(indent + r"ok \d+.*", text, re.M)
    bad = re.findall(indent + r"not ok \d+.*", text, re.M)  # cmocka says so of what it skips, too
    skipped = sum("# SKIP" in line for line in good + bad)
    return sum("# SKIP" not in line for line in good), sum("# SKIP" not in line for line in bad), skipped


def reasons(text):
    """Why tests were skipped, each reason once."""
    return sorted(set(re.findall(r"# SKIP[ :]*(.*)", text)))


def run(job):
    kind, name, command = job
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", PLUMBLINE_BUILD=str(run.build),
                       ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1",
                       UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1", TSAN_OPTIONS="halt_on_error=1")
    began = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=SECONDS[kind])
        text, status = done.stdout.decode("utf-8", "replace"), done.returncode
    except subprocess.TimeoutExpired as timeout:
        text, status = (timeout.stdout or b"").decode("utf-8", "replace") + "\ntimed out\n", -1
    passed, failed, skipped = count(kind, text)
    if status != 0 and failed == 0:
        failed = 1
    return name, passed, failed, skipped, text, time.monotonic() - began


def main():
    run.build = pathlib.Path(sys.argv[1]).resolve()
    parts = sys.argv[2:]
    jobs = [job for job in commands(run.build) if not parts or any(part in job[1] for part in parts)]
    npm = ROOT / "tests" / "end-to-end" / "package.json"
    if npm.exists() and any(job[0] == "node" for job in jobs):
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=npm.parent, check=True)
    passed = failed = skipped = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for name, good, bad, left, text, seconds in pool.map(run, jobs):
            passed, failed, skipped = passed + good, failed + bad, skipped + left
            print(f"{'FAIL' if bad else 'ok  '} {name}: {good} passed, {bad} failed ({seconds:.1f} s)", flush=True)
            for reason in reasons(text) if left else []:
                print(f"     skipped: {reason}", flush=True)
            if bad:
                print(text, flush=True)
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed + skipped else 0


if __name__ == "__main__":
    sys.exit(main())
