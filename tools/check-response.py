#!/usr/bin/env python3
"""Checks a JSON response against the response tree of its operation.

    tools/check-response.py [--product P] [--version V] OPERATION < response.json
    tools/check-response.py --batch < lines        each {"product","version","operation","response"}

Unknown members, wrong types and a missing RequestId are reported on standard error, one a line. Exit code: 0 the
response fits, 1 it does not, 2 the operation is unknown or the input is not JSON.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import api_spec  # noqa: E402


def find_operations(root, options):
    """The matching operation files; more than one when product or version leave a choice."""
    product = options.product.lower() if options.product else "*"
    files = sorted(root.glob(f"api/{product}/{options.version or '*'}/{options.operation}.json"))
    return [(file, api_spec.load_json(file, str(file.relative_to(root)))) for file in files]


def faults(operation, response):
    """What does not fit, one text each."""
    wrong = list(api_spec.check_value(operation["response"], response))
    if isinstance(response, dict) and "RequestId" not in response:
        wrong.append("$: RequestId is missing")
    return wrong


def check_batch(root):
    """Checks one response a line; the findings name the operation."""
    bad = 0
    for line in sys.stdin:
        one = json.loads(line)
        file = root / "api" / one["product"] / one["version"] / f"{one['operation']}.json"
        for wrong in faults(api_spec.load_json(file, file.name), one["response"]):
            print(f"{one['product']} {one['version']} {one['operation']} {wrong}", file=sys.stderr)
            bad = 1
    return bad


def main():
    parser = argparse.ArgumentParser(description="Check a JSON response against its operation.")
    parser.add_argument("operation", nargs="?")
    parser.add_argument("--batch", action="store_true")
    parser.add_argument("--product")
    parser.add_argument("--version")
    options = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    if options.batch:
        return check_batch(root)
    if not options.operation:
        parser.error("the operation is missing")
    found = find_operations(root, options)
    if len(found) != 1:
        names = ", ".join("/".join(file.parts[-3:-1]) for file, _ in found)
        print(f"{options.operation}: " + (f"choose one of {names}" if found else "no such operation"),
              file=sys.stderr)
        return 2
    try:
        response = json.load(sys.stdin)
    except json.JSONDecodeError as error:
        print(f"not JSON: {error}", file=sys.stderr)
        return 2
    wrong = faults(found[0][1], response)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
