#!/usr/bin/env bash
# GNOME's thumbnailer sandbox: libgnome-desktop runs every thumbnailer as `bwrap … --seccomp FD …`, found in PATH.
# Thumbnailers of our own are registered in the user's data directory. Started by run.
. "$(dirname "$0")/lib.sh"
export GIO_USE_VFS=local NO_AT_BRIDGE=1
mkdir -p "$HOME/.local/share/thumbnailers"
thumbnailer() { # NAME SHELL-SCRIPT; %i and %o are the input and the output
    printf '[Thumbnailer Entry]\nExec=/bin/sh -ec "%s" sh %%i %%o\nMimeType=application/x-%s;\n' "$2" "$1" >"$HOME/.local/share/thumbnailers/$1.thumbnailer"
}
thumbnail() { run /usr/bin/python3 "$(dirname "$0")/thumbnail.py" "$HOME/picture.png" "application/x-$1"; }
base64 -d <"$(dirname "$0")/icon.b64" >"$HOME/picture.png"
thumbnailer copy 'cp \\"$1\\" \\"$2\\"'
thumbnailer inside 'test \\"$(id -u)\\" = 1000; test ! -e /root; test ! -e /etc/passwd; test \\"$(pwd)\\" = /; grep -q NoNewPrivs:.1 /proc/self/status; grep -q Seccomp:.2 /proc/self/status; test \\"$(ls -d /proc/[0-9]* | wc -l)\\" -lt 9; test \\"$(sed 1,2d /proc/net/dev | wc -l)\\" = 1; test \\"$GIO_USE_VFS\\" = local; ! touch \\"$1\\" 2>/dev/null; ! touch /usr/evil 2>/dev/null; ! unshare -U true 2>/dev/null; cp \\"$1\\" \\"$2\\"'
thumbnailer fails 'exit 3'
thumbnailer crashes 'kill -SEGV $$'
thumbnail copy
expect "a thumbnail is made" out='^thumbnail 64 x 64$'
thumbnail inside
expect "the thumbnailer sees its sandbox, nothing else" out='^thumbnail 64 x 64$'
thumbnail fails
expect "a thumbnailer that fails makes none" rc=1 out='^none.*(code 3|$)' not='^thumbnail'
thumbnail crashes
expect "a thumbnailer that crashes makes none" rc=1 not='^thumbnail'
expect_logged "it called bwrap with --unshare-all and its seccomp filter" --unshare-all --die-with-parent --seccomp
if compgen -G "/tmp/gnome-desktop-thumbnailer-*" >/dev/null; then fail "nothing stays in /tmp" "$(ls -d /tmp/gnome-desktop-thumbnailer-*)"
else ok "nothing stays in /tmp"; fi
finish
