#!/bin/sh
# Installs what the tests need and is missing: Debian's prometheus (with promtool), Alertmanager, redis-server,
# curl, openssl, faketime, man, zsh, fish, systemd's checks of units, and chromium with a Chinese font; Prometheus 3 and a newer
# Alertmanager, unpacked; and, in a virtual environment of its own, PyPI's parsers of both metric formats, of PromQL and of
# JSON Schema, the schemas of Kubernetes, and linters of scripts, images and workflows. Makes the JSON schema of
# dashboards from the types that Grafana publishes at npm. Then what drives the browser, and what the tests of the chart need.
set -eu
cd "$(dirname "$0")/../.."

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=""
command -v prometheus >/dev/null && command -v promtool >/dev/null || missing="$missing prometheus"
command -v prometheus-alertmanager >/dev/null && command -v amtool >/dev/null || missing="$missing prometheus-alertmanager"
command -v redis-server >/dev/null || missing="$missing redis-server"
command -v curl >/dev/null || missing="$missing curl"
command -v openssl >/dev/null || missing="$missing openssl"
command -v systemd-analyze >/dev/null && command -v systemd-sysusers >/dev/null || missing="$missing systemd"
command -v faketime >/dev/null || missing="$missing faketime"
command -v chromium >/dev/null || missing="$missing chromium"
[ -e /usr/share/fonts/truetype/wqy/wqy-microhei.ttc ] || missing="$missing fonts-wqy-microhei"
command -v node >/dev/null && command -v npm >/dev/null || missing="$missing nodejs npm"
command -v man >/dev/null || missing="$missing man-db"
command -v zsh >/dev/null || missing="$missing zsh"
command -v fish >/dev/null || missing="$missing fish"
python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3 python3-venv"
if [ -n "$missing" ]; then
	as_root apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

newer=.tools/prometheus-3
[ -x $newer/usr/bin/promtool ] || tests/tools/unpack.sh $newer prometheus promtool prometheus-alertmanager
for program in prometheus prometheus-alertmanager; do
	$program --version | head -n 1
	$newer/usr/bin/$program --version | head -n 1
done

venv=.tools/venv
requirements=tests/tools/requirements.txt
if ! cmp -s "$requirements" "$venv/installed.txt"; then
	python3 -m venv --clear "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
	cp "$requirements" "$venv/installed.txt"
fi

schema=.tools/grafana
if ! cat tests/grafana/* | cmp -s - "$schema/made-from"; then
	mkdir -p "$schema"
	cp tests/grafana/* "$schema"
	npm --prefix "$schema" ci --ignore-scripts --no-audit --no-fund --silent
	(cd "$schema" && node_modules/.bin/ts-json-schema-generator --path types.ts --type DashboardFile \
		--tsconfig tsconfig.json --expose none --out dashboard.schema.json)
	cat tests/grafana/* >"$schema/made-from"
fi

browser=tests/browser
if ! cmp -s "$browser/package-lock.json" "$browser/node_modules/installed.json"; then
	npm --prefix "$browser" ci --no-progress --silent
	cp "$browser/package-lock.json" "$browser/node_modules/installed.json"
fi

tests/tools/chart/install.sh
