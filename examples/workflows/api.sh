# What the workflows share: requests to a server, and waiting for runs. To be sourced, not run.
#
# Needs bash, curl, and the grep and sed of any Unix. Answers are JSON on one line; a value is picked out of it by the
# first key of its name, which is enough for the flat records that are asked for here. In programs of your own use a parser.
#
# Every step that may fail is followed by "|| exit": bash forgets "set -e" where the output of a function is caught.

REINSTATE_URL=${REINSTATE_URL:-http://127.0.0.1:9001}
# Seconds between two looks at a run, and how long a run may take.
REINSTATE_POLL_S=${REINSTATE_POLL_S:-1}
REINSTATE_WAIT_S=${REINSTATE_WAIT_S:-3600}

say() {
    echo "==> $*"
}

fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# Ends the script where one of these variables has no value.
need() {
    local name
    for name in "$@"; do
        [[ -n ${!name:-} ]] || fail "set $name"
    done
}

# request TOKEN METHOD PATH [CURL OPTION...]: sends a request and prints the body of the answer.
# The token goes in by a file descriptor: command lines can be read by others.
request() {
    local token=$1 method=$2 path=$3 answer status
    shift 3
    answer=$(curl --silent --show-error --globoff --request "$method" "$@" --write-out '\n%{http_code}' \
        --config <(printf 'header = "Authorization: Bearer %s"\n' "$token") "$REINSTATE_URL$path") ||
        fail "$method $path: no answer from $REINSTATE_URL"
    status=${answer##*$'\n'}
    answer=${answer%$'\n'*}
    [[ $status == 2* ]] || fail "$method $path: $status: $(value error <<<"$answer")"
    printf '%s\n' "$answer"
}

# download TOKEN PATH FILE: fetches a file; where the connection breaks, it goes on where it was.
download() {
    local token=$1 path=$2 file=$3
    rm -f "$file"
    curl --silent --show-error --fail --globoff --retry 5 --continue-at - --output "$file" \
        --config <(printf 'header = "Authorization: Bearer %s"\n' "$token") "$REINSTATE_URL$path" ||
        fail "$path could not be downloaded"
}

# value KEY: the value of the first key of that name in the JSON on standard input, without quotes.
value() {
    { grep -oE "\"$1\":(\"([^\"\\\\]|\\\\.)*\"|[^],}]*)" || true; } | head -n 1 | sed -e 's/^"[^"]*"://' -e 's/^"//' -e 's/"$//'
}

# names TOKEN: the models of a tenant, one a line.
names() {
    local answer
    answer=$(request "$1" GET /api/describe) || exit
    sed -e 's/.*"data":\[//' -e 's/\].*//' <<<"$answer" | tr ',' '\n' | tr -d '"'
}

# count TOKEN MODEL: how many records a model has, those in the trash too.
count() {
    local answer
    answer=$(request "$1" GET "/api/data/$2?limit=1&select=id&count=true&trashed=include") || exit
    value total <<<"$answer"
}

# counts TOKEN: a line "MODEL RECORDS" for each model.
counts() {
    local models model records
    models=$(names "$1") || exit
    for model in $models; do
        records=$(count "$1" "$model") || exit
        echo "$model $records"
    done
}

# wait_for_run TOKEN KIND RUN KEYS: waits until a run (KIND is restore_runs or extract_runs) has ended and prints these
# keys of its record. Anything but "completed" ends the script with the run's own words.
wait_for_run() {
    local token=$1 path="/api/data/$2?filter[where][id]=$3&select=status,error,$4" id=$3 run status started=$SECONDS
    while true; do
        run=$(request "$token" GET "$path") || exit
        status=$(value status <<<"$run")
        case $status in
        completed)
            printf '%s\n' "$run"
            return
            ;;
        failed | cancelled) fail "run $id $status: $(value error <<<"$run")" ;;
        esac
        ((SECONDS - started < REINSTATE_WAIT_S)) || fail "run $id is still $status after $REINSTATE_WAIT_S s"
        sleep "$REINSTATE_POLL_S"
    done
}

# extract TOKEN NAME FILE: runs the extract of that name (all models; made where there is none), saves its archive, and
# prints the run's figures.
extract() {
    local token=$1 name=$2 file=$3 found id queued run
    found=$(request "$token" GET /api/data/extracts --get --data-urlencode "filter[where][name]=$name") || exit
    id=$(value id <<<"$found")
    if [[ -z $id ]]; then
        found=$(request "$token" POST /api/data/extracts --header 'Content-Type: application/json' \
            --data "{\"name\":\"$name\"}") || exit
        id=$(value id <<<"$found")
    fi
    queued=$(request "$token" POST "/api/extracts/$id/run") || exit
    id=$(value run_id <<<"$queued")
    run=$(wait_for_run "$token" extract_runs "$id" records_exported,models_exported) || exit
    download "$token" "/api/extracts/runs/$id/download" "$file" || exit
    printf '%s\n' "$run"
}

# restore TOKEN FILE STRATEGY: imports an archive, waits, and prints the run's figures.
restore() {
    local token=$1 queued
    queued=$(request "$token" POST /api/restores/import --form "file=@$2" --form "conflict_strategy=$3") || exit
    wait_for_run "$token" restore_runs "$(value run_id <<<"$queued")" \
        records_imported,records_skipped,models_created,fields_created
}
