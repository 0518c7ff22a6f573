#!/usr/bin/env python3
"""Writes the dashboards beside this file from the tables of panels in `source/`.

Run it without arguments after a change of those; the links lead where --runbook and --status-page say.
Needs nothing but Python 3.
"""

import argparse
import json
from pathlib import Path

from source import account, exporter, links, overview
from source.blocks import DATASOURCE, RED, lay_out, link
from source.series import exporter as of_exporter

TAG = "wechat-material"
# The plain form of dashboards, which every Grafana since 10 reads and migrates by itself.
SCHEMA_VERSION = 39
BLUE = "blue"


def variable(name, label, kind, **more):
    return {"name": name, "label": label, "type": kind, "hide": 0, "skipUrlSync": False, **more}


def values_of(name, label, description, series, **more):
    """A variable with the values of a label. `name` is the label where `source` does not say another."""
    from_label = more.pop("source", name)
    asked = {"query": f"label_values({series}, {from_label})", "refId": "StandardVariableQuery"}
    return variable(
        name,
        label,
        "query",
        description=description,
        datasource=DATASOURCE,
        query=asked,
        refresh=2,
        regex="",
        sort=1,
        multi=more.pop("multi", True),
        **more,
    )


def everything(matches=None):
    """Also all values at once; `matches` is what then stands in their place, else all of them are listed."""
    listed = {"includeAll": True, "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}
    return listed if matches is None else {**listed, "allValue": matches}


def variables(known_by, more):
    """`known_by` is the family that says which jobs and instances there are."""
    status = values_of(
        "status_host",
        "Status page of",
        "The exporter whose status page the link opens: the first chosen one.",
        'wechat_exporter_build_info{job=~"$job", instance=~"$instance"}',
        source="instance",
        multi=False,
        includeAll=False,
    )
    return [
        variable(
            "datasource",
            "Data source",
            "datasource",
            description="The Prometheus that scrapes the exporters.",
            query="prometheus",
            refresh=1,
            regex="",
            multi=False,
            includeAll=False,
            current={"selected": False, "text": "default", "value": "default"},
        ),
        # All jobs are listed by name: `up` and `process_…` are also those of other programs.
        values_of("job", "Job", "The scrape jobs that have exporters.", known_by, **everything()),
        values_of("instance", "Instance", "The exporters.", f'{known_by}{{job=~"$job"}}', **everything(".+")),
        *more,
        {**status, "hide": 2},
    ]


def accounts(**more):
    return values_of(
        "account",
        "Account",
        "Accounts by their name in the configuration, or by app id if discovered.",
        'wechat_account_info{job=~"$job", instance=~"$instance"}',
        **more,
    )


def kinds():
    return variable(
        "kind",
        "Kind",
        "custom",
        description="Kinds of permanent material.",
        query="voice,video,image,news",
        multi=True,
        **everything(),
    )


def event(name, colour, expr, text):
    """An annotation at the times that are the values of `expr`, in seconds."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "target": {"expr": f"({expr}) * 1000", "refId": "Anno", "interval": ""},
        "useValueForTime": True,
        "titleFormat": name,
        "textFormat": text,
        "tagKeys": "instance",
    }


def annotations():
    by_grafana = {
        "name": "Annotations & Alerts",
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "type": "dashboard",
    }
    start = of_exporter("process_start_time_seconds")
    read = of_exporter("wechat_exporter_config_last_reload_success_timestamp_seconds")
    return [
        by_grafana,
        event("Start", BLUE, start, "{{instance}} started"),
        # The first reading belongs to the start.
        event("Reload", RED, f"{read} > {start} + 10", "{{instance}} read its configuration anew"),
    ]


def dashboard(uid, title, description, since, rows, known_by, more):
    others = {
        **link("Dashboards", ""),
        "type": "dashboards",
        "icon": "dashboard",
        "tags": [TAG],
        "keepTime": True,
        "asDropdown": False,
        "tooltip": "The other dashboards of the exporter",
    }
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "timepicker": {},
        "refresh": "1m",
        "links": [
            others,
            link("Status page", links.STATUS_PAGE, True, "bolt"),
            link("Runbook", links.RUNBOOK, True, "doc"),
        ],
        "annotations": {"list": annotations()},
        "templating": {"list": variables(known_by, more)},
        "panels": lay_out(rows),
    }


def dashboards():
    """All of them, by file name."""
    info, build = "wechat_account_info", "wechat_exporter_build_info"
    first = {"includeAll": False}
    return {
        "overview": dashboard(
            "wechat-material-overview",
            "WeChat material / Overview",
            "Which Official Accounts run out of room for permanent material, and which cannot be read.",
            "now-24h",
            overview.ROWS,
            info,
            [accounts(**everything(".+")), kinds()],
        ),
        "account": dashboard(
            links.ACCOUNT_UID,
            "WeChat material / Account",
            "One Official Account or a few: room, growth, polls, quotas.",
            "now-7d",
            account.ROWS,
            info,
            [accounts(**first), kinds()],
        ),
        "exporter": dashboard(
            "wechat-material-exporter",
            "WeChat material / Exporter",
            "The exporter itself: polls, calls, shards, memory.",
            "now-6h",
            exporter.ROWS,
            build,
            [],
        ),
    }


def quoted(text):
    """As it stands within a string of JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def main():
    here = Path(__file__).parent
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument(
        "--output", type=Path, default=here / "dashboards", help="where to write (default: %(default)s)"
    )
    arguments.add_argument("--runbook", default=links.RUNBOOK, help="URL of the runbook (default: %(default)s)")
    arguments.add_argument(
        "--status-page", default=links.STATUS_PAGE, help="URL of the status page (default: %(default)s)"
    )
    arguments = arguments.parse_args()
    for name, made in dashboards().items():
        text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        for there, wanted in [(links.RUNBOOK, arguments.runbook), (links.STATUS_PAGE, arguments.status_page)]:
            text = text.replace(quoted(there), quoted(wanted))
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
