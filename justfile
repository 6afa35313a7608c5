# Each recipe is one plain command: copy it if you have no `just`.

# Lists the recipes.
default:
    @just --list

# Everything that a change must pass.
ci:
    bash .ci/run

# All tests.
test:
    cargo test --workspace

# Formats everything.
fmt:
    cargo fmt --all

# Lints as CI does.
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# The main job in one command: serves the API with the sample imported.
demo *ARGS:
    cargo run -p reinstate -- demo {{ARGS}}

# Known vulnerabilities of dependencies; fetches the advisory database.
advisories:
    cargo deny check advisories

# Restores, extracts, memory and reads beside what the databases can do; `--quick` in a minute, `--only GROUP` for a part,
# `--postgres URL` for another server than a throw-away one.
bench *ARGS:
    cargo build --release -p reinstate
    cargo run --release -p reinstate --example bench -- {{ARGS}}

# Requests a second of the Data API on SQLite, and with `--postgres URL` on PostgreSQL, beside a bare actix handler.
bench-api *ARGS:
    cargo run --release -p reinstate --example bench_api -- {{ARGS}}

# Kills servers ten times in the middle of a run of 200,000 records and looks that it completes exactly once: on both
# databases after a restart, and on PostgreSQL by another server within 30 seconds.
crash-soak:
    REINSTATE_TEST_CRASH_RECORDS=200000 REINSTATE_TEST_CRASH_KILLS=10 cargo test --release -p reinstate --test it -- killed

# Asks both databases for their plans of the control plane's queries among a million runs, logs, uploads and artifacts.
plans-soak ROWS="1000000":
    REINSTATE_TEST_PLAN_ROWS={{ROWS}} cargo test -p reinstate-store --lib -- plans --test-threads=1

# Runs one fuzz target of `fuzz/fuzz_targets` for a while; needs cargo-fuzz and a nightly toolchain.
fuzz TARGET SECONDS="60":
    cargo +nightly fuzz run {{TARGET}} -- -max_total_time={{SECONDS}}
