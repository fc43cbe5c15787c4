#!/usr/bin/env python3
"""Writes the counts of docs/operations.md, docs/rules.md and catalogue/packs into README.md.

usage: update-counts.py [--check]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def counts():
    """Pattern of a phrase in README.md, and the phrase as it should be."""
    implemented, operations = re.search(r"^\| all \| \| (\d+) \| (\d+) \|$",
                                        (ROOT / "docs/operations.md").read_text("utf-8"), re.M).groups()
    rules, decided = re.search(r"^(\d+) rules, (\d+) of them decided",
                               (ROOT / "docs/rules.md").read_text("utf-8"), re.M).groups()
    templates = len(list((ROOT / "catalogue/packs").glob("*.json")))
    return [(r"\d+ of \d+ operations", f"{implemented} of {operations} operations"),
            (r"\d+ of \d+ managed rules", f"{decided} of {rules} managed rules"),
            (r"\d+ package templates", f"{templates} package templates")]


def main():
    page = ROOT / "README.md"
    old = text = page.read_text("utf-8")
    for pattern, phrase in counts():
        text, found = re.subn(pattern, phrase, text)
        if not found:
            sys.exit(f"README.md: nothing like \"{phrase}\"")
    if text == old:
        return 0
    if "--check" in sys.argv[1:]:
        print("README.md: counts are old; run tools/update-counts.py", file=sys.stderr)
        return 1
    page.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
