//! What the command can see: nothing above its root, no mount and no descriptor that it was not given, no other
//! process; and what pid 1 beside it holds.

use pipeline::{bwrap, probe};
use stage::{Bench, View, Who, ended, everyone};
use std::collections::BTreeSet;
use support::{Fd, NsHolder};

const ALL: [&str; 8] = ["--ro-bind", "/", "/", "--unshare-all", "--proc", "/proc", "--dev", "/dev"];
const LOOK: &str = "stat -c %d:%i / /..; cat /proc/self/mountinfo; ls -l /proc/self/fd";

/// Mount points of this machine.
fn host_mount_points() -> BTreeSet<String> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    text.lines().map(|line| line.split(' ').nth(4).unwrap().to_owned()).collect()
}

/// Who looks for sandboxes (pgrep, pidof) finds the process that was started, by its name.
#[test]
fn the_launcher_is_called_bwrap_for_as_long_as_it_waits() {
    let bench = Bench::set_up();
    for who in everyone() {
        for more in [&[][..], &["--unshare-all"], &["--json-status-fd", "9"]] {
            let mut job = bwrap(&bench, who, &["--ro-bind", "/", "/"]);
            job.args(more).args(["sh", "-c", "echo there; read line; exit 0"]);
            job.fds.insert(9, support::Fd::Out);
            job.fds.insert(0, support::Fd::In);
            job.stdin = support::Stdin::Closed;
            let mut live = job.start().unwrap();
            assert!(live.wait_for(1, "there\n"));
            let name = || std::fs::read_to_string(format!("/proc/{}/comm", live.pid())).unwrap();
            // The command may be there a moment before.
            while name() == "ns-enter\n" {
                std::thread::yield_now();
            }
            assert_eq!(name(), "bwrap\n", "{more:?}");
            live.close(0);
            ended(&live.finish().unwrap(), 0);
        }
    }
}

#[test]
fn the_root_has_nothing_above_it_and_only_the_mounts_and_descriptors_asked_for() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bwrap(&bench, who, &ALL);
        job.args(["--", "sh", "-c", LOOK]);
        let view = ended(&job.run().unwrap(), 0);
        let mut lines = view.text().lines();
        let (root, above) = (lines.next().unwrap(), lines.next().unwrap());
        assert_eq!(root, above, "/ and /.. are not the same");
        let mounts: Vec<Vec<&str>> = lines
            .by_ref()
            .take_while(|line| !line.starts_with("total"))
            .map(|line| line.split(' ').collect())
            .collect();
        assert_mounts(&mounts);
        // ls has its own descriptor of the folder it lists.
        let fds: Vec<&str> = lines.map(|line| line.split_whitespace().nth(8).unwrap()).collect();
        assert_eq!(fds, ["0", "1", "2", "3"], "{who:?}\n{}", view.text());
    }
}

/// Every mount lies in the root's tree; beside copies of the host's there are /proc and /dev, and in those what
/// was made for them; none has a name that only the building of the tree knows.
#[track_caller]
fn assert_mounts(mounts: &[Vec<&str>]) {
    let ids: BTreeSet<&str> = mounts.iter().map(|words| words[0]).collect();
    let roots = mounts.iter().filter(|words| !ids.contains(words[1])).count();
    assert_eq!(roots, 1, "mounts that hang in another tree: {mounts:?}");
    let host = host_mount_points();
    for words in mounts {
        let point = words[4];
        let ours = ["/proc", "/dev"].iter().any(|top| point == *top || point.starts_with(&format!("{top}/")));
        assert!(ours || host.contains(point), "{point} is neither asked for nor the host's: {words:?}");
        assert!(!point.contains("newroot") && !words[3].contains("oldroot"), "{words:?}");
        // Whatever is copied from the host cannot be written to, and hears nothing of the host's later mounts.
        assert!(ours || words[5].split(',').any(|flag| flag == "ro"), "{words:?}");
        assert!(!words[6..].iter().any(|tag| tag.starts_with("shared:")), "{words:?}");
    }
    // /proc covers the host's: the last of that name is a new instance, seen by nobody else.
    let proc = mounts.iter().rfind(|words| words[4] == "/proc").unwrap();
    assert!(proc.contains(&"proc") && proc[3] == "/", "{proc:?}");
}

