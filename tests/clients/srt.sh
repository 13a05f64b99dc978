#!/usr/bin/env bash
# A coding agent's sandbox from the npm registry: @anthropic-ai/sandbox-runtime ("srt"), which finds bwrap in PATH
# and adds socat relays, a filtering proxy outside and a seccomp filter inside. Started by run.
. "$(dirname "$0")/lib.sh"
cli=$SRT/node_modules/@anthropic-ai/sandbox-runtime/dist/cli.js
srt() { run node "$cli" --settings "$HOME/settings.json" -c "$1"; }
project=$HOME/project
mkdir -p "$project/.git/hooks" "$project/sub" "$HOME/secret/open" "$HOME/other"
echo key >"$HOME/secret/key"; echo open >"$HOME/secret/open/file"; echo token >"$HOME/token"; echo no >"$project/locked"
cd "$project" || exit 1
exec {web}< <(exec node "$(dirname "$0")/serve.mjs"); web_pid=$!
IFS= read -r -t 30 -u "$web" port
cat >"$HOME/settings.json" <<JSON
{ "network": { "allowedDomains": ["127.0.0.1:$port"], "deniedDomains": [] },
  "filesystem": { "denyRead": ["$HOME/secret", "$HOME/token"], "allowRead": ["$HOME/secret/open"],
                  "allowWrite": ["."], "denyWrite": ["$project/locked", "$project/absent"] } }
JSON
srt 'id -u; pwd; echo "$SANDBOX_RUNTIME"; echo new >made; cat made'
expect "runs a command in the project, which it may write" out='^1000$' out="^$project$" out='^1$' out='^new$' file="$project/made"
srt 'exit 42'
expect "passes an exit status" rc=42
srt 'kill -TERM $$'
expect "a signalled command is 128+15" rc=143
srt 'no-such-command'
expect "a command that isn't there is 127" rc=127
srt 'echo x >"$HOME/other/file"; touch /etc/evil /usr/evil'
expect "writes outside are refused" rc=1 err='other/file: Read-only file system' err="'/etc/evil': Read-only" nofile="$HOME/other/file"
srt 'echo x >locked; cat locked'
expect "denyWrite: a file inside the project" rc=any err='locked: Read-only file system' out='^no$'
srt 'echo x >absent'
expect "denyWrite: a name that doesn't exist yet" rc=1 err='absent: (Permission denied|Read-only)'
run ls -A "$project"
expect "the mount points it needed are gone from the project" not='^(absent|\.bashrc|\.claude|\.gitconfig)$' out='^made$'
srt 'echo x >.bashrc; echo x >.git/hooks/post-commit; echo x >.mcp.json'
expect "its own list of guarded files" rc=any err='.bashrc: ' err='post-commit: Read-only' err='.mcp.json: ' nofile="$project/.bashrc"
srt 'cat "$HOME/secret/key"; ls -A "$HOME/secret"; cat "$HOME/token"'
expect "denyRead: a directory and a file" rc=any not='^(key|token)$' err='secret/key: No such file'
srt 'cat "$HOME/secret/open/file"'
expect "allowRead: a directory inside a denied one" out='^open$'
srt 'grep -E "^(Seccomp|NoNewPrivs|CapEff|CapPrm)" /proc/self/status | tr "\t" " "; ls -d /proc/[0-9]* | wc -l; ls /dev'
expect "no capability, no_new_privs, seccomp, few processes, a small /dev" out='^CapEff: 0000000000000000$' out='^CapPrm: 0000000000000000$' \
    out='^NoNewPrivs: 1$' out='^Seccomp: 2$' out='^[1-9]$' out='^null$' not='^(kmsg|vda|loop-control)$'
srt "perl -MSocket -e 'socket(my \$s, AF_UNIX, SOCK_STREAM, 0) or die \"unix: \$!\n\"; print \"opened\n\"'"
expect "its seccomp filter forbids unix sockets" rc=1 err='^unix: Operation not permitted' not='^opened$'
srt "curl -sS -m 10 --noproxy '' http://127.0.0.1:$port/hello"
expect "network: an allowed address, through the proxy" out='^served /hello$'
srt 'curl -sS -m 10 --noproxy "" -x "$FTP_PROXY" http://127.0.0.1:'"$port/socks"
expect "network: the same through its SOCKS proxy" out='^served /socks$'
srt "curl -sS -m 10 --noproxy '' http://127.0.0.1:1/; curl -sS -m 10 http://example.invalid/"
expect "network: any other address is blocked by the proxy" rc=any out='blocked by network allowlist' not='served'
srt "curl -sS -m 10 --noproxy '*' http://127.0.0.1:$port/direct"
expect "network: past the proxy there is none" rc=7 not='served'
srt 'cut -d: -f1 /proc/net/dev | sed 1,2d | tr -d " "; readlink /proc/self/ns/net'
expect "network: only lo" out='^lo$' not='^(eth|en)'
if grep -qF "$(readlink /proc/self/ns/net)" <<<"$out"; then fail "network: the namespace" "it is the host's"; fi
run_in "$HOME/token" node "$cli" --settings "$HOME/settings.json" -c cat
expect "standard input gets through" out='^token$'
run node "$cli" --settings "$HOME/settings.json" printf '<%s>\n' 'a b' '$HOME' "it's"
expect "a command given as words" out='^<a b>$' out='^<\$HOME>$' out="^<it's>$"

pids=()
for i in 1 2 3; do
    mkdir -p "$HOME/project-$i"; cd "$HOME/project-$i" || exit 1   # two of them in one folder take each other's mount points away
    node "$cli" --settings "$HOME/settings.json" -c "curl -sS -m 20 --noproxy '' http://127.0.0.1:$port/$i; exit $i" >"$OUT/parallel.$i" 2>&1 </dev/null &
    pids+=($!)
done
cd "$project" || exit 1
all=''
for pid in "${pids[@]}"; do wait "$pid"; all="$all $?"; done
if [ "$all" = " 1 2 3" ] && [ "$(cat "$OUT"/parallel.[123])" = $'served /1\nserved /2\nserved /3' ]; then ok "three at once"
else fail "three at once" "exit statuses$all: $(head -c 600 "$OUT"/parallel.*)"; fi

start node "$cli" --settings "$HOME/settings.json" -c 'echo up; sleep 1000; :'
if await '^up$'; then
    kill -TERM "$bgpid"
    if await_end; then ok "SIGTERM to srt ends everything"; else fail "SIGTERM to srt" "somebody is still alive"; fi
    bg_status
else
    fail "SIGTERM to srt" "the command did not start: $(head -c 500 "$OUT/stderr.bg")"
fi
# So many denied paths that the profile goes to bwrap by --args: 1,000 names of 200 bytes.
long=$(printf 'x%.0s' {1..180})
mkdir "$HOME/many"; names=()
for i in {1..1000}; do names+=("$HOME/many/deny-$long-$i"); done
printf 'hidden\n' | tee "${names[@]}" >/dev/null
{
    printf '{ "network": { "allowedDomains": [], "deniedDomains": [] }, "filesystem": { "allowWrite": ["."], "denyWrite": [], "denyRead": ['
    printf '"%s",' "${names[@]}" | sed 's/,$//'
    printf '] } }\n'
} >"$HOME/many.json"
run node "$cli" --settings "$HOME/many.json" -c 'cat "$HOME"/many/* | wc -c; ls "$HOME/many" | wc -l; exit 5'
expect "1,000 denied paths" rc=5 out='^0$' out='^1000$'
expect_logged "1,000 denied paths come by --args" --args 9
{ kill -KILL "$web_pid"; wait "$web_pid"; } 2>/dev/null
finish
