# shellcheck shell=sh
# To be sourced, with `work` set: buildah and podman on one image store of their own, as root, without systemd.
: "${work:?}"

buildah() {
	command buildah --root "$work/store" --runroot "$work/run" --storage-driver overlay "$@"
}

podman() {
	command podman --root "$work/store" --runroot "$work/run" --storage-driver overlay \
		--runtime "$(command -v runc)" --cgroup-manager=cgroupfs "$@"
}
