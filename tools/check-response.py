#!/usr/bin/env python3
"""Checks a JSON response against the response tree of its operation.

    tools/check-response.py [--product P] [--version V] OPERATION < response.json

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


def main():
    parser = argparse.ArgumentParser(description="Check a JSON response against its operation.")
    parser.add_argument("operation")
    parser.add_argument("--product")
    parser.add_argument("--version")
    options = parser.parse_args()
    found = find_operations(Path(__file__).resolve().parent.parent, options)
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
    wrong = list(api_spec.check_value(found[0][1]["response"], response))
    if isinstance(response, dict) and "RequestId" not in response:
        wrong.append("$: RequestId is missing")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
