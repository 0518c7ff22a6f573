"""The row of the status page: views of it that are made for each request anew."""

from statistics import median

from contenders import printing_its_url
from http_client import get
from table import most_row

MOST_MS = 300


def views(contender, accounts, runs):
    """From the first page to the last, by search, by state, and for programs."""
    last = f"/?page={accounts // 100}"
    paths = ["/", "/?page=2", last, "/?q=brand-0999", "/?q=nobody", "/?state=healthy", "/status.json?page=2"]
    with printing_its_url(contender, "serve", accounts) as ours:
        site = ours.url.removesuffix("/metrics")
        taken = {path: [] for path in paths}
        for _ in range(runs):
            for path in paths:
                taken[path].append(get(site + path).seconds)
    slowest = max(paths, key=lambda path: median(taken[path]))
    work = f"status page of {accounts:,} accounts: `{slowest}`, the slowest of {len(paths)} views"
    return [most_row(work, median(taken[slowest]) * 1000, "ms", MOST_MS)]
