//! --info-fd, --json-status-fd, --block-fd, --userns-block-fd, --sync-fd, --lock-file.
use crate::case::{Case, Given, Make, Step, case};

fn started(case: Case) -> Case {
    case.fd("stdin", Given::In)
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    for (name, options) in [
        ("plain", ""),
        ("all", "--unshare-all"),
        ("pid", "--unshare-pid"),
        ("user", "--unshare-user"),
        ("net", "--unshare-net"),
        ("ipc", "--unshare-ipc"),
        ("uts", "--unshare-uts"),
        ("cgroup", "--unshare-cgroup"),
        ("share-net", "--unshare-all --share-net"),
        ("as-pid-1", "--unshare-pid --as-pid-1"),
        ("dev", "--unshare-user --dev /dev"),
        ("disable", "--unshare-user --disable-userns"),
    ] {
        out.push(
            case(
                format!("status/documents-{name}"),
                format!("@base {options} --info-fd {{i}} --json-status-fd {{j}} sh -c 'exit 3'"),
            )
            .fd("i", Given::Out)
            .fd("j", Given::Out),
        );
    }
    out.extend([
        case("status/json-signal", "--ro-bind / / --json-status-fd {j} {probe} kill 15").fd("j", Given::Out),
        case("status/json-pid-is-inside", "--ro-bind / / --unshare-pid --json-status-fd {j} true").fd("j", Given::Out),
        case("status/json-exec-failure", "--ro-bind / / --json-status-fd {j} {dir}/none").fd("j", Given::Out),
        case("status/json-setup-failure", "--bind {dir}/none /x --json-status-fd {j} true").fd("j", Given::Out),
        case("status/json-argument-error", "--json-status-fd {j} --nonsense").fd("j", Given::Out),
        case("status/json-not-in-command", "@base --json-status-fd {j} --info-fd {i} --proc /proc /probe fds").fd("j", Given::Out).fd("i", Given::Out),
        case("status/json-same-as-stdout", "--ro-bind / / --json-status-fd 1 sh -c 'echo out; exit 2'"),
        case("status/json-same-as-info", "--ro-bind / / --json-status-fd {j} --info-fd {j} sh -c 'exit 2'").fd("j", Given::Out),
        case("status/info-stderr", "--ro-bind / / --info-fd {i} {dir}/none").fd("i", Given::Out),
        case("status/info-read-only", "--ro-bind / / --info-fd {i} true").fd("i", Given::Path("/dev/null", libc::O_RDONLY)),
        case("status/json-read-only", "--ro-bind / / --json-status-fd {i} true").fd("i", Given::Path("/dev/null", libc::O_RDONLY)),
        case("status/info-full", "--ro-bind / / --info-fd {i} true").fd("i", Given::Path("/dev/full", libc::O_WRONLY)),
        case("status/json-full", "--ro-bind / / --json-status-fd {i} true").fd("i", Given::Path("/dev/full", libc::O_WRONLY)),
        started(case("status/info-comes-first", "--ro-bind / / --unshare-all --info-fd {i} --json-status-fd {j} sh -c 'echo ready; read x; exit 4'").fd("i", Given::Out).fd("j", Given::Out))
            .step(Step::Wait("stdout", "ready")).step(Step::Note("i")).step(Step::Note("j")).step(Step::Write("stdin", "x\n")),
        // --block-fd
        started(case("status/block-fd", "--ro-bind / / --unshare-pid --block-fd {b} --info-fd {i} sh -c 'echo ran'").fd("b", Given::In).fd("i", Given::Out))
            .step(Step::Wait("i", "}")).step(Step::Note("stdout")).step(Step::Write("b", "x")).step(Step::Wait("stdout", "ran")),
        started(case("status/block-fd-closed", "--ro-bind / / --unshare-pid --block-fd {b} --info-fd {i} sh -c 'echo ran'").fd("b", Given::In).fd("i", Given::Out))
            .step(Step::Wait("i", "}")).step(Step::Note("stdout")).step(Step::Close("b")).step(Step::Wait("stdout", "ran")),
        case("status/block-fd-data", "--ro-bind / / --block-fd {b} cat").data("b", "xyz").stdin(support::Stdin::Data(b"in".to_vec())),
        case("status/block-fd-reads-one", "--ro-bind / / --block-fd 0 cat").stdin(support::Stdin::Data(b"xyz".to_vec())),
        case("status/block-fd-not-open", "--ro-bind / / --block-fd {b} echo ran").fd("b", Given::NotOpen),
        case("status/block-fd-gone-for-command", "@base --block-fd {b} --proc /proc /probe fds").data("b", "x"),
        case("status/block-fd-write-only", "--ro-bind / / --block-fd {b} echo ran").fd("b", Given::Path("/dev/null", libc::O_WRONLY)),
        // --userns-block-fd
        started(case("status/userns-block-fd", "@base --unshare-user --userns-block-fd {b} --info-fd {i} --proc /proc /probe ids").fd("b", Given::In).fd("i", Given::Out))
            .step(Step::Wait("i", "}")).step(Step::Map("i", 7)).step(Step::Write("b", "x")),
        started(case("status/userns-block-fd-own-id", "@base --unshare-user --userns-block-fd {b} --info-fd {i} --proc /proc /probe ids").fd("b", Given::In).fd("i", Given::Out))
            .step(Step::Wait("i", "}")).step(Step::Map("i", 1000)).step(Step::Write("b", "x")),
        started(case("status/userns-block-fd-uid", "@base --unshare-user --uid 7 --gid 7 --userns-block-fd {b} --info-fd {i} --proc /proc sh -c '/probe ids; /probe caps'").fd("b", Given::In).fd("i", Given::Out))
            .step(Step::Wait("i", "}")).step(Step::Map("i", 7)).step(Step::Write("b", "x")),
        started(case("status/userns-block-fd-unmapped", "@base --unshare-user --userns-block-fd {b} --info-fd {i} true").fd("b", Given::In).fd("i", Given::Out))
            .step(Step::Wait("i", "}")).step(Step::Write("b", "x")),
        started(case("status/userns-block-fd-closed", "@base --unshare-user --userns-block-fd {b} --info-fd {i} --proc /proc /probe ids").fd("b", Given::In).fd("i", Given::Out))
            .step(Step::Wait("i", "}")).step(Step::Map("i", 0)).step(Step::Close("b")),
        case("status/userns-block-fd-without-info", "@base --unshare-user --userns-block-fd {b} true").data("b", "x"),
        case("status/userns-block-fd-without-user", "@base --userns-block-fd {b} --info-fd {i} true").data("b", "x").fd("i", Given::Out),
        case("status/userns-block-fd-with-json", "@base --unshare-user --userns-block-fd {b} --json-status-fd {i} true").data("b", "x").fd("i", Given::Out),
        // --sync-fd
        case("status/sync-fd", "@base @all --sync-fd {s} sh -c '/probe fds; /probe pid1'").fd("s", Given::Path("/dev/zero", libc::O_RDONLY)),
        case("status/sync-fd-twice", "@base @all --sync-fd {s} --sync-fd {t} sh -c '/probe fds; /probe pid1'").fd("s", Given::Path("/dev/zero", libc::O_RDONLY)).fd("t", Given::Path("/dev/full", libc::O_RDONLY)),
        // One descriptor for two: the first that is done with it closes it.
        case("status/sync-fd-is-block-fd", "@base @all --sync-fd {s} --block-fd {s} sh -c 'echo run'").fd("s", Given::Data(b"x".to_vec())),
        case("status/sync-fd-is-info-fd", "@base @all --sync-fd {s} --info-fd {s} sh -c 'echo run'").fd("s", Given::Path("/dev/null", libc::O_RDWR)),
        case("status/sync-fd-is-json-status-fd", "@base @all --sync-fd {s} --json-status-fd {s} sh -c 'echo run'").fd("s", Given::Path("/dev/null", libc::O_RDWR)),
        case("status/sync-fd-is-file", "@base @all --sync-fd {s} --file {s} /f sh -c 'echo run'").fd("s", Given::Path("/dev/null", libc::O_RDWR)),
        case("status/block-fd-is-bind-data", "@base @all --block-fd {s} --bind-data {s} /f sh -c 'echo run'").fd("s", Given::Data(b"x".to_vec())),
        case("status/sync-fd-no-pidns", "@base --sync-fd {s} --proc /proc /probe fds").fd("s", Given::Path("/dev/zero", libc::O_RDONLY)),
        started(case("status/sync-fd-open-while-running", "--ro-bind / / --unshare-pid --sync-fd {s} sh -c 'echo ready; read x'").fd("s", Given::Out))
            .step(Step::Wait("stdout", "ready")).step(Step::Write("stdin", "x\n")).step(Step::Wait("s", "never")),
        case("status/sync-fd-not-open", "@base --sync-fd {s} --proc /proc /probe fds").fd("s", Given::NotOpen),
        // --lock-file
        started(case("status/lock-file", "--bind / / --unshare-pid --lock-file {dir}/f sh -c 'echo ready; read x'").file("f", ""))
            .step(Step::Wait("stdout", "ready")).step(Step::Lock("f")).step(Step::Write("stdin", "x\n")).step(Step::Settle).step(Step::Lock("f")),
        started(case("status/lock-file-read-only", "--ro-bind / / --unshare-pid --lock-file {dir}/f sh -c 'echo ready; read x'").file("f", ""))
            .step(Step::Wait("stdout", "ready")).step(Step::Lock("f")).step(Step::Write("stdin", "x\n")),
        started(case("status/lock-file-two", "--bind / / --lock-file {dir}/f --lock-file {dir}/g sh -c 'echo ready; read x'").file("f", "").file("g", ""))
            .step(Step::Wait("stdout", "ready")).step(Step::Lock("f")).step(Step::Lock("g")).step(Step::Write("stdin", "x\n")),
        started(case("status/lock-file-no-pidns", "--bind / / --lock-file {dir}/f sh -c 'echo ready; read x'").file("f", ""))
            .step(Step::Wait("stdout", "ready")).step(Step::Lock("f")).step(Step::Write("stdin", "x\n")),
        started(case("status/lock-file-inside-path", "@base --bind {dir} /d --unshare-pid --lock-file /d/f sh -c 'echo ready; read x'").file("f", ""))
            .step(Step::Wait("stdout", "ready")).step(Step::Lock("f")).step(Step::Write("stdin", "x\n")),
        case("status/lock-file-missing", "--bind / / --unshare-pid --lock-file {dir}/none true"),
        case("status/lock-file-missing-inside", "@base --unshare-pid --lock-file {dir}/f true").file("f", ""),
        case("status/lock-file-directory", "--bind / / --unshare-pid --lock-file {dir} true"),
        case("status/lock-file-closed", "--bind / / --unshare-pid --lock-file {dir}/f true").file("f", "").make(Make::RootOwned("f")).make(Make::Mode("f", 0o600)),
        case("status/lock-file-fds", "@base @all --lock-file /probe sh -c '/probe fds; /probe pid1'"),
        case("status/lock-file-relative", "--bind / / --unshare-pid --lock-file f true").file("f", ""),
        case("status/lock-file-no-reaper", "@base --lock-file /none true"),
        case("status/lock-file-link", "--bind / / --unshare-pid --lock-file {dir}/l true").file("f", "").link("f", "l"),
        case("status/lock-file-fifo", "--bind / / --unshare-pid --lock-file /dev/null true"),
    ]);
    out
}
