#!/usr/bin/env python3
"""Reads a JSON document from stdin and exits 1 with each place where it is not as its schema says.

The argument is the file of the schema. Needs jsonschema from PyPI.
"""

import json
import sys

from jsonschema import Draft202012Validator


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: validate_json.py SCHEMA < DOCUMENT")
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    document = json.loads(sys.stdin.buffer.read().decode("utf-8"))
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)]
    if errors:
        sys.exit("\n".join(errors))


if __name__ == "__main__":
    main()
