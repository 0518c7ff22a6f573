"""What the chart renders, given to the exporter itself."""

import functools
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import chart
import yaml

EXPORTER = chart.ROOT / "target/debug/wechat-material-exporter"
# Where the chart mounts things, which here lie below another root.
MOUNTED = re.compile(r"(?<![\w.])/(?=etc/wechat-material-exporter/|run/|var/lib/)")
SECRET = "0123456789abcdef0123456789abcdef"
OF_SOMEBODY_ELSE = "accounts: {a: {app_id: wx0123456789abcdef, token: {source: file, path: /run/token}}}"
ACCOUNT_FILE = "accounts: {%s: {app_id: wx%016x, token: {app_secret_file: /run/secrets/x/x}}}"
WEB_CONFIG = "basic_auth_users: {prometheus: $2b$10$BWcRSh1.vhh1ZyY3ejSOz.HUBwfaW/AtIEfO6Ca8umJnlFATAzIJC}"


def write(root, path, text):
    """Writes a file as Kubernetes mounts it: a link to one in a directory that changes as a whole."""
    link = root / path.lstrip("/")
    data = link.parent / "..data"
    data.mkdir(parents=True, exist_ok=True)
    (data / link.name).write_text(MOUNTED.sub(f"{root}/", text))
    if not link.is_symlink():
        link.symlink_to(f"..data/{link.name}")


def lay_out(root, values, rendered):
    """Writes the files of a pod, as its volumes would bring them."""
    text = rendered.config if "config" in values else OF_SOMEBODY_ELSE
    write(root, "/etc/wechat-material-exporter/config/config.yaml", text)
    for number, files in enumerate(values.get("accountFiles", [])):
        (name,) = files.values()
        path = f"/etc/wechat-material-exporter/accounts.d/{name}/accounts.yaml"
        write(root, path, ACCOUNT_FILE % (f"account-{number}", number))
    for path in re.findall(r"/run/secrets/[\w./-]+", text) + ["/run/secrets/x/x", "/run/token"]:
        write(root, path, SECRET)
    web_config = values.get("webConfig", {})
    if web_config:
        write(root, f"/etc/wechat-material-exporter/web/{web_config.get('key', 'web-config.yml')}", WEB_CONFIG)


def check(values, rendered, shard):
    """What the exporter says of its arguments, variables and files in that pod."""
    with tempfile.TemporaryDirectory() as directory:
        lay_out(Path(directory), values, rendered)
        inside = functools.partial(MOUNTED.sub, f"{directory}/")
        # The host's name ends with the shard's number only in the cluster.
        arguments = [inside(argument) for argument in rendered.container["args"] if argument != "--shard=auto"]
        variables = {each["name"]: inside(each.get("value", SECRET)) for each in rendered.container.get("env", [])}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WECHAT_EXPORTER")}
        return subprocess.run(
            [EXPORTER, "--config.check", f"--shard={shard}", *arguments],
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )


class Exporter(unittest.TestCase):
    def test_the_exporter_takes_what_the_chart_gives_it(self):
        for name, path in chart.GOOD.items():
            values = yaml.safe_load(path.read_text())
            for shard in range(values.get("shards", 1)):
                with self.subTest(name, shard=shard):
                    said = check(values, chart.good(name), shard)
                    self.assertEqual(said.returncode, 0, said.stderr)
                    self.assertIn("valid", said.stdout)

    def test_accounts_of_all_files_are_found(self):
        values = yaml.safe_load(chart.GOOD["fleet"].read_text())
        said = check(values, chart.good("fleet"), 0)
        self.assertIn("valid, 2 accounts", said.stdout)

    def test_a_map_of_values_is_the_configuration_that_was_meant(self):
        values = yaml.safe_load(chart.GOOD["four-shards"].read_text())
        self.assertEqual(yaml.safe_load(chart.good("four-shards").config), values["config"])

    def test_the_exporter_refuses_what_the_chart_cannot_know(self):
        values = "config: {accounts: {Brand: {app_id: nothing, token: {}}}}"
        said = check(yaml.safe_load(values), chart.render(values), 0)
        self.assertEqual(said.returncode, 1)
        self.assertIn("accounts.Brand", said.stderr)


if __name__ == "__main__":
    unittest.main()
