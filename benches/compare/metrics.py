"""Reads single series of a page of ours."""

import gzip
import re

from http_client import get


def read(url):
    """The page at `url`, as text."""
    return get(url, keep=True).body.decode()


def unzipped(body):
    """A page that was scraped compressed, as text."""
    return gzip.decompress(body).decode()


def value(page, series):
    """The value of the one series that is written like this."""
    return float(re.search(rf"^{re.escape(series)} (.*)$", page, re.MULTILINE)[1])


def total(page, family):
    """The sum over all series of a family."""
    return sum(map(float, re.findall(rf"^{family}(?:\{{.*\}})? (\S+)$", page, re.MULTILINE)))


def quantile_bound(before, after, histogram, quantile):
    """The bucket bounds, in seconds, between which the quantile of what came between two pages is."""
    bucket = re.compile(rf'^{histogram}_bucket{{le="([^"]+)"}} (.*)$', re.MULTILINE)
    counts = {bound: float(count) for bound, count in bucket.findall(after)}
    for bound, count in bucket.findall(before):
        counts[bound] -= float(count)
    low = 0.0
    for bound, count in sorted(counts.items(), key=lambda item: float(item[0])):
        if count >= quantile * counts["+Inf"]:
            return low, float(bound)
        low = float(bound)
    raise RuntimeError(f"no {histogram}")
