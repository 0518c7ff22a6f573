#!/bin/sh
# fuzz/run.sh SECONDS [TARGET…]: runs each fuzz target, or those named, for so long, with the address
# sanitizer. Installs cargo-fuzz into .tools when it is missing; keeps what it builds and finds there.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?"how many seconds for each target?"}
shift
[ $# -gt 0 ] || set -- answers configuration negotiation state_file

version=0.13.2
tools=$PWD/.tools
[ -x "$tools/bin/cargo-fuzz" ] || cargo install cargo-fuzz --version "$version" --locked --root "$tools"
PATH=$tools/bin:$PATH
# The sanitizer's switches are unstable, the installed compiler has them all the same.
export RUSTC_BOOTSTRAP=1
# Two of the targets write files: in memory that costs little.
[ -d /dev/shm ] && export TMPDIR=/dev/shm

for target in "$@"; do
	grown=$tools/fuzz/corpus/$target
	found=$tools/fuzz/found/$target
	mkdir -p "$grown" "$found"
	set -- "$grown" "fuzz/corpus/$target"
	case $target in
	configuration) set -- "$@" config tests/it/testdata/bad tests/it/testdata/web ;;
	esac
	cargo fuzz run --target-dir "$tools/fuzz/target" "$target" "$@" -- \
		-max_total_time="$seconds" -timeout=10 -print_final_stats=1 -artifact_prefix="$found/" \
		-dict="fuzz/dictionaries/$target.txt"
done
