#!/bin/sh
# Unpacks newer Debian packages than the system's below a directory, from the mirror that apt uses, without
# installing them:  tests/tools/unpack.sh DIRECTORY PACKAGE...
# Fit for programs that need little but the C library. The suite moves: versions are printed, not pinned.
set -eu
suite=forky
directory=$1
shift

failed() {
	echo "unpack.sh: cannot get $* from Debian's suite $suite: $reason" >&2
	exit 1
}

reason="no Debian mirror in apt's sources"
# shellcheck disable=SC2016 # apt fills these in
mirror=$(apt-get indextargets --no-release-info --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
	sed -n 's|^\(.*/debian/\) main$|\1|p' | head -n 1)
[ -n "$mirror" ] || failed "$@"

# A world of its own, so that apt neither sees nor changes the system's.
world=$(mktemp -d)
trap 'rm -rf "$world"' EXIT
mkdir -p "$world/lists/partial" "$world/cache/archives/partial" "$world/packages"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$world/sources.list"
apt() {
	apt-get -qq -o Dir::State::status=/dev/null -o Dir::State::lists="$world/lists" -o Dir::Cache="$world/cache" \
		-o Dir::Etc::sourcelist="$world/sources.list" -o Dir::Etc::sourceparts=- -o APT::Update::Error-Mode=any \
		-o APT::Sandbox::User= -o Acquire::Languages=none "$@"
}
reason="its index at $mirror cannot be read"
apt update || failed "$@"
reason="a package cannot be fetched from $mirror"
(cd "$world/packages" && apt download "$@") || failed "$@"

rm -rf "$directory"
mkdir -p "$directory"
for package in "$world"/packages/*.deb; do
	dpkg-deb --extract "$package" "$directory"
	basename "$package"
done
