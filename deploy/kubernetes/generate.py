"""Writes what is derived: the chart's copies of the rules and dashboards, the table of values in
README.md, and the plain manifests. `make chart` runs it, and a test compares."""

import json
import re
import subprocess
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CHART = HERE / "chart"
HELM = ROOT / ".tools/chart/helm-4"
RULES = "deploy/prometheus/rules/wechat-material-exporter.rules.yml"
DASHBOARDS = "deploy/grafana/dashboards"
TABLE = re.compile(r"(?<=<!-- values:begin -->\n).*(?=<!-- values:end -->)", re.DOTALL)
EXAMPLE = HERE / "examples/minimal.yaml"
# Each file of manifests, with the templates it is rendered from and what they need. Two need the
# operator, or Grafana's sidecar, and so stand apart.
MANIFESTS = {
    "exporter.yaml": ["configmap", "serviceaccount", "service", "statefulset", "networkpolicy", "poddisruptionbudget"],
    "prometheus-operator.yaml": ["servicemonitor", "prometheusrule"],
    "dashboards.yaml": ["dashboards"],
}
SETTINGS = "restartOnConfigChange=false,serviceMonitor.enabled=true,prometheusRule.enabled=true,dashboards.enabled=true"
# What the types and definitions of the schema are called in the table.
TYPES = {
    "array": "list",
    "boolean": "boolean",
    "duration": "duration",
    "integer": "integer",
    "object": "map",
    "objects": "list of maps",
    "optionalName": "name",
    "prefixName": "name",
    "probe": "map",
    "string": "text",
    "texts": "map of texts",
}
# Kubectl applies the manifests, so they do not say that Helm does.
LABELS_OF_HELM = re.compile(r"^ *(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n", re.MULTILINE)


def copies():
    """Each file that the chart copies, with its content: a chart cannot reach outside its directory."""
    dashboards = sorted((ROOT / DASHBOARDS).glob("*.json"))
    for path, is_there in [(RULES, (ROOT / RULES).exists()), (DASHBOARDS, dashboards)]:
        if not is_there:
            raise SystemExit(f"{path}: nothing there for the chart to copy")
    copied = {CHART / "files/dashboards" / source.name: source.read_text() for source in dashboards}
    return copied | {CHART / "files/wechat-material-exporter.rules.yml": (ROOT / RULES).read_text()}


def rows(lines, values, schema, prefix=""):
    """A row for each key of `values` with a comment right above it; others are looked into."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        indent = "  " * prefix.count(".")
        at = next(n for n, line in enumerate(lines) if line.startswith(f"{indent}{key}:"))
        start = at
        while start > 0 and lines[start - 1].startswith(f"{indent}# "):
            start -= 1
        kind = schema["properties"][key]
        if start < at:
            meaning = " ".join(line.strip().removeprefix("# ") for line in lines[start:at])
            yield path, type_of(kind), value, meaning
        else:
            yield from rows(lines[at + 1 :], value, kind, f"{path}.")


def type_of(schema):
    """What the schema says of a value's type, in a word or two."""
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if "$ref" in schema:
        return TYPES[schema["$ref"].rsplit("/", 1)[-1]]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(TYPES[kind] for kind in kinds)


def table():
    """The table of values, from the comments of values.yaml and the types of its schema."""
    text = (CHART / "values.yaml").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())
    lines = ["| value | type | default | meaning |", "| --- | --- | --- | --- |"]
    for path, kind, default, meaning in rows(text.splitlines(), yaml.safe_load(text), schema):
        shown = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
        lines.append(f"| `{path}` | {kind} | {f'`{shown}`' if shown else ''} | {meaning} |")
    return "\n".join(lines) + "\n"


def readme():
    """README.md with the table as it should be."""
    return TABLE.sub(lambda _: table(), (HERE / "README.md").read_text())


def manifests():
    """Each file of plain manifests with its content, rendered from the chart as it is on the disk."""
    files = {}
    for name, templates in MANIFESTS.items():
        show = [f"--show-only=templates/{template}.yaml" for template in templates]
        command = [HELM, "template", "wechat-material-exporter", CHART, "--values", EXAMPLE, "--set", SETTINGS, *show]
        rendered = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        head = "# Rendered from the chart by `make chart`: change that, or use it.\n"
        files[HERE / "manifests" / name] = head + LABELS_OF_HELM.sub("", rendered)
    return files


def main():
    copied = copies()
    for stale in set((CHART / "files").rglob("*.*")) - set(copied):
        stale.unlink()
    write(copied)
    write({HERE / "README.md": readme()} | manifests())


def write(files):
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


if __name__ == "__main__":
    main()
