#!/usr/bin/env python3
"""Finds source files that call each other in a circle, by the symbols that their objects define and need.

The linker sees to it that no room calls a higher one; within a room this does: every file calls only files that do
not call back. Recursions of a language stand in tools/house-rules.json under `recursions`, with a reason.

usage: check-circles.py BUILD_DIRECTORY (of one preset, such as build/asan)
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECURSIONS = json.loads((ROOT / "tools" / "house-rules.json").read_text())["recursions"]


def read_objects(build):
    """(file that defines it, by symbol), (symbols that it needs, by file); of sources that still exist."""
    home, needs = {}, {}
    for path in sorted(build.glob("CMakeFiles/room_*.dir/src/**/*.o")):
        source = str(path).split(".dir/", 1)[1][:-len(".o")]
        if not (ROOT / source).exists():
            continue
        wanted = needs.setdefault(source, set())
        listing = subprocess.run(["nm", "--no-sort", str(path)], capture_output=True, text=True, check=True).stdout
        for *_, kind, name in (line.split() for line in listing.splitlines()):
            if kind == "U":
                wanted.add(name)
            elif kind in "TDBR":
                home[name] = source
    return home, needs


def read_calls(build):
    """For each file, the files that it calls and the names that it takes from them."""
    home, needs = read_objects(build)
    calls = {source: {} for source in needs}
    for source, names in needs.items():
        for name in names:
            if home.get(name, source) != source:
                calls[source].setdefault(home[name], []).append(name)
    return calls


def reached(calls, start):
    seen, left = set(), [start]
    while left:
        for callee in calls[left.pop()]:
            if callee not in seen:
                seen.add(callee)
                left.append(callee)
    return seen


def circles(calls):
    """Sets of files that all reach each other."""
    reach = {source: reached(calls, source) for source in calls}
    rings = {frozenset(other for other in reach[source] if source in reach[other])
             for source in calls if source in reach[source]}
    return sorted(rings, key=sorted)


def main():
    calls = read_calls(pathlib.Path(sys.argv[1]))
    allowed = {frozenset(entry["files"]) for entry in RECURSIONS}
    bad = [ring for ring in circles(calls) if ring not in allowed]
    for ring in bad:
        print("a circle of " + ", ".join(sorted(ring)))
        for source in sorted(ring):
            for callee in sorted(ring & calls[source].keys()):
                print(f"  {source} -> {callee}: {', '.join(sorted(calls[source][callee]))}")
    print(f"circles: {len(calls)} files, {len(bad)} findings")
    return 1 if bad or not calls else 0


if __name__ == "__main__":
    sys.exit(main())
