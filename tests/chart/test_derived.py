"""What is derived from something else is as that is now, and what is told twice is the same."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
import unittest

import chart
import yaml

sys.path.insert(0, str(chart.ROOT / "deploy/kubernetes"))
import generate

STALE = "differs from what it is made of: run `make chart`"


class Derived(unittest.TestCase):
    def assert_fresh(self, directory, expected):
        there = {path: path.read_text() for path in directory.rglob("*.*")}
        self.assertEqual(set(there), set(expected), f"{directory} {STALE}")
        for path, content in expected.items():
            self.assertTrue(there[path] == content, f"{path} {STALE}")

    def test_the_charts_copies_equal_their_sources(self):
        self.assert_fresh(chart.CHART / "files", generate.copies())

    def test_the_manifests_equal_what_the_chart_renders(self):
        self.assert_fresh(chart.ROOT / "deploy/kubernetes/manifests", generate.manifests())

    def test_the_table_of_values_is_made_of_the_values(self):
        readme = (chart.ROOT / "deploy/kubernetes/README.md").read_text()
        self.assertTrue(readme == generate.readme(), f"deploy/kubernetes/README.md {STALE}")
        self.assertIn("| `shards` | integer | `1` | How many", readme)

    def test_what_the_readme_tells_to_install_can_be_rendered(self):
        readme = (chart.ROOT / "deploy/kubernetes/README.md").read_text().replace("\\\n", "")
        commands = re.findall(r"^ *helm upgrade --install (.*)", readme, re.MULTILINE)
        self.assertEqual(len(commands), 3)
        for command in commands:
            rendered = subprocess.run(
                [generate.HELM, "template", *shlex.split(command)], cwd=chart.ROOT, check=True, stdout=subprocess.PIPE
            ).stdout
            self.assertIn("StatefulSet", [each["kind"] for each in yaml.safe_load_all(rendered)])

    def test_the_schema_knows_the_values_that_there_are_and_no_more(self):
        values = yaml.safe_load((chart.CHART / "values.yaml").read_text())
        schema = json.loads((chart.CHART / "values.schema.json").read_text())
        # These two a parent chart may set for any chart.
        self.assertEqual(set(schema["properties"]) - {"global", "enabled"}, set(values))
        for key, section in schema["properties"].items():
            if key in values and isinstance(values[key], dict) and key not in {"config", "resources"}:
                known = set(section.get("properties", values[key]))
                self.assertEqual(known, set(values[key]), key)

    def test_the_schema_knows_the_exporters_limits_and_keys(self):
        schema = json.loads((chart.CHART / "values.schema.json").read_text())["properties"]
        (most,) = re.findall(r"pub const MOST: u32 = ([\d_]+);", (chart.ROOT / "src/shard.rs").read_text())
        self.assertEqual(schema["shards"]["maximum"], int(most))
        reference = (chart.ROOT / "docs/configuration.md").read_text()
        (table,) = re.findall(r"## The file\n(.*?)\n## ", reference, re.DOTALL)
        self.assertEqual(set(schema["config"]["properties"]), set(re.findall(r"^\| `(\w+)` ", table, re.MULTILINE)))

    def test_the_chart_is_of_the_exporters_version(self):
        about = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
        cargo = tomllib.loads((chart.ROOT / "Cargo.toml").read_text())["package"]
        self.assertEqual((about["version"], about["appVersion"]), (cargo["version"], cargo["version"]))


if __name__ == "__main__":
    unittest.main()
