"""What the chart makes of its values."""

import functools
import unittest

import chart
import yaml


def of_all_good_values(check):
    """The test that `check` finds all good values, and what becomes of them, to be right."""

    @functools.wraps(check)
    def test(self):
        for name, path in chart.GOOD.items():
            with self.subTest(name):
                check(self, yaml.safe_load(path.read_text()), chart.good(name))

    return test


class Everywhere(unittest.TestCase):
    """What holds for all good values."""

    def test_both_helms_take_the_chart_and_render_the_same(self):
        for name, path in chart.GOOD.items():
            with self.subTest(name):
                old, new = (chart.good(name, binary=binary) for binary in chart.HELMS)
                self.assertEqual(old.objects, new.objects)
                for binary in chart.HELMS:
                    chart.helm(["lint", "--strict"], path.read_text(), binary=binary)

    @of_all_good_values
    def test_the_number_of_shards_is_the_same_wherever_it_stands(self, values, rendered):
        shards = values.get("shards", 1)
        stateful_set = rendered.one("StatefulSet")["spec"]
        self.assertEqual(stateful_set["replicas"], shards)
        self.assertEqual(stateful_set["podManagementPolicy"], "Parallel")
        self.assertEqual(flags(rendered)["--total-shards"], str(shards))
        # The number at the end of the pod's name, which is never anything else: no host name is set.
        self.assertEqual(flags(rendered)["--shard"], "auto")
        self.assertFalse({"hostname", "hostNetwork"} & set(rendered.pod["spec"]))

    @of_all_good_values
    def test_no_secret_is_made_and_those_mounted_are_not_for_all(self, values, rendered):
        self.assertEqual(rendered.all("Secret"), [])
        for volume in rendered.pod["spec"]["volumes"]:
            if "secret" in volume:
                self.assertEqual(volume["secret"]["defaultMode"], 0o440, volume)

    @of_all_good_values
    def test_a_pod_is_as_restricted_as_kubernetes_knows(self, values, rendered):
        # The rules of the Pod Security Standard `restricted`, and a root file system that is only read.
        spec = rendered.pod["spec"]
        self.assertTrue(spec["securityContext"]["runAsNonRoot"])
        self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        if "podSecurityContext" not in values:
            self.assertEqual(spec["securityContext"]["runAsUser"], 65532)
        self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & set(spec))
        self.assertFalse(spec["automountServiceAccountToken"])
        self.assertFalse(spec["enableServiceLinks"])
        context = rendered.container["securityContext"]
        self.assertEqual(context["capabilities"], {"drop": ["ALL"]})
        self.assertFalse(context["allowPrivilegeEscalation"])
        self.assertTrue(context["readOnlyRootFilesystem"])
        allowed = {"name", "configMap", "secret", "emptyDir", "persistentVolumeClaim"}
        for volume in spec["volumes"]:
            self.assertLessEqual(set(volume), allowed)

    @of_all_good_values
    def test_what_selects_pods_selects_these(self, values, rendered):
        labels = rendered.pod["metadata"]["labels"].items()
        stateful_set = rendered.one("StatefulSet")
        service = rendered.one("Service")
        selectors = [stateful_set["spec"]["selector"]["matchLabels"], service["spec"]["selector"]]
        selectors += [each["spec"]["podSelector"]["matchLabels"] for each in rendered.all("NetworkPolicy")]
        selectors += [each["spec"]["selector"]["matchLabels"] for each in rendered.all("PodDisruptionBudget")]
        spread = rendered.pod["spec"].get("topologySpreadConstraints", [])
        selectors += [each["labelSelector"]["matchLabels"] for each in spread]
        for selector in selectors:
            self.assertEqual(selector, selectors[0])
            self.assertLessEqual(selector.items(), labels)
        self.assertEqual(stateful_set["spec"]["serviceName"], service["metadata"]["name"])
        for monitor in rendered.all("ServiceMonitor"):
            selector = monitor["spec"]["selector"]["matchLabels"].items()
            self.assertLessEqual(selector, service["metadata"]["labels"].items())
            ports = {port["name"] for port in service["spec"]["ports"]}
            self.assertLessEqual({each["port"] for each in monitor["spec"]["endpoints"]}, ports)

    @of_all_good_values
    def test_what_is_mounted_is_there(self, values, rendered):
        claims = rendered.one("StatefulSet")["spec"].get("volumeClaimTemplates", [])
        volumes = [each["name"] for each in rendered.pod["spec"]["volumes"]]
        volumes += [each["metadata"]["name"] for each in claims]
        mounts = rendered.container["volumeMounts"]
        self.assertEqual(sorted(volumes), sorted(each["name"] for each in mounts))
        self.assertEqual(len({each["mountPath"] for each in mounts}), len(mounts))
        paths = [flags(rendered)["--config.file"], flags(rendered)["--state.file"]]
        paths += [flags(rendered)["--web.config.file"]] if "--web.config.file" in flags(rendered) else []
        for path in paths:
            self.assertIn(path.rsplit("/", 1)[0], {each["mountPath"] for each in mounts})
        # Only the state is written.
        writable = [each["name"] for each in mounts if not each.get("readOnly")]
        self.assertEqual(writable, ["state"])

    @of_all_good_values
    def test_probes_and_prometheus_ask_where_the_exporter_listens(self, values, rendered):
        port = values.get("port", 19870)
        scheme = "https" if values.get("webConfig", {}).get("tls") else "http"
        self.assertEqual(flags(rendered)["--web.listen-address"], f":{port}")
        self.assertEqual([each["containerPort"] for each in rendered.container["ports"]], [port])
        self.assertEqual([each["port"] for each in rendered.one("Service")["spec"]["ports"]], [port])
        for policy in rendered.all("NetworkPolicy"):
            for rule in policy["spec"].get("ingress", []):
                self.assertEqual(rule["ports"], [{"protocol": "TCP", "port": port}])
        for monitor in rendered.all("ServiceMonitor"):
            self.assertEqual([each["scheme"] for each in monitor["spec"]["endpoints"]], [scheme])
        probes = {kind: rendered.container.get(f"{kind}Probe") for kind in ["startup", "liveness", "readiness"]}
        if not values.get("probes", {}).get("enabled", True):
            self.assertEqual(set(probes.values()), {None})
            return
        for kind, path in {"startup": "/-/healthy", "liveness": "/-/healthy", "readiness": "/-/ready"}.items():
            asked = {"path": path, "port": "http", "scheme": scheme.upper()}
            self.assertEqual(probes[kind]["httpGet"], asked)
        # With basic auth they have no password.
        has_web_config = "existingSecret" in values.get("webConfig", {})
        self.assertEqual("--web.auth-exempt-health" in flags(rendered), has_web_config)


