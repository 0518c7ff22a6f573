#!/usr/bin/env python3
"""Reads dashboards from stdin, a JSON object of them by name, holds them against the JSON schema in the file that
the argument names, and exits 1 with a line for each fault. Needs jsonschema from PyPI.
"""

import json
import sys

from jsonschema import Draft7Validator


def place(name, path):
    return ".".join([name, *(str(step) for step in path)])


def faults(name, error):
    """An error as lines. Of alternatives only the one counts that has the panel's type."""
    if not error.context:
        message = error.message.replace("Additional properties are not allowed (", "").rstrip(")")
        yield f"{place(name, error.absolute_path)}: {message}"
        return
    alternatives = {}
    for nested in error.context:
        alternatives.setdefault(nested.schema_path[0], []).append(nested)
    meant = [found for found in alternatives.values() if not any(of_type(one, error) for one in found)]
    if meant:
        for nested in min(meant, key=len):
            yield from faults(name, nested)
    else:
        yield f"{place(name, error.absolute_path)}: {error.instance.get('type')!r} is no panel that is used here"


def of_type(error, parent):
    """Whether this says that the panel is of another type."""
    return error.validator == "const" and list(error.relative_path)[-1:] == ["type"] and error.parent is parent


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        validator = Draft7Validator(json.load(file))
    found = [
        fault
        for name, board in json.load(sys.stdin).items()
        for error in validator.iter_errors(board)
        for fault in faults(name, error)
    ]
    if found:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
