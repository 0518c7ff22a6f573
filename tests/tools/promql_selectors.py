#!/usr/bin/env python3
"""What PromQL expressions select: reads a JSON list of expressions from stdin, writes a JSON list to stdout.

For each expression there is the list of its selectors, `{"name": "up", "matchers": [["job", "x"]]}`; the
name is null where a selector gives none. Exits 1 with the reason if one cannot be parsed. Needs promql-parser
from PyPI.
"""

import json
import sys

import promql_parser as promql


def selectors(expression):
    """All selectors of `expression`, in order."""
    found = []

    def visit(node):
        if isinstance(node, promql.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql.VectorSelector):
            groups = [node.matchers.matchers, *node.matchers.or_matchers]
            matchers = [[one.name, one.value] for group in groups for one in group]
            found.append({"name": node.name, "matchers": matchers})
        children = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param")]
        for child in [*children, *getattr(node, "args", [])]:
            if child is not None:
                visit(child)

    visit(promql.parse(expression))
    return found


def main():
    answers = []
    for expression in json.load(sys.stdin):
        try:
            answers.append(selectors(expression))
        except ValueError as error:
            sys.exit(f"{expression}\n{error}")
    json.dump(answers, sys.stdout)


main()
