//! Hostile descriptors: for every option that takes a number, one that is closed, of another kind than it should be,
//! ours, or above the limit. Nothing of ours is shown, held or closed, and nothing runs in another sandbox.

use attack::hostile::{Came, FULL, Host, Judge, REPORT_FD, bwrap, limit, reporting};
use common::plan::{Access, FdNumber, InitReaper, MountOp, NsEnter, PrivDrop, Stage};
use stage::{
    Bench, FS_BUILD, INIT_REAPER, NS_ENTER, PLAN_FD, PRIV_DROP, Records, Who, entry, everyone, explain, list,
    path, through, tree,
};
use std::os::fd::{FromRawFd, OwnedFd};
use support::{End, Fd, Job};

/// The options that take a descriptor, with the words before and behind it.
const OPTIONS: [(&[&str], &[&str]); 13] = [
    (&["--args"], &[]),
    (&["--seccomp"], &[]),
    (&["--add-seccomp-fd"], &[]),
    (&["--unshare-user", "--userns-block-fd"], &[]),
    (&["--userns"], &[]),
    (&["--userns2"], &[]),
    (&["--pidns"], &[]),
    (&["--info-fd"], &[]),
    (&["--json-status-fd"], &[]),
    (&["--sync-fd"], &[]),
    (&["--block-fd"], &[]),
    (&["--ro-bind-fd"], &["/mnt"]),
    (&["--ro-bind-data"], &["/dev/null"]),
];

/// Of which kind the descriptor is.
const KINDS: [&str; 14] = [
    "closed",
    "directory",
    "place",
    "null",
    "zero",
    "pipe",
    "closed pipe",
    "socket",
    "mount namespace",
    "own user namespace",
    "pidfd",
    "epoll",
    "file",
    "tty",
];

/// A descriptor of this kind; `None` for a closed one. What a writer would have to end is at its end.
fn of_kind(bench: &Bench, kind: &str) -> Option<Fd> {
    let new = |fd: i32| {
        assert!(fd >= 0, "{}", std::io::Error::last_os_error());
        // SAFETY: the call that made it has handed it to nobody else.
        bench.keep(unsafe { OwnedFd::from_raw_fd(fd) })
    };
    Some(match kind {
        "closed" => return None,
        "directory" => Fd::Path("/".into(), libc::O_RDONLY),
        "place" => Fd::Path("/etc".into(), libc::O_PATH),
        "null" => Fd::Path("/dev/null".into(), libc::O_RDWR),
        "zero" => Fd::Path("/dev/zero".into(), libc::O_RDONLY),
        "pipe" => Fd::Data(b"no words, no filter".to_vec()),
        "closed pipe" => bench.keep(std::io::pipe().unwrap().1.into()),
        "socket" => bench.keep(std::os::unix::net::UnixStream::pair().unwrap().0.into()),
        "mount namespace" => Fd::Path("/proc/self/ns/mnt".into(), libc::O_RDONLY),
        "own user namespace" => Fd::Path("/proc/self/ns/user".into(), libc::O_RDONLY),
        // SAFETY: numbers.
        "pidfd" => new(unsafe { libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) } as i32),
        // SAFETY: a number.
        "epoll" => new(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }),
        "file" => Fd::File(b"12345678".to_vec()),
        "tty" => Fd::Path("/dev/ptmx".into(), libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK),
        other => panic!("{other}"),
    })
}

/// The line of an option on top of [`FULL`].
fn with_option(number: i32, (before, behind): (&[&str], &[&str])) -> Vec<String> {
    let number = number.to_string();
    let words = FULL.iter().chain(before).copied().chain([number.as_str()]).chain(behind.iter().copied());
    words.map(str::to_owned).collect()
}

