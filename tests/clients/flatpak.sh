#!/usr/bin/env bash
# Flatpak (FLATPAK_BWRAP names the bwrap): builds a runtime and an app from files of this machine, installs them
# from a local repository, and lives with them. Started by run, under dbus-run-session.
. "$(dirname "$0")/lib.sh"
export DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS  # no system bus here; parental controls ask on one
export GIO_USE_VFS=local NO_AT_BRIDGE=1
platform=org.sallyport.Platform app=org.sallyport.Hello
arch=$(flatpak --default-arch)
fp() { run flatpak "$@"; }
inside() { local options=(); while [ "$1" != -- ]; do options+=("$1"); shift; done; shift
           fp run "${options[@]}" --command=sh "$app" -c "$@"; }

# ---- a runtime from this machine's files ----------------------------------------------------------------
rt=$T/flatpak-runtime
{
    mkdir -p "$rt"/files/{bin,etc,lib,share,libexec}
    for tool in bash sh ls cat id env sleep grep sed cut readlink stat touch mkdir rm true false ps mount tr head wc sort \
                unshare gdbus dbus-send /usr/libexec/flatpak-xdg-utils/flatpak-spawn; do
        path=$(type -P "$tool") || { echo "no $tool here" >&2; continue; }
        cp -L "$path" "$rt/files/bin/"
        ldd "$path" | grep -o '/[^ )]*'
    done | sort -u | while read -r lib; do
        to=$rt/files/${lib#/}; to=${to/#"$rt/files/usr/"/"$rt/files/"}
        mkdir -p "$(dirname "$to")"; cp -L "$lib" "$to"
    done
    for lib in /lib/"$(uname -m)"-linux-gnu/libnss_files.so.2 /lib/"$(uname -m)"-linux-gnu/libnss_compat.so.2; do
        if [ -e "$lib" ]; then cp -L "$lib" "$rt/files/lib/$(uname -m)-linux-gnu/"; fi
    done
    echo "made here" >"$rt/files/share/runtime-marker"
    printf '[Runtime]\nname=%s\nruntime=%s/%s/stable\nsdk=%s/%s/stable\n' $platform $platform "$arch" $platform "$arch" >"$rt/metadata"
} >&2
fp build-export --no-update-summary --runtime --files=files "$T/flatpak-repo" "$rt" stable
expect "build-export: the runtime"
fp build-update-repo "$T/flatpak-repo"
fp remote-add --user --no-gpg-verify local "file://$T/flatpak-repo"
expect "remote-add: the local repository"
fp install --user -y --noninteractive local $platform
expect "install: the runtime"

# ---- flatpak build ------------------------------------------------------------------------------------------
dir=$T/flatpak-app
fp build-init "$dir" $app $platform $platform stable
expect "build-init" file="$dir/metadata"
cat >"$HOME/hello.sh" <<'APP'
#!/bin/sh
echo "hello $*"
APP
printf 'outside\n' >"$HOME/outside"
fp build --filesystem="$HOME/hello.sh:ro" "$dir" sh -exc "
    mkdir -p /app/bin /app/share/applications /app/share/icons/hicolor/64x64/apps
    sed p -n $HOME/hello.sh >/app/bin/hello
    id -u; cat /usr/share/runtime-marker; cut -d: -f1 /proc/net/dev; ps -e | wc -l"
expect "build: writes /app, sees the runtime, has no network" out='^1000$' out='^made here$' not=eth file="$dir/files/bin/hello"
fp build "$dir" sh -c 'touch /usr/evil'
expect "build: /usr is read-only" rc=1 err='Read-only file system' nofile="$rt/files/evil"
fp build "$dir" sh -c 'exit 23'
expect "build: passes an exit status" rc=23
fp build "$dir" sh -c 'kill -KILL $$'
expect "build: a killed command is 128+9" rc=137
run_in "$HOME/outside" flatpak build "$dir" cat
expect "build: standard input gets through" out='^outside$'
fp build --share=network "$dir" sh -c 'readlink /proc/self/ns/net'
expect "build: --share=network keeps the host's network" has="$(readlink /proc/self/ns/net)"
fp build --build-dir=/app/bin --bind-mount="/run/mine=$HOME" --env=WORD='two words' "$dir" \
    sh -c 'pwd; cat /run/mine/outside; echo "$WORD"'
expect "build: --build-dir, --bind-mount, --env" out='^/app/bin$' out='^outside$' out='^two words$'
chmod 755 "$dir/files/bin/hello"
printf '[Desktop Entry]\nType=Application\nName=Hello\nExec=hello\nIcon=%s\n' $app >"$dir/files/share/applications/$app.desktop"
base64 -d >"$dir/files/share/icons/hicolor/64x64/apps/$app.png" <"$(dirname "$0")/icon.b64"
printf '#!/bin/sh\n{ id -u; cat data; echo; ls -d /app/extra; touch /app/evil; } >seen 2>&1; rm data\n' >"$dir/files/bin/apply_extra"
chmod 755 "$dir/files/bin/apply_extra"

# ---- finish, export (the icon is validated in a bwrap), install (triggers and extra data run in one) --------
data='extra data'
sum=$(printf %s "$data" | sha256sum | cut -d' ' -f1)
mkdir -p "$HOME/.local/share/flatpak/extra-data/$sum"
printf %s "$data" >"$HOME/.local/share/flatpak/extra-data/$sum/data"
fp build-finish --command=hello --talk-name=org.freedesktop.portal.Flatpak --own-name=$app.Mine --share=ipc \
    --persist=.kept --extra-data="data:$sum:${#data}:${#data}:http://127.0.0.1:1/data" "$dir"
expect "build-finish"
fp build-export "$T/flatpak-repo" "$dir" stable
expect "build-export: the app with its icon"
expect_logged "build-export: the icon was validated inside a bwrap" flatpak-validate-icon
fp install --user -y --noninteractive local $app
expect "install: the app" file="$HOME/.local/share/flatpak/exports/share/applications/$app.desktop"
expect_logged "install: the triggers ran inside a bwrap" --unshare-net -- triggers/desktop-database.trigger
expect_logged "install: apply_extra ran inside a bwrap" /app/bin/apply_extra
fp run --command=cat $app /app/extra/seen
expect "install: what apply_extra saw and wrote" out='^1000$' out='^extra data$' out='^/app/extra$' out='/app/evil.*Read-only file system'

# ---- flatpak run ------------------------------------------------------------------------------------------------
fp run $app one "two  words" '*'
expect "run: the app's output and arguments" out='^hello one two  words \*$'
expect_logged "run: xdg-dbus-proxy got a bwrap of its own" --args -- xdg-dbus-proxy --args=
inside -- 'exit 7'
expect "run --command=sh: passes an exit status" rc=7
inside -- 'kill -TERM $$'
expect "run: a signalled app is 128+15" rc=143
fp run --command=no-such-command $app
expect "run: a command that isn't there" rc=1 err='^bwrap: execvp no-such-command: No such file or directory$'
run_in "$HOME/outside" flatpak run --command=cat $app
expect "run: standard input gets through" out='^outside$'
inside -- 'id -u; id -g; id -un; cat /.flatpak-info; cat /usr/share/runtime-marker; ls -d /app/bin/hello; echo "id $FLATPAK_ID $container"'
expect "run: identity, /usr, /app and /.flatpak-info" out='^1000$' out="^name=$app$" out="^runtime=runtime/$platform/$arch/stable$" \
    out='^made here$' out='^/app/bin/hello$' out="^id $app flatpak$" out='^session-bus-proxy=true$'
inside -- "ls -A \$HOME; cat $HOME/outside; ls -d /work /root /home/* /boot 2>&1"
expect "run: no host home, nothing of the host's root" rc=any not='^outside$|^/work$|^/boot$|^/root$' err='outside: No such file' out='^\.var$'
inside -- 'touch /app/x /usr/x /evil; ls -A /app /usr'
expect "run: /app and /usr are read-only" err='/app/x.*Read-only file system' err='/usr/x.*Read-only file system' not='^x$'
inside -- 'grep -E "^(Seccomp|NoNewPrivs|Cap(Prm|Eff|Amb|Inh)|Groups)" /proc/self/status | tr "\t" " "; unshare -U true; ps -e -o pid=,args= | head -n 1; ps -e | wc -l'
expect "run: seccomp, no_new_privs, no capability, pid namespace" out='^Seccomp: 2$' out='^NoNewPrivs: 1$' \
    out='^CapEff: 0000000000000000$' out='^CapPrm: 0000000000000000$' err='unshare: unshare failed: Operation not permitted' out='^ *1 .*(bwrap|init-reaper)' out='^ *[1-9]$'
inside -- 'cut -d: -f1 /proc/net/dev; readlink /proc/self/ns/net /proc/self/ns/ipc /proc/self/ns/pid'
expect "run: a network namespace of its own, the host's ipc" has="$(readlink /proc/self/ns/ipc)" not='eth'
if grep -qF "$(readlink /proc/self/ns/net)" <<<"$out"; then fail "run: the network namespace" "it is the host's"; fi
inside --share=network --unshare=ipc -- 'readlink /proc/self/ns/net /proc/self/ns/ipc'
expect "run: --share=network, --unshare=ipc" has="$(readlink /proc/self/ns/net)"
if grep -qF "$(readlink /proc/self/ns/ipc)" <<<"$out"; then fail "run: --unshare=ipc" "the ipc namespace is the host's"; fi
mkdir -p "$HOME/shared"; echo kept >"$HOME/shared/file"
inside --filesystem="$HOME/shared" --filesystem="$HOME/made:create" --filesystem="$HOME/outside:ro" -- \
    "echo new >$HOME/shared/new; cat $HOME/shared/file; touch $HOME/made/here; cat $HOME/outside; echo bad >$HOME/outside"
expect "run: --filesystem, :create, :ro" rc=any out='^kept$' out='^outside$' err='outside: Read-only file system' file="$HOME/shared/new" file="$HOME/made/here"
inside --filesystem=host --nofilesystem="$HOME/shared" -- "cat $HOME/outside; ls /run/host/usr/bin/env; ls $HOME/shared; ls -d /home"
expect "run: --filesystem=host, --nofilesystem" rc=any out='^outside$' out='^/run/host/usr/bin/env$' not='^file$'
inside -- 'echo one >$HOME/.kept/word; echo two >$XDG_DATA_HOME/word; echo three >/var/tmp/word; echo four >/tmp/word; echo five >$XDG_RUNTIME_DIR/word'
expect "run: what the app may write" file="$HOME/.var/app/$app/.kept/word" file="$HOME/.var/app/$app/data/word" file="$HOME/.var/app/$app/cache/tmp/word" nofile=/tmp/word
inside -- 'cat $HOME/.kept/word $XDG_DATA_HOME/word /var/tmp/word'
expect "run: and finds again in the next run" out='^one$' out='^two$' out='^three$'
inside --env=WORD='a b=c' --unset-env=LANG --cwd=/app/bin -- 'echo "$WORD"; pwd; env | grep LANG= || echo no LANG'
expect "run: --env, --unset-env, --cwd" out='^a b=c$' out='^/app/bin$' out='^no LANG$'
inside --devel --device=all -- 'ls -d /dev/null /dev/zero /dev/loop-control /dev/kmsg 2>/dev/null | wc -l; grep ^Seccomp: /proc/self/status | tr "\t" " "'
expect "run: --devel, --device=all" rc=any out='^[34]$' out='^Seccomp: 2$'
inside -- 'ls /dev; echo x >/dev/null; head -c 4 /dev/urandom | wc -c; ls /dev/pts'
expect "run: /dev is small and works" out='^4$' out='^null$' not='^(kmsg|loop-control|vda)$'
inside --sandbox -- 'cat /.flatpak-info; ls -A $HOME; env | grep DBUS_SESSION || echo no bus'
expect "run: --sandbox" out="^name=$app$" not='org.freedesktop.portal.Flatpak=talk'
inside --no-session-bus -- 'ls /run/flatpak'
expect "run: --no-session-bus" not='^bus$'

# ---- the filtered message bus -----------------------------------------------------------------------------------
inside -- 'gdbus call --session -d org.freedesktop.DBus -o / -m org.freedesktop.DBus.ListNames | tr "," "\n"'
expect "bus: names are filtered" out="org.freedesktop.DBus" not='org.freedesktop.Flatpak.*Development|org.freedesktop.Flatpak.$'
inside -- "gdbus call --session -d org.freedesktop.DBus -o / -m org.freedesktop.DBus.RequestName $app.Mine 4"
expect "bus: the app owns its own name" out='uint32 1'
inside -- 'gdbus call --session -d org.freedesktop.DBus -o / -m org.freedesktop.DBus.RequestName org.example.Other 4'
expect "bus: and no other" rc=1 err='AccessDenied|ServiceUnknown|not allowed'
inside --socket=session-bus -- 'gdbus call --session -d org.freedesktop.DBus -o / -m org.freedesktop.DBus.RequestName org.example.Other 4'
expect "bus: --socket=session-bus is unfiltered" out='uint32 1'

# ---- sub-sandboxes, through the portal (started by the bus, it needs no desktop) --------------------------------
inside -- 'flatpak-spawn sh -c "id -u; cat /usr/share/runtime-marker; cat /.flatpak-info; exit 9"'
expect "flatpak-spawn: a second instance, its exit status" rc=9 out='^1000$' out='^made here$' out="^name=$app$"
inside -- 'echo sent >/var/data/word; flatpak-spawn --sandbox sh -c "cat /.flatpak-info; ls -A \$HOME; cat /var/data/word; readlink /proc/self/ns/net; exit 4"'
expect "flatpak-spawn --sandbox: a sub-sandbox with less" rc=4 out='^sandbox=true$' not='^sent$|^one$'
inside -- 'flatpak-spawn --sandbox --no-network --env=WORD=x --directory=/usr --forward-fd=5 sh -c "pwd; echo word \$WORD; cat <&5" 5</app/bin/hello'
expect "flatpak-spawn: --env, --directory, --forward-fd" out='^/usr$' out='^word x$' has='echo "hello'
inside -- 'echo mine >$FLATPAK_SANDBOX_DIR/file; flatpak-spawn --sandbox --sandbox-expose-ro=file sh -c "cat \$FLATPAK_SANDBOX_DIR/file || cat $FLATPAK_SANDBOX_DIR/file; echo no >$FLATPAK_SANDBOX_DIR/file"'
expect "flatpak-spawn: --sandbox-expose-ro" rc=any out='^mine$' err='Read-only file system'
inside -- 'flatpak-spawn --sandbox --expose-pids sh -c "readlink /proc/self/ns/user; echo up \$PPID"; sleep 0 & flatpak-spawn --expose-pids sh -c "ps -e | wc -l"'
if grep -q 'expose-pids' <<<"$err"; then expect "flatpak-spawn: --expose-pids (bwrap --userns, --userns2, --pidns)"
else expect "flatpak-spawn: --expose-pids" out='^up '; expect_logged "flatpak-spawn: --expose-pids uses bwrap --userns and --pidns" --args --userns --pidns; fi
inside -- 'flatpak-spawn --share-pids sh -c "readlink /proc/self/ns/pid"; readlink /proc/self/ns/pid'
if [ "$(sort -u <<<"$out" | grep -c 'pid:')" = 1 ]; then expect "flatpak-spawn: --share-pids shares the pid namespace" out='^pid:'
else expect "flatpak-spawn: --share-pids shares the pid namespace" out='^one pid namespace$'; fi

# ---- ps, enter, kill, dying ---------------------------------------------------------------------------------------
start flatpak run --command=sh $app -c 'echo up; exec sleep 1000'
if await '^up$'; then
    fp ps --columns=instance,pid,child-pid,application
    expect "ps: shows the running instance" out="${bgpid}[[:space:]]+[1-9][0-9]*[[:space:]]+$app"
    read -r instance _ child _ < <(grep -E "[[:space:]]${bgpid}[[:space:]]" <<<"$out")
    if [ "$(awk '$1 == "NSpid:" { print $NF }' "/proc/${child:-0}/status" 2>/dev/null)" = 1 ]; then
        ok "ps: child-pid (from bwrap's --info-fd) is the sandbox's pid 1"
    else
        fail "ps: child-pid (from bwrap's --info-fd)" "${child:-none} is not the sandbox's pid 1: $(cat "/proc/${child:-0}/comm" 2>&1)"
    fi
    fp enter "${instance:-0}" sh -c 'id -u; cat /usr/share/runtime-marker; grep ^name= /.flatpak-info; ps -e -o args='
    expect "enter: a shell joins the running sandbox" out='^1000$' out='^made here$' out="^name=$app$" out='^sleep 1000$'
    fp kill "${instance:-0}"
    expect "kill"
    if await_end; then ok "kill: nobody of the instance is left"; else fail "kill: nobody of the instance is left" "its output is still open"; fi
    bg_status
    expect "kill: the launcher's exit status" rc=137
else
    fail "ps, enter, kill" "the app did not start: $(head -c 500 "$OUT/stderr.bg")"
fi
start flatpak run --die-with-parent --command=sh $app -c 'echo up; sleep 1000; :'
if await '^up$'; then
    kill -KILL "$bgpid"
    if await_end; then ok "run --die-with-parent: SIGKILL of the launcher ends app and proxy"
    else fail "run --die-with-parent" "SIGKILL of the launcher left somebody alive"; fi
    bg_status
else
    fail "run --die-with-parent" "the app did not start: $(head -c 500 "$OUT/stderr.bg")"
fi
start flatpak run --command=sh $app -c 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.1; done'
if await '^up$'; then
    read -r child < <(flatpak ps --columns=pid,child-pid | awk -v pid="$bgpid" '$1 == pid { print $2 }')
    read -r target _ <"/proc/${child:-0}/task/${child:-0}/children"    # pid 1's child: the app, by its pid out here
    kill -TERM "${target:-$bgpid}"
    if await '^bye$'; then ok "run: the app handles a signal sent to its host pid"; else fail "run: a signal to the app" "it was not handled"; fi
    await_end; bg_status
    expect "run: and its exit status comes back" rc=5
else
    fail "run: a signal to the app" "the app did not start"
fi

# ---- a bundle; goodbye --------------------------------------------------------------------------------------------
plain=org.sallyport.Plain
fp build-init "$T/flatpak-plain" $plain $platform $platform stable
fp build "$T/flatpak-plain" sh -ec 'mkdir /app/bin; printf "#!/bin/sh\necho plain \$1\n" >/app/bin/plain'
expect "build: a second app" file="$T/flatpak-plain/files/bin/plain"
chmod 755 "$T/flatpak-plain/files/bin/plain"
fp build-finish --command=plain "$T/flatpak-plain"
fp build-export "$T/flatpak-repo" "$T/flatpak-plain" stable
fp build-bundle "$T/flatpak-repo" "$T/plain.flatpak" $plain stable
expect "build-bundle"
fp install --user -y --noninteractive --bundle "$T/plain.flatpak"
expect "install: from the bundle"
fp run $plain words
expect "run: the app from the bundle" out='^plain words$'
fp uninstall --user -y --noninteractive $app $plain $platform
expect "uninstall" nofile="$HOME/.local/share/flatpak/app/$app" nofile="$HOME/.local/share/flatpak/runtime/$platform"
impossible "the document portal" "a FUSE mount needs fusermount3 setuid with CAP_SYS_ADMIN in its bounding set, which this user hasn't; flatpak runs on without it"
finish
