//! seccomp-load: the filters, in order, and at once the command; and what every last stage does for the command.

use common::caps::{CapSet, cap};
use common::plan::{Command, EnvOp, SeccompLoad, Stage};
use common::sys;
use stage::filters::{self, KILL, answer, deny, program};
use stage::*;
use std::os::unix::fs::PermissionsExt;
use support::{End, Fd, Job};

const WRITE: i64 = 1;
const EXECVE: i64 = 59;
const GETPGRP: i64 = 111;
const GETPRIORITY: i64 = 140;
const SECCOMP: i64 = 317;

/// seccomp-load with these filters and the probe as the command; `no_new_privs` is set, as priv-drop leaves it.
fn job(bench: &Bench, filters: &[Vec<u8>], who: Who, words: &[&str]) -> Job {
    let probe = bench.path("probe");
    let words: Vec<&str> = std::iter::once(probe.to_str().unwrap()).chain(words.iter().copied()).collect();
    with_command(bench, filters, who, command(&words))
}

fn with_command(bench: &Bench, filters: &[Vec<u8>], who: Who, command: Command<'static>) -> Job {
    let programs: Vec<_> = filters.iter().map(|filter| program(filter.clone())).collect();
    let frame = SeccompLoad { programs: list(&programs), ..SECCOMP_LOAD };
    let plan = Records { seccomp_load: Some(frame), command, ..Records::with(&[]) };
    // By its path: the tests change PATH.
    through(bench.stage(Stage::SeccompLoad, &plan, who), &["/usr/bin/setpriv", "--no-new-privs"])
}

/// A command of these words, run by the last stage without a filter.
fn plain(bench: &Bench, who: Who, words: &[&str]) -> Job {
    with_command(bench, &[], who, command(words))
}

#[test]
fn the_command_wears_the_filters_and_all_else_is_allowed() {
    let bench = Bench::set_up();
    for who in everyone() {
        for count in 0..=3 {
            let filters = vec![deny(GETPGRP, libc::ENOSYS); count];
            let view = ended(&job(&bench, &filters, who, &["flags"]).run().unwrap(), 0);
            let expected = if count == 0 { "0 filters 0".to_owned() } else { format!("2 filters {count}") };
            assert_eq!(view.value("seccomp"), expected);
            let view = ended(&job(&bench, &filters, who, &["seccomp-probe"]).run().unwrap(), 0);
            let denied = if count == 0 { "ok" } else { "Function not implemented" };
            assert_eq!(view.value("call getpgrp"), denied);
            assert_eq!(view.value("call sched_yield"), "ok");
        }
    }
}

/// The kernel asks the filter loaded last first, and of several that refuse with an errno the last one's counts.
#[test]
fn filters_are_loaded_in_their_order() {
    let bench = Bench::set_up();
    for who in everyone() {
        let (first, second) = (deny(GETPGRP, libc::EPERM), deny(GETPGRP, libc::ENOSYS));
        let other = deny(GETPRIORITY, libc::EBUSY);
        for (filters, errno) in [
            ([first.clone(), second.clone(), other.clone()], "Function not implemented"),
            ([second, first, other], "Operation not permitted"),
        ] {
            let view = ended(&job(&bench, &filters, who, &["seccomp-probe"]).run().unwrap(), 0);
            assert_eq!(view.value("call getpgrp"), errno);
            assert_eq!(view.value("call getpriority"), "Device or resource busy");
        }
    }
}

/// A filter is bubblewrap's promise to programs that forbid everything but what they need: between the filter and
/// the command's own first instruction nothing is called but execve.
#[test]
fn after_the_last_filter_there_is_nothing_but_the_exec() {
    let bench = Bench::set_up();
    for who in everyone() {
        let log = bench.dir(&format!("log-{}", who.uid()), who).join("calls");
        let job = job(&bench, &[deny(GETPGRP, libc::ENOSYS)], who, &["exit", "0"]);
        let strace = ["strace", "-f", "-qq", "-o", log.to_str().unwrap(), "--"];
        ended(&through(job, &strace).run().unwrap(), 0);
        let calls = std::fs::read_to_string(&log).unwrap();
        let after: Vec<&str> = calls
            .lines()
            .skip_while(|line| {
                !line.contains(" seccomp(SECCOMP_SET_MODE_FILTER") && !line.contains(" prctl(PR_SET_SECCOMP")
            })
            .skip(1)
            .collect();
        assert!(after.first().is_some_and(|line| line.contains(" execve(")), "{calls}");
    }
}

