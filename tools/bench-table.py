#!/usr/bin/env python3
"""Makes one table of the report that tools/run-bench.sh has gathered: every promise, what was measured, and
whether it is met. usage: bench-table.py REPORT

A row finds its number in the report by a pattern; a number that is not there is shown as missing, never left out.
"""
import re
import sys

# NEAR: cost may grow by as much as the data, and 15 % more; growing less is no fault.
LEAST, MOST, NEAR = "at least", "at most", "at most 15 % over"

# What; against what; pattern with one group; kind of target; target; unit.
ROWS = [
    ("new document: parse and evaluate 20 rules", "simdjson parsing alone",
     r"new document, 20 rules / parsing alone\s+([\d.]+)", MOST, 1.3, "x"),
    ("new document: parse and evaluate 100 rules", "simdjson parsing alone",
     r"new document, 100 rules / parsing alone\s+([\d.]+)", MOST, 1.5, "x"),
    ("stored document: evaluate 20 rules again", "simdjson parsing alone",
     r"stored document, 20 rules, pages from the store / parsing alone\s+([\d.]+)", MOST, 0.5, "x"),
    ("documents/s, one core", "best of json-rules-engine, jmespath, ZEN, plain Node",
     r"documents/s, ([\d.]+) times the best of them", LEAST, 5, "x"),
    ("check over JSON Lines, 20 rules, 2 threads", "simdjson reading and parsing, 2 threads",
     r"check of \d+ documents.*: ([\d.]+) \(target", MOST, 1.5, "x"),
    ("  the same in processor time", "the same",
     r"check, processor time / processor time.*: ([\d.]+)", MOST, 1.5, "x"),
    ("check with few deviations, 20 conditions, 2 threads", "simdjson reading and parsing, 2 threads",
     r"check with few deviations .*: ([\d.]+) \(target", MOST, 1.5, "x"),
    ("check, peak memory", "-", r"check, peak memory: ([\d.]+)", MOST, 300, "MB"),
    ("change to verdict, 100 rules, p99, over HTTP", "one durable SQLite commit, p99",
     r"change to verdict over HTTP.*p99 ([\d.]+),", MOST, 2, "x"),
    ("  the same, p50", "one durable SQLite commit, p50",
     r"change to verdict over HTTP.*p50 ([\d.]+) ", MOST, 2, "x"),
    ("  the same inside the program, p99", "one durable SQLite commit, p99",
     r"one item, 100 rules / one durable commit: .*p99 ([\d.]+)", MOST, 2, "x"),
    ("bulk import with verdicts and history", "bare SQLite insert of every row it stores, batches of 100",
     r"bulk import, 20 rules / bare insert of every row it stores: ([\d.]+)", MOST, 2, "x"),
    ("  the same", "bare SQLite insert of the items alone, batches of 100",
     r"bulk import, 20 rules / bare insert of the items alone: ([\d.]+)", MOST, 2, "x"),
    ("signed GetConfigRule/s, 64 connections", "bare libmicrohttpd server",
     r"signed GetConfigRule: .*ratio ([\d.]+)", LEAST, 0.5, "x"),
    ("policy decisions/s, 50 statements, one core", "-",
     r"50 statements and 0 of other services: (\d+) decisions/s", LEAST, 1000000, "/s"),
    ("policy decisions/s, one core", "best of casbin, Cedar (wasm)",
     r"policy decisions: plumbline / the best of them: ([\d.]+)", LEAST, 5, "x"),
    ("explaining one evaluation", "the evaluation",
     r"explaining one evaluation / the evaluation\s+([\d.]+)", MOST, 2, "x"),
    ("first start, the store and keys are made", "-", r"start, first .*?: (\d+) ms", MOST, 100, "ms"),
    ("start with an empty store", "-", r"start, first.*again: (\d+) ms", MOST, 100, "ms"),
    ("idle memory, resident", "-", r"idle memory: ([\d.]+) MB resident", MOST, 15, "MB"),
    ("stored bytes of a resource", "its JSON text",
     r"stored bytes of a resource / bytes of its JSON text: ([\d.]+)", MOST, 2.5, "x"),
    ("10 times the resources: time of the first full run", "time of the tenth",
     r"first run of the rules, time over .*: ([\d.]+) \(target", NEAR, 10, "x"),
    ("10 times the resources: time of the next full run", "time of the tenth",
     r"next run of the rules, time over .*: ([\d.]+) \(target", NEAR, 10, "x"),
    ("next full run, the store's file on the disk", "the same with the file in memory",
     r"on the disk / in memory, time over time: ([\d.]+) \(target", MOST, 1.15, "x"),
    ("10 times the resources: time of recording", "time of the tenth",
     r"recording, time over .*: ([\d.]+) \(target", NEAR, 10, "x"),
    ("10 times the resources: memory of both", "memory of the tenth",
     r"recording and runs, peak memory over .*: ([\d.]+) \(target", MOST, 1.15, "x"),
    ("10 times the documents: time of check", "time of the tenth",
     r"check, processor time of .*: ([\d.]+) \(target", NEAR, 10, "x"),
    ("10 times the documents: memory of check", "memory of the tenth",
     r"check, memory of .*: ([\d.]+) \(target", MOST, 1.15, "x"),
    ("durable commits/s, 1 writer", "bare SQLite, one after the other",
     r"durable commits, 1 writers .*: ([\d.]+) times", LEAST, 0.9, "x"),
    ("durable commits/s, 8 writers", "bare SQLite, one after the other",
     r"durable commits, 8 writers .*: ([\d.]+) times", LEAST, 1, "x"),
    ("durable commits/s, 64 writers", "bare SQLite, one after the other",
     r"durable commits, 64 writers .*: ([\d.]+) times", LEAST, 4, "x"),
    ("bulk load of rows, time", "bare SQLite insert, batches of 100",
     r"bulk load / bare SQLite insert .*: ([\d.]+) of", MOST, 1, "x"),
]


def is_met(value, kind, target):
    if kind == MOST:
        return value <= target
    if kind == LEAST:
        return value >= target
    return value <= target * 1.15


def number(value, unit):
    text = f"{value:,.0f}" if value >= 1000 else f"{value:g}"
    return f"{text} {unit}" if unit in ("MB", "ms") else text + unit


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = file.read()
    lines = []
    for what, base, pattern, kind, target, unit in ROWS:
        # The first program's run counts; runs at scale come behind it and have lines of their own.
        found = re.search(pattern, report)
        value = float(found.group(1)) if found else None
        measured = number(value, unit) if found else "missing"
        verdict = "-" if not found else "met" if is_met(value, kind, target) else "NOT MET"
        lines.append((what, measured, f"{kind} {number(target, unit)}", base, verdict))
    header = ("what", "measured", "target", "against", "")
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(5)]
    for line in [header, tuple("-" * width for width in widths), *lines]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    met = sum(line[4] == "met" for line in lines)
    print(f"\n{met} of {len(lines)} met")


if __name__ == "__main__":
    main()
