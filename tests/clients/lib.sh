# Sourced by the client scripts: how a step is run and told. Written to standard output, for run(1) to count:
#   ok   CLIENT: STEP          FAIL CLIENT: STEP: …          CLIENT: STEP: SKIP: WHY
# shellcheck shell=bash
set -u
umask 022
cd "$HOME" || exit 1

ok() { printf 'ok   %s: %s\n' "$CLIENT" "$1"; }
fail() { printf 'FAIL %s: %s: %s\n' "$CLIENT" "$1" "${2//$'\n'/ | }"; }
skip() { printf '     %s: %s: SKIP: %s\n' "$CLIENT" "$1" "$2"; }
impossible() { skip "$1" "impossible here: $2"; }
finish() { echo complete; }

# run CMD…: with nothing on standard input and a time limit; sets $rc, $out, $err and remembers the words.
run() { run_in /dev/null "$@"; }
run_in() {
    local input=$1; shift
    words="$*"
    timeout -k 5 "${LIMIT:-30}" "$@" <"$input" >"$OUT/stdout.last" 2>"$OUT/stderr.last"
    rc=$?
    out=$(tr -d '\0' <"$OUT/stdout.last"); err=$(tr -d '\0' <"$OUT/stderr.last")
}

# expect STEP [rc=N | out=REGEX | err=REGEX | any=REGEX | not=REGEX | has=TEXT | file=PATH | nofile=PATH]…
# about the last run; REGEX is extended and is matched against each line. No rc= means rc=0.
expect() {
    local step=$1 want=0 why='' it; shift
    for it; do [ "${it%%=*}" != rc ] || want=${it#*=}; done
    [ "$want" = any ] || [ "$rc" = "$want" ] || why="exit status $rc, not $want"
    for it; do
        case ${it%%=*} in
            rc) ;;
            out) grep -Eq -- "${it#*=}" <<<"$out" || why="$why; no line of its output is like /${it#*=}/" ;;
            err) grep -Eq -- "${it#*=}" <<<"$err" || why="$why; no line of its stderr is like /${it#*=}/" ;;
            any) grep -Eq -- "${it#*=}" <<<"$out"$'\n'"$err" || why="$why; no line it wrote is like /${it#*=}/" ;;
            not) ! grep -Eq -- "${it#*=}" <<<"$out"$'\n'"$err" || why="$why; there is a line like /${it#*=}/" ;;
            has) [[ $out == *"${it#*=}"* ]] || why="$why; its output lacks '${it#*=}'" ;;
            file) [ -e "${it#*=}" ] || why="$why; ${it#*=} is not there" ;;
            nofile) [ ! -e "${it#*=}" ] || why="$why; ${it#*=} is there" ;;
            *) why="$why; expect does not know '$it'" ;;
        esac
    done
    if [ -z "$why" ]; then ok "$step"; else
        fail "$step" "${why#; }"
        printf '     %s| command: %s\n' "$CLIENT" "${words//$'\n'/ | }"
        if [ -n "$out" ]; then head -n 12 <<<"$out" | cut -c1-300 | sed "s/^/     $CLIENT| stdout: /"; fi
        if [ -n "$err" ]; then head -n 12 <<<"$err" | cut -c1-300 | sed "s/^/     $CLIENT| stderr: /"; fi
    fi
}

# start CMD…: in the background, its output read by await; sets $bgpid. await REGEX: the line (within 15 s).
# await_end: until everybody who holds its output is gone. bg_status: the exit status of what start started.
start() {
    words="$*"
    exec {bgfd}< <(exec "$@" 2>"$OUT/stderr.bg" </dev/null)
    bgpid=$!
}
await() {
    local line
    while IFS= read -r -t 15 -u "$bgfd" line; do
        if [[ $line =~ $1 ]]; then return 0; fi
    done
    return 1
}
await_end() {
    local line status
    while :; do
        IFS= read -r -t "${1:-15}" -u "$bgfd" line; status=$?
        [ $status = 0 ] && continue
        exec {bgfd}<&-
        [ $status -le 128 ]; return
    done
}
bg_status() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do     # bounded: what hangs is killed, and the status says so
        if ! kill -0 "$bgpid" 2>/dev/null || grep -qs '^State:.*Z' "/proc/$bgpid/status"; then break; fi
        read -r -t 0.1 -u "$never" _ || :
    done
    kill -KILL "$bgpid" 2>/dev/null || :
    wait "$bgpid"; rc=$?; err=$(cat "$OUT/stderr.bg"); out=''
}
exec {never}<> <(:)

# logged WORD…: was there a call of bwrap whose words hold all of these, in this order?
logged() {
    local log text pattern='' word
    for word; do pattern="$pattern*$word"; done
    for log in "$T/argv/$CLIENT".*; do
        [ -f "$log" ] || continue
        text=" $(tr '\0' ' ' <"$log")"
        # shellcheck disable=SC2053
        [[ $text == $pattern* ]] && return 0
    done
    return 1
}
expect_logged() {
    local step=$1; shift
    if logged "$@"; then ok "$step"; else fail "$step" "no call of bwrap with: $*"; fi
}