#[test]
fn every_namespace_is_another_but_that_of_time() {
    let bench = Bench::set_up();
    let mut inodes = Vec::new();
    for name in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts", "time"] {
        let link = std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        inodes.push(link.to_str().unwrap().replace(['[', ']'], ""));
    }
    for who in everyone() {
        let view = probe(&bench, who, &ALL, &["ns", &format!("ns={}", inodes.join(","))]);
        for name in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
            assert_eq!(view.value(&format!("ns {name}")), "different", "{who:?} {name}");
        }
        assert_eq!(view.value("ns time"), "same");
    }
}

/// Whoever made the network namespace had power over the user namespace that the command is in, and the monitor's memory.
#[test]
fn the_maker_of_the_network_namespace_has_ended_when_the_command_runs() {
    let bench = Bench::set_up();
    // Its parent is the monitor, whose children are the command, and a maker that the monitor may not have reaped yet.
    let look = "for pid in $(cat /proc/$PPID/task/$PPID/children); do grep -sh ^State: /proc/$pid/status; done; \
                grep -c . /proc/net/dev";
    for _ in 0..50 {
        let mut job = bwrap(&bench, Who::User, &["--unshare-net", "--ro-bind", "/", "/"]);
        job.args(["--", "sh", "-c", look]);
        let view = ended(&job.run().unwrap(), 0);
        let lines: Vec<&str> = view.text().lines().filter(|line| !line.contains("(zombie)")).collect();
        // The command itself; the two heads of the table and `lo`.
        assert!(matches!(lines[..], [own, "3"] if own.starts_with("State:")), "{}", view.text());
    }
}

#[test]
fn an_ordinary_user_has_no_capability_in_any_of_the_five_sets_and_cannot_get_one() {
    let bench = Bench::set_up();
    for more in
        [&["--unshare-user"][..], &["--unshare-all"], &["--dev", "/dev"], &["--unshare-user", "--uid", "0"]]
    {
        let args = [&["--ro-bind", "/", "/"], more].concat();
        let view = probe(&bench, Who::User, &args, &["report"]);
        assert_eq!(view.five_sets(), [0; 5], "{more:?}");
        assert_eq!(view.value("no_new_privs"), "1");
    }
}

#[test]
fn only_pid_1_and_the_command_are_there_and_pid_1_holds_nothing() {
    let bench = Bench::set_up();
    for who in everyone() {
        let view = probe(&bench, who, &ALL, &["tree"]);
        assert_eq!(view.values("process").len(), 2, "{}", view.text());
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            let none = format!("{set}=0000000000000000");
            assert!(view.values("process 1")[0].contains(&none), "{who:?}: {}", view.text());
        }
        let mut job = bwrap(&bench, who, &ALL);
        job.arg(bench.path("probe")).args(["pid1", "fds"]);
        job.fds.insert(50, Fd::Data(b"the caller's".to_vec()));
        let view = ended(&job.run().unwrap(), 0);
        let held: Vec<&str> =
            view.values("pid1 fd").iter().map(|line| line.split_once(' ').unwrap().1).collect();
        assert_eq!(held, ["/dev/null", "pipe", "pipe", "pipe"], "standard three and the status pipe");
    }
}

/// bubblewrap's issue 725: what the options took away stayed readable in /proc/1/environ.
#[test]
fn what_clearenv_and_unsetenv_take_away_no_process_of_the_sandbox_holds() {
    let bench = Bench::set_up();
    for who in everyone() {
        for more in [&["--clearenv"][..], &["--unsetenv", "SECRET"]] {
            let args = [&ALL[..], more, &["--setenv", "ADDED", "x"]].concat();
            let mut job = bwrap(&bench, who, &args);
            job.arg(bench.path("probe")).args(["pid1", "env"]);
            let view = ended(&stage::with_env(job, "SECRET", "hunter2").run().unwrap(), 0);
            assert!(!view.text().contains("hunter2"), "{more:?}\n{}", view.text());
            assert!(view.values("pid1 env").contains(&"ADDED=x"), "{}", view.text());
        }
    }
}

