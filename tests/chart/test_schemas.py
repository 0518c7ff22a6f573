"""What the chart renders, against the schemas of Kubernetes and of the Prometheus Operator."""

import copy
import json
import subprocess
import tempfile
import unittest

import chart
import kubernetes_validate
import yaml

# The oldest that the chart takes, one between, the newest that there are schemas for.
KUBERNETES = ["1.27", "1.32", "1.37"]
PROMTOOLS = ["promtool", chart.ROOT / ".tools/prometheus-3/usr/bin/promtool"]
OPERATOR = "monitoring.coreos.com/v1"


def faults_of_kubernetes(objects, versions=KUBERNETES):
    """What the API schemas find, unknown fields included."""
    faults = []
    for each in objects:
        for version in versions:
            try:
                kubernetes_validate.validate(each, version, strict=True)
            except kubernetes_validate.ValidationError as fault:
                path = ".".join(str(step) for step in fault.path)
                faults.append(f"{each['kind']} in {version}: {path}: {fault.message}")
    return faults


def faults_of_operator(objects):
    """What the schemas of the operator find, unknown fields included."""
    checker = ["node", chart.ROOT / "tests/chart/operator.mjs"]
    done = subprocess.run(checker, input=json.dumps(objects), check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()


def faults_of_promtool(spec):
    """What Prometheus 2 and 3 find in the spec of a PrometheusRule, which is a rules file."""
    faults = []
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(spec, file)
        file.flush()
        for promtool in PROMTOOLS:
            command = [promtool, "check", "rules", "--lint-fatal", file.name]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                faults.append(done.stdout + done.stderr)
    return faults


def of_kubernetes(rendered):
    return [each for each in rendered.objects if each["apiVersion"] != OPERATOR]


def of_operator(rendered):
    return [each for each in rendered.objects if each["apiVersion"] == OPERATOR]


class Schemas(unittest.TestCase):
    def test_every_object_is_what_the_api_takes(self):
        for name in chart.GOOD:
            with self.subTest(name):
                objects = of_kubernetes(chart.good(name))
                self.assertGreater(len(objects), 1)
                self.assertEqual(faults_of_kubernetes(objects), [])

    def test_every_object_of_the_operator_is_what_it_takes(self):
        objects = [each for name in chart.GOOD for each in of_operator(chart.good(name))]
        self.assertEqual({each["kind"] for each in objects}, {"ServiceMonitor", "PrometheusRule"})
        self.assertEqual(faults_of_operator(objects), [])

    def test_the_rules_are_what_prometheus_takes(self):
        rules = [each for name in chart.GOOD for each in chart.good(name).all("PrometheusRule")]
        self.assertGreater(len(rules), 1)
        for each in rules:
            self.assertEqual(faults_of_promtool(each["spec"]), [])

    def test_these_checks_find_what_is_wrong(self):
        rendered = chart.good("everything")
        for path, wrong, found in [
            (["spec", "replicas"], "three", "is not of type 'integer'"),
            (["spec", "template", "spec", "serviceAcountName"], "x", "'serviceAcountName' was unexpected"),
            (["spec", "volumeClaimTemplates", 0, "spec", "accessMode"], [], "'accessMode' was unexpected"),
        ]:
            broken = put(rendered.one("StatefulSet"), path, wrong)
            self.assertIn(found, "\n".join(faults_of_kubernetes([broken], ["1.33"])))
        for kind, path, wrong, found in [
            ("ServiceMonitor", ["spec", "endpoints", 0, "interval"], "fast", "/spec/endpoints/0/interval"),
            ("ServiceMonitor", ["spec", "endpoints", 0, "intervall"], "1m", "endpoints[0].intervall: unknown field"),
            ("ServiceMonitor", ["spec", "selector"], None, "/spec/selector"),
            ("PrometheusRule", ["spec", "groups", 0, "rules", 0, "for"], "soon", "/spec/groups/0/rules/0/for"),
            ("PrometheusRule", ["spec", "groups", 0, "rules", 0, "records"], "x", "rules[0].records: unknown field"),
        ]:
            broken = put(rendered.one(kind), path, wrong)
            self.assertIn(found, "\n".join(faults_of_operator([broken])))
        rules = rendered.one("PrometheusRule")
        broken = put(rules, ["spec", "groups", 0, "rules", 0, "expr"], "max by (job (x)")
        self.assertIn("parse error", "\n".join(faults_of_promtool(broken["spec"])))


def put(original, path, value):
    """A copy with another value at `path`."""
    changed = copy.deepcopy(original)
    node = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return changed


if __name__ == "__main__":
    unittest.main()
