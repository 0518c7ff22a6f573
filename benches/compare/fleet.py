"""Configurations and state files of many accounts."""

import time

from contenders import WORK

HEAD = """api: {{base_url: "{base_url}", ca_file: {ca_file}, timeout: 60s, requests_per_second: {rate}, max_in_flight: {in_flight}}}
poll: {{interval: {interval}}}
budget: {{allow_over_budget: true}}
accounts:
"""
DAY_MS = 86_400_000


def name(account):
    return f"brand-{account:06d}"


def app_id(account):
    return f"wx{account:016x}"


def config(base_url, accounts, interval, rate=1_000_000, in_flight=128, resting=0):
    """A configuration file. Of the accounts the last `resting` are polled once a day."""
    path = WORK / f"config-{accounts}.yaml"
    head = {"base_url": base_url, "ca_file": WORK / "server.pem", "interval": interval}
    with path.open("w") as file:
        file.write(HEAD.format(**head, rate=rate, in_flight=in_flight))
        for account in range(accounts):
            rests = ", interval: 24h" if account >= accounts - resting else ""
            secret = f"token: {{app_secret: simulated-secret-{account}}}"
            file.write(f"  {name(account)}: {{app_id: {app_id(account)}{rests}, {secret}}}\n")
    return path


def state(accounts):
    """A state file in which these accounts were polled an hour ago, and need not be today."""
    path = WORK / "exporter.state"
    now = int(time.time() * 1000)
    at, due = now - 3_600_000, now + DAY_MS - 3_600_000
    with path.open("w") as file:
        file.write('{"format":"wechat-material-exporter state","version":1}\n')
        file.write(f'{{"saved_at":{now}}}\n')
        for account in accounts:
            counts = f'"voice":{account % 1000},"video":{account % 777},"image":{account},"news":{account % 4321}'
            material = f'{{"good":{{"value":{{{counts}}},"at":{at}}},"last":"succeeded","next":{due}}}'
            file.write(
                f'{{"account":{{"name":"{name(account)}","app_id":"{app_id(account)}","material":{material}}}}}\n'
            )
    return path
