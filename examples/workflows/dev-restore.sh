#!/usr/bin/env bash
# Carries the data of a tenant over a rebuild: save, rebuild, put back.
#
#   REINSTATE_TOKEN=... examples/workflows/dev-restore.sh FILE COMMAND [ARGUMENT...]
#
# FILE is where the archive goes; it is left there. COMMAND does the rebuild: whatever makes the tenant's models and
# records go away, such as a script that drops the database and installs anew. Nothing is restored where it fails.
#
# REINSTATE_URL    the server, http://127.0.0.1:9001 where not set
# REINSTATE_TOKEN  a token of the tenant, of the level full
set -euo pipefail
source "$(dirname "$0")/api.sh"

[[ $# -ge 2 ]] || fail "usage: ${0##*/} FILE COMMAND [ARGUMENT...]"
need REINSTATE_TOKEN
file=$1
shift

say "saving the tenant"
before=$(counts "$REINSTATE_TOKEN")
run=$(extract "$REINSTATE_TOKEN" "Dev data" "$file")
exported=$(value records_exported <<<"$run")
say "saved $exported records of $(value models_exported <<<"$run") models to $file"

say "rebuilding: $*"
"$@" || fail "the rebuild failed; the data is in $file"

say "putting the data back"
run=$(restore "$REINSTATE_TOKEN" "$file" replace)
imported=$(value records_imported <<<"$run")
say "put back $imported records, created $(value models_created <<<"$run") models"

[[ $imported == "$exported" ]] || fail "$exported records were saved and $imported put back; the data is in $file"
after=$(counts "$REINSTATE_TOKEN")
while read -r model records; do
    [[ -z $model ]] || grep -qx "$model $records" <<<"$after" || fail "model $model had $records records and has others now"
done <<<"$before"
say "every model has as many records as before"
