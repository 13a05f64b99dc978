//! Ready-made policies, each with its reason.

use super::action::Action;
use super::arch::Arch;
use super::oci;
use super::policy::{Condition, Policy, Rule, Table, Test, Width};
use super::source::{Loaded, Refused, Target, refuse};
use nix::libc;
use std::collections::BTreeSet;

/// A policy of ours.
pub struct Ready {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// Why one would want that, and what it costs.
    pub reason: &'static str,
    rules: Rules,
}

enum Rules {
    /// Everything is allowed but this.
    Denials(fn(&mut Denials)),
    /// A profile in the OCI format.
    Profile(&'static str),
}

/// All of them.
pub static ALL: [Ready; 8] = [
    Ready {
        name: "no-tiocsti",
        summary: "typing into the terminal: ioctl TIOCSTI and TIOCLINUX",
        reason: "A command that shares the caller's terminal could type into it, and the shell would run what it \
                 typed when the sandbox is gone (CVE-2017-5226). TIOCLINUX does the same by selecting and pasting on a \
                 console. Only the lower 32 bits of the request are compared: the kernel ignores the others, so a \
                 filter that looks at all 64 is passed by setting one of them (CVE-2019-10063). Use it where \
                 --new-session cannot be used because job control is wanted. EPERM.",
        rules: Rules::Denials(no_tiocsti),
    },
    Ready {
        name: "no-userns",
        summary: "new user namespaces: clone, clone3, unshare, setns",
        reason: "In a user namespace of its own a command has all capabilities over it, and reaches parts of the \
                 kernel that are seldom tested against hostile callers. clone and unshare are refused when they ask for \
                 one, setns when it names one or leaves open what the descriptor is (EPERM). clone3 keeps its flags in \
                 memory, where a filter cannot see them: it does not exist (ENOSYS), and C libraries fall back to clone. \
                 See also --disable-userns, which needs no filter.",
        rules: Rules::Denials(no_userns),
    },
    Ready {
        name: "no-mount",
        summary: "changes of the mount tree, by the old calls and the new ones",
        reason: "A command that keeps CAP_SYS_ADMIN, or gets it in a user namespace, could uncover what a mount \
                 hides and make writable what is mounted read-only. mount, umount2 and pivot_root are refused (EPERM); \
                 the calls since Linux 5.2 (open_tree, open_tree_attr, move_mount, fsopen, fsconfig, fsmount, fspick, \
                 mount_setattr) do not exist (ENOSYS), so that programs try the old ones and are told.",
        rules: Rules::Denials(no_mount),
    },
    Ready {
        name: "no-io-uring",
        summary: "io_uring",
        reason: "What is done through a ring passes no filter: a policy that forbids a call forbids it only to those \
                 who make it directly. And io_uring has had more holes than most of the kernel. It does not exist \
                 (ENOSYS); programs fall back to other ways.",
        rules: Rules::Denials(no_io_uring),
    },
    Ready {
        name: "no-keyring",
        summary: "kernel keyrings: add_key, request_key, keyctl",
        reason: "Keyrings belong to users and sessions, no namespace separates them: a command reads keys of the \
                 session that it was started in. EPERM.",
        rules: Rules::Denials(no_keyring),
    },
    Ready {
        name: "no-ptrace",
        summary: "looking into and changing other processes",
        reason: "ptrace, process_vm_readv, process_vm_writev, pidfd_getfd and kcmp act on every process of the same \
                 user that the command can name; without a PID namespace these are the caller's. Debuggers do not work \
                 then. EPERM.",
        rules: Rules::Denials(no_ptrace),
    },
    Ready {
        name: "flatpak-like",
        summary: "what desktop sandboxes refuse: the above but rings, and rare or old interfaces",
        reason: "no-tiocsti, no-userns, no-mount, no-keyring and no-ptrace; besides: the kernel's log, accounting, \
                 quotas, NUMA policy, perf_event_open and uselib (EPERM); personalities other than plain Linux (EPERM); \
                 sockets of other families than unix, inet, inet6 and netlink (EAFNOSUPPORT), since an old protocol is \
                 loaded as a module by whoever asks for a socket of it. 32-bit programs make sockets through socketcall \
                 too, where a filter cannot see the family: that is not stopped.",
        rules: Rules::Denials(flatpak_like),
    },
    Ready {
        name: "docker-default",
        summary: "docker's default profile (20.10.24): a list of what is allowed",
        reason: "What containers get: some 350 calls are allowed, others fail with EPERM, those newer than the profile \
                 with ENOSYS, as under runc. Capabilities that the command keeps are given with --cap and allow what \
                 docker allows with them. Combine it with no-tiocsti and no-io-uring, which that version lacks.",
        rules: Rules::Profile(include_str!("../../profiles/docker.json")),
    },
];

/// The policy called `name`.
pub fn find(name: &str) -> Option<&'static Ready> {
    ALL.iter().find(|ready| ready.name == name)
}

