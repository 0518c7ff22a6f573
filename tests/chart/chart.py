"""The chart under both Helms: what it renders as Python objects, or the message it is refused with."""

import functools
import subprocess
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/kubernetes/chart"
HELMS = [ROOT / ".tools/chart/helm-3", ROOT / ".tools/chart/helm-4"]
EXAMPLES = ROOT / "deploy/kubernetes/examples"
# The values that are known to be good, by name.
GOOD = {path.stem: path for path in [*EXAMPLES.glob("*.yaml"), *Path(__file__).with_name("values").glob("*.yaml")]}
NEEDS_ACCOUNTS = "existingConfigMap: some-config\n"


class Refused(Exception):
    """Helm's message."""


class Loader(yaml.CSafeLoader):
    """Refuses a key that stands twice in a map, as Kubernetes does."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice} twice", node.start_mark)
        return super().construct_mapping(node, deep)


class Rendered:
    """The objects of a release."""

    def __init__(self, text):
        self.objects = [document for document in yaml.load_all(text, Loader) if document]

    def all(self, kind):
        return [each for each in self.objects if each["kind"] == kind]

    def one(self, kind):
        (only,) = self.all(kind)
        return only

    @property
    def pod(self):
        return self.one("StatefulSet")["spec"]["template"]

    @property
    def container(self):
        (only,) = self.pod["spec"]["containers"]
        return only

    @property
    def config(self):
        """The text of the configuration."""
        (only,) = [each for each in self.all("ConfigMap") if "config.yaml" in each["data"]]
        return only["data"]["config.yaml"]


def helm(command, values, *more, binary=HELMS[-1], chart=CHART):
    """Runs Helm with these values, the text of a file. Its output."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(values)
        file.flush()
        done = subprocess.run(
            [binary, *command, chart, "--values", file.name, *more], capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


@functools.cache
def render(values, *more, release="exporter", binary=HELMS[-1], chart=CHART):
    """What becomes of these values, the text of a file. Nobody may change it: others get the same."""
    return Rendered(helm(["template", release], values, "--namespace=monitoring", *more, binary=binary, chart=chart))


def good(name, **how):
    """What becomes of the good values of this name."""
    return render(GOOD[name].read_text(), **how)
