#!/bin/sh
# Builds the image of Dockerfile on Debian and runs it as it is meant to be run, without a registry: see bases.sh.
# Needs root. The first build takes about eight minutes. TWICE=1 builds it once more from nothing and compares.
set -eu
cd "$(dirname "$0")/../.."
work=$PWD/target/container
image=localhost/wechat-material-exporter:check
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
epoch=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export DEBIAN_FRONTEND=noninteractive

for program in buildah:buildah debootstrap:debootstrap podman:podman runc:runc conmon:conmon catatonit:catatonit \
	curl:curl nsenter:util-linux; do
	command -v "${program%:*}" >/dev/null || missing="${missing-} ${program#*:}"
done
if [ -n "${missing-}" ]; then
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi
mkdir -p "$work"
# shellcheck source=deploy/container/store.sh
. deploy/container/store.sh
deploy/container/bases.sh "$work"

ok() {
	echo "ok: $*"
}

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# Waits until a command succeeds, for 60 s.
eventually() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || fail "waited in vain: $*"
		sleep 0.1
	done
}

# The store is this script's own.
clean() {
	podman rm --all --force --time=1 >/dev/null 2>&1 || true
}
trap clean EXIT

# Builds IMAGE from scratch but for the caches in DIRECTORY.
build() {
	mkdir -p "$2"
	TMPDIR=$2 buildah bud --isolation=chroot --format docker --pull-never --timestamp "$epoch" --layers=false \
		--build-arg REVISION="$revision" --build-arg SOURCE_DATE_EPOCH="$epoch" --build-arg VERSION=check \
		-t "$1" . >"$work/build.log" 2>&1 || { tail -30 "$work/build.log" >&2; fail "the build"; }
}

# Starts a container as an orchestrator that allows nothing would. The first argument is its name, those up to `--`
# are podman's, the others the exporter's.
start() {
	name=$1
	shift
	options=""
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	# shellcheck disable=SC2086 # a list of options without blanks
	podman run -d --name "$name" --ulimit nofile=20000:20000 --ulimit nproc=20000:20000 --no-healthcheck \
		--read-only --read-only-tmpfs=false --cap-drop=ALL --security-opt=no-new-privileges --memory=64m \
		$options "$image" "$@" >/dev/null
}

process() {
	podman inspect "$1" --format '{{.State.Pid}}'
}

page() {
	nsenter -t "$(process "$1")" -n curl -sS "http://127.0.0.1:19870$2"
}

shows() {
	page "$1" "$2" | grep -q "$3"
}

# Ends a container in order; the seconds that took.
stop() {
	began=$(date +%s)
	podman stop -t 20 "$1" >/dev/null
	seconds=$(($(date +%s) - began))
	code=$(podman inspect "$1" --format '{{.State.ExitCode}}')
	[ "$code" = 0 ] || { podman logs "$1" >&2; fail "$1 ended with $code"; }
	# The demo has an account that answers within 3 s, and a poll in progress is waited for.
	[ "$seconds" -le 4 ] || fail "$1 took $seconds s to end"
	ok "$1: SIGTERM ends it with 0 in $seconds s"
}

clean
build $image "$work/cache"
ok "built $image of $revision"

# What the image says of itself.
config() {
	podman image inspect $image --format "$1"
}
[ "$(config '{{.Config.User}}')" = 65532:65532 ] || fail "the user"
[ "$(config '{{.Config.Healthcheck.Test}}')" = "[CMD /usr/local/bin/wechat-material-exporter health]" ] ||
	fail "the health check"
[ "$(config '{{index .Config.Labels "org.opencontainers.image.revision"}}')" = "$revision" ] || fail "the labels"
ok "user, health check and labels"
bytes=$(config '{{.Size}}')
[ "$bytes" -lt 50000000 ] || fail "$bytes bytes are too many"
ok "$((bytes / 1000000)) MB"

# What is in it.
container=$(buildah from --pull-never $image)
root=$(buildah mount "$container")
for shell in bin/sh bin/bash bin/dash bin/busybox usr/bin/sh usr/bin/bash usr/bin/perl; do
	[ ! -e "$root/$shell" ] || fail "there is a shell: $shell"
