#!/bin/sh
# The image of a release, in GitHub's registry, from within a workflow.
#   image.sh build ARCHITECTURE   builds it on a machine of that architecture and pushes it without a name; its digest
#                                 goes to target/dist/ARCHITECTURE.digest
#   image.sh name                 gives those of target/dist one name, by version and as `latest`
set -eu
cd "$(dirname "$0")/../.."
image=ghcr.io/$(echo "$GITHUB_REPOSITORY" | tr '[:upper:]' '[:lower:]')
version=${GITHUB_REF_NAME#v}
echo "$TOKEN" | docker login --username "$GITHUB_ACTOR" --password-stdin ghcr.io
mkdir -p target/dist

case $1 in
build)
	epoch=$(git log -1 --format=%ct)
	docker buildx create --use --driver docker-container
	docker buildx build . --platform "linux/$2" --provenance mode=max --sbom true \
		--build-arg REVISION="$GITHUB_SHA" --build-arg VERSION="$version" --build-arg SOURCE_DATE_EPOCH="$epoch" \
		--output "type=image,name=$image,push=true,push-by-digest=true,name-canonical=true,rewrite-timestamp=true" \
		--metadata-file target/metadata.json
	jq -r '."containerimage.digest"' target/metadata.json >"target/dist/$2.digest"
	;;
name)
	set --
	for file in target/dist/*.digest; do
		set -- "$@" "$image@$(cat "$file")"
	done
	docker buildx imagetools create --tag "$image:$version" --tag "$image:latest" "$@"
	digest=$(docker buildx imagetools inspect "$image:$version" --format '{{.Manifest.Digest}}')
	printf 'name=%s\ndigest=%s\n' "$image" "$digest" >>"$GITHUB_OUTPUT"
	;;
*)
	echo "usage: image.sh build ARCHITECTURE | image.sh name" >&2
	exit 2
	;;
esac
