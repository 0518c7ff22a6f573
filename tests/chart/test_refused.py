"""Values that contradict the schema, or each other: refused by both Helms with a message that names
the value and says what is wrong."""

import shutil
import tempfile
import unittest
from pathlib import Path

import chart

# Each with what must stand in the message: the value's path first. The two Helms have words of their own for
# what a schema says, and the same for what the chart says.
BY_SCHEMA = [
    ("shards: 0", ["shards", "1"]),
    ("shards: 1001", ["shards", "1000", "1,000"]),
    ("shards: four", ["shards", "integer"]),
    ("shards: 1.5", ["shards", "integer", "multiple"]),
    ("shard: 4", ["shard", "allowed"]),
    ("replicaCount: 4", ["replicaCount", "allowed"]),
    ("config: {acounts: {}}", ["config", "acounts"]),
    ("config: []", ["config", "object"]),
    ("config: {accounts: [a]}", ["accounts", "object"]),
    ("existingConfigMap: Not_A_Name", ["existingConfigMap", "match"]),
    ("secretMounts: wechat", ["secretMounts", "array"]),
    ("secretMounts: [a, a]", ["secretMounts", "unique", "equal"]),
    ("secretMounts: [../etc]", ["secretMounts", "match"]),
    ("accountFiles: [{configMap: a, secret: b}]", ["accountFiles", "1"]),
    ("accountFiles: [{config: a}]", ["accountFiles", "config"]),
    ("log: {level: verbose}", ["log.level", "log/level", "debug"]),
    ("log: {format: text}", ["log.format", "log/format", "logfmt"]),
    ("image: {digest: latest}", ["digest", "match"]),
    ("image: {pullPolicy: Sometimes}", ["pullPolicy", "IfNotPresent"]),
    ("persistence: {size: big}", ["size", "match"]),
    ("persistence: {whenScaled: Keep}", ["whenScaled", "Retain"]),
    ("persistence: {storageClass: fast}", ["persistence", "storageClass"]),
    ("port: 80", ["port", "1024", "1,024"]),
    ("webConfig: {tls: 'yes'}", ["tls", "boolean"]),
    ("webConfig: {key: a/b}", ["key", "match"]),
    ("serviceMonitor: {interval: 60}", ["interval", "string"]),
    ("serviceMonitor: {interval: 1 minute}", ["interval", "match"]),
    ("serviceMonitor: {sampleLimit: -1}", ["sampleLimit", "0"]),
    ("prometheusRule: {rules: []}", ["prometheusRule", "rules"]),
    ("networkPolicy: {ingressFrom: {podSelector: {}}}", ["ingressFrom", "array"]),
    ("podDisruptionBudget: {maxUnavailable: 0}", ["maxUnavailable", "1"]),
    ("podDisruptionBudget: {maxUnavailable: 0%}", ["maxUnavailable", "match"]),
    ("probes: {readiness: {path: /}}", ["readiness", "path"]),
    ("resources: {memory: 64Mi}", ["resources", "memory"]),
    ("topologySpread: {whenUnsatisfiable: Ignore}", ["whenUnsatisfiable", "ScheduleAnyway"]),
    ("podAnnotations: {a: 1}", ["podAnnotations", "string"]),
    ("extraArgs: [web.external-url=x]", ["extraArgs", "match"]),
    ("extraEnv: [{value: x}]", ["extraEnv", "name"]),
    ("fullnameOverride: " + "a" * 53, ["fullnameOverride", "52"]),
]
ACCOUNT = "config: {accounts: {a: {app_id: wx0123456789abcdef, token: {app_secret_file: /run/secrets/a/a}}}}\n"
BY_CHART = [
    ("", "config: missing: give the exporter's configuration, or name a ConfigMap that holds it in existingConfigMap"),
    (ACCOUNT + "existingConfigMap: b", "config: given, and existingConfigMap too: keep one of them"),
    ("config: 'accounts: ['", "config: not a map in YAML: "),
    ("config: just words", "config: not a map in YAML: "),
    (
        "config: {account_files: [x]}\naccountFiles: [{configMap: a}]",
        "config.account_files: set by the chart when there are accountFiles: keep one of them",
    ),
    (
        "config: {accounts: {a: {token: {app_secret: s3cret}}}}",
        "config.accounts.a.token.app_secret: a secret, which would stand in a ConfigMap: put it into a Secret of "
        "secretMounts and name its file with app_secret_file, or set allowSecretsInConfig",
    ),
    ("config: 'accounts: {a: {token: {app_secret: s3cret}}}'", "config.accounts.a.token.app_secret: a secret"),
    (
        "config: {platforms: {p: {component_token: {component_app_secret: s3cret}}}}",
        "config.platforms.p.component_token.component_app_secret: a secret",
    ),
    ("config: {api: {proxy: 'http://user:s3cret@proxy:3128'}}", "config.api.proxy: a secret"),
    (
        ACCOUNT + "webConfig: {tls: true}",
        "webConfig.tls: true without a web configuration file: name its Secret in webConfig.existingSecret",
    ),
    (
        ACCOUNT + "webConfig: {tls: true, existingSecret: web}\nserviceMonitor: {enabled: true}",
        "serviceMonitor.tlsConfig: missing: with webConfig.tls give the ca and the serverName of the certificate",
    ),
    (
        ACCOUNT + "serviceMonitor: {enabled: true, interval: 15s}",
        "serviceMonitor.scrapeTimeout: longer than the interval, which the operator refuses: make it 15s or less",
    ),
    (ACCOUNT + "serviceMonitor: {scrapeTimeout: 1m500ms}", "serviceMonitor.scrapeTimeout: longer than the interval"),
    (
        ACCOUNT + "accountFiles: [{configMap: a}, {secret: a}]",
        "accountFiles: a ConfigMap and a Secret of the same name: rename one of them",
    ),
    (
        ACCOUNT + "serviceMonitor: {enabled: true, basicAuth: {username: {name: a, key: b}}}",
        "serviceMonitor.basicAuth: nobody asks for it: name the Secret of a web configuration file in "
        "webConfig.existingSecret",
    ),
    (
        ACCOUNT + "extraArgs: [--web.external-url=x, --shard=2]",
        "extraArgs[1]: --shard is for the chart to set: use shards",
    ),
    (ACCOUNT + "extraArgs: [--once]", "extraArgs[0]: --once is for the chart to set: write a Job"),
    (
        ACCOUNT + "prometheusRule: {enabled: true, disabledAlerts: [WeChatExporterAway]}",
        "prometheusRule.disabledAlerts: there is no alert WeChatExporterAway: ",
    ),
]


