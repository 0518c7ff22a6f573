# `make test` installs what the tests need (Debian, apt) and runs all of them.

.PHONY: test tools check bench docs screenshots fuzz

test: tools
	cargo test --locked

tools:
	tests/tools/install.sh

check:
	.ci/run

# Measures the exporter beside other programs and writes the table of docs/performance.md. Takes ten
# minutes after the release build; wants a machine that does nothing else.
bench:
	benches/compare/install.sh
	python3 benches/compare/run.py

# Writes docs/metrics.md anew from the table of families.
docs:
	UPDATE_DOCS=1 cargo test --locked --lib metrics

# Takes the README's pictures of the status page anew. Needs Debian's pngquant.
screenshots: tools
	SCREENSHOTS="$(CURDIR)/docs/images" cargo test --locked --test it browser::
	pngquant --speed 1 --strip --force --ext .png 64 docs/images/status-*.png

# Runs each fuzz target for SECONDS.
SECONDS = 60
fuzz:
	fuzz/run.sh $(SECONDS)