#[test]
fn the_callers_own_descriptors_are_passed_on_and_ours_are_not() {
    let bench = Bench::set_up();
    for who in everyone() {
        for args in
            [&ALL[..], &["--dev-bind", "/", "/"], &["--ro-bind", "/", "/", "--unshare-pid", "--as-pid-1"]]
        {
            let mut job = bwrap(&bench, who, args);
            job.arg(bench.path("probe")).arg("fds");
            job.fds.extend([5, 50].map(|number| (number, Fd::Data(b"the caller's".to_vec()))));
            let view: View = ended(&job.run().unwrap(), 0);
            let fds = view.fds();
            assert_eq!(fds.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 5, 50], "{who:?} {args:?}");
            assert_eq!((fds[&5], fds[&50]), ("fifo r pipe", "fifo r pipe"));
        }
    }
}

/// The launcher that stays outside is in the host's mount namespace: whoever may trace it is out of the sandbox. It is
/// seen in a shared PID namespace, by the same user, and has no capability that a command would have to match.
#[test]
fn a_command_without_capabilities_cannot_look_into_its_launcher() {
    let bench = Bench::set_up();
    for who in everyone() {
        let user = (who == Who::User && support::is_root()).then(|| who.uid());
        let holder = NsHolder::new(support::probe(), &["user"], user, 0).unwrap();
        for args in [&["--cap-drop", "ALL"][..], &["--userns", "60"]] {
            let mut job = bwrap(&bench, who, &["--ro-bind", "/", "/"]);
            job.args(args).arg(bench.path("probe")).arg("reach");
            job.fds.insert(60, bench.keep(holder.open("user").unwrap()));
            let view = ended(&job.run().unwrap(), 0);
            let denied = "root Permission denied (os error 13) fd Permission denied (os error 13)";
            assert_eq!(view.value("reach parent"), denied, "{who:?} {args:?}");
        }
    }
}

/// Somebody whom the namespace he joins does not map would be nobody in the sandbox, and himself to the files outside.
#[test]
fn a_caller_whom_a_joined_user_namespace_does_not_map_is_refused() {
    if !support::is_root() {
        return stage::skip("only root can map somebody else");
    }
    let bench = Bench::set_up();
    let mut job = bench.job("/usr/bin/unshare", Who::Root);
    job.args(["--user", "sh", "-c", "echo there; read line"]);
    job.fds.insert(0, Fd::In);
    job.stdin = support::Stdin::Closed;
    let mut holder = job.start().unwrap();
    assert!(holder.wait_for(1, "there\n"));
    std::fs::write(format!("/proc/{}/uid_map", holder.pid()), "1000 1000 1").unwrap();
    let mut job = bwrap(&bench, Who::Root, &["--userns", "12", "--ro-bind", "/", "/", "true"]);
    job.fds.insert(12, Fd::Path(format!("/proc/{}/ns/user", holder.pid()).into(), libc::O_RDONLY));
    let message = "bwrap: Creating newroot failed: Value too large for defined data type";
    assert_eq!(stage::refused(&job.run().unwrap()), message);
    holder.close(0);
    holder.finish().unwrap();
}

/// What is being built hangs in the old tree where flags change later: `/` is bound without that.
#[test]
fn a_bind_of_the_hosts_root_does_not_take_what_is_being_built_along() {
    let bench = Bench::set_up();
    for who in everyone() {
        for more in [&[][..], &["--ro-bind-data", "30", "/data"]] {
            let args = [more, &["--bind", "/", "/", "--remount-ro", "/"]].concat();
            let mut job = bwrap(&bench, who, &[&["--dir", "/first"], &args[..]].concat());
            job.fds.insert(30, Fd::File(b"data".to_vec()));
            job.arg(bench.path("probe")).arg("mounts");
            let view = ended(&job.run().unwrap(), 0);
            let points = view.values("mount").into_iter().filter_map(|line| line.split(" on ").nth(1));
            let on_tmp: Vec<&str> = points.filter(|rest| rest.starts_with("/tmp ")).collect();
            assert!(on_tmp.is_empty(), "{who:?} {more:?}: {on_tmp:?}\n{}", view.text());
        }
    }
}
