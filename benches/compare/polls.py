"""Rows of polling: how many polls a second, what each costs, and what scrapes meanwhile do to them."""

import re
import signal
import time
import urllib.request
from statistics import median, quantiles

import fleet
import metrics
from contenders import HERE, PYTHON, exporter, printing_its_url, simulator
from http_client import get
from processes import run
from table import Row, least_row, most_row, number, ratio_row

IN_FLIGHT = 128
# What an exporter that went on after a rest needs until it is at full speed again.
SETTLE_SECONDS = 0.5
CALL = "/cgi-bin/material/get_materialcount?access_token=token"
FAILURES = "wechat_exporter_poll_failures_total"
DURATION = "wechat_exporter_poll_duration_seconds"


def ready(process):
    """Waits until every account was polled once."""
    while True:
        try:
            return get(process.ready_url)
        except RuntimeError:
            time.sleep(0.05)


def without_failures(page):
    if failures := metrics.total(page, FAILURES):
        raise RuntimeError(f"{failures:.0f} polls failed")
    return page


def polling(contender, nginx, accounts, runs, seconds):
    """Our polls beside bare loops, in turns; then beside scrapes without pause. There are more accounts than
    can be polled within their interval, so that polling never rests."""
    rates, cpu = [], {"ours": [], "reqwest": [], "requests": [], "hey": []}
    url = nginx.plain + CALL

    def loop(kind, *command):
        said, seconds_on_cpu = run(*command)
        count = re.search(r"\[200\]\s+(\d+) responses", said) if kind == "hey" else re.match(r"(\d+)$", said)
        cpu[kind].append(seconds_on_cpu / int(count[1]))

    with exporter(fleet.config(nginx.plain, accounts, "1s", in_flight=IN_FLIGHT)) as ours:
        ready(ours)
        for _ in range(runs):
            ours.signal(signal.SIGCONT)
            time.sleep(SETTLE_SECONDS)
            polls, on_cpu = window(ours, nginx, seconds)
            rates.append(polls / seconds)
            cpu["ours"].append(on_cpu / polls)
            ours.signal(signal.SIGSTOP)
            loop("reqwest", contender, "request", url, seconds, IN_FLIGHT)
            loop("requests", PYTHON, HERE / "python_poller.py", url, seconds)
            loop("hey", "hey", "-z", f"{seconds}s", "-c", IN_FLIGHT, url)
        ours.signal(signal.SIGCONT)
        time.sleep(SETTLE_SECONDS)
        rows = [
            least_row("polls against nginx", median(rates), "polls/s", 15_000),
            *(
                ratio_row("CPU of a poll", cpu["ours"], name, cpu[kind], most, "µs", 1_000_000)
                for kind, name, most in (
                    ("reqwest", "bare `reqwest` loop", 2.5),
                    ("requests", "Python `requests` loop", 1 / 10),
                    ("hey", "hey (Go)", None),
                )
            ),
            *beside_scrapes(contender, nginx, ours, accounts, runs * seconds),
        ]
    return rows


def window(ours, nginx, seconds):
    """How many polls there were in so many seconds, and how many seconds on a processor they took."""
    polls, on_cpu = nginx.requests(), ours.cpu_seconds()
    time.sleep(seconds)
    return nginx.requests() - polls, ours.cpu_seconds() - on_cpu


def beside_scrapes(contender, nginx, ours, accounts, seconds):
    """Polling and scraping, each by itself and both at once at full load."""
    first = metrics.read(ours.url)
    alone, _ = window(ours, nginx, seconds)
    second = metrics.read(ours.url)
    polls, began = nginx.requests(), time.perf_counter()
    together = scrape_for(ours.url, seconds)
    both = (nginx.requests() - polls) / (time.perf_counter() - began)
    third = without_failures(metrics.read(ours.url))
    ours.signal(signal.SIGSTOP)
    with printing_its_url(contender, "serve", accounts) as rested:
        single = scrape_for(rested.url, seconds)

    def polled(before, after):
        low, high = metrics.quantile_bound(before, after, DURATION, 0.99)
        return f"{low * 1000:g} to {high * 1000:g} ms"

    return [
        Row(
            "p99 of a poll while scraped without pause",
            f"{polled(second, third)}, {number(both)} polls/s",
            f"not scraped: {polled(first, second)}, {number(alone / seconds)} polls/s",
        ),
        Row(
            f"p99 of a scrape of {accounts:,} accounts while polling at full load",
            in_short(together),
            f"nothing polled: {in_short(single)}",
            p99(together) / p99(single),
        ),
    ]


