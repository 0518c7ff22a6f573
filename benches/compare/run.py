"""Measures the exporter beside other programs, and writes the table of docs/performance.md.

Run by `make bench`. With `--smoke` every row is measured in small and nothing is written."""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import polls
import scrapes
import sizes
import status
from contenders import WORK, nginx
from table import machine, markdown, write

DOCUMENT = Path("docs/performance.md")


def rows(contender, api, smoke):
    """All rows, in the order of the table."""
    small = 1_000
    yield from scrapes.scrapes(contender, api, 100, 5 if smoke else 21, 5 if smoke else 21)
    if smoke:
        yield from scrapes.scrapes(contender, api, small, 5, 5)
    else:
        yield from scrapes.scrapes(contender, api, 10_000, 11, 5)
        yield from scrapes.scrapes(contender, api, 100_000, 5, 1)
    yield from scrapes.rendering(contender, small if smoke else 10_000, 11)
    yield from scrapes.crowd(contender, small if smoke else 10_000, 256)
    yield from status.views(contender, small if smoke else 100_000, 11)
    yield from sizes.memory(api, [small] if smoke else [10_000, 100_000])
    yield from polls.polling(contender, api, small if smoke else 40_000, 5, 1 if smoke else 3)
    yield from polls.polling_the_simulator(small if smoke else 20_000, 5, 1 if smoke else 3)
    yield from polls.steady(api, small if smoke else 100_000, 5 if smoke else 60, 2 if smoke else 15)
    yield from sizes.start(api, sizes.FEW, 11, 100)
    yield from sizes.start(api, small if smoke else 100_000, 5, 5_000)
    yield from sizes.binary()


def build():
    """Builds `benches/contender.rs`, whose path is returned, and then the exporter, without the features that
    tests ask of libraries."""
    command = ["cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics"]
    built = subprocess.run([*command, "--bench", "contender"], stdout=subprocess.PIPE, check=True)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    messages = map(json.loads, built.stdout.splitlines())
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "contender")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--smoke", action="store_true")
    arguments = arguments.parse_args()
    contender = build()
    WORK.mkdir(parents=True, exist_ok=True)
    described = machine(os.getloadavg()[0])
    began = time.monotonic()
    measured = []
    with nginx() as api:
        for row in rows(contender, api, arguments.smoke):
            measured.append(row)
            print(f"{time.monotonic() - began:.0f} s", *row.cells(), sep=" | ", flush=True)
    minutes = (time.monotonic() - began) / 60
    if arguments.smoke:
        return
    missed = sum(row.miss is not None and row.miss > 1 for row in measured)
    summary = f"- measured in {minutes:.0f} minutes; {missed} of {sum(row.miss is not None for row in measured)} targets missed"
    write(DOCUMENT, f"{described}\n{summary}\n\n{markdown(measured)}")


if __name__ == "__main__":
    main()
