#!/bin/sh
# Installs what the comparison needs and is missing: Debian's nginx, prometheus-pushgateway and hey
# and, in a virtual environment of its own, PyPI's prometheus_client and requests.
set -eu
cd "$(dirname "$0")/../.."

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=""
# Debian has it where only root's search path looks.
PATH="$PATH:/usr/sbin"
command -v nginx >/dev/null || missing="$missing nginx-light"
command -v prometheus-pushgateway >/dev/null || missing="$missing prometheus-pushgateway"
command -v hey >/dev/null || missing="$missing hey"
python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3 python3-venv"
if [ -n "$missing" ]; then
	as_root apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

venv=target/compare/venv
requirements=benches/compare/requirements.txt
if ! cmp -s "$requirements" "$venv/installed.txt"; then
	python3 -m venv --clear "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
	cp "$requirements" "$venv/installed.txt"
fi
