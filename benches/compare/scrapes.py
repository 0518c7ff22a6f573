"""Rows of scrapes: whole pages over the loopback address, one after another by one client."""

import re
from contextlib import ExitStack

from contenders import HERE, PYTHON, printing_its_url, pushgateway
from http_client import get
from processes import run
from table import MIB, Row, number, ratio_row

NOT_FOR_PUSHING = re.compile(rb"# (?:HELP|TYPE) (?:wechat_exporter|process)_|(?:wechat_exporter|process)_")


def scrapes(contender, nginx, accounts, runs, runs_of_slow):
    """Pages of so many accounts. Every account has changed before each scrape of ours."""
    with ExitStack() as stack:
        ours = stack.enter_context(printing_its_url(contender, "serve", accounts))
        page = get(ours.url, keep=True).body
        file = nginx.page(f"{accounts}.txt", page)
        registry = stack.enter_context(printing_its_url(contender, "registry", accounts))
        pushed = b"".join(line for line in page.splitlines(True) if not NOT_FOR_PUSHING.match(line))
        push = stack.enter_context(pushgateway(pushed))
        python = stack.enter_context(printing_its_url(PYTHON, HERE / "python_exporter.py", accounts))
        taken = {kind: [] for kind in ("ours", "ours_gzip", "file", "file_gzip", "registry", "push", "python")}
        sent = {}

        def scrape(kind, url, gzip=False):
            answer = get(url, gzip)
            taken[kind].append(answer.seconds)
            sent[kind] = answer.body_bytes / MIB

        for round_ in range(runs):
            ours.change()
            scrape("ours", ours.url)
            scrape("file", file)
            ours.change()
            scrape("ours_gzip", ours.url, gzip=True)
            scrape("file_gzip", file, gzip=True)
            if round_ < runs_of_slow:
                registry.change()
                scrape("registry", registry.url)
                scrape("push", push.url)
                python.change()
                scrape("python", python.url)
    # What has a target has it at 10,000 accounts.
    has_target = accounts == 10_000

    def row(kind, mine, name, most=None):
        work = f"scrape of {accounts:,} accounts{', gzip' if mine == 'ours_gzip' else ''} ({number(sent[mine])} MiB)"
        return ratio_row(work, taken[mine], f"{name} ({number(sent[kind])} MiB)", taken[kind], most)

    return [
        row("file", "ours", "nginx, static file", 2.0 if has_target else None),
        row("file_gzip", "ours_gzip", "nginx, gzip level 1", 0.7 if has_target else None),
        row("push", "ours", "Pushgateway", 1 / 15 if has_target else None),
        row("registry", "ours", "`prometheus` registry", 1 / 10 if has_target else None),
        row("python", "ours", "Python `prometheus_client`"),
    ]


def rendering(contender, accounts, runs):
    """The page without sockets."""
    lines, _ = run(contender, "render", accounts, runs)
    pairs = [tuple(map(float, line.split())) for line in lines.splitlines()]
    ours, theirs = zip(*pairs)
    return [ratio_row(f"rendering {accounts:,} accounts", ours, "`prometheus` gather + encode", theirs, 1 / 30)]


def crowd(contender, accounts, scrapes_in_all):
    """64 scrapers at once, each again and again."""
    rows = []
    for gzip in (False, True):
        with printing_its_url(contender, "serve", accounts) as ours:
            get(ours.url, gzip)
            page = get(ours.url, gzip).body_bytes
            ours.change()
            idle = ours.resident_bytes()
            ours.forget_peak()
            header = ["-H", "Accept-Encoding: gzip"] if gzip else []
            said, _ = run(
                "hey", "-c", 64, "-n", scrapes_in_all, "-t", 60, "-disable-compression", *header, ours.url
            )
            above = ours.peak_bytes() - idle
        answered = re.search(r"\[200\]\s+(\d+) responses", said)
        failed = scrapes_in_all - int(answered[1] if answered else 0)
        encoding = ", gzip" if gzip else ""
        rows.append(
            Row(
                f"64 scrapers at once, {accounts:,} accounts{encoding}: peak above idle; failed of {scrapes_in_all}",
                f"{number(above / MIB)} MiB; {failed}",
                f"a page: {number(page / MIB)} MiB",
                above / page,
                "≤ 3 pages; 0",
                max(above / page / 3, 1.0 + failed if failed else 0.0),
            )
        )
    return rows
