#!/bin/sh
# Lints what is not Rust: shell scripts, the Dockerfile, the workflows; and that the collected licences are those of
# Cargo.lock. `make tools` installs what it needs.
set -eu
cd "$(dirname "$0")/../.."
programs=$PWD/.tools/venv/bin

find . \( -name target -o -name .tools -o -name .git -o -name node_modules \) -prune -o -type f \
	-exec grep -lZE '^#!/bin/(ba)?sh' {} + | xargs -0 "$programs/shellcheck" --external-sources
"$programs/hadolint" Dockerfile
"$programs/zizmor" --offline --quiet --no-progress .github/workflows
deploy/licences/collect.py --check