#[test]
fn a_descriptor_of_another_kind_means_the_same_sandbox_or_none() {
    let bench = Bench::set_up();
    let mut judge = Judge::new(&bench);
    for who in everyone() {
        let mut refusals = 0;
        for option in OPTIONS {
            for kind in KINDS {
                // Endless data is read to the limit of memory, as by bubblewrap; the limit makes that short, but not for a
                // file in the sandbox, which no limit of the process holds for.
                if kind == "zero" && option.0 == ["--ro-bind-data"] {
                    continue;
                }
                let mut job = reporting(&bench, who, &with_option(40, option));
                job.fds.extend(of_kind(&bench, kind).map(|fd| (40, fd)));
                job.enter = Some(limit(libc::RLIMIT_AS, 64 << 20));
                // A filter or a mount more is what was asked for; so are pid 1's descriptors and the option's own.
                let differs = ["fd 40 ", "rlimit", "seccomp", "mount"];
                let came = judge.judge(who, &FULL, job.run(), &differs);
                // Who writes where nobody reads is ended by the signal for that, as by bubblewrap; nothing had begun.
                let ended = [Came::Died(End::Signal(libc::SIGPIPE))].contains(&came)
                    && matches!(kind, "closed pipe" | "socket");
                assert!(ended || !matches!(came, Came::Died(_)), "{who:?} {option:?} {kind}: {came:?}");
                refusals += usize::from(came != Came::Ran);
            }
        }
        println!("{who:?}: {refusals} of {} refused", OPTIONS.len() * KINDS.len());
        assert!(refusals > 80, "{refusals}");
    }
}

/// A number that was mistyped, and may be one that sallyport itself gets: nothing of ours comes out.
#[test]
fn a_closed_descriptor_never_meets_one_of_ours() {
    let bench = Bench::set_up();
    let host = Host::look();
    for who in everyone() {
        for number in (3..30).chain([REPORT_FD + 1, 1000, i32::MAX]) {
            for more in [
                &["--file", "N", "/shown"][..],
                &["--bind-data", "N", "/shown"],
                &["--ro-bind-data", "N", "/shown"],
                &["--bind-fd", "N", "/shown"],
                &["--ro-bind-fd", "N", "/shown"],
                &["--args", "N"],
                &["--seccomp", "N"],
            ] {
                let number = number.to_string();
                let words = more.iter().map(|word| if *word == "N" { number.as_str() } else { word });
                let words: Vec<&str> = ["--unshare-pid", "--dir", "/d"].into_iter().chain(words).collect();
                let mut job = bwrap(&bench, who, &words);
                job.arg("--ro-bind").arg(bench.path("probe")).args(["/probe", "/probe", "ls", "/shown"]);
                let seen = job.run().unwrap();
                assert_eq!(seen.status, End::Exit(1), "{who:?} {words:?}: {}", explain(&seen));
                assert!(seen.stdout.is_empty() && !seen.stderr.is_empty(), "{words:?}: {}", explain(&seen));
                assert!(seen.leftovers.is_empty(), "{words:?}: {}", explain(&seen));
            }
            // What is held or waited for: not ours either.
            for option in ["--sync-fd", "--block-fd", "--info-fd", "--json-status-fd"] {
                let number = number.to_string();
                let mut job = bwrap(&bench, who, &[&FULL[..], &[option, &number]].concat());
                job.arg(bench.path("probe")).args(["pid1", "fds"]);
                let seen = job.run().unwrap();
                assert!(seen.leftovers.is_empty(), "{option} {number}: {}", explain(&seen));
                let text = String::from_utf8_lossy(&seen.stdout).into_owned();
                let held = text.lines().filter(|line| line.starts_with("pid1 fd "));
                let mut held = held.filter(|line| !line.ends_with(" pipe") && !line.ends_with(" /dev/null"));
                assert_eq!(held.next(), None, "{who:?} {option} {number}: {text}");
            }
        }
    }
    assert_eq!(host, Host::look());
}

/// Open, but above a limit that was lowered since: it can be used, but no copy of it be made there.
#[test]
fn descriptors_above_the_limit_are_used_or_refused_and_never_reach_the_command_when_used_up() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bwrap(
            &bench,
            who,
            &["--unshare-pid", "--proc", "/proc", "--file", "700", "/f", "--sync-fd", "701"],
        );
        job.arg("--ro-bind").arg(bench.path("probe")).args(["/probe", "/probe", "fds"]);
        job.fds.insert(700, Fd::File(b"data".to_vec()));
        job.fds.insert(701, Fd::Path("/dev/null".into(), libc::O_RDONLY));
        job.fds.insert(702, Fd::Path("/dev/null".into(), libc::O_RDONLY));
        job.enter = Some(limit(libc::RLIMIT_NOFILE, 64));
        let seen = job.run().unwrap();
        if seen.status == End::Exit(0) {
            let text = String::from_utf8_lossy(&seen.stdout).into_owned();
            assert!(!text.contains("fd 700 ") && !text.contains("fd 701 "), "{text}");
            assert!(text.contains("fd 702 "), "the caller's own: {text}");
        } else {
            stage::refused(&seen);
        }
    }
}

