//! Hostile plans: in something that is no sealed memfd, changed after sealing, or stored where somebody keeps writing.

use attack::hostile::Host;
use common::plan::{Access, FLAG_BWRAP, FsBuild, Stage};
use stage::{
    Bench, FS_BUILD, PLAN_FD, PRIV_DROP, Records, SEALED, Who, command, ended, everyone, explain, list,
    memfd, refused, tree, with_env,
};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use support::{End, Fd, Job, Seen};

const STAGES: [Stage; 5] =
    [Stage::NsEnter, Stage::FsBuild, Stage::PrivDrop, Stage::InitReaper, Stage::SeccompLoad];

/// What a plan that is taken would run.
const RAN: [&str; 2] = ["/usr/bin/echo", "it ran"];

/// A plan with work for `stage` alone.
fn plan_of(stage: Stage) -> Records {
    Records { command: command(&RAN), ..Records::with(&[stage]) }
}

/// A descriptor that a system call has just returned.
#[track_caller]
fn new(fd: i32) -> OwnedFd {
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the call that made it has handed it to nobody else.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Everything that a descriptor can be but a sealed memfd, holding the plan where it can hold anything.
fn carriers(bench: &Bench, plan: &[u8]) -> Vec<(&'static str, OwnedFd)> {
    let file = bench.path("plan-in-a-file");
    fs::write(&file, plan).unwrap();
    let open = |flags: i32, path: &std::path::Path| {
        let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: a NUL-ended path.
        new(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) })
    };
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(plan).unwrap();
    let (socket, mut other) = UnixStream::pair().unwrap();
    other.write_all(plan).unwrap();
    let sealed = memfd(plan, SEALED);
    let own = format!("/proc/self/fd/{}", sealed.as_raw_fd());
    let flags = libc::MFD_CLOEXEC;
    // SAFETY: a NUL-ended name; the other calls take numbers.
    let (unsealable, epoll, event, pidfd) = unsafe {
        (
            new(libc::memfd_create(c"plan".as_ptr(), flags)),
            new(libc::epoll_create1(libc::EPOLL_CLOEXEC)),
            new(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)),
            new(libc::syscall(libc::SYS_pidfd_open, libc::getpid(), 0) as i32),
        )
    };
    File::from(unsealable.try_clone().unwrap()).write_all(plan).unwrap();
    vec![
        ("a file", open(libc::O_RDONLY, &file)),
        ("a file that may be written", open(libc::O_RDWR, &file)),
        ("a directory", open(libc::O_RDONLY, "/".as_ref())),
        ("the place of a file", open(libc::O_PATH, &file)),
        ("the place of a sealed memfd", open(libc::O_PATH, own.as_ref())),
        ("a pipe", reader.into()),
        ("a socket", socket.into()),
        ("/dev/null", open(libc::O_RDWR, "/dev/null".as_ref())),
        ("/dev/zero", open(libc::O_RDWR, "/dev/zero".as_ref())),
        ("a namespace", open(libc::O_RDONLY, "/proc/self/ns/mnt".as_ref())),
        ("a procfs file", open(libc::O_RDONLY, "/proc/self/maps".as_ref())),
        ("an epoll", epoll),
        ("an eventfd", event),
        ("a pidfd", pidfd),
        ("a memfd that takes no seals", unsealable),
        ("a memfd without seals", memfd(plan, 0)),
    ]
}

fn on(bench: &Bench, stage: Stage, fd: OwnedFd, who: Who) -> Job {
    bench.stage_on(stage, bench.keep(fd), 0, who)
}

#[test]
fn a_plan_in_anything_but_a_sealed_memfd_is_refused_by_every_stage() {
    let bench = Bench::set_up();
    let host = Host::look();
    for who in everyone() {
        for stage in STAGES {
            for (what, fd) in carriers(&bench, &plan_of(stage).encode()) {
                let seen = on(&bench, stage, fd, who).run().unwrap();
                assert!(seen.stdout.is_empty(), "{stage:?}, {what}: {}", explain(&seen));
                let message = refused(&seen);
                assert!(message.starts_with(&format!("{}: ", stage.name())), "{stage:?}, {what}: {message}");
            }
        }
    }
    assert_eq!(host, Host::look());
}