#[test]
fn a_filter_that_forbids_the_next_one_or_the_exec_means_that_nothing_is_run() {
    let bench = Bench::set_up();
    for who in everyone() {
        // Loading is seccomp(2) or the older prctl(2): whichever it is, the filter forbids it.
        let no_more = [deny(SECCOMP, libc::EPERM), deny(157, libc::EPERM), deny(GETPGRP, libc::EPERM)];
        let message = refused(&job(&bench, &no_more, who, &["flags"]).run().unwrap());
        assert_eq!(message, "seccomp-load: prctl(PR_SET_SECCOMP): Operation not permitted");
        let message = refused(&job(&bench, &[deny(EXECVE, libc::EPERM)], who, &["flags"]).run().unwrap());
        let probe = bench.path("probe");
        assert_eq!(message, format!("seccomp-load: execvp {}: Operation not permitted", probe.display()));
        let seen = job(&bench, &[answer(EXECVE, KILL)], who, &["flags"]).run().unwrap();
        assert_eq!((seen.status, seen.stdout.len()), (End::Signal(libc::SIGSYS), 0), "{}", explain(&seen));
        // Not even a message can be written any more; the status says it.
        let mute = [deny(WRITE, libc::EPERM), deny(EXECVE, libc::EPERM)];
        let seen = job(&bench, &mute, who, &["flags"]).run().unwrap();
        assert_eq!((seen.status, seen.stderr.len()), (End::Exit(1), 0), "{}", explain(&seen));
    }
}

#[test]
fn a_filter_that_the_kernel_refuses_means_that_nothing_is_run() {
    let bench = Bench::set_up();
    let einval = "seccomp-load: Unable to set up system call filtering as requested: prctl(PR_SET_SECCOMP) reported \
                  EINVAL. (Hint: this requires a kernel configured with CONFIG_SECCOMP and CONFIG_SECCOMP_FILTER.)";
    for who in everyone() {
        for bad in [vec![0xff; 8], vec![], vec![0; 8 * 4097]] {
            let filters = [deny(GETPGRP, libc::ENOSYS), bad];
            assert_eq!(refused(&job(&bench, &filters, who, &["flags"]).run().unwrap()), einval);
        }
    }
}

#[test]
fn without_no_new_privs_or_a_capability_no_filter_can_be_loaded_and_nothing_is_run() {
    let bench = Bench::set_up();
    let mut job = job(&bench, &[deny(GETPGRP, libc::ENOSYS)], Who::User, &["flags"]);
    job.argv.drain(..2);
    let message =
        "seccomp-load: prctl(PR_SET_SECCOMP) (it takes no_new_privs: priv-drop before it): Permission denied";
    assert_eq!(refused(&job.run().unwrap()), message);
}

#[test]
fn the_command_has_the_callers_descriptors_and_none_of_ours() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = job(&bench, &[deny(GETPGRP, libc::ENOSYS)], who, &["fds"]);
        job.fds.insert(50, Fd::Data(b"the caller's".to_vec()));
        let view = ended(&job.run().unwrap(), 0);
        assert_eq!(view.fds().keys().copied().collect::<Vec<_>>(), [0, 1, 2, 50]);
    }
}

#[test]
fn argv_is_the_plans_and_argv0_stands_in_for_the_program() {
    let bench = Bench::set_up();
    let probe = bench.path("probe");
    for who in everyone() {
        let words = ["sh", "-c", "printf '<%s>' \"$0\" \"$@\"", "a", "", "b c", "-x"];
        assert_eq!(ended(&plain(&bench, who, &words).run().unwrap(), 0).text(), "<a><><b c><-x>");
        for (argv0, expected) in [(None, probe.to_str().unwrap()), (Some(text("-other")), "-other")] {
            let command = Command { argv0, ..command(&[probe.to_str().unwrap(), "args"]) };
            let view = ended(&with_command(&bench, &[], who, command).run().unwrap(), 0);
            assert_eq!(view.value("argv0"), expected);
        }
        // More arguments than fit into the room that is there without asking the kernel.
        for count in [62, 63, 64, 65, 5000] {
            let mut words = vec!["sh", "-c", "echo $#", "sh"];
            words.resize(4 + count, "x");
            assert_eq!(ended(&plain(&bench, who, &words).run().unwrap(), 0).text(), format!("{count}\n"));
        }
    }
}

