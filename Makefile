# `make test` installs what the tests need (Debian, apt) and runs all of them.

.PHONY: test tools check bench docs fuzz

test: tools
	cargo test --locked

tools:
	tests/tools/install.sh

check:
	.ci/run

# The page writer at 100, 10,000 and 100,000 accounts, beside the prometheus crate.
bench:
	cargo bench --locked

# Writes docs/metrics.md anew from the table of families.
docs:
	UPDATE_DOCS=1 cargo test --locked --lib metrics

# Runs each fuzz target for SECONDS.
SECONDS = 60
fuzz:
	fuzz/run.sh $(SECONDS)
