#!/bin/sh
# Builds the Debian package into target/debian, with cargo-deb in .tools. Prints its path.
# A first build takes about ten minutes, half of it for cargo-deb.
set -eu
cd "$(dirname "$0")/../.."
tools=$PWD/.tools/cargo
[ -x "$tools/bin/cargo-deb" ] || cargo install --quiet --locked --root "$tools" --version 3.8.0 cargo-deb
rm -f target/debian/*.deb
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH-$(git log -1 --format=%ct)} BUILD_REVISION=${BUILD_REVISION-$(git rev-parse HEAD)} \
	PATH="$tools/bin:$PATH" cargo deb --locked "$@"