class Refused(unittest.TestCase):
    def message(self, values, binary, **how):
        with self.assertRaises(chart.Refused) as refused:
            chart.render(values, binary=binary, **how)
        return str(refused.exception)

    def test_values_that_contradict_the_schema_are_refused_by_name(self):
        for values, (path, *words) in BY_SCHEMA:
            for binary in chart.HELMS:
                with self.subTest(values, helm=binary.name):
                    message = self.message(values, binary)
                    self.assertIn("values don't meet the specifications of the schema", message)
                    self.assertIn(path.replace("/", "."), message.replace("/", "."))
                    self.assertTrue(any(word in message for word in words), message)

    def test_linting_refuses_them_too(self):
        for binary in chart.HELMS:
            with self.assertRaisesRegex(chart.Refused, "shards"):
                chart.helm(["lint", "--strict"], "shards: 0", binary=binary)

    def test_values_that_contradict_each_other_are_refused_with_what_would_be_right(self):
        for values, message in BY_CHART:
            for binary in chart.HELMS:
                with self.subTest(values, helm=binary.name):
                    told = self.message(values, binary)
                    self.assertIn(message, told)
                    self.assertNotIn("s3cret", told)

    def test_a_chart_without_its_copies_says_how_to_get_them(self):
        with tempfile.TemporaryDirectory() as directory:
            bare = Path(directory) / "chart"
            shutil.copytree(chart.CHART, bare, ignore=shutil.ignore_patterns("files"))
            for asked, file in [
                ("prometheusRule", "files/wechat-material-exporter.rules.yml"),
                ("dashboards", "files/dashboards"),
            ]:
                message = self.message(f"{ACCOUNT}{asked}: {{enabled: true}}", chart.HELMS[-1], chart=bare)
                self.assertIn(file, message)
                self.assertIn("run `make chart`", message)

    def test_kubernetes_that_is_too_old_is_refused(self):
        with self.assertRaisesRegex(chart.Refused, "1.27"):
            chart.render(ACCOUNT, "--kube-version=1.26.0")


if __name__ == "__main__":
    unittest.main()
