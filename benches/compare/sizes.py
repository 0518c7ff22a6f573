"""Rows of memory, start and size."""

from statistics import median

import fleet
from contenders import EXPORTER, exporter
from http_client import get
from polls import ready
from table import MIB, most_row, number

FEW = 10


def memory(nginx, sizes):
    """Resident memory of the exporter over TLS after its first round, and after a scrape of each encoding."""
    few, _ = resident(nginx, FEW)
    rows = [most_row(f"resident memory with {FEW} accounts", few / MIB, "MiB", 12)]
    for accounts in sizes:
        idle, scraped = resident(nginx, accounts)
        # What one account takes above that, in KiB.
        per_account = [(bytes_ - few) / (accounts - FEW) / 1024 for bytes_ in (idle, scraped)]
        work = f"memory per account above that, with {accounts:,} accounts ({idle / MIB:.0f} MiB)"
        row = most_row(work, per_account[0], "KiB", 2)
        row.beside = f"after two scrapes: {number(per_account[1])} KiB"
        rows.append(row)
    return rows


def resident(nginx, accounts):
    with exporter(fleet.config(nginx.tls, accounts, "10m", in_flight=20)) as ours:
        ready(ours)
        idle = ours.resident_bytes()
        get(ours.url)
        get(ours.url, gzip=True)
        return idle, ours.resident_bytes()


def start(nginx, accounts, runs, most_ms):
    """From the start of the process until its port is open."""
    config = fleet.config(nginx.tls, accounts, "10m")
    taken = []
    for _ in range(runs):
        with exporter(config) as ours:
            taken.append(ours.start_seconds)
    return [most_row(f"start until listening, {accounts:,} accounts", median(taken) * 1000, "ms", most_ms)]


def binary():
    return [most_row("binary, stripped", EXPORTER.stat().st_size / MIB, "MiB", 12)]