class Single(unittest.TestCase):
    """What single values do."""

    def test_without_persistence_the_state_goes_with_the_pod(self):
        kept, lost = chart.good("minimal"), chart.good("no-persistence")
        (claim,) = kept.one("StatefulSet")["spec"]["volumeClaimTemplates"]
        self.assertEqual(claim["spec"]["resources"], {"requests": {"storage": "1Gi"}})
        self.assertNotIn("volumeClaimTemplates", lost.one("StatefulSet")["spec"])
        self.assertIn({"name": "state", "emptyDir": {"sizeLimit": "1Gi"}}, lost.pod["spec"]["volumes"])
        self.assertEqual(flags(kept)["--state.file"], flags(lost)["--state.file"])

    def test_what_kubernetes_lets_nobody_change_holds_no_version(self):
        claims = chart.good("everything").one("StatefulSet")["spec"]["volumeClaimTemplates"]
        self.assertEqual(len(claims[0]["metadata"]["labels"]), 2)

    def test_the_operators_objects_and_dashboards_are_made_only_when_asked(self):
        kinds = {each["kind"] for each in chart.good("minimal").objects}
        self.assertFalse(kinds & {"ServiceMonitor", "PrometheusRule"})
        self.assertEqual(len(chart.good("minimal").all("ConfigMap")), 1)

    def test_a_change_of_the_configuration_alone_restarts_the_pods(self):
        def template(more):
            return chart.render(f"config: {{accounts: {{a: {{app_id: wx01}}}}}}\n{more}").pod

        plain = template("")
        self.assertEqual(plain, template("serviceMonitor: {enabled: true}"))
        annotations = plain["metadata"]["annotations"]
        changed = chart.render("config: {accounts: {a: {app_id: wx02}}}").pod["metadata"]["annotations"]
        self.assertEqual(annotations.keys(), changed.keys())
        self.assertNotEqual(annotations["checksum/config"], changed["checksum/config"])
        unwatched = template("restartOnConfigChange: false")["metadata"]["annotations"]
        self.assertNotIn("checksum/config", unwatched)

    def test_a_configuration_that_is_text_stays_as_it_is(self):
        values = yaml.safe_load(chart.GOOD["text-config"].read_text())
        self.assertEqual(chart.good("text-config").config, values["config"])

    def test_a_configuration_of_somebody_else_is_mounted_and_none_made(self):
        rendered = chart.good("existing-config-map")
        self.assertEqual(rendered.all("ConfigMap"), [])
        volumes = rendered.pod["spec"]["volumes"]
        self.assertIn({"name": "config", "configMap": {"name": "wechat-exporter-config"}}, volumes)

    def test_a_network_policy_lets_in_prometheus_and_out_what_is_needed(self):
        spec = chart.good("minimal").one("NetworkPolicy")["spec"]
        self.assertEqual(spec["policyTypes"], ["Ingress", "Egress"])
        prometheus = {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}
        self.assertEqual(spec["ingress"][0]["from"], [{"namespaceSelector": {}, "podSelector": prometheus}])
        ports = [(port["protocol"], port["port"]) for rule in spec["egress"] for port in rule["ports"]]
        self.assertEqual(ports, [("UDP", 53), ("TCP", 53), ("TCP", 443)])

    def test_empty_lists_of_a_network_policy_close_it(self):
        closed = chart.good("closed-network").one("NetworkPolicy")["spec"]
        self.assertNotIn("ingress", closed)
        self.assertEqual(closed["policyTypes"], ["Ingress", "Egress"])
        (rule,) = closed["egress"]
        self.assertEqual(rule["ports"], [{"protocol": "TCP", "port": 6379}])
        sealed = chart.render(f"{chart.NEEDS_ACCOUNTS}networkPolicy: {{ingressFrom: [], egress: []}}")
        self.assertFalse({"ingress", "egress"} & set(sealed.one("NetworkPolicy")["spec"]))
        self.assertEqual(chart.good("bare").all("NetworkPolicy"), [])

    def test_account_files_are_found_by_the_exporter(self):
        rendered = chart.good("fleet")
        (variable,) = rendered.container["env"]
        self.assertEqual(variable["name"], "WECHAT_EXPORTER__ACCOUNT_FILES")
        root = variable["value"].removesuffix("/*/*.yaml")
        mounted = {each["mountPath"] for each in rendered.container["volumeMounts"]}
        self.assertLessEqual({f"{root}/wechat-accounts-retail", f"{root}/wechat-accounts-agency"}, mounted)

    def test_the_image_is_the_charts_version_unless_a_tag_or_digest_is_given(self):
        def image(values):
            return chart.render(chart.NEEDS_ACCOUNTS + values).container["image"]

        self.assertEqual(image(""), "wechat-material-exporter:0.1.0")
        self.assertEqual(image("image: {tag: edge}"), "wechat-material-exporter:edge")
        pinned = chart.good("everything").container["image"]
        self.assertRegex(pinned, r"^registry\.internal:5000/.*@sha256:[0-9a-f]{64}$")

    def test_the_rules_follow_the_job_and_lose_the_disabled_alerts(self):
        shipped, changed = chart.good("fleet"), chart.good("everything")
        before, after = (alerts(rendered) for rendered in (shipped, changed))
        self.assertEqual(before.keys() - after.keys(), {"WeChatMaterialSuddenGrowth", "WeChatMaterialMassDeletion"})
        self.assertEqual(before["WeChatExporterAbsent"]["expr"], 'absent(up{job="wechat-material"} == 1)')
        self.assertEqual(after["WeChatExporterAbsent"]["expr"], 'absent(up{job="wechat-prod"} == 1)')
        self.assertEqual(after["WeChatExporterAbsent"]["labels"], {"job": "wechat-prod", "severity": "critical"})
        self.assertNotIn('wechat-material"', yaml.safe_dump(after))
        (endpoint,) = changed.one("ServiceMonitor")["spec"]["endpoints"]
        self.assertIn({"targetLabel": "job", "replacement": "wechat-prod"}, endpoint["relabelings"])
        for name, alert in after.items():
            link = alert["annotations"]["runbook_url"]
            self.assertEqual(link, f"https://wiki.internal/wechat/runbook.html#{name.lower()}")

    def test_the_rules_are_those_of_the_file_when_nothing_is_set(self):
        file = yaml.safe_load((chart.CHART / "files/wechat-material-exporter.rules.yml").read_text())
        self.assertEqual(chart.good("fleet").one("PrometheusRule")["spec"], file)

    def test_two_releases_have_nothing_in_common(self):
        one, other = (chart.good("minimal", release=release) for release in ["one", "other"])
        names = [{(each["kind"], each["metadata"]["name"]) for each in release.objects} for release in (one, other)]
        self.assertFalse(names[0] & names[1])
        selector = one.one("Service")["spec"]["selector"].items()
        self.assertFalse(selector <= other.pod["metadata"]["labels"].items())

    def test_names_leave_room_for_what_kubernetes_appends(self):
        long = chart.good("minimal", release="a" * 50 + "-bc").one("StatefulSet")["metadata"]["name"]
        # A label of each pod is this name and a hash of ten letters.
        self.assertLessEqual(len(long), 52)
        same = chart.good("minimal", release="wechat-material-exporter").one("StatefulSet")["metadata"]["name"]
        self.assertEqual(same, "wechat-material-exporter")

    def test_the_notes_say_first_what_comes_first(self):
        values = chart.GOOD["fleet"].read_text()
        output = chart.helm(["install", "exporter", "--dry-run=client", "--namespace=monitoring"], values)
        notes = output[output.index("NOTES:") :]
        self.assertLess(notes.index("IP whitelist"), notes.index("wechat-secrets-retail"))
        self.assertIn("polls with 4 pods", notes)
        self.assertIn("exec exporter-wechat-material-exporter-0 -- ", notes)
        self.assertIn("https://127.0.0.1:19870/", notes)


def flags(rendered):
    """The container's arguments: each flag with its value."""
    split = [argument.partition("=") for argument in rendered.container["args"]]
    pairs = {flag: value for flag, _, value in split}
    assert len(pairs) == len(split), "no flag stands twice"
    return pairs


def alerts(rendered):
    """The alerts by name."""
    groups = rendered.one("PrometheusRule")["spec"]["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


if __name__ == "__main__":
    unittest.main()
