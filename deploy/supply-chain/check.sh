#!/bin/sh
# Checks the dependencies, and writes the list of them (SBOM, CycloneDX 1.5) to target/supply-chain. Installs cargo-deny
# and cargo-cyclonedx into .tools, which takes about ten minutes the first time.
# ADVISORIES=1 also looks for known vulnerabilities: it needs git access to the advisory database.
set -eu
cd "$(dirname "$0")/../.."
tools=$PWD/.tools/cargo
out=$PWD/target/supply-chain
PATH="$tools/bin:$PATH"
[ -x "$tools/bin/cargo-deny" ] || cargo install --quiet --locked --root "$tools" --version 0.20.2 cargo-deny
[ -x "$tools/bin/cargo-cyclonedx" ] || cargo install --quiet --locked --root "$tools" --version 0.5.9 cargo-cyclonedx

checks="licenses bans sources"
[ -z "${ADVISORIES-}" ] || checks="advisories $checks"
# shellcheck disable=SC2086 # a list of checks
cargo deny --all-features check --hide-inclusion-graph $checks

deploy/licences/collect.py --check
echo "deploy/licences/THIRD-PARTY.txt has the licences of all crates that are linked in"

mkdir -p "$out"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
for target in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu; do
	name=wechat-material-exporter-$target.cdx
	cargo cyclonedx --format json --spec-version 1.5 --target $target --override-filename "$name" --quiet
	mv "$name.json" "$out/"
	echo "$out/$name.json: $(grep -c '"purl"' "$out/$name.json") packages"
done
