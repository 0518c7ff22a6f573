#!/bin/sh
# Installs what the tests need and is missing: Debian's prometheus (with promtool), redis-server,
# openssl, faketime, and chromium with a Chinese font; in a virtual environment of its own, PyPI's
# parsers of both metric formats and of JSON Schema; and what drives the browser, from npm.
set -eu
cd "$(dirname "$0")/../.."

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=""
command -v prometheus >/dev/null && command -v promtool >/dev/null || missing="$missing prometheus"
command -v redis-server >/dev/null || missing="$missing redis-server"
command -v openssl >/dev/null || missing="$missing openssl"
command -v faketime >/dev/null || missing="$missing faketime"
command -v chromium >/dev/null || missing="$missing chromium"
[ -e /usr/share/fonts/truetype/wqy/wqy-microhei.ttc ] || missing="$missing fonts-wqy-microhei"
command -v node >/dev/null && command -v npm >/dev/null || missing="$missing nodejs npm"
python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3 python3-venv"
if [ -n "$missing" ]; then
	as_root apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

venv=.tools/venv
requirements=tests/tools/requirements.txt
if ! cmp -s "$requirements" "$venv/installed.txt"; then
	python3 -m venv --clear "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
	cp "$requirements" "$venv/installed.txt"
fi

browser=tests/browser
if ! cmp -s "$browser/package-lock.json" "$browser/node_modules/installed.json"; then
	npm --prefix "$browser" ci --no-progress --silent
	cp "$browser/package-lock.json" "$browser/node_modules/installed.json"
fi
