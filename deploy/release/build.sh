#!/bin/sh
# Builds what a release has for one target into target/dist: an archive with the program, a Debian package and the list
# of dependencies. The program needs glibc 2.28 or newer (Debian 10, RHEL 8), whatever the machine has that builds it.
# Usage: build.sh [TARGET]. Installs cargo-zigbuild, cargo-deb and cargo-cyclonedx into .tools.
set -eu
cd "$(dirname "$0")/../.."
target=${1:-x86_64-unknown-linux-gnu}
glibc=2.28
name=wechat-material-exporter
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
case $target in
x86_64-*) architecture=amd64 ;;
aarch64-*) architecture=arm64 ;;
*)
	echo "no such target: $target" >&2
	exit 2
	;;
esac

venv=$PWD/.tools/zig
if [ ! -x "$venv/bin/cargo-zigbuild" ]; then
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check cargo-zigbuild==0.24.0 ziglang==0.15.2
fi
tools=$PWD/.tools/cargo
[ -x "$tools/bin/cargo-deb" ] || cargo install --quiet --locked --root "$tools" --version 3.8.0 cargo-deb
[ -x "$tools/bin/cargo-cyclonedx" ] || cargo install --quiet --locked --root "$tools" --version 0.5.9 cargo-cyclonedx
PATH="$venv/bin:$tools/bin:$PATH"
rustup target list --installed | grep -qx "$target" || rustup target add "$target"

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
BUILD_REVISION=$(git rev-parse HEAD)
# Where it was built is no part of the program.
RUSTFLAGS="--remap-path-prefix=$PWD=/build --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
export SOURCE_DATE_EPOCH BUILD_REVISION RUSTFLAGS
cargo zigbuild --release --locked --target "$target.$glibc" --bin $name

program=target/$target/release/$name
newest=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1)
[ "$(printf '%s\n' "GLIBC_$glibc" "$newest" | sort -V | tail -1)" = "GLIBC_$glibc" ] || {
	echo "$program needs $newest" >&2
	exit 1
}

dist=target/dist
directory=$name-$version-linux-$architecture
rm -rf "target/archive" && mkdir -p "target/archive/$directory" $dist
cp -r "$program" LICENSE deploy/licences/THIRD-PARTY.txt README.md README.zh-CN.md CHANGELOG.md config deploy/systemd \
	deploy/prometheus deploy/grafana "target/archive/$directory/"
tar -C target/archive --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go-w \
	-cf - "$directory" | gzip -n9 >"$dist/$directory.tar.gz"
cargo deb --no-build --no-strip --target "$target" --output "$dist/"
cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --override-filename "$directory.cdx"
mv "$directory.cdx.json" $dist/
ls -l $dist