#[test]
fn the_program_is_looked_up_in_path_as_execvp_does() {
    let bench = Bench::set_up();
    let (one, two) = (bench.dir("one", Who::Root), bench.dir("two", Who::Root));
    let script = |dir: &std::path::Path, name: &str, text: &str, mode| {
        let file = dir.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    script(&one, "both", "#!/bin/sh\necho one\n", 0o755);
    script(&two, "both", "#!/bin/sh\necho two\n", 0o755);
    script(&one, "later", "#!/bin/sh\necho not this\n", 0o644);
    script(&two, "later", "#!/bin/sh\necho later\n", 0o755);
    script(&one, "only", "not executable\n", 0o644);
    script(&one, "plain", "echo plain $0 $1\n", 0o755);
    let path = format!("/no/such:{}:{}", one.display(), two.display());
    for who in everyone() {
        let run = |words: &[&str]| with_env(plain(&bench, who, words), "PATH", &path).run().unwrap();
        assert_eq!(ended(&run(&["both"]), 0).text(), "one\n");
        assert_eq!(ended(&run(&["later"]), 0).text(), "later\n", "what may not be executed is passed over");
        assert_eq!(refused(&run(&["only"])), "seccomp-load: execvp only: Permission denied");
        assert_eq!(refused(&run(&["none"])), "seccomp-load: execvp none: No such file or directory");
        assert_eq!(refused(&run(&[""])), "seccomp-load: execvp : No such file or directory");
        let slash = two.join("both").display().to_string();
        assert_eq!(ended(&run(&[&slash]), 0).text(), "two\n", "with a slash it is a path");
        let plain = format!("plain {} x\n", one.join("plain").display());
        assert_eq!(ended(&run(&["plain", "x"]), 0).text(), plain, "a file in no known format is the shell's");
        assert_eq!(refused(&run(&["/"])), "seccomp-load: execvp /: Permission denied");
    }
}

#[test]
fn without_path_the_programs_of_bin_are_found() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = plain(&bench, who, &["sh", "-c", "echo found"]);
        job.env.retain(|(name, _)| name != "PATH");
        assert_eq!(ended(&job.run().unwrap(), 0).text(), "found\n");
    }
}

#[test]
fn the_working_directory_is_asked_for_or_pwd_or_home_or_the_root() {
    let bench = Bench::set_up();
    let dir = bench.dir("dir", Who::User).display().to_string();
    for who in everyone() {
        for (asked, pwd, home, expected) in [
            (Some("/usr"), Some(&*dir), Some("/etc"), "/usr"),
            (None, Some(&*dir), Some("/etc"), &*dir),
            (None, Some("/no/such"), Some("/etc"), "/etc"),
            (None, Some("relative"), Some("/etc"), "/etc"),
            (None, Some(""), Some("/etc"), "/etc"),
            (None, Some("/no/such"), Some("/no/such"), "/"),
            (None, None, None, "/"),
        ] {
            let mut records = command(&[bench.path("probe").to_str().unwrap(), "report"]);
            records.directory = asked.map(path);
            let mut job = with_command(&bench, &[], who, records);
            job.cwd = Some("/var".into());
            for (name, value) in [("PWD", pwd), ("HOME", home)] {
                if let Some(value) = value {
                    job = with_env(job, name, value);
                }
            }
            let view = ended(&job.run().unwrap(), 0);
            assert_eq!(
                view.value("cwd"),
                format!("{expected} link {expected}"),
                "{asked:?} {pwd:?} {home:?}"
            );
            let set: Vec<&str> =
                view.values("env").into_iter().filter(|line| line.starts_with("PWD=")).collect();
            assert_eq!(set, [format!("PWD={expected}")]);
        }
        let missing = Command { directory: Some(path("/no/such")), ..command(&["true"]) };
        let message = refused(&with_command(&bench, &[], who, missing).run().unwrap());
        assert_eq!(message, "seccomp-load: Can't chdir to /no/such: No such file or directory");
    }
}

/// The launch has made the changes by the time a stage runs; made twice, a later one could undo an earlier.
#[test]
fn environment_changes_are_not_made_a_second_time() {
    let bench = Bench::set_up();
    for who in everyone() {
        let (name, value) = (text("A"), text("changed"));
        let mut records = command(&[bench.path("probe").to_str().unwrap(), "env"]);
        records.env = list(&[EnvOp::Clear, EnvOp::Set { name, value }]);
        let job = with_env(with_command(&bench, &[], who, records), "A", "as it is");
        let view = ended(&with_env(job, "PWD", "/").run().unwrap(), 0);
        let mut lines = view.values("env");
        lines.sort_unstable();
        assert_eq!(lines, ["A=as it is", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PWD=/"]);
    }
}

/// What the stages have over their execs is the command's, if the call that takes it does nothing.
#[test]
fn inheritable_capabilities_that_do_not_go_mean_that_nothing_is_run() {
    let bench = Bench::set_up();
    if !support::is_root() {
        return skip("only root has some");
    }
    let command = Command { drop_ambient: true, ..command(&["/usr/bin/echo", "it ran"]) };
    let mut job = filters::under(with_command(&bench, &[], Who::Root, command), deny(libc::SYS_capset, 0));
    job.prepare = Some(std::sync::Arc::new(|| {
        let inheritable = CapSet::of(&[cap::CHOWN]);
        let set = sys::capget().and_then(|caps| sys::capset(sys::Caps { inheritable, ..caps }));
        set.map_err(|errno| std::io::Error::from_raw_os_error(i32::from(errno.0)))
    }));
    assert_eq!(refused(&job.run().unwrap()), "seccomp-load: capset failed");
}
