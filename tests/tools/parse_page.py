#!/usr/bin/env python3
"""Reads a metrics page from stdin and exits 1 with the reason if it breaks its format.

The argument is the format: `text` (0.0.4) or `openmetrics` (1.0). Needs prometheus-client from PyPI.
Its text parser is lenient, so the rules it does not look at are checked here.
"""

import math
import sys

from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics_parser

PARSERS = {
    "text": parser.text_string_to_metric_families,
    "openmetrics": openmetrics_parser.text_string_to_metric_families,
}
# The parsers name a counter without `_total`, whichever the format.
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}


class Violation(Exception):
    """What the page does wrong."""


def demand(holds, reason):
    if not holds:
        raise Violation(reason)


def check_lines(page, format_name):
    demand(page.endswith("\n"), "the last line has no line break")
    lines = page.split("\n")[:-1]
    demand("" not in lines, "there is an empty line")
    if format_name == "openmetrics":
        demand(lines[-1] == "# EOF", "the last line is not `# EOF`")
        lines = lines[:-1]
    current, described, closed, seen_series = None, set(), set(), set()
    for line in lines:
        if not line.startswith("#"):
            demand(current is not None, f"a sample before any metadata: {line}")
            name = line.split("{")[0].split(" ")[0]
            demand(name.startswith(current), f"a sample outside of its family `{current}`: {line}")
            described_all = {("HELP", current), ("TYPE", current)} <= described
            demand(described_all, f"`{current}` has samples before HELP and TYPE")
            # By the line as well as by the parsed sample, because a parser may merge equal samples.
            series = line.rsplit(" ", 1)[0]
            demand(series not in seen_series, f"a series stands twice: {series}")
            seen_series.add(series)
            continue
        parts = line.split(" ", 3)
        demand(len(parts) == 4 and parts[1] in ("HELP", "TYPE"), f"a comment that is no metadata: {line}")
        word, name = parts[1], parts[2]
        if name != current:
            demand(name not in closed, f"`{name}` has two groups")
            closed.add(name)
            current = name
        demand((word, name) not in described, f"`{name}` has two {word} lines")
        described.add((word, name))


def check_histogram(family):
    series = {}
    for sample in family.samples:
        labels = {name: value for name, value in sample.labels.items() if name != "le"}
        parts = series.setdefault(tuple(sorted(labels.items())), {"buckets": []})
        if sample.name.endswith("_bucket"):
            parts["buckets"].append((float(sample.labels["le"]), sample.value))
        else:
            parts[sample.name.rsplit("_", 1)[1]] = sample.value
    for labels, parts in series.items():
        where = f"{family.name} {dict(labels)}"
        bounds = [bound for bound, _ in parts["buckets"]]
        counts = [count for _, count in parts["buckets"]]
        demand(bounds == sorted(set(bounds)), f"{where}: bounds do not grow")
        demand(counts == sorted(counts), f"{where}: cumulative counts shrink")
        demand(bounds and math.isinf(bounds[-1]), f"{where}: there is no +Inf bucket")
        demand(parts.get("count") == counts[-1], f"{where}: count and +Inf bucket differ")
        demand("sum" in parts, f"{where}: there is no sum")


def check_families(families):
    seen_names, seen_series, samples = set(), set(), 0
    for family in families:
        demand(family.name not in seen_names, f"`{family.name}` has two groups")
        seen_names.add(family.name)
        demand(family.documentation, f"`{family.name}` has no help")
        demand(family.samples, f"`{family.name}` has no samples")
        suffixes = SUFFIXES.get(family.type)
        demand(suffixes, f"`{family.name}` has the type `{family.type}`")
        label_names = set()
        for sample in family.samples:
            names = [family.name + suffix for suffix in suffixes]
            demand(sample.name in names, f"`{sample.name}` is no sample of a {family.type} `{family.name}`")
            series = (sample.name, tuple(sorted(sample.labels.items())))
            demand(series not in seen_series, f"a series stands twice: {series}")
            seen_series.add(series)
            demand(sample.timestamp is None, f"a sample has a timestamp: {series}")
            label_names.add(frozenset(sample.labels) - {"le"})
            samples += 1
        demand(len(label_names) == 1, f"`{family.name}` has several label sets: {label_names}")
        if family.type == "counter":
            values = [sample.value for sample in family.samples]
            demand(all(value >= 0 for value in values), f"`{family.name}` has a negative or unknown count")
        if family.type == "histogram":
            check_histogram(family)
    return len(seen_names), samples


def main():
    if len(sys.argv) != 2 or sys.argv[1] not in PARSERS:
        sys.exit("usage: parse_page.py text|openmetrics < PAGE")
    format_name = sys.argv[1]
    try:
        # Bytes, because text mode would turn a carriage return in a label value into a line break.
        page = sys.stdin.buffer.read().decode("utf-8")
        check_lines(page, format_name)
        families, samples = check_families(PARSERS[format_name](page))
    except (Violation, ValueError, KeyError, IndexError) as reason:
        sys.exit(f"{format_name}: {type(reason).__name__}: {reason}")
    print(f"{format_name}: {families} families, {samples} samples")


if __name__ == "__main__":
    main()