def scrape_for(url, seconds):
    """The seconds of each of the scrapes that follow each other for that long."""
    taken, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        taken.append(get(url).seconds)
    return taken


def in_short(seconds):
    return f"{number(p99(seconds) * 1000)} ms, median {number(median(seconds) * 1000)} ms"


def p99(values):
    return quantiles(values, n=100, method="inclusive")[98]


def polling_the_simulator(accounts, runs, seconds):
    """Polls with the simulator on the same cores."""
    rates = []
    with simulator(accounts) as api:
        with exporter(fleet.config(api.url, accounts, "1s", in_flight=IN_FLIGHT)) as ours:
            ready(ours)
            for _ in range(runs):
                before, began = polls_so_far(ours), time.perf_counter()
                time.sleep(seconds)
                after, ended = polls_so_far(ours), time.perf_counter()
                rates.append((after - before) / (ended - began))
    return [least_row("polls against the simulator", median(rates), "polls/s", 5_000)]


def polls_so_far(ours):
    return metrics.value(without_failures(metrics.read(ours.url)), f"{DURATION}_count")


def steady(nginx, accounts, interval, scrape_every):
    """A tenth of the accounts is polled ten times as often as all would be, so that each of them has its token
    when the measurement begins; the others are on the page only."""
    active = accounts // 10
    resting = fleet.state(range(active, accounts))
    config = fleet.config(nginx.plain, accounts, f"{interval}s", rate=2_000, resting=accounts - active)
    taken, pages = [], []
    with exporter(config, resting) as ours:
        # Second polls come evenly between one and two intervals after the start.
        time.sleep(interval)
        polls, on_cpu, began = nginx.requests(), ours.cpu_seconds(), time.perf_counter()
        while time.perf_counter() < began + interval:
            answer = get(ours.url, gzip=True, keep=True)
            taken.append(answer.seconds)
            pages.append(answer.body)
            time.sleep(max(0, began + len(taken) * scrape_every - time.perf_counter()))
        seconds = time.perf_counter() - began
        polls, on_cpu = nginx.requests() - polls, ours.cpu_seconds() - on_cpu
        reloaded, lag_then = change_one(ours, config)
    pages = [without_failures(metrics.unzipped(page)) for page in pages]
    lag = max(metrics.value(page, "wechat_exporter_scheduler_lag_seconds") for page in pages)
    work = f"{accounts:,} accounts, {polls / seconds:.0f} polls/s and a gzip scrape each {scrape_every} s"
    return [
        most_row(f"{work}: share of one core", on_cpu / seconds * 100, "%", 4),
        most_row(f"{work}: scheduler's lag", lag, "s", 1),
        most_row(f"{work}: scrape", median(taken) * 1000, "ms", 300),
        most_row(f"{work}: reload of one changed account (lag then {number(lag_then)} s)", reloaded * 1000, "ms", 2_000),
    ]


def change_one(ours, config):
    """The seconds that a reload takes which finds one account changed, and the scheduler's lag after it."""
    first = fleet.app_id(0)
    config.write_text(config.read_text().replace(f"app_id: {first},", f"app_id: {first}, interval: 23h,", 1))
    began = time.perf_counter()
    with urllib.request.urlopen(urllib.request.Request(ours.reload_url, method="POST"), timeout=60) as answer:
        told = answer.read().decode()
    seconds = time.perf_counter() - began
    if "changed 1:" not in told:
        raise RuntimeError(f"the reload changed something else: {told}")
    return seconds, metrics.value(metrics.read(ours.url), "wechat_exporter_scheduler_lag_seconds")


def first_round(nginx, accounts, rate, windows):
    """How even the first round is: the most requests that came within a second."""
    most = 0
    with exporter(fleet.config(nginx.plain, accounts, "10m", rate=rate)):
        for _ in range(windows):
            before, began = nginx.requests(), time.perf_counter()
            time.sleep(1)
            # Our own look at the number is a request too.
            came = nginx.requests() - before - 1
            most = max(most, came / (time.perf_counter() - began))
    return [most_row(f"first round of {accounts:,} accounts with {rate:,} requests/s allowed: most", most, "requests/s", rate)]
