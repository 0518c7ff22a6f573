#!/bin/sh
# Makes look-alikes of the images that Dockerfile builds from, out of Debian's packages and this machine's Rust, for
# machines that reach no image registry. What is proven with them is the Dockerfile, not the true bases.
# Usage: bases.sh DIRECTORY. Leaves them in the image store below it.
set -eu
work=$1
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/container/store.sh
. "$here/store.sh"

# The bundle of this machine: cargo within the build needs it, and the exporter.
bundle=/etc/ssl/certs/ca-certificates.crt

builder=docker.io/library/rust:1.95-slim-bookworm
if ! podman image exists $builder; then
	echo "making $builder"
	debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev bookworm "$work/debian" >"$work/debootstrap.log"
	cp $bundle "$work/debian$bundle"
	container=$(buildah from scratch)
	root=$(buildah mount "$container")
	cp -a "$work/debian/." "$root/"
	mkdir -p "$root/usr/local/rustup" "$root/usr/local/cargo/bin"
	tar -C "$(rustc --print sysroot)" --exclude=./share -cf - . | tar -C "$root/usr/local/rustup" -xf -
	for program in cargo rustc; do
		ln -s "/usr/local/rustup/bin/$program" "$root/usr/local/cargo/bin/$program"
	done
	buildah umount "$container" >/dev/null
	buildah config --env PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		--env CARGO_HOME=/usr/local/cargo "$container"
	buildah commit -q --rm "$container" $builder >/dev/null
	rm -rf "$work/debian"
fi

base=gcr.io/distroless/cc-debian12:nonroot
if ! podman image exists $base; then
	echo "making $base"
	root=$work/distroless
	rm -rf "$root" "$work/debs"
	mkdir -p "$root/etc/ssl/certs" "$root/tmp" "$root/home/nonroot" "$work/debs"
	chmod 1777 "$root/tmp"
	(cd "$work/debs" && apt-get -o APT::Sandbox::User=root download -qq libc6 libgcc-s1 tzdata base-files netbase libssl3)
	for package in "$work"/debs/*.deb; do
		dpkg-deb -x "$package" "$root"
	done
	cp $bundle "$root$bundle"
	printf 'root:x:0:0::/root:/sbin/nologin\nnonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n' >"$root/etc/passwd"
	container=$(buildah from scratch)
	cp -a "$root/." "$(buildah mount "$container")/"
	buildah umount "$container" >/dev/null
	buildah config --user 65532 --env SSL_CERT_FILE=$bundle "$container"
	buildah commit -q --rm "$container" $base >/dev/null
	rm -rf "$root" "$work/debs"
fi