#[test]
fn every_set_of_seals_but_all_four_is_refused() {
    let bench = Bench::set_up();
    let all = [libc::F_SEAL_SEAL, libc::F_SEAL_SHRINK, libc::F_SEAL_GROW, libc::F_SEAL_WRITE];
    let who = everyone()[0];
    for stage in STAGES {
        for bits in 0..16u32 {
            let seals = (0..4).filter(|bit| bits >> bit & 1 == 1).map(|bit| all[bit]).sum::<i32>();
            let seen = on(&bench, stage, memfd(&plan_of(stage).encode(), seals), who).run().unwrap();
            if seals == SEALED {
                assert_ne!(seen.status, End::Signal(libc::SIGBUS), "{}", explain(&seen));
            } else {
                assert!(refused(&seen).contains("sealed memfd"), "{stage:?} {seals:#x}: {}", explain(&seen));
            }
        }
    }
}

/// A seal that leaves a mapping writable which was there before is not the seal that a plan needs.
#[test]
fn a_plan_that_its_maker_can_still_write_through_a_mapping_is_refused() {
    const F_SEAL_FUTURE_WRITE: i32 = 0x10;
    let bench = Bench::set_up();
    let plan = plan_of(Stage::PrivDrop).encode();
    let fd = memfd(&plan, 0);
    // SAFETY: maps a file of this test's own; nothing of Rust lives there.
    let mapping = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            plan.len(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            fd.as_raw_fd(),
            0,
        )
    };
    assert_ne!(mapping, libc::MAP_FAILED);
    let add = |seals: i32| {
        // SAFETY: a number argument, on a descriptor that is open.
        unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) }
    };
    assert_eq!(add(libc::F_SEAL_WRITE), -1, "the kernel lets nobody seal what is mapped for writing");
    assert_eq!(add(F_SEAL_FUTURE_WRITE | SEALED & !libc::F_SEAL_WRITE), 0);
    let message =
        refused(&on(&bench, Stage::PrivDrop, fd.try_clone().unwrap(), everyone()[0]).run().unwrap());
    assert_eq!(message, "priv-drop: Can't map plan (is it a sealed memfd?): Operation not permitted");
    // SAFETY: the mapping made above, which nobody uses any more.
    unsafe { libc::munmap(mapping, plan.len()) };
}

/// Whoever gets at a plan's descriptor, as any process of the same user through /proc/PID/fd, can change nothing.
#[test]
fn a_sealed_plan_cannot_be_changed_by_any_way_there_is() {
    let bench = Bench::set_up();
    let plan = plan_of(Stage::PrivDrop).encode();
    let fd = memfd(&plan, SEALED);
    let raw = fd.as_raw_fd();
    let again = File::options().read(true).write(true).open(format!("/proc/self/fd/{raw}"));
    let mut files = vec![File::from(fd.try_clone().unwrap())];
    files.extend(again);
    for file in &mut files {
        let raw = file.as_raw_fd();
        assert!(file.write_all(b"x").is_err());
        assert!(file.set_len(0).is_err() && file.set_len(1 << 20).is_err());
        // SAFETY: numbers and a length; a mapping that is refused maps nothing.
        unsafe {
            let punch = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            assert_eq!(libc::fallocate(raw, punch, 0, 1), -1);
            assert_eq!(libc::fallocate(raw, 0, 0, 1 << 20), -1);
            let shared = libc::mmap(std::ptr::null_mut(), 16, libc::PROT_WRITE, libc::MAP_SHARED, raw, 0);
            assert_eq!(shared, libc::MAP_FAILED);
            assert_eq!(libc::fcntl(raw, libc::F_ADD_SEALS, 0), -1);
        }
    }
    assert!(File::options().write(true).truncate(true).open(format!("/proc/self/fd/{raw}")).is_err());
    assert_eq!(fs::read(format!("/proc/self/fd/{raw}")).unwrap(), plan);
    let job = on(&bench, Stage::PrivDrop, fd, everyone()[0]);
    assert_eq!(ended(&job.run().unwrap(), 0).text(), "it ran\n");
}

/// A launch that may be stored: the host's tree, read only.
fn stored(words: &[&str], access: Access) -> Vec<u8> {
    let flags = common::sys::clone_flags::NEWNS;
    let ns_enter = common::plan::NsEnter {
        namespaces: common::plan::Namespaces(flags),
        user: common::plan::UserNs::UnlessRoot,
        raise: common::caps::CapSet::of(&[common::caps::cap::SYS_ADMIN, common::caps::cap::SETPCAP]),
        ..stage::NS_ENTER
    };
    let fs_build = FsBuild { ops: list(&[tree::bind("/", "/", access)]), ..FS_BUILD };
    Records {
        ns_enter: Some(ns_enter),
        fs_build: Some(fs_build),
        priv_drop: Some(PRIV_DROP),
        ..Records::new(words)
    }
    .encode()
}

fn from_stored(bench: &Bench, fd: Fd, who: Who) -> Job {
    let mut job = bench.job(bench.bin("ns-enter"), who);
    job.arg(format!("--stored={PLAN_FD}"));
    job.fds.insert(PLAN_FD, fd);
    with_env(job, "PWD", "/")
}

