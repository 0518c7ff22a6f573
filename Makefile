# `make test` installs what the tests need (Debian, apt) and runs all of them, the linters of scripts first.

.PHONY: test tools lint check bench docs screenshots fuzz licences supply-chain image-check deb deb-check compose-check chart

test: tools lint
	cargo test --locked
	.tools/venv/bin/python -m unittest discover --start-directory tests/chart

tools:
	tests/tools/install.sh

# Shell scripts, Dockerfile, workflows, collected licences.
lint:
	tests/tools/lint.sh

check:
	.ci/run

# Measures the exporter beside other programs and writes the table of docs/performance.md. Takes ten
# minutes after the release build; wants a machine that does nothing else.
bench:
	benches/compare/install.sh
	python3 benches/compare/run.py

# Writes docs/metrics.md anew from the table of families, and docs/man and completions from the flags.
docs:
	UPDATE_DOCS=1 cargo test --locked --lib metrics
	UPDATE_DOCS=1 cargo test --locked --test it are_those_of_the_flags

# Collects the licences of what is linked in, after a change of dependencies.
licences:
	deploy/licences/collect.py

# Licences, sources and duplicates of dependencies, and the lists of them. Ten minutes the first time.
supply-chain:
	deploy/supply-chain/check.sh

# Builds the container image and runs it. Needs root on Debian; ten minutes the first time.
image-check:
	deploy/container/check.sh

# Runs deploy/compose.yaml as far as a machine can that reaches no image registry. After image-check.
compose-check:
	deploy/compose/check.sh

# Builds the Debian package; ten minutes the first time.
deb:
	deploy/debian/build.sh

# Installs, starts, upgrades and purges it in a fresh Debian. Needs root on Debian.
deb-check:
	deploy/debian/check.sh

# Writes what the Helm chart copies and what is rendered from it anew.
chart: tools
	.tools/venv/bin/python deploy/kubernetes/generate.py

# Takes the README's pictures of the status page anew. Needs Debian's pngquant.
screenshots: tools
	SCREENSHOTS="$(CURDIR)/docs/images" cargo test --locked --test it browser::
	pngquant --speed 1 --strip --force --ext .png 64 docs/images/status-*.png

# Runs each fuzz target for SECONDS.
SECONDS = 60
fuzz:
	fuzz/run.sh $(SECONDS)
