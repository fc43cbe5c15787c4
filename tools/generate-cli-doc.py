#!/usr/bin/env python3
"""Fills the generated parts of docs/cli.md and docs/configuration.md from the program itself.

A part stands between `<!-- generated: WHAT -->` and `<!-- end -->`. WHAT is `help SUBCOMMAND` (its help),
`options` (what `serve` can be configured with) or `limits` (the two sets of limits in src/cli/program.c).

usage: generate-cli-doc.py [--check] PROGRAM
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PART = re.compile(r"(<!-- generated: ([^>]+) -->\n).*?(<!-- end -->)", re.S)


def help_of(program, subcommand):
    done = subprocess.run([program, subcommand, "--help"], stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().rstrip() + "\n"


def options(program):
    """(name, argument, text, default) of each option of serve."""
    found = re.findall(r"^  --(\S+)(?: (\S+))?\n      (.*?)(?: \(default: (.*?)\))?$", help_of(program, "serve"), re.M)
    if not found:
        sys.exit("plumbline serve --help lists no options")
    return found


def option_table(program):
    rows = ["| option | environment | default | meaning |", "| --- | --- | --- | --- |"]
    for name, argument, text, default in options(program):
        given = f"--{name} {argument}".strip().replace("|", "\\|")
        environment = "PLUMBLINE_" + name.upper().replace("-", "_")
        rows.append(f"| `{given}` | `{environment}` | {f'`{default}`' if default else ''} | {text} |")
    return "\n".join(rows) + "\n"


def limit_table():
    source = (ROOT / "src/cli/program.c").read_text()
    body = re.search(r"api_limits program_limits\(bool strict\) \{(.*?)\n\}", source, re.S).group(1)
    strict, generous = (dict(re.findall(r"\.(\w+) = (\d+)", part)) for part in body.split("return", 2)[1:])
    rows = ["| option | generous | `--strict` |", "| --- | ---: | ---: |"]
    for name in strict:
        rows.append(f"| `--{name.replace('_', '-')}` | {generous.get(name, 'no limit')} | {strict[name]} |")
    return "\n".join(rows) + "\n"


def fill(text, program):
    def part(match):
        what = match.group(2).split()
        if what[0] == "help":
            body = f"```text\n{help_of(program, what[1])}```\n"
        else:
            body = {"options": lambda: option_table(program), "limits": limit_table}[what[0]]()
        return match.group(1) + body + match.group(3)
    return PART.sub(part, text)


def main():
    check = sys.argv[1:2] == ["--check"]
    program = sys.argv[-1]
    stale = []
    for name in ("docs/cli.md", "docs/configuration.md"):
        path = ROOT / name
        text = path.read_text()
        filled = fill(text, program)
        if filled != text:
            stale.append(name)
        if not check:
            path.write_text(filled)
    if check and stale:
        sys.exit(f"{', '.join(stale)}: out of date, run tools/generate-cli-doc.py PROGRAM")


if __name__ == "__main__":
    main()
