//! The command as a process: exit statuses, signals, sessions, standard descriptors, pid 1.
use crate::case::{Case, Given, Make, Step, case};
use support::Stdin;

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut out = vec![
        // Exit statuses.
        case("process/all-exit-codes", "--ro-bind / / {probe} exit").sh("i=0; while [ $i -lt 256 ]; do \"$@\" $i; echo $i $?; i=$((i+1)); done"),
        case("process/all-exit-codes-pidns", "--ro-bind / / --unshare-pid {probe} exit").sh("i=0; while [ $i -lt 256 ]; do \"$@\" $i; [ $? = $i ] || echo $i wrong; i=$((i+1)); done"),
        case("process/all-signals", "--ro-bind / / {probe} kill").sh("ulimit -c 0; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 23 24 25 26 27 28 29 30 31 34 50 64; do \"$@\" $i; echo $i $?; done"),
        case("process/all-signals-pidns", "--ro-bind / / --unshare-pid {probe} kill").sh("ulimit -c 0; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 23 24 25 26 27 28 29 30 31 34 50 64; do \"$@\" $i; echo $i $?; done"),
        case("process/all-signals-as-pid-1", "--ro-bind / / --unshare-pid --as-pid-1 {probe} kill").sh("ulimit -c 0; for i in 1 2 9 15; do \"$@\" $i; echo $i $?; done"),
        case("process/exit-as-pid-1", "--ro-bind / / --unshare-pid --as-pid-1 {probe} exit 77"),
        case("process/as-pid-1-without-pidns", "--ro-bind / / --as-pid-1 {probe} exit 77"),
        case("process/as-pid-1-with-lock-file", "--ro-bind / / --unshare-pid --as-pid-1 --lock-file {dir}/f true").file("f", ""),
        case("process/as-pid-1-with-sync-fd", "--ro-bind / / --unshare-pid --as-pid-1 --sync-fd {s} {probe} fds").fd("s", Given::Path("/dev/null", libc::O_RDONLY)),
        case("process/as-pid-1-with-block-fd", "--ro-bind / / --unshare-pid --as-pid-1 --block-fd {s} {probe} exit 3").data("s", "x"),
        case("process/as-pid-1-json", "--ro-bind / / --unshare-pid --as-pid-1 --json-status-fd {s} {probe} exit 3").fd("s", Given::Out),
        // Which file is executed.
        case("process/missing-command", "--ro-bind / / no-such-command-here"),
        case("process/missing-path", "--ro-bind / / {dir}/none"),
        case("process/missing-command-pidns", "--ro-bind / / --unshare-pid no-such-command-here"),
        case("process/missing-command-json", "--ro-bind / / --unshare-pid --json-status-fd {j} no-such-command-here").fd("j", Given::Out),
        case("process/not-executable", "--ro-bind / / {dir}/f").file("f", "#!/bin/sh\necho no\n"),
        case("process/not-executable-in-path", "--ro-bind / / --setenv PATH {dir} f").file("f", "#!/bin/sh\necho no\n"),
        case("process/directory", "--ro-bind / / {dir}"),
        case("process/no-interpreter-line", "--ro-bind / / {dir}/f a b").make(Make::File("f", "echo ran $0 $@\n", 0o755)),
        case("process/interpreter-missing", "--ro-bind / / {dir}/f").make(Make::File("f", "#!/none/sh\n", 0o755)),
        case("process/script", "--ro-bind / / {dir}/f a b").make(Make::File("f", "#!/bin/sh\necho ran $0 $@\n", 0o755)),
        case("process/script-argv0", "--ro-bind / / --argv0 x {dir}/f a b").make(Make::File("f", "#!/bin/sh\necho ran $0 $@\n", 0o755)),
        case("process/empty-file", "--ro-bind / / {dir}/f").make(Make::File("f", "", 0o755)),
        case("process/relative-command", "--ro-bind / / ./f").make(Make::File("f", "#!/bin/sh\necho ran\n", 0o755)),
        case("process/relative-command-with-slash", "--ro-bind / / d/f").dir("d").make(Make::File("d/f", "#!/bin/sh\necho ran\n", 0o755)),
        case("process/command-through-closed-dir", "--ro-bind / / --setenv PATH {dir}/c:/usr/bin env").dir("c").make(Make::RootOwned("c")).make(Make::Mode("c", 0o700)),
        case("process/interpreter-not-in-sandbox", "--ro-bind /usr/bin /usr/bin /usr/bin/true"),
        case("process/empty-root", "true"),
        case("process/arguments-with-odd-bytes", "--ro-bind / / sh -c 'printf %s\\\\n \"$@\"' sh 'a b' '' '*' 'x\ny' --unshare-user"),
        // Standard descriptors.
        case("process/stdin-data", "--ro-bind / / cat").stdin(Stdin::Data(b"some input".to_vec())),
        case("process/stdin-closed", "--ro-bind / / {probe} fds").stdin(Stdin::Closed),
        case("process/stdin-closed-all", "@base @all /probe fds").stdin(Stdin::Closed),
        case("process/stdout-closed", "--ro-bind / / sh -c '{probe} -o 2 fds'").close(&[1]),
        case("process/stderr-closed", "--ro-bind / / {probe} fds").close(&[2]),
        case("process/stderr-closed-error", "--nonsense").close(&[2]),
        case("process/all-closed", "--ro-bind / / {probe} -o {o} fds").fd("o", Given::Out).stdin(Stdin::Closed).close(&[1, 2]),
        case("process/all-closed-unshare-all", "@base @all --bind-data {d} /x /probe -o {o} fds").fd("o", Given::Out).data("d", "x").stdin(Stdin::Closed).close(&[1, 2]),
        case("process/other-fds-are-passed", "@base @all /probe fds").fd("a", Given::Path("/dev/null", libc::O_RDWR)).data("b", "x").fd("c", Given::Path("/usr", libc::O_PATH)),
        case("process/low-fds-are-passed", "--ro-bind / / {probe} fds").wrap(&["bash", "-c", "exec 3</dev/null 4</dev/zero 5</dev/null 6</dev/null 7</dev/null 8</dev/null 9</dev/null; exec \"$@\"", "bash"]),
        case("process/pid1-holds", "@base @all --sync-fd {a} /probe pid1").fd("a", Given::Path("/dev/null", libc::O_RDWR)).fd("b", Given::Path("/dev/zero", libc::O_RDWR)),
        // Signals from the caller.
        case("process/sigchld-ignored", "--ro-bind / / --unshare-pid sh -c '{probe} signals; true; exit 5'").ignore(libc::SIGCHLD),
        case("process/sigchld-blocked", "--ro-bind / / --unshare-pid sh -c '{probe} signals; exit 5'").block(libc::SIGCHLD),
        case("process/sigint-ignored", "--ro-bind / / {probe} signals").ignore(libc::SIGINT).ignore(libc::SIGHUP).ignore(libc::SIGPIPE),
        case("process/sigterm-blocked", "--ro-bind / / {probe} signals").block(libc::SIGTERM).block(libc::SIGUSR1),
        case("process/signals-in-pid1", "@base @all /probe pid1 signals").ignore(libc::SIGINT).block(libc::SIGUSR1),
        case("process/signals-plain", "@base @all /probe signals"),
        case("process/limits-are-passed", "@base /probe limits").wrap(&["bash", "-c", "ulimit -n 200; ulimit -c 0; ulimit -u 5000; exec \"$@\"", "bash"]),
        case("process/few-descriptors", "@base @all true").sh("ulimit -n 12; exec \"$@\""),
        case("process/umask", "@base @all /probe flags").umask(0o027),
        case("process/nice", "@base /probe flags").wrap(&["nice", "-n", "5"]),
        // Sessions and terminals.
        case("process/new-session", "@base --unshare-pid --new-session --proc /proc sh -c '/probe session; /probe tree'"),
        case("process/no-new-session", "@base --unshare-pid --proc /proc sh -c '/probe session; /probe tree'"),
        case("process/new-session-no-pidns", "@base --new-session --proc /proc /probe session"),
        case("process/new-session-as-pid-1", "@base --unshare-pid --as-pid-1 --new-session --proc /proc /probe session"),
        case("process/tty", "--dev-bind / / {probe} session").stdin(Stdin::TtyAll),
        case("process/tty-new-session", "--dev-bind / / --new-session {probe} session").stdin(Stdin::TtyAll),
        case("process/tty-in-dev", "@base @all --new-session /probe session").stdin(Stdin::TtyAll),
        case("process/tty-fds", "@base @all /probe fds").stdin(Stdin::TtyAll),
        case("process/tty-interrupt", "--ro-bind / / --unshare-pid sh -c 'echo ready; read line; echo not reached'").stdin(Stdin::TtyAll)
            .step(Step::Wait("tty", "ready")).step(Step::Write("tty", "\u{3}")),
        case("process/tty-line", "--ro-bind / / --unshare-pid sh -c 'echo ready; read line; echo got $line'").stdin(Stdin::TtyAll)
            .step(Step::Wait("tty", "ready")).step(Step::Write("tty", "hello\n")),
        // Process tree.
        case("process/tree", "@base @all sh -c '/probe tree; true'"),
        case("process/tree-no-unshare", "@base --proc /proc sh -c '/probe session; true'"),
        case("process/tree-as-pid-1", "@base --unshare-all --proc /proc --as-pid-1 sh -c '/probe tree; true'"),
        case("process/tree-no-reaper-needed", "@base --unshare-user --proc /proc /probe session"),
        case("process/orphans-are-reaped", "@base @all sh -c 'p=$(sh -c \"sh -c true >/dev/null & echo \\$!\"); while [ -e /proc/$p ]; do :; done; /probe tree'"),
        case("process/waits-for-command-only", "--dev-bind / / --unshare-pid sh -c 'sleep 0.2 & exit 6'"),
        case("process/background-no-pidns", "--dev-bind / / sh -c 'sleep 0.2 >/dev/null 2>&1 & exit 6'"),
        case("process/pid1-survives-command", "@base @all sh -c 'kill -TERM 1; kill -INT 1; kill -HUP 1; kill -KILL 1; echo still here'"),
        // Signals to the launcher.
        case("process/kill-launcher", "--ro-bind / / --unshare-pid sh -c 'echo ready; read line'").fd("stdin", Given::In).step(Step::Wait("stdout", "ready")).step(Step::Kill(libc::SIGKILL)).step(Step::Settle),
        case("process/kill-launcher-die-with-parent", "--ro-bind / / --unshare-pid --die-with-parent sh -c 'echo ready; read line; echo not reached'").fd("stdin", Given::In).step(Step::Wait("stdout", "ready")).step(Step::Kill(libc::SIGKILL)).step(Step::Settle),
        case("process/kill-launcher-die-with-parent-no-pidns", "--ro-bind / / --die-with-parent sh -c 'echo ready; read line; echo not reached'").fd("stdin", Given::In).step(Step::Wait("stdout", "ready")).step(Step::Kill(libc::SIGKILL)).step(Step::Settle),
        case("process/term-launcher-die-with-parent", "--ro-bind / / --unshare-pid --die-with-parent sh -c 'echo ready; read line; echo not reached'").fd("stdin", Given::In).step(Step::Wait("stdout", "ready")).step(Step::Kill(libc::SIGTERM)).step(Step::Settle),
        case("process/int-launcher", "--ro-bind / / --unshare-pid --die-with-parent sh -c 'echo ready; read line; echo not reached'").fd("stdin", Given::In).step(Step::Wait("stdout", "ready")).step(Step::Kill(libc::SIGINT)).step(Step::Settle),
        case("process/chld-to-launcher", "--ro-bind / / --unshare-pid sh -c 'echo ready; read line; exit 9'").fd("stdin", Given::In).step(Step::Wait("stdout", "ready")).step(Step::Kill(libc::SIGCHLD)).step(Step::Write("stdin", "x\n")),
        case("process/die-with-parent-flags", "@base --die-with-parent sh -c '/probe flags'"),
        case("process/die-with-parent-flags-pidns", "@base --die-with-parent @all /probe flags"),
        case("process/parent-dies", "--ro-bind / / --unshare-pid --die-with-parent sh -c 'echo ready; read line; echo not reached'").fd("stdin", Given::In)
            .wrap(&["sh", "-c", "exec 3<&0; \"$@\" <&3 & wait", "sh"]).step(Step::Wait("stdout", "ready")).step(Step::Kill(libc::SIGKILL)).step(Step::Settle),
        case("process/kill-sandbox-child", "--ro-bind / / --unshare-pid --json-status-fd {j} sh -c 'echo ready; read line'").fd("stdin", Given::In).fd("j", Given::Out).step(Step::Wait("stdout", "ready")).step(Step::KillChild("j", libc::SIGKILL)),
        case("process/launcher-privileges", "--ro-bind / / --unshare-pid sh -c 'echo ready; read line'").fd("stdin", Given::In).fd("extra", Given::Path("/dev/zero", libc::O_RDONLY)).step(Step::Wait("stdout", "ready")).step(Step::Launcher).step(Step::Write("stdin", "x\n")),
        case("process/launcher-privileges-all", "@base @all --cap-add ALL sh -c 'echo ready; read line'").fd("stdin", Given::In).step(Step::Wait("stdout", "ready")).step(Step::Launcher).step(Step::Write("stdin", "x\n")),
        case("process/already-has-children", "--ro-bind / / --unshare-pid sh -c 'exit 8'").sh("true & sleep 0.05 & exec \"$@\""),
        case("process/report-root", "--ro-bind / / {probe} report {ns}"),
        case("process/report-dev-bind", "--dev-bind / / --unshare-pid --proc /proc {probe} report {ns}"),
    ];
    for option in [
        "--unshare-all",
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-net",
        "--unshare-uts",
        "--unshare-cgroup",
    ] {
        out.push(case(
            format!("process/report{option}"),
            format!("@base {option} --proc /proc --dev /dev /probe report {{ns}}"),
        ));
    }
    out
}
