#!/usr/bin/env bash
# Installs a package: new models come with their records, models that are there get new fields and keep their records.
#
#   REINSTATE_TOKEN=... examples/workflows/package-install.sh PACKAGE.zip
#
# REINSTATE_URL    the server, http://127.0.0.1:9001 where not set
# REINSTATE_TOKEN  a token of the tenant, of the level full
set -euo pipefail
source "$(dirname "$0")/api.sh"

[[ $# -eq 1 ]] || fail "usage: ${0##*/} PACKAGE.zip"
need REINSTATE_TOKEN
[[ -r $1 ]] || fail "$1 cannot be read"

before=$(counts "$REINSTATE_TOKEN")
say "installing $1"
run=$(restore "$REINSTATE_TOKEN" "$1" merge)
say "created $(value models_created <<<"$run") models and $(value fields_created <<<"$run") fields"
say "imported $(value records_imported <<<"$run") records, left out $(value records_skipped <<<"$run")"

after=$(counts "$REINSTATE_TOKEN")
while read -r model records; do
    [[ -z $model ]] || grep -qx "$model $records" <<<"$after" || fail "model $model had $records records and has others now"
done <<<"$before"
while read -r model records; do
    grep -q "^$model " <<<"$before" || say "new: $model with $records records"
done <<<"$after"
say "the models that were there have as many records as before"
