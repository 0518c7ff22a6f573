"""The contender written with `prometheus_client`: 21 gauges for each account. Prints its URL; at each
line on stdin it sets all of them anew and prints `changed`."""

import sys

from prometheus_client import CollectorRegistry, Gauge, start_http_server

SERIES = 21
KINDS = ["voice", "video", "image", "news"]


def main():
    accounts = int(sys.argv[1])
    registry = CollectorRegistry()
    gauges = []
    for family in range(SERIES):
        name = f"wechat_material_family_{family}"
        gauge = Gauge(name, "Help of this family.", ["account", "kind"], registry=registry)
        kind = KINDS[family % len(KINDS)]
        gauges += [gauge.labels(f"brand-{account:06d}", kind) for account in range(accounts)]
    server, _ = start_http_server(0, addr="127.0.0.1", registry=registry)
    print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
    for number, _ in enumerate(sys.stdin):
        for place, gauge in enumerate(gauges, number):
            gauge.set(place * 7919 % 100_000)
        print("changed", flush=True)


if __name__ == "__main__":
    main()
