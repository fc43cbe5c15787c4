#!/usr/bin/env python3
"""Enforces the rules that no compiler knows: banned functions, floors of includes, file headers.

Exceptions stand in tools/house-rules.json with a reason. Ends with the number of files read; any finding fails.
"""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RULES = json.loads((ROOT / "tools" / "house-rules.json").read_text())
CALL = re.compile(r"(?<![\w.>])(" + "|".join(RULES["banned"]) + r")\s*\(")
INCLUDE = re.compile(r'^#include "([\w/]+)/[\w.-]+"', re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", re.S)


def room_of(path):
    parts = path.split("/")[1:-1]
    return "/".join(parts) if parts else "main"


def findings(path):
    text = (ROOT / path).read_text("utf-8")
    if not text.lstrip().startswith(("/*", "//")) and ".gen." not in path:
        yield f"{path}:1: the file does not say what it is"
    bare = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
    for match in CALL.finditer(bare):
        if path not in RULES["exceptions"].get(match.group(1), {}):
            yield f"{path}:{bare[:match.start()].count(chr(10)) + 1}: {match.group(1)} has a house wrapper"
    floor = RULES["floors"].get(room_of(path))
    if floor is None:
        yield f"{path}:1: the room {room_of(path)} has no floor in tools/house-rules.json"
        return
    for match in INCLUDE.finditer(text):
        if RULES["floors"].get(match.group(1), floor) > floor:
            yield f"{path}:{text[:match.start()].count(chr(10)) + 1}: {match.group(1)} lies on a higher floor"


def main():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "src"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout.split()
    files = [path for path in listed if path.endswith((".c", ".h", ".cc"))]
    bad = [finding for path in files for finding in findings(path)]
    print("\n".join(bad + [f"house rules: {len(files)} files, {len(bad)} findings"]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
