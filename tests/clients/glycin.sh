#!/usr/bin/env bash
# A launcher shaped like GNOME's image loader library, glycin (not packaged here: its kind of command line, descriptors
# and limits are replayed, with an allow-list filter of our own; README.md): what is owed to such callers is that the
# command is started by execve, and pid 1 lives on wait4, write and exit_group alone. Started by run.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 "$(dirname "$0")/filter.py" "$HOME/filter" || { fail "the filter" "filter.py failed"; finish; exit; }
echo "from the socket" >"$HOME/file"
loader() { # LIMIT-KB COMMAND…
    local limit=$1 lib symlinks=(); shift
    for lib in /lib*; do
        if [ -L "$lib" ]; then symlinks+=(--symlink "$(readlink -f "$lib")" "$lib"); else symlinks+=(--ro-bind "$lib" "$lib"); fi
    done
    words="bwrap … --seccomp 5 $*"
    (
        ulimit -v "$limit"
        exec 5<"$HOME/filter" 7<"$HOME/file"
        exec timeout -k 5 60 bwrap --unshare-all --die-with-parent --chdir / --ro-bind /usr /usr --dev /dev \
            --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --ro-bind-try /nix/store /nix/store --tmpfs /tmp-home --tmpfs /tmp-run \
            --clearenv --setenv HOME /tmp-home --setenv XDG_RUNTIME_DIR /tmp-run "${symlinks[@]}" --seccomp 5 "$@"
    ) </dev/null >"$OUT/stdout.last" 2>"$OUT/stderr.last"
    rc=$?; out=$(cat "$OUT/stdout.last"); err=$(cat "$OUT/stderr.last")
}
loader 4000000 /usr/bin/true
expect "the availability probe" not='.'
loader 4000000 /usr/bin/cat /dev/fd/7 /proc/self/fd/7
expect "no /proc was asked for" rc=1 err='/dev/fd/7: No such file or directory'
loader 4000000 /usr/bin/sh -c 'exec /usr/bin/cat <&7'
expect "a descriptor of the caller's reaches the loader" out='^from the socket$'
loader 4000000 /usr/bin/env
expect "the environment holds what was set" out='^HOME=/tmp-home$' out='^XDG_RUNTIME_DIR=/tmp-run$' not='^(PATH|USER|FLATPAK_BWRAP|T)='
loader 4000000 /usr/bin/sh -c 'exit 6'
expect "an exit status passes pid 1" rc=6
loader 4000000 /usr/bin/sh -c '(/usr/bin/sh -c ":" & /usr/bin/sh -c "/usr/bin/cat /etc/ld.so.cache >/dev/null" &) & wait; /usr/bin/cat /etc/ld.so.cache >/dev/null; echo alive'
expect "pid 1 reaps orphans under the filter" out='^alive$'
loader 4000000 /usr/bin/mkdir /tmp-home/x
expect "what the filter forbids is killed: 128+31" rc=159
loader 4000000 /usr/bin/unshare -U /usr/bin/true
expect "no namespaces inside" rc=159
loader 400000 /usr/bin/true
expect "under a 400 MB address space limit"
loader 20000 /usr/bin/true
expect "under a 20 MB address space limit"
loader 4000000 /usr/bin/no-such-loader
expect "a loader that isn't there" rc=1 err='^bwrap: execvp /usr/bin/no-such-loader: No such file or directory$'
finish