impl Ready {
    /// The policy for `target`. What it says is said of all architectures that `target` leaves open; x32 is no
    /// part of that: nothing that runs today uses it, and it doubles the ways to make each call.
    pub fn load(&self, target: &Target) -> Result<Loaded, Refused> {
        let rules = match self.rules {
            Rules::Denials(rules) => rules,
            Rules::Profile(text) => {
                // Its makers' list has names of other architectures, and of calls that are gone.
                let target = Target { unknown: super::source::Unknown::Ignore, ..target.clone() };
                return oci::parse(text, self.name, &target);
            }
        };
        let arches = target.arches.clone();
        let arches = arches.unwrap_or_else(|| BTreeSet::from([Arch::X86_64, Arch::I386]));
        let tables = arches.into_iter().map(|arch| (arch, Table::new(Action::ALLOW))).collect();
        let policy = Policy { name: self.name.to_owned(), tables, bad_arch: Action::KILL_PROCESS };
        let mut denials = Denials { policy, missing: None };
        rules(&mut denials);
        match denials.missing {
            Some(name) => refuse!("the tables have no {name}"),
            None => Ok(Loaded { policy: denials.policy, notes: Vec::new() }),
        }
    }
}

/// A policy that allows everything but what is added.
struct Denials {
    policy: Policy,
    /// A name that no table has, which would be a mistake in this file.
    missing: Option<&'static str>,
}

