#!/usr/bin/env bash
# Brings what was made in a sandbox home to its parent: new models, new fields, new records. Records that the parent has
# stay as they are there.
#
#   REINSTATE_SANDBOX_TOKEN=... REINSTATE_TOKEN=... examples/workflows/sandbox-merge.sh
#
# REINSTATE_URL            the parent's server, http://127.0.0.1:9001 where not set
# REINSTATE_TOKEN          a token of the parent, of the level full
# REINSTATE_SANDBOX_URL    the sandbox's server, the parent's where not set
# REINSTATE_SANDBOX_TOKEN  a token of the sandbox, of the level full
set -euo pipefail
source "$(dirname "$0")/api.sh"

[[ $# -eq 0 ]] || fail "usage: ${0##*/}"
need REINSTATE_TOKEN REINSTATE_SANDBOX_TOKEN
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
file=$folder/sandbox.zip

say "saving the sandbox"
run=$(REINSTATE_URL=${REINSTATE_SANDBOX_URL:-$REINSTATE_URL} extract "$REINSTATE_SANDBOX_TOKEN" "Sandbox" "$file")
exported=$(value records_exported <<<"$run")
say "saved $exported records of $(value models_exported <<<"$run") models"

say "merging into the parent"
before=$(counts "$REINSTATE_TOKEN")
run=$(restore "$REINSTATE_TOKEN" "$file" sync)
imported=$(value records_imported <<<"$run")
skipped=$(value records_skipped <<<"$run")
say "created $(value models_created <<<"$run") models and $(value fields_created <<<"$run") fields"
say "imported $imported records, left $skipped as the parent has them"

((imported + skipped == exported)) || fail "$exported records were saved, and $((imported + skipped)) arrived"
total() {
    local sum=0 model records
    while read -r model records; do
        sum=$((sum + ${records:-0}))
    done <<<"$1"
    echo "$sum"
}
after=$(counts "$REINSTATE_TOKEN")
(($(total "$after") == $(total "$before") + imported)) || fail "the parent has other records than it should"
say "the parent has $imported records more than before"
