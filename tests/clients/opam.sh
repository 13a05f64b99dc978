#!/usr/bin/env bash
# opam's sandbox script (opam ships it and calls it for every build, install and remove action), through opam itself
# with a repository of small packages made here. Started by run.
. "$(dirname "$0")/lib.sh"
export OPAMNODEPEXTS=1 OPAMYES=1 OPAMCOLOR=never OPAMROOT=$HOME/.opam
repo=$T/opam-repository
package() { # NAME BUILD [INSTALL] [REMOVE]
    local field at="$repo/packages/$1/$1.1"; mkdir -p "$at"
    {
        printf 'opam-version: "2.0"\nmaintainer: "nobody"\nauthors: "nobody"\nhomepage: "none:"\nbug-reports: "none:"\nsynopsis: "%s"\n' "$1"
        field=("build" "install" "remove"); shift
        for script; do printf '%s: [["sh" "-ec" "%s"]]\n' "${field[0]}" "${script//\"/\\\"}"; field=("${field[@]:1}"); done
    } >"$at/opam"
}
mkdir -p "$repo"; echo 'opam-version: "2.0"' >"$repo/repo"
mkfifo "$HOME/fifo"
package good 'pwd; id -u; echo "tmp $TMPDIR"; echo x >$TMPDIR/x; cut -d: -f1 /proc/net/dev | sed 1,2d; echo "run has $(ls -A /run | wc -l)"; readlink /proc/self/ns/net; cut -d" " -f6 /proc/self/stat; echo built >product; ls -d /opam-tmp' \
             'mkdir -p %{bin}%; { echo "#!/bin/sh"; echo "echo $(cat product)"; } >%{bin}%/good; chmod 755 %{bin}%/good' \
             'rm %{bin}%/good'
package home-write 'echo evil >$HOME/evil'
package prefix-write 'echo evil >%{prefix}%/evil'
package tmp-write 'echo evil >/tmp/evil'
package etc-write 'echo evil >/etc/evil'
package failing 'exit 7'
package bad-install 'true' 'echo evil >$HOME/evil'
package bad-switch 'true' 'echo evil >%{prefix}%/.opam-switch/evil'
package bad-remove 'true' 'true' 'echo evil >$HOME/evil'
package talk 'exec 3<>/dev/tcp/127.0.0.1/9'
package slow 'echo up >$HOME/fifo; exec sleep 1000 >$HOME/fifo'
sed -i 's/"sh" "-ec"/"bash" "-ec"/' "$repo/packages/talk/talk.1/opam"

run opam init --bare --no-setup default "$repo"
expect "init: opam's own check of the sandbox passes" not='[Ss]andbox.*(not|fail|disab)' file="$OPAMROOT/opam-init/hooks/sandbox.sh"
run grep -A 1 '^wrap-' "$OPAMROOT/config"
expect "init: the sandbox script wraps build, install and remove" out='sandbox.sh" "build"' out='sandbox.sh" "install"' out='sandbox.sh" "remove"'
run opam switch create here --empty
expect "switch create"
run opam install -v good
expect "install: built inside, as the user, in the build directory" out="opam-switch/build/good.1$" out='- 1000$' out='installed good.1'
expect "install: a private /opam-tmp and an empty /run" out='- tmp /opam-tmp$' out='- run has 0$'
expect "install: no network but lo" not='- *(eth|en)[a-z0-9]+$' out='- *lo$'
if grep -qF "$(readlink /proc/self/ns/net)" <<<"$out"; then fail "install: the network namespace" "it is the host's"
else ok "install: a network namespace of its own"; fi
if grep -qx -- "- $(cut -d' ' -f6 /proc/self/stat)" <<<"$out"; then fail "install: --new-session" "the session is the caller's"
else ok "install: a session of its own"; fi
run opam exec -- good
expect "install: what it installed runs" out='^built$'
for name in home-write prefix-write tmp-write etc-write; do
    run opam install "$name"
    expect "build: $name is refused" rc=31 any='Read-only file system' nofile="$HOME/evil"
done
if [ -e /tmp/evil ] || [ -e "$OPAMROOT/here/evil" ]; then fail "build: refused writes" "one of them arrived"; fi
run opam install failing
expect "build: a failing command's exit status is reported" rc=31 any='exit-code +7$'
run opam install talk
expect "build: connecting to the host's loopback fails" rc=31 any='(Connection refused|Network is unreachable)'
run opam install bad-install
expect "install: writing to the home directory is refused" rc=31 any='Read-only file system' nofile="$HOME/evil"
run opam install bad-switch
expect "install: writing to opam's own state is refused" rc=31 any='Read-only file system'
run opam remove good
expect "remove" out='removed +good.1' nofile="$OPAMROOT/here/bin/good"
run opam install bad-remove
expect "install: bad-remove"
run opam remove -v bad-remove
expect "remove: writing to the home directory is refused" rc=any any='Read-only file system' nofile="$HOME/evil"

# opam is killed while a build runs: --die-with-parent takes the build along; the fifo tells, by its end.
opam install slow >"$OUT/slow" 2>&1 </dev/null & opam=$!
exec {bgfd}<"$HOME/fifo"
if await '^up$'; then
    kill -KILL "$opam"
    if await_end; then ok "opam is killed: the build dies with it"; else fail "opam is killed" "the build goes on"; fi
else
    fail "opam is killed" "the build did not start: $(tail -n 5 "$OUT/slow")"
fi
kill -KILL "$opam" 2>/dev/null; wait "$opam" 2>/dev/null
finish