impl Denials {
    /// Calls that fail with `errno`.
    fn deny(&mut self, errno: i32, calls: &[&'static str]) {
        for call in calls {
            self.deny_when(errno, call, &[]);
        }
    }

    /// A call that fails with `errno` when all of `when` holds.
    fn deny_when(&mut self, errno: i32, call: &'static str, when: &[Condition]) {
        if Arch::ALL.iter().all(|arch| arch.number(call).is_none()) {
            self.missing = Some(call);
        }
        let action = Action::errno(errno as u16);
        for (arch, table) in &mut self.policy.tables {
            if let Some(nr) = arch.number(call) {
                table.rules.entry(nr).or_default().push(Rule { when: when.to_vec(), action });
            }
        }
    }
}

/// The argument, an `int` of the kernel's, is `value`.
fn is(arg: u8, value: u64) -> Condition {
    Condition { arg, width: Width::Low, test: Test::Eq(value) }
}

/// The argument, an `int` of the kernel's, is not `value`.
fn is_not(arg: u8, value: u64) -> Condition {
    Condition { arg, width: Width::Low, test: Test::Ne(value) }
}

/// The argument has all of these bits.
fn has(arg: u8, bits: u64) -> Condition {
    Condition { arg, width: Width::Low, test: Test::Masked { mask: bits, value: bits } }
}

fn no_tiocsti(to: &mut Denials) {
    to.deny_when(libc::EPERM, "ioctl", &[is(1, libc::TIOCSTI)]);
    to.deny_when(libc::EPERM, "ioctl", &[is(1, libc::TIOCLINUX)]);
}

fn no_userns(to: &mut Denials) {
    let newuser = libc::CLONE_NEWUSER as u64;
    to.deny_when(libc::EPERM, "clone", &[has(0, newuser)]);
    to.deny(libc::ENOSYS, &["clone3"]);
    to.deny_when(libc::EPERM, "unshare", &[has(0, newuser)]);
    to.deny_when(libc::EPERM, "setns", &[has(1, newuser)]);
    to.deny_when(libc::EPERM, "setns", &[is(1, 0)]);
}

fn no_mount(to: &mut Denials) {
    to.deny(libc::EPERM, &["mount", "umount", "umount2", "pivot_root"]);
    let new = ["open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick"];
    to.deny(libc::ENOSYS, &new);
    to.deny(libc::ENOSYS, &["mount_setattr"]);
}

fn no_io_uring(to: &mut Denials) {
    to.deny(libc::ENOSYS, &["io_uring_setup", "io_uring_enter", "io_uring_register"]);
}

fn no_keyring(to: &mut Denials) {
    to.deny(libc::EPERM, &["add_key", "request_key", "keyctl"]);
}

fn no_ptrace(to: &mut Denials) {
    to.deny(libc::EPERM, &["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp"]);
}

fn flatpak_like(to: &mut Denials) {
    no_tiocsti(to);
    no_userns(to);
    no_mount(to);
    no_keyring(to);
    no_ptrace(to);
    // chroot is a way out of nothing here, but no program of a desktop needs it, nor any other namespace.
    to.deny(libc::EPERM, &["chroot", "unshare", "setns"]);
    to.deny(libc::EPERM, &["syslog", "uselib", "acct", "quotactl", "quotactl_fd", "perf_event_open"]);
    to.deny(libc::EPERM, &["move_pages", "mbind", "get_mempolicy", "set_mempolicy", "migrate_pages"]);
    to.deny(libc::ENOSYS, &["set_mempolicy_home_node"]);
    // Asking which personality one has is -1.
    let plain = [is_not(0, 0), is_not(0, u64::from(u32::MAX))];
    to.deny_when(libc::EPERM, "personality", &plain);
    let families = [libc::AF_UNSPEC, libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
    let other: Vec<Condition> = families.iter().map(|family| is_not(0, *family as u64)).collect();
    to.deny_when(libc::EAFNOSUPPORT, "socket", &other);
}

#[cfg(test)]
mod tests {
    use super::super::{bpf::Call, compile::compile, names};
    use super::*;

    /// What the policies together answer, by their compiled program.
    fn answer(policies: &[&str], arch: Arch, call: &str, args: &[&str]) -> String {
        let load = |name: &&str| find(name).unwrap().load(&Target::default()).unwrap().policy;
        let policies: Vec<Policy> = policies.iter().map(load).collect();
        let program = compile(&policies).unwrap();
        program.check().unwrap();
        let mut values = [0; 6];
        values.iter_mut().zip(args).for_each(|(value, text)| *value = names::value(text).unwrap());
        let call = Call::new(arch, arch.number(call).unwrap(), values);
        program.evaluate(&call).unwrap().action.to_string()
    }

    #[test]
    fn each_policy_denies_what_it_says_and_nothing_else() {
        use Arch::{I386, X32, X86_64};
        for (policy, arch, call, args, expected) in [
            ("no-tiocsti", X86_64, "ioctl", &["0", "TIOCSTI"][..], "errno EPERM"),
            ("no-tiocsti", X86_64, "ioctl", &["0", "0x100005412"], "errno EPERM"),
            ("no-tiocsti", X86_64, "ioctl", &["0", "0xffffffff0000541c"], "errno EPERM"),
            ("no-tiocsti", X86_64, "ioctl", &["0", "TIOCGWINSZ"], "allow"),
            ("no-tiocsti", I386, "ioctl", &["0", "TIOCSTI"], "errno EPERM"),
            ("no-tiocsti", X32, "ioctl", &["0", "TIOCGWINSZ"], "kill process"),
            ("no-userns", X86_64, "clone", &["CLONE_NEWUSER|CLONE_NEWNS|SIGCHLD"], "errno EPERM"),
            ("no-userns", X86_64, "clone", &["0xffff000010000000"], "errno EPERM"),
            ("no-userns", X86_64, "clone", &["CLONE_VM|CLONE_THREAD"], "allow"),
            ("no-userns", X86_64, "clone3", &[], "errno ENOSYS"),
            ("no-userns", X86_64, "unshare", &["CLONE_NEWNET"], "allow"),
            ("no-userns", I386, "unshare", &["CLONE_NEWUSER"], "errno EPERM"),
            ("no-userns", X86_64, "setns", &["3", "CLONE_NEWNET"], "allow"),
            ("no-userns", X86_64, "setns", &["3", "0x100000000"], "errno EPERM"),
            ("no-mount", X86_64, "mount", &[], "errno EPERM"),
            ("no-mount", I386, "umount", &[], "errno EPERM"),
            ("no-mount", X86_64, "open_tree_attr", &[], "errno ENOSYS"),
            ("no-io-uring", X86_64, "io_uring_setup", &[], "errno ENOSYS"),
            ("no-keyring", X86_64, "keyctl", &[], "errno EPERM"),
            ("no-ptrace", X86_64, "ptrace", &["PTRACE_TRACEME"], "errno EPERM"),
            ("flatpak-like", X86_64, "socket", &["AF_PACKET"], "errno EAFNOSUPPORT"),
            ("flatpak-like", X86_64, "socket", &["AF_INET6"], "allow"),
            ("flatpak-like", X86_64, "personality", &["-1"], "allow"),
            ("flatpak-like", X86_64, "personality", &["READ_IMPLIES_EXEC"], "errno EPERM"),
            ("docker-default", X86_64, "read", &[], "allow"),
            ("docker-default", X86_64, "mount", &[], "errno EPERM"),
            ("docker-default", X86_64, "clone3", &[], "errno ENOSYS"),
            ("docker-default", X86_64, "clone", &["CLONE_NEWUTS"], "errno EPERM"),
            ("docker-default", X86_64, "clone", &["SIGCHLD"], "allow"),
            ("docker-default", X86_64, "file_setattr", &[], "errno ENOSYS"),
            ("docker-default", I386, "chown32", &[], "allow"),
            ("docker-default", X32, "ioctl", &[], "allow"),
        ] {
            assert_eq!(answer(&[policy], arch, call, args), expected, "{policy} {arch} {call} {args:?}");
        }
    }

    #[test]
    fn together_the_most_restrictive_counts() {
        let all = ["no-io-uring", "docker-default", "no-tiocsti"];
        assert_eq!(answer(&all, Arch::X86_64, "io_uring_setup", &[]), "errno ENOSYS");
        assert_eq!(answer(&all, Arch::X86_64, "ioctl", &["0", "TIOCSTI"]), "errno EPERM");
        assert_eq!(answer(&all, Arch::X86_64, "ioctl", &["0", "TCGETS"]), "allow");
        assert_eq!(answer(&all, Arch::X86_64, "mount", &[]), "errno EPERM");
        assert_eq!(answer(&all, Arch::X32, "read", &[]), "kill process");
    }

    #[test]
    fn every_policy_has_its_reason() {
        for ready in &ALL {
            assert!(ready.reason.len() > 100 && !ready.summary.ends_with('.'), "{}", ready.name);
        }
    }
}
