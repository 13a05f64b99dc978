#!/usr/bin/env bash
# How callers ask a bwrap who it is and what it can, each check in its caller's own strictness (sources: README.md).
# Started by run.
. "$(dirname "$0")/lib.sh"
matches() { # STEP PERL-PATTERN: about all of the last output, as one string
    if printf '%s' "$(cat "$OUT/stdout.last"; echo x)" | perl -e 'undef $/; $_ = <STDIN>; s/x\z//; exit !(m{'"$2"'})'; then ok "$1"
    else fail "$1" "'$out' is not like $2"; fi
}
run "$BWRAP" --version
expect "--version: exit 0, nothing on stderr"
[ -z "$err" ] && ok "--version: stderr is empty" || fail "--version: stderr is empty" "$err"
matches "--version: the whole output, strictest form (agents' sandboxes)" '\Abubblewrap [0-9]+\.[0-9]+\.[0-9]+\n\z'
matches "--version: Flatpak's build: starts with 'bubblewrap ', second word >= 0.10.0" '\Abubblewrap (?:[1-9][0-9]*\.[0-9]|0\.[1-9][0-9]+\.)[^\s]*\s'
matches "--version: WebKit's build: the first N.N.N is >= 0.3.1" '\A[^0-9]*(?:[1-9][0-9]*\.[0-9]+\.[0-9]+|0\.[4-9]\.[0-9]+|0\.[1-9][0-9]+\.[0-9]+)'
matches "--version: a caller that wants >= 0.12 (fixed symlink destinations)" '\Abubblewrap (?:[1-9]|0\.1[2-9]|0\.[2-9][0-9])'
if [ "$(printf '%s\n%s\n' 0.13.1 "$(cut -d' ' -f2 <<<"$out")" | sort -V | head -n 1)" = 0.13.1 ]; then ok "--version: at least 0.13.1"
else fail "--version: at least 0.13.1" "$out"; fi
if strings -a "$BWRAP" 2>/dev/null | grep -Eq '^bubblewrap [0-9]+\.[0-9]+\.[0-9]+|^bubblewrap %s|^bubblewrap 0' || grep -aq 'bubblewrap' "$BWRAP"; then ok "a scanner finds the word bubblewrap in the binary"
else fail "a scanner finds the word bubblewrap in the binary" "cve-bin-tool and the like would miss it"; fi
exec {self}<"$BWRAP"
run "/proc/self/fd/$self" --version
expect "--version: started through a descriptor" out='^bubblewrap [0-9.]+$'
run "/proc/self/fd/$self" --ro-bind / / true
expect "a sandbox: started through a descriptor"
run env -i "$BWRAP" --version
expect "--version: with an empty environment" out='^bubblewrap [0-9.]+$'
run bash -c 'ulimit -n 3; exec "$0" --version' "$BWRAP"
expect "--version: with no descriptor left" rc=any any='bubblewrap|error while loading'
ln -s "$BWRAP" "$HOME/flatpak-bwrap"
run "$HOME/flatpak-bwrap" --version
expect "--version: by another name" out='^bubblewrap [0-9.]+$'
run "$HOME/flatpak-bwrap" --ro-bind / / true
expect "a sandbox: through a symlink of another name"
run "$BWRAP" --version --no-such-option
expect "--version: ends the command line" out='^bubblewrap [0-9.]+$'
run "$BWRAP" --help
expect "--help: exit 0 on stdout, names the options that callers look for" out='--argv0 ' out='--as-pid-1' out='--perms ' out='--ro-bind-fd ' \
    out='--bind-fd ' out='--clearenv' out='--disable-userns' out='--assert-userns-disabled' out='--chmod ' out='--size ' out='--overlay-src ' out='--tmp-overlay '
[ -z "$err" ] && ok "--help: stderr is empty" || fail "--help: stderr is empty" "$err"
run "$BWRAP" --unshare-user --unshare-net --ro-bind / / /bin/true
expect "Codex's probe for user namespaces" not='.'
run "$BWRAP" --unshare-user --dev-bind / / true
expect "sandbox-runtime's probe for user namespaces" not='.'
run "$BWRAP" --new-session --die-with-parent --ro-bind / / --dev /dev --unshare-user --unshare-pid --unshare-net --proc /proc --argv0 inner -- /usr/bin/bash -c 'echo $0'
expect "Codex's command line: --argv0 before --" out='^inner$'
# A host where namespaces are used up: the words that callers look for to fall back.
run unshare -Ur bash -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --inh-caps=-all --bounding-set=-all "$0" --unshare-user --ro-bind / / true' "$BWRAP"
case $err in
    bwrap:*) expect "no more user namespaces: the words callers look for" rc=1 err='Creating new namespace failed|No permissions to create' ;;
    *) skip "no more user namespaces: the words" "this machine can't make the situation: $err" ;;
esac
# A /proc that can't be mounted anew (masked in containers): Codex looks for this line.
run unshare -Urm bash -c 'mount --bind /dev/null /proc/version && exec "$0" --unshare-user --unshare-pid --ro-bind / / --proc /proc true' "$BWRAP"
case $err in
    bwrap:*) expect "a /proc that can't be mounted: the words" rc=1 err="^bwrap: Can't mount proc on /(newroot/)?proc: (Operation not permitted|Permission denied|Invalid argument)$" ;;
    *) skip "a /proc that can't be mounted: the words" "this machine can't make the situation: $err" ;;
esac
finish