done
test -s "$root/etc/ssl/certs/ca-certificates.crt" || fail "there are no CA certificates"
test -s "$root/usr/share/doc/wechat-material-exporter/THIRD-PARTY.txt" || fail "there are no licences"
[ "$(stat -c %u:%g "$root/var/lib/wechat-material-exporter")" = 65532:65532 ] || fail "who owns the state directory"
sum=$(sha256sum <"$root/usr/local/bin/wechat-material-exporter")
ldd "$root/usr/local/bin/wechat-material-exporter" | awk '{print $1}' | grep -v -e linux-vdso -e ld-linux |
	while read -r library; do
		[ -n "$(find "$root/lib" "$root/usr/lib" -name "$library" -print -quit)" ] || fail "there is no $library"
	done
ok "no shell, CA certificates, licences, the libraries of the program"
buildah rm "$container" >/dev/null

# The demo, with nothing to write to but /tmp.
start demo --network=none --tmpfs=/tmp -- demo
eventually shows demo /metrics '^wechat_material_items{account="healthy",kind="image"}'
shows demo /metrics "^wechat_exporter_build_info{revision=\"$revision\"" || fail "the revision in build_info"
ok "demo: /metrics shows accounts, and revision $revision"
status=/proc/$(process demo)/status
for wanted in 'Uid:\s*65532\s*65532' 'CapEff:\s*0000000000000000' 'NoNewPrivs:\s*1' 'Seccomp:\s*2'; do
	grep -qE "^$wanted" "$status" || fail "$wanted: $(cat "$status")"
done
ok "demo: user 65532, no capabilities, no new privileges, seccomp"
[ "$(podman exec demo /usr/local/bin/wechat-material-exporter health)" = healthy ] || fail "health"
ok "demo: health says healthy"
if podman exec demo /usr/local/bin/wechat-material-exporter health --web.listen-address=:1 2>"$work/said"; then
	fail "health of a port that nobody listens on"
fi
ok "demo: health says $(cat "$work/said")"
if podman exec demo /bin/sh -c true 2>/dev/null; then fail "a shell runs"; fi
ok "demo: no shell runs"
stop demo

# The simulator and an exporter that polls it, keeps its state and reads a secret, beside each other.
rm -rf "$work/config" "$work/state"
mkdir -p "$work/config/secrets" "$work/state"
printf 'simulated-secret-0\n' >"$work/config/secrets/brand-main"
cat >"$work/config/wechat-material-exporter.yaml" <<'YAML'
api: {base_url: 'http://127.0.0.1:19871'}
accounts:
  brand-main: {app_id: wx0000000000000000, token: {app_secret_file: secrets/brand-main}}
  over-tls: {app_id: wx0000000000000001, base_url: 'https://127.0.0.1:1', token: {app_secret: a-secret}}
YAML
chown -R 65532:65532 "$work/config" "$work/state"
chmod 0400 "$work/config/secrets/brand-main"
start simulator --network=none -- simulate --listen=127.0.0.1:19871 --accounts=1
exporter() {
	start exporter --network=container:simulator "--volume=$work/config:/etc/wechat-material-exporter:ro" \
		"--volume=$work/state:/var/lib/wechat-material-exporter" -- --state.file=/var/lib/wechat-material-exporter/state
	eventually shows exporter /metrics '^wechat_account_up{account="brand-main"} 1'
}
exporter
ok "exporter: polls the simulator with a secret from a file, on a read-only root"
# It would not have started without certificates, as an account is called by https.
eventually shows exporter /metrics '^wechat_account_failing{account="over-tls",class="network"'
podman exec exporter /usr/local/bin/wechat-material-exporter health >/dev/null || fail "health"
last_success='^wechat_account_last_success_timestamp_seconds{account="brand-main"}'
before=$(page exporter /metrics | grep "$last_success")
stop exporter
[ "$(stat -c %u "$work/state/state")" = 65532 ] || fail "the state file"
podman rm exporter >/dev/null
exporter
[ "$(page exporter /metrics | grep "$last_success")" = "$before" ] || fail "it forgot, or asked again"
ok "exporter: knows its accounts after a restart, without a call"
stop exporter
stop simulator

if [ -n "${TWICE-}" ]; then
	rm -rf "$work/cache-again"
	build $image-again "$work/cache-again"
	container=$(buildah from --pull-never $image-again)
	again=$(sha256sum <"$(buildah mount "$container")/usr/local/bin/wechat-material-exporter")
	buildah rm "$container" >/dev/null
	rm -rf "$work/cache-again"
	[ "$sum" = "$again" ] || fail "another build is another program: $sum, $again"
	ok "the program is the same when built again: $sum"
	first=$(podman image inspect $image --format '{{.RootFS.Layers}}')
	[ "$first" = "$(podman image inspect $image-again --format '{{.RootFS.Layers}}')" ] || fail "the layers differ"
	ok "and so are all layers of the image"
fi
