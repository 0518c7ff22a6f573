#!/bin/sh
# Validates deploy/compose.yaml, and runs it as far as a machine can that reaches no image registry: with the image of
# deploy/container/check.sh, which has to run before, and with Debian's Prometheus and Alertmanager in images of the
# names that compose.yaml has. Grafana is not there. All of it runs under a Docker daemon of its own, in a network
# namespace that has nothing but its own loopback. Needs root on Debian.
set -eu
cd "$(dirname "$0")/../.."
work=$PWD/target/container
compose=$PWD/.tools/compose/usr/libexec/docker/cli-plugins/docker-compose
debian=$PWD/.tools/prometheus-3/usr/bin
export DEBIAN_FRONTEND=noninteractive

ok() {
	echo "ok: $*"
}

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

[ -x "$compose" ] || tests/tools/unpack.sh .tools/compose docker-compose
[ -x "$debian/prometheus" ] || tests/tools/unpack.sh .tools/prometheus-3 prometheus promtool prometheus-alertmanager
if ! command -v dockerd >/dev/null; then
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends docker.io >/dev/null
fi

# Without a daemon.
said=$("$compose" --file deploy/compose.yaml config --quiet 2>&1) || fail "$said"
[ -z "$said" ] || fail "$said"
sed 's/read_only:/readonly:/' deploy/compose.yaml >"$work/broken.yaml"
"$compose" --file "$work/broken.yaml" config --quiet 2>/dev/null && fail "a misspelt key is not found"
ok "compose.yaml is valid, and a misspelt key is not"
"$compose" --file deploy/compose.yaml config --format json | python3 -c '
import json, os, sys
for name, service in json.load(sys.stdin)["services"].items():
    for volume in service.get("volumes", []):
        source = volume["source"]
        if volume["type"] == "bind" and not os.path.exists(source):
            sys.exit(f"{name} mounts {source}, which does not exist")
' || fail "a file is missing"
ok "every file that is mounted exists"

# With one.
# shellcheck source=deploy/container/store.sh
. deploy/container/store.sh
daemon=""
clean() {
	if [ -n "$daemon" ]; then
		docker_compose down --volumes --timeout 5 >/dev/null 2>&1 || true
		kill "$daemon" && wait "$daemon" || true
	fi
	umount "$work/docker/exec/netns/default" 2>/dev/null || true
}
trap clean EXIT
export DOCKER_HOST="unix://$work/docker.sock"
clean
rm -rf --one-file-system "$work/docker"
mkdir -p "$work/docker"
# shellcheck disable=SC2016 # $0 is that shell's
unshare --net sh -c 'ip link set lo up; exec dockerd "$@"' sh --host "$DOCKER_HOST" --data-root "$work/docker/data" \
	--exec-root "$work/docker/exec" --pidfile "$work/docker/pid" --bridge=none --iptables=false --ip6tables=false \
	--ip-forward=false --ip-masq=false --default-ulimit nofile=20000:20000 >"$work/dockerd.log" 2>&1 &
daemon=$!

# Waits until a command succeeds, for 60 s at least.
eventually() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || { docker_compose logs --tail 20 >&2; fail "waited in vain: $*"; }
		sleep 0.1
	done
}
eventually docker version

load() {
	rm -f "$work/image.tar"
	buildah push -q "$1" "docker-archive:$work/image.tar:$2"
	docker load -q -i "$work/image.tar" >/dev/null
	rm "$work/image.tar"
}
load localhost/wechat-material-exporter:check wechat-material-exporter:local

# debian IMAGE PROGRAM FILE DIRECTORY: an image of a program of Debian, whose user may write to the directory.
debian_image() {
	container=$(buildah from --pull-never gcr.io/distroless/cc-debian12:nonroot)
	root=$(buildah mount "$container")
	install -D "$debian/$3" "$root/bin/$2"
	# Debian has templates in a place of its own.
	mkdir -p "$root/usr/share/prometheus"
	cp -r "$debian/../share/prometheus/." "$root/usr/share/prometheus/"
	install -d -o 65532 -g 65532 "$root$4"
	buildah umount "$container" >/dev/null
	buildah config --entrypoint "[\"/bin/$2\"]" --workingdir "$4" "$container"
	buildah commit -q --rm "$container" "$1" >/dev/null
	load "$1" "$1"
}
image_of() {
	"$compose" --file deploy/compose.yaml config --format json |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["services"][sys.argv[1]]["image"])' "$1"
}
debian_image "$(image_of prometheus)" prometheus prometheus /prometheus
debian_image "$(image_of alertmanager)" alertmanager prometheus-alertmanager /alertmanager

# All in one network namespace, where every name is the loopback.
cat >"$work/override.yaml" <<'YAML'
x-all: &all
  network_mode: host
  extra_hosts: ["simulator:127.0.0.1", "exporter:127.0.0.1", "prometheus:127.0.0.1", "alertmanager:127.0.0.1"]
services:
  simulator: *all
  exporter: *all
  prometheus: *all
  alertmanager:
    <<: *all
    # It looks for other machines' addresses.
    command: ["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager", "--cluster.listen-address="]
YAML
docker_compose() {
	"$compose" --project-directory deploy --file deploy/compose.yaml --file "$work/override.yaml" "$@"
}
docker_compose up --detach --no-build --pull never simulator exporter prometheus alertmanager >"$work/up.log" 2>&1 ||
	{ cat "$work/up.log" >&2; docker_compose logs >&2; fail "up"; }
ok "docker compose up: $(docker_compose ps --services | tr '\n' ' ')"

get() {
	nsenter -t "$daemon" -n curl -sS --max-time 5 "$1"
}
shows() {
	get "$1" | grep -q "$2"
}
health=$(docker inspect wechat-material-exporter-1 --format '{{.State.Health.Status}}')
[ "$health" = healthy ] || fail "the exporter is $health"
ok "the image's health check, run by Docker: $health"
eventually shows http://127.0.0.1:19870/metrics '^wechat_account_failing{account="shop",class="secret"'
eventually shows 'http://127.0.0.1:9090/api/v1/query?query=count(wechat_account_up)' '"6"'
ok "Prometheus $("$debian/prometheus" --version | sed -n 's/^prometheus, version \([^ ]*\).*/\1/p') scrapes six accounts"
eventually shows http://127.0.0.1:9090/api/v1/alertmanagers 'alertmanager:9093'
eventually shows http://127.0.0.1:9090/api/v1/alerts '"alertname":"WeChatMaterialQuotaFull"'
ok "its rules see that an account is full; it knows Alertmanager"
eventually shows http://127.0.0.1:9093/-/healthy OK
ok "Alertmanager takes its configuration; Grafana was not run"