/// A plan that somebody has made by hand names descriptors that are ours: each stage gets one of every number.
#[test]
fn a_plan_that_names_descriptors_of_ours_runs_nothing_that_could_see_them() {
    let bench = Bench::set_up();
    let host = Host::look();
    let stages = [Stage::NsEnter, Stage::FsBuild, Stage::PrivDrop, Stage::InitReaper, Stage::SeccompLoad];
    for who in everyone() {
        for number in [PLAN_FD, stage::NEXT_FD, stage::NEXT_FD + 1, 20, 21, 22, 999] {
            let fd = FdNumber::new(number);
            let named = fd.unwrap();
            let ns_enter = [
                NsEnter { info_fd: fd, ..NS_ENTER },
                NsEnter { json_status_fd: fd, ..NS_ENTER },
                NsEnter { userns_block_fd: fd, ..NS_ENTER },
                NsEnter { userns_fd: fd, ..NS_ENTER },
                NsEnter { pidns_fd: fd, ..NS_ENTER },
            ];
            let dest = path("/shown");
            let ops = [
                MountOp::File { fd: named, dest, mode: tree::mode(0o644) },
                MountOp::BindData { fd: named, dest, mode: tree::mode(0o644), read_only: true },
                MountOp::BindFd { fd: named, dest, access: Access::ReadOnly },
            ];
            let priv_drop =
                [PrivDrop { block_fd: fd, ..PRIV_DROP }, PrivDrop { userns2_fd: fd, ..PRIV_DROP }];
            let command = stage::command(&["/shown"]);
            let base = Records { command, ..Records::with(&stages) };
            let mut plans: Vec<(Stage, Records)> = Vec::new();
            let from = |stage: Stage| {
                let stages: Vec<Stage> = stages.into_iter().filter(|other| *other >= stage).collect();
                Records { command, ..Records::with(&stages) }
            };
            plans.extend(ns_enter.map(|frame| (Stage::NsEnter, Records { ns_enter: Some(frame), ..base })));
            plans.extend(ops.map(|op| {
                let fs_build = common::plan::FsBuild { ops: list(&[op]), ..FS_BUILD };
                (Stage::FsBuild, Records { fs_build: Some(fs_build), ..from(Stage::FsBuild) })
            }));
            plans.extend(
                priv_drop.map(|frame| {
                    (Stage::PrivDrop, Records { priv_drop: Some(frame), ..from(Stage::PrivDrop) })
                }),
            );
            let holding = InitReaper { sync_fds: list(&[named]), ..INIT_REAPER };
            plans
                .push((Stage::InitReaper, Records { init_reaper: Some(holding), ..from(Stage::InitReaper) }));
            for (stage, records) in plans {
                let seen = ours(&bench, stage, &records, who).run().unwrap();
                let shown = || format!("{who:?} {stage:?} {number}: {}", explain(&seen));
                // The command, /shown, is not there to be run; what matters is that none of ours got there.
                assert!(seen.status != End::Exit(0) && seen.status != End::TimedOut, "{}", shown());
                assert!(seen.stdout.is_empty() && seen.leftovers.is_empty(), "{}", shown());
                assert!(!seen.stderr.is_empty(), "{}", shown());
                assert!(!seen.stderr.windows(7).any(|bytes| bytes == b"sallypt"), "{}", shown());
            }
        }
    }
    assert_eq!(host, Host::look());
}

/// `stage` with the real ones after it, and with a pipe each for `--status` (20) and `--ready` (21).
fn ours(bench: &Bench, stage: Stage, records: &Records, who: Who) -> Job {
    let mut job = bench.stage(stage, records, who);
    for (index, after) in records.stages_after(Some(stage)).into_iter().enumerate() {
        job.fds.insert(stage::NEXT_FD + index as i32, Fd::Path(bench.bin(after.name()), libc::O_PATH));
    }
    if stage != Stage::NsEnter {
        job.args(["--status=20", "--ready=21"]);
        job.fds.extend([(20, Fd::Out), (21, Fd::Out)]);
    }
    if stage == Stage::FsBuild { through(job, &entry::sandbox(who)) } else { job }
}