#[test]
fn a_stored_plan_in_what_cannot_hold_one_is_refused() {
    let bench = Bench::set_up();
    let host = Host::look();
    let plan = stored(&RAN, Access::ReadOnly);
    for who in everyone() {
        for (what, fd) in carriers(&bench, &plan) {
            let seen = from_stored(&bench, bench.keep(fd), who).run().unwrap();
            let holds = ["a file", "a pipe", "a socket", "a memfd", "a file that may be written"];
            let can = holds.contains(&what) || what.starts_with("a memfd");
            if can && seen.status == End::Exit(0) {
                assert_eq!(ended(&seen, 0).text(), "it ran\n", "{what}");
                continue;
            }
            let message = refused(&seen);
            assert!(message.starts_with("ns-enter: "), "{who:?}, {what}: {message}");
            // Of the pipe, the socket and the memfds some were read to their end by the test that wrote them.
            assert!(!matches!(what, "a file" | "a pipe"), "{who:?}, {what}: {message}");
        }
    }
    assert_eq!(host, Host::look());
}

/// What is run is what was checked: a writer who goes on while the plan is read gets a plan refused, or one of those he
/// wrote run, and no stage ever finds bad what `--stored` has found good.
#[test]
fn a_stored_plan_that_somebody_keeps_writing_is_checked_as_it_is_run() {
    let bench = Bench::set_up();
    let host = Host::look();
    let good = stored(&RAN, Access::ReadOnly);
    let mut bad = good.clone();
    // The command's last field is an option, and 0x80 is none.
    let at = bad.len() - 1;
    bad[at] ^= 0x80;
    let path = bench.path("written");
    fs::write(&path, &good).unwrap();
    let stop = AtomicBool::new(false);
    let outcomes = thread::scope(|scope| {
        scope.spawn(|| {
            use std::os::unix::fs::FileExt;
            let file = File::options().write(true).open(&path).unwrap();
            while !stop.load(Ordering::Relaxed) {
                file.write_all_at(&bad, 0).unwrap();
                file.write_all_at(&good, 0).unwrap();
            }
        });
        let mut outcomes = Vec::new();
        for who in everyone() {
            for _ in 0..40 {
                outcomes
                    .push(from_stored(&bench, Fd::Path(path.clone(), libc::O_RDONLY), who).run().unwrap());
            }
        }
        stop.store(true, Ordering::Relaxed);
        outcomes
    });
    let mut ran = 0;
    for seen in &outcomes {
        if seen.status == End::Exit(0) {
            assert_eq!(ended(seen, 0).text(), "it ran\n");
            ran += 1;
        } else {
            assert!(refused(seen).starts_with("ns-enter: Invalid plan: "), "{}", explain(seen));
        }
    }
    println!("{ran} of {} ran", outcomes.len());
    assert_eq!(host, Host::look());
}

#[test]
fn a_stored_plan_without_end_is_refused_at_the_limit() {
    let bench = Bench::set_up();
    for who in everyone() {
        let job = from_stored(&bench, Fd::Path("/dev/zero".into(), libc::O_RDONLY), who);
        assert_eq!(refused(&job.run().unwrap()), "ns-enter: Can't read plan: Argument list too long");
        // With less memory than that it is the memory that ends first.
        let mut job = from_stored(&bench, Fd::Path("/dev/zero".into(), libc::O_RDONLY), who);
        job.enter = Some(attack::hostile::limit(libc::RLIMIT_AS, 16 << 20));
        assert_eq!(refused(&job.run().unwrap()), "ns-enter: Can't read plan: Cannot allocate memory");
    }
}

/// One who launches somebody else's plan sees by its messages that it is no bwrap command line, but not by who speaks.
#[test]
fn a_plan_from_a_pipe_that_comes_byte_by_byte_is_read_to_its_end() {
    let bench = Bench::set_up();
    let mut plan = stored(&RAN, Access::ReadOnly);
    plan[10] |= FLAG_BWRAP as u8;
    for who in everyone() {
        let run = |bytes: &[u8]| -> Seen {
            let job = from_stored(&bench, Fd::In, who);
            let mut live = job.start().unwrap();
            for byte in bytes {
                live.write(PLAN_FD, &[*byte]);
            }
            live.close(PLAN_FD);
            live.finish().unwrap()
        };
        assert_eq!(ended(&run(&plan), 0).text(), "it ran\n");
        assert_eq!(
            refused(&run(&plan[..plan.len() - 1])),
            "ns-enter: Invalid plan: plan: length: not the length of the plan"
        );
    }
}
