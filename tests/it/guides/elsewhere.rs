//! Commands of guides that no test can run as they stand, and what runs them.

use super::commands::Command;

/// What runs a command that takes minutes, a cluster, a registry or the whole machine.
pub(super) struct Elsewhere {
    /// How the command begins.
    pub(super) command: &'static str,
    /// The script or test that does it, from the project's directory.
    pub(super) by: &'static str,
    /// What must stand in the command and in that file.
    pub(super) words: &'static [&'static str],
    /// Why it is not run here, and what remains untried.
    pub(super) why: &'static str,
}

impl Elsewhere {
    pub(super) fn fits(&self, command: &Command) -> bool {
        of(command).is_some_and(|row| std::ptr::eq(row, self))
    }
}

/// The row of a command: the first whose beginning fits.
pub(super) fn of(command: &Command) -> Option<&'static Elsewhere> {
    ELSEWHERE.iter().find(|row| command.text.starts_with(row.command))
}

const MANIFESTS: &str = "deploy/kubernetes/manifests/exporter.yaml";
const CLUSTER: &str = "wants a cluster; what it names is looked up in what is installed";
const IMAGE: &str = "builds an image: by buildah and podman there, from look-alikes of the bases";
const BY_HAND: &str = "changes the machine: deploy/debian/check.sh runs this part of the guide in a chroot";
const CERTIFICATES: &str = "wants certificates; made there by openssl";
const MACHINE: &str = "changes the machine: done in a chroot, or dry, there";

macro_rules! table {
    ($($command:literal => $by:expr, [$($word:literal),+], $why:expr;)+) => {
        &[$(Elsewhere { command: $command, by: $by, words: &[$($word),+], why: $why }),+]
    };
}

pub(super) static ELSEWHERE: &[Elsewhere] = table! {
    "cargo install --path ." => "Dockerfile", ["cargo", "--locked"], "a release build takes minutes; walks run the debug build";
    "make test" => ".ci/run", ["make test"], "runs this test";
    "docker compose" => "deploy/compose/check.sh", ["--file deploy/compose.yaml", "up"], "wants Docker and images of a registry; Grafana is not started there";
    "docker build --build-arg REVISION" => "deploy/container/check.sh", ["--build-arg REVISION"], IMAGE;
    "docker build --build-arg BUILDER" => "Dockerfile", ["BUILDER", "BASE", "SOURCE_DATE_EPOCH"], IMAGE;
    "docker build -t registry.example.com" => "deploy/container/check.sh", ["-t"], IMAGE;
    "docker run --read-only --tmpfs /tmp" => "deploy/container/check.sh", ["--read-only", "demo"], IMAGE;
    "docker run --read-only --cap-drop ALL" => "deploy/container/check.sh", ["--read-only", ":/etc/wechat-material-exporter:ro", "--state.file=/var/lib/wechat-material-exporter/state"], IMAGE;
    "docker buildx imagetools inspect" => "deploy/release/image.sh", ["docker buildx imagetools inspect", "--format '{{.Manifest.Digest}}'"], "wants a registry; the release does the same";
    "docker push" => "deploy/release/image.sh", ["push"], "wants a registry";
    "systemd-sysusers" => "tests/it/packages/units.rs", ["systemd-sysusers"], BY_HAND;
    "install -d -o root -g wechat-material-exporter" => "deploy/debian/scripts/postinst", ["install -d -o root -g wechat-material-exporter -m 0750"], BY_HAND;
    "install -o root -g wechat-material-exporter" => "deploy/debian/scripts/postinst", ["root", "wechat-material-exporter", "0640"], BY_HAND;
    "cd /etc/wechat-material-exporter && wechat-material-exporter --config.check" => "tests/it/packages/units.rs", ["/etc/wechat-material-exporter", "--config.check"], MACHINE;
    "systemctl enable --now" => "deploy/debian/check.sh", ["systemctl enable"], MACHINE;
    "wechat-material-exporter --config.check --web.config.file" => "tests/it/web_config/files.rs", ["--config.check"], CERTIFICATES;
    "wechat-material-exporter --web.config.file" => "tests/it/web_config.rs", ["--web.config.file", "web.yml"], CERTIFICATES;
    "curl --cacert" => "tests/it/web_config.rs", ["ca.pem"], CERTIFICATES;
    "helm upgrade --install" => "tests/chart/test_derived.py", ["helm upgrade --install"], "wants a cluster; each of these is rendered there";
    "kubectl create namespace" => "tests/chart/chart.py", ["monitoring"], CLUSTER;
    "kubectl --namespace monitoring create secret generic wechat-app-secrets" => "deploy/kubernetes/examples/minimal.yaml", ["wechat-app-secrets", "brand-main"], CLUSTER;
    "kubectl --namespace monitoring create secret generic exporter-web-config" => "deploy/kubernetes/chart/values.yaml", ["web-config.yml"], CLUSTER;
    "kubectl --namespace monitoring rollout status statefulset" => MANIFESTS, ["wechat-material-exporter"], CLUSTER;
    "kubectl --namespace monitoring exec" => MANIFESTS, ["/etc/wechat-material-exporter/config/config.yaml"], CLUSTER;
    "kubectl --namespace monitoring port-forward" => MANIFESTS, ["wechat-material-exporter", "19870"], CLUSTER;
    "kubectl --namespace monitoring delete pod" => MANIFESTS, ["app.kubernetes.io/instance"], CLUSTER;
    "kubectl --namespace monitoring apply" => "tests/chart/test_derived.py", ["deploy/kubernetes/manifests"], "wants a cluster; held against the API's schemas there";
};
