"""Where dashboards lead: to each other, to the status page, to the runbook."""

ACCOUNT_UID = "wechat-material-account"
# As in the alerts; `generate.py --runbook` puts another in its place.
RUNBOOK = "https://example.com/wechat-material-exporter/docs/runbook.md"
# That of the first of the chosen instances; or `--status-page`.
STATUS_PAGE = "http://${status_host}/"

KEPT = "${datasource:queryparam}&${job:queryparam}&${instance:queryparam}&${__url_time_range}"


def runbook(alert):
    """What the runbook says of an alert."""
    return f"{RUNBOOK}#{alert.lower()}"


def to_account():
    """From a cell with an account's name to its dashboard."""
    return to_account_named("${__value.text}")


def to_account_of_series():
    """From a series with the label `account` to its dashboard."""
    return to_account_named("${__field.labels.account}")


def to_account_named(name):
    return {"title": "Account", "url": f"/d/{ACCOUNT_UID}?var-account={name}&{KEPT}", "targetBlank": False}
