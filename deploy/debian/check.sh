#!/bin/sh
# Builds the Debian package, and installs, starts, upgrades, removes and purges it in a fresh Debian 12 below
# target/debian-check. No systemd runs there: the exporter is started with the user, directory, variables and command
# line of the installed unit, but without the unit's sandbox. Needs root on Debian.
set -eu
cd "$(dirname "$0")/../.."
name=wechat-material-exporter
work=$PWD/target/debian-check
root=$work/root
address=127.0.0.1:29870
export DEBIAN_FRONTEND=noninteractive

ok() {
	echo "ok: $*"
}

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

inside() {
	chroot "$root" "$@"
}

running=""
clean() {
	[ -z "$running" ] || kill "$running" 2>/dev/null || true
	[ -z "${simulator-}" ] || kill "$simulator" 2>/dev/null || true
	mountpoint -q "$root/proc" && umount "$root/proc"
	return 0
}
trap clean EXIT

# What a unit's key is set to, in what is installed.
unit() {
	cat "$root/usr/lib/systemd/system/$name.service" "$root/etc/systemd/system/$name.service" 2>/dev/null |
		sed -n "s/^$1=//p"
}

# Starts what the unit starts, in the background, as its user. Its log goes to a file.
start() {
	state=$root/var/lib/$(unit StateDirectory)
	[ -d "$state" ] || install -d -o "$(id_of -u)" -g "$(id_of -g)" -m "$(unit StateDirectoryMode)" "$state"
	# shellcheck disable=SC2046 # a command line
	env -i $(grep -v '^#' "$root/etc/default/$name") /usr/sbin/chroot --userspec="$(unit User):$(unit Group)" "$root" \
		/usr/bin/env --chdir="$(unit WorkingDirectory)" $(unit ExecStart) 2>"$work/log" &
	running=$!
}

# The user's or group's number in the chroot.
id_of() {
	inside id "$1" "$(unit User)"
}

page() {
	curl -sS --max-time 5 "http://$address$1" 2>/dev/null
}

# Waits until the page shows a line, for 30 s.
shows() {
	tries=0
	until page "$1" | grep -q "$2"; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || { cat "$work/log" >&2; fail "$1 never shows $2"; }
		sleep 0.1
	done
}

stop() {
	kill "$running"
	code=0
	wait "$running" || code=$?
	running=""
	[ "$code" = 0 ] || fail "SIGTERM ended it with $code"
}

tree() {
	(cd "$root" && find etc/wechat-material-exporter var/lib/wechat-material-exporter usr/bin/$name 2>/dev/null | sort)
}

missing=""
for program in debootstrap:debootstrap dpkg-shlibdeps:dpkg-dev curl:curl; do
	command -v "${program%:*}" >/dev/null || missing="$missing ${program#*:}"
done
if [ -n "$missing" ]; then
	apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

deploy/debian/build.sh >/dev/null
package=$(ls target/debian/${name}_*.deb)
ok "built $package, $(($(stat -c %s "$package") / 1000)) kB"

# The next version, with other conffiles.
rm -rf "$work/next"
mkdir -p "$work"
dpkg-deb -R "$package" "$work/next"
sed -i 's/^Version: .*/&.1/' "$work/next/DEBIAN/control"
echo "# of the next version" >>"$work/next/etc/$name/$name.yaml"
echo "# of the next version" >>"$work/next/etc/default/$name"
dpkg-deb --root-owner-group -b "$work/next" "$work/next.deb" >/dev/null

if [ ! -d "$work/debian" ]; then
	debootstrap --variant=minbase bookworm "$work/unfinished" >"$work/debootstrap.log"
	mv "$work/unfinished" "$work/debian"
fi
clean
rm -rf --one-file-system "$root"
cp -a "$work/debian" "$root"
mount -t proc proc "$root/proc"
inside apt-get update -qq
cp "$package" "$root/this.deb"
cp "$work/next.deb" "$root/next.deb"
apt() {
	inside apt-get -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "$@" >"$work/apt.log" 2>&1 ||
		{ cat "$work/apt.log" >&2; fail "apt-get $*"; }
}

# First installation.
apt install /this.deb
grep "name accounts" "$work/apt.log" || fail "it does not say what to do"
id_of -u >/dev/null || fail "there is no user"
[ "$(inside stat -c '%a %U:%G' /etc/$name/$name.yaml)" = "640 root:$name" ] || fail "the rights of the configuration"
[ "$(inside stat -c '%a %U:%G' /etc/$name/secrets)" = "750 root:$name" ] || fail "the rights of the secrets"
inside systemctl is-enabled $name.service >/dev/null && fail "it is enabled without a configuration"
[ -z "$(find "$root/etc/systemd" -name "$name*")" ] || fail "it is enabled without a configuration"
said=$(systemd-analyze verify --man=no --root="$root" $name.service $name@0.service 2>&1) || true
[ -z "$said" ] || fail "systemd has something to say: $said"
ok "installed: a user, a configuration that only it can read, units that are sound and not enabled"

code=0
start
wait "$running" || code=$?
running=""
[ "$code" = 1 ] || fail "without accounts it ended with $code"
grep -q "name at least one account" "$work/log" || fail "it does not say what is missing: $(cat "$work/log")"
ok "without accounts it does not start: $(cat "$work/log")"

# With a configuration, as its comments say.
chroot --userspec=$name "$root" /usr/bin/$name simulate --listen=127.0.0.1:29871 --accounts=1 >/dev/null &
simulator=$!
printf 'simulated-secret-0\n' |
	inside install -o $name -m 0400 /dev/stdin /etc/$name/secrets/brand-main
cat >>"$root/etc/$name/$name.yaml" <<'YAML'
  brand-main: {app_id: wx0000000000000000, token: {app_secret_file: secrets/brand-main}}
api: {base_url: 'http://127.0.0.1:29871'}
YAML
sed -i "s/^#WECHAT_EXPORTER_WEB_LISTEN_ADDRESS=.*/WECHAT_EXPORTER_WEB_LISTEN_ADDRESS=$address/" "$root/etc/default/$name"
cp "$root/etc/default/$name" "$work/default"
cp "$root/etc/$name/$name.yaml" "$work/configuration"
inside systemctl enable $name.service 2>/dev/null
start
shows /metrics '^wechat_account_up{account="brand-main"} 1'
inside /usr/bin/$name health --web.listen-address=$address >/dev/null || fail "health"
ok "started: it polls, and is healthy"
kill -HUP "$running"
shows /metrics '^wechat_exporter_config_last_reload_successful 1'
grep -q reload "$work/log" || fail "SIGHUP does not reload"
ok "reloaded: $(grep reload "$work/log" | tail -1)"
last_success=$(page /metrics | grep '^wechat_account_last_success_timestamp_seconds{')
stop
ok "stopped: SIGTERM ends it with 0"

# The next version: what was changed stays, what was not changed is new.
apt -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install /next.deb
cmp "$root/etc/$name/$name.yaml" "$work/configuration" || fail "a changed configuration was overwritten"
cmp "$root/etc/default/$name" "$work/default" || fail "changed variables were overwritten"
grep -q "of the next version" "$root/etc/$name/$name.yaml.dpkg-dist" || fail "the next version's is not beside it"
[ "$(inside stat -c '%a %U:%G' /etc/$name/$name.yaml)" = "640 root:$name" ] || fail "the rights of the configuration"
inside systemctl is-enabled $name.service >/dev/null || fail "it is not enabled any more"
# shellcheck disable=SC2016 # dpkg's own variable
version=$(inside dpkg-query -f '${Version}' -W $name)
ok "upgraded to $version: changed conffiles are kept, it is enabled as before"
start
shows /metrics '^wechat_account_up{account="brand-main"} 1'
[ "$(page /metrics | grep '^wechat_account_last_success_timestamp_seconds{')" = "$last_success" ] || fail "the state"
ok "started again: the state was kept, nothing was asked twice"
stop

apt remove $name
[ ! -e "$root/usr/bin/$name" ] || fail "the program is still there"
cmp "$root/etc/$name/$name.yaml" "$work/configuration" || fail "the configuration is gone"
[ -s "$root/var/lib/$name/state" ] || fail "the state is gone"
ok "removed: configuration and state are kept"

apt purge $name
[ ! -e "$root/var/lib/$name" ] || fail "the state is still there"
[ ! -e "$root/etc/$name/$name.yaml" ] && [ ! -e "$root/etc/default/$name" ] || fail "conffiles are still there"
[ -z "$(find "$root/etc/systemd" -name "$name*")" ] || fail "it is still enabled"
[ -e "$root/etc/$name/secrets/brand-main" ] || fail "somebody's secret is gone"
ok "purged: state, conffiles and links are gone, the administrator's own files are kept: $(tree | tr '\n' ' ')"

rm -r "${root:?}/etc/$name"
apt install /this.deb
apt purge $name
[ -z "$(tree)" ] || fail "left behind: $(tree)"
ok "installed and purged once more: nothing is left but the user"

# By hand, as deploy/README.md says.
by_hand=$(sed -n '/^The Debian package installs all of this/,/^```$/ { /^[a-z]/p }' deploy/README.md)
rm -rf "$root/src" && mkdir "$root/src"
cp -r deploy "$root/src/"
cp target/release/$name "$root/src/"
inside sh -euc "cd /src; $by_hand" || fail "installed by hand: $by_hand"
said=$(systemd-analyze verify --man=no --root="$root" $name.service 2>&1) || true
[ -z "$said" ] || fail "systemd has something to say: $said"
start
wait "$running" || true
running=""
grep -q "name at least one account" "$work/log" || fail "installed by hand it says: $(cat "$work/log")"
ok "installed by hand: $(echo "$by_hand" | wc -l) commands of deploy/README.md"
