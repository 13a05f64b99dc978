//! The one table of intentional differences, and the rules it uses.
//!
//! Everything not named here must be the same, byte for byte after [`crate::normal`].

/// What of a case a rule applies to.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// Both sides: take this text out of this field. For what the reference shows of its insides.
    Drop(&'static str),
    /// Both sides: of a usage text, keep its first line and of each option the names of its arguments.
    Usage,
    /// Both sides: of lines with the first text, drop what is between it and the second (or the end of the line).
    Between(&'static str, &'static str),
    /// Both sides: in mount lines, the root of the sandbox's own tmpfs is not shown.
    HideTmpfsRoot,
    /// Ours must not contain this text, though the reference does; nothing else is compared.
    OursLacks(&'static str),
    /// Ours must be exactly this, though the reference is not.
    OursIs(&'static str),
    /// Ours may have less of this field than the reference, down to nothing.
    OursMayBeShorter,
    /// Both sides: lines with this text are left out.
    Without(&'static str),
    /// Both sides: in lists of a process's descriptors, how it reports to the launcher (a pipe or an eventfd beyond
    /// the standard three) and the numbers are left out.
    Reporting,
    /// Nothing is compared.
    NotCompared,
}

/// One intentional difference.
#[derive(Clone, Copy, Debug)]
pub struct Differs {
    /// Cases: a name, or a prefix that ends with `*`.
    pub case: &'static str,
    /// Field: `stdout`, `stderr`, `exit`, a descriptor, `*` for all.
    pub field: &'static str,
    /// The rule.
    pub rule: Rule,
    /// Why.
    pub reason: &'static str,
}

const SEVERAL_USES: &str =
    "one data descriptor may serve several options; the reference closes it after the first";

const CAPS_NOT_HELD: &str = "the reference asks for capabilities the caller does not have, ignores that the kernel refuses, and drops nothing; ours keeps and drops the rest";
const USERNS2_CAPS: &str =
    "entering a user namespace fills the bounding set; ours takes out again what the command is not to have";

const LATE_PDEATHSIG: &str =
    "pid 1 of the reference asks for its death signal while the command runs already: now and then too late";

/// The table.
pub const DIFFERS: &[Differs] = &[
    Differs {
        case: "*",
        field: "stderr",
        rule: Rule::Drop("/newroot"),
        reason: "the reference shows where it builds the root; we show the path as the user gave it",
    },
    Differs {
        case: "*",
        field: "stderr",
        rule: Rule::Drop("/oldroot"),
        reason: "the reference shows where it keeps the host's root; we show the path as the user gave it",
    },
    Differs {
        case: "*",
        field: "stdout",
        rule: Rule::HideTmpfsRoot,
        reason: "which directory of its own tmpfs a launcher builds the root in, and keeps data in, is its own business",
    },
    Differs {
        case: "overlay/*",
        field: "stderr",
        rule: Rule::Between("Can't make overlay mount on ", ": "),
        reason: "the reference shows its own descriptors and \"(null)\"; we name the destination",
    },
    Differs {
        case: "*",
        field: "stderr",
        rule: Rule::Between("because the kernel does not allow non-privileged user namespaces.", ""),
        reason: "each distribution tells its own way to allow them (the reference is Debian's build)",
    },
    Differs {
        case: "*",
        field: "left-over processes",
        rule: Rule::OursMayBeShorter,
        reason: "after some refusals the reference leaves a child behind that waits for ever",
    },
    Differs {
        case: "*",
        field: "*",
        rule: Rule::Usage,
        reason: "option descriptions are in our own words; the usage line, the options of the reference and their arguments are compared",
    },
    Differs {
        case: "env/pid1-clearenv",
        field: "stdout",
        rule: Rule::OursLacks("SECRET"),
        reason: "pid 1 of the reference shows what --clearenv took away (its issue 725)",
    },
    Differs {
        case: "env/pid1-unsetenv",
        field: "stdout",
        rule: Rule::OursLacks("SECRET"),
        reason: "pid 1 of the reference shows what --unsetenv took away (its issue 725)",
    },
    Differs {
        case: "files/same-fd-twice",
        field: "exit",
        rule: Rule::OursIs("exit 0\n"),
        reason: SEVERAL_USES,
    },
    Differs { case: "files/same-fd-twice", field: "stderr", rule: Rule::OursIs(""), reason: SEVERAL_USES },
    Differs {
        case: "files/same-fd-twice",
        field: "stdout",
        rule: Rule::OursIs("datadata\n"),
        reason: SEVERAL_USES,
    },
    Differs {
        case: "files/same-fd-file-and-bind-data",
        field: "exit",
        rule: Rule::OursIs("exit 0\n"),
        reason: SEVERAL_USES,
    },
    Differs {
        case: "files/same-fd-file-and-bind-data",
        field: "stderr",
        rule: Rule::OursIs(""),
        reason: SEVERAL_USES,
    },
    Differs {
        case: "files/same-fd-file-and-bind-data",
        field: "stdout",
        rule: Rule::OursIs("datadata\n"),
        reason: SEVERAL_USES,
    },
    Differs {
        case: "seccomp/add-same-file-twice",
        field: "exit",
        rule: Rule::OursIs("exit 0\n"),
        reason: SEVERAL_USES,
    },
    Differs {
        case: "seccomp/add-same-file-twice",
        field: "stderr",
        rule: Rule::OursIs(""),
        reason: SEVERAL_USES,
    },
    Differs {
        case: "seccomp/add-same-file-twice",
        field: "stdout",
        rule: Rule::OursIs(
            "call getpriority Argument list too long\ncall getpgrp ok\ncall sched_yield ok\ncall getcpu ok\n",
        ),
        reason: SEVERAL_USES,
    },
    Differs {
        case: "caps/add.ALL",
        field: "stdout",
        rule: Rule::Without("cap effective"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.ALL",
        field: "stdout",
        rule: Rule::Without("cap permitted"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.ALL",
        field: "stdout",
        rule: Rule::Without("cap inheritable"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.ALL",
        field: "stdout",
        rule: Rule::Without("cap ambient"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.ALL.drop.CAP_NET_ADMIN",
        field: "stdout",
        rule: Rule::Without("cap effective"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.ALL.drop.CAP_NET_ADMIN",
        field: "stdout",
        rule: Rule::Without("cap permitted"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.ALL.drop.CAP_NET_ADMIN",
        field: "stdout",
        rule: Rule::Without("cap inheritable"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.ALL.drop.CAP_NET_ADMIN",
        field: "stdout",
        rule: Rule::Without("cap ambient"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/drop.CAP_NET_ADMIN.add.ALL",
        field: "stdout",
        rule: Rule::Without("cap effective"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/drop.CAP_NET_ADMIN.add.ALL",
        field: "stdout",
        rule: Rule::Without("cap permitted"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/drop.CAP_NET_ADMIN.add.ALL",
        field: "stdout",
        rule: Rule::Without("cap inheritable"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/drop.CAP_NET_ADMIN.add.ALL",
        field: "stdout",
        rule: Rule::Without("cap ambient"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.CAP_SYS_RESOURCE",
        field: "stdout",
        rule: Rule::Without("cap effective"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.CAP_SYS_RESOURCE",
        field: "stdout",
        rule: Rule::Without("cap permitted"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.CAP_SYS_RESOURCE",
        field: "stdout",
        rule: Rule::Without("cap inheritable"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/add.CAP_SYS_RESOURCE",
        field: "stdout",
        rule: Rule::Without("cap ambient"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/drop.ALL.add.ALL",
        field: "stdout",
        rule: Rule::Without("cap effective"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/drop.ALL.add.ALL",
        field: "stdout",
        rule: Rule::Without("cap permitted"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/drop.ALL.add.ALL",
        field: "stdout",
        rule: Rule::Without("cap inheritable"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/drop.ALL.add.ALL",
        field: "stdout",
        rule: Rule::Without("cap ambient"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/name--cap-add=all",
        field: "stdout",
        rule: Rule::Without("cap effective"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/name--cap-add=all",
        field: "stdout",
        rule: Rule::Without("cap permitted"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/name--cap-add=all",
        field: "stdout",
        rule: Rule::Without("cap inheritable"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "caps/name--cap-add=all",
        field: "stdout",
        rule: Rule::Without("cap ambient"),
        reason: CAPS_NOT_HELD,
    },
    Differs {
        case: "namespaces/userns2",
        field: "stdout",
        rule: Rule::Without("cap effective"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns2",
        field: "stdout",
        rule: Rule::Without("cap permitted"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns2",
        field: "stdout",
        rule: Rule::Without("cap bounding"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns2-uid",
        field: "stdout",
        rule: Rule::Without("cap effective"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns2-uid",
        field: "stdout",
        rule: Rule::Without("cap permitted"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns2-uid",
        field: "stdout",
        rule: Rule::Without("cap bounding"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns2-alone",
        field: "stdout",
        rule: Rule::Without("cap effective"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns2-alone",
        field: "stdout",
        rule: Rule::Without("cap permitted"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns2-alone",
        field: "stdout",
        rule: Rule::Without("cap bounding"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns2-all-else",
        field: "stdout",
        rule: Rule::Without("cap bounding"),
        reason: USERNS2_CAPS,
    },
    Differs {
        case: "namespaces/userns-closed-for-command",
        field: "stdout",
        rule: Rule::OursLacks("fd 20"),
        reason: "the reference leaves the user namespace open in the command, which could join it",
    },
    Differs {
        case: "namespaces/userns2-same",
        field: "stderr",
        rule: Rule::OursIs("bwrap: Setting userns2 failed: Bad file descriptor\n"),
        reason: "the descriptor of --userns is closed once it is used",
    },
    Differs {
        case: "*",
        field: "stderr",
        rule: Rule::Without("bwrap: Unexpected short read from pid socket"),
        reason: "after the child has said what is wrong, the launcher of the reference says that it has not heard from it",
    },
    Differs {
        case: "binds/path-too-long",
        field: "stderr",
        rule: Rule::NotCompared,
        reason: "a path of just over PATH_MAX: the reference takes off the first slash before the kernel counts",
    },
    Differs { case: "bind-fd/twice--bind-fd", field: "*", rule: Rule::NotCompared, reason: SEVERAL_USES },
    Differs { case: "bind-fd/twice--ro-bind-fd", field: "*", rule: Rule::NotCompared, reason: SEVERAL_USES },
    Differs {
        case: "mounts/proc-elsewhere",
        field: "stdout",
        rule: Rule::Without("/1/comm"),
        reason: "pid 1 is the init-reaper stage, and called so",
    },
    Differs {
        case: "mounts/dead-fuse-mount-point",
        field: "*",
        rule: Rule::NotCompared,
        reason: "the reference cannot mount over a FUSE mount whose server is gone; ours asks the server nothing",
    },
    Differs {
        case: "overlay/mountinfo-tmp",
        field: "stdout",
        rule: Rule::Between("upperdir=", ",redirect_dir"),
        reason: "which paths a launcher reaches the layers by",
    },
    Differs {
        case: "overlay/mountinfo*",
        field: "stdout",
        rule: Rule::Between("lowerdir=", ",redirect_dir"),
        reason: "which paths a launcher reaches the layers by",
    },
    Differs {
        case: "env/pid1-plain",
        field: "stdout",
        rule: Rule::Without("pid1 env PWD="),
        reason: "PWD is set before pid 1 is started, with the rest of the environment",
    },
    Differs {
        case: "cwd/cwd-through-link",
        field: "stdout",
        rule: Rule::NotCompared,
        reason: "PWD keeps a symbolic link the caller came by; the reference forgets it below /tmp, where it has mounted by then, and keeps it elsewhere",
    },
    Differs {
        case: "hosts/chroot",
        field: "stdout",
        rule: Rule::NotCompared,
        reason: "as cwd-through-link: the caller's PWD is below /tmp",
    },
    Differs {
        case: "process/pid1-holds",
        field: "stdout",
        rule: Rule::Reporting,
        reason: "pid 1 reports over a pipe, not an eventfd, and numbers differ",
    },
    Differs {
        case: "status/sync-fd",
        field: "stdout",
        rule: Rule::Reporting,
        reason: "pid 1 reports over a pipe, not an eventfd, and numbers differ",
    },
    Differs {
        case: "status/sync-fd-twice",
        field: "stdout",
        rule: Rule::Reporting,
        reason: "pid 1 reports over a pipe, not an eventfd, and numbers differ",
    },
    Differs {
        case: "status/lock-file-fds",
        field: "stdout",
        rule: Rule::Reporting,
        reason: "pid 1 reports over a pipe, not an eventfd, and numbers differ",
    },
    Differs {
        case: "process/launcher-privileges*",
        field: "notes",
        rule: Rule::Reporting,
        reason: "the launcher waits on a pipe",
    },
    Differs {
        case: "process/signals-in-pid1",
        field: "stdout",
        rule: Rule::Without("SigBlk"),
        reason: "pid 1 of the reference blocks SIGCHLD; ours needs not",
    },
    Differs {
        case: "process/few-descriptors",
        field: "*",
        rule: Rule::NotCompared,
        reason: "a limit of 12 descriptors: ours holds those of its stages as well, and refuses",
    },
    Differs {
        case: "seccomp/65537-instructions",
        field: "*",
        rule: Rule::NotCompared,
        reason: "the reference counts instructions in 16 bits and loads the first of 65537; ours refuses",
    },
    Differs {
        case: "seccomp/denies-write",
        field: "j",
        rule: Rule::Without("exit-code"),
        reason: "under a filter that denies write the reference loses the exit code",
    },
    Differs {
        case: "hosts/nested-no-proc",
        field: "stderr",
        rule: Rule::OursIs("bwrap: Can't read /proc/self/exe: No such file or directory\n"),
        reason: "without /proc both refuse, each at the first file it needs",
    },
    Differs {
        case: "hosts/no-proc",
        field: "stderr",
        rule: Rule::OursIs("bwrap: Can't read /proc/self/exe: No such file or directory\n"),
        reason: "without /proc both refuse, each at the first file it needs",
    },
    Differs {
        case: "hosts/no-proc-all",
        field: "stderr",
        rule: Rule::OursIs("bwrap: Can't read /proc/self/exe: No such file or directory\n"),
        reason: "without /proc both refuse, each at the first file it needs",
    },
    Differs {
        case: "hosts/empty-proc",
        field: "stderr",
        rule: Rule::OursIs("bwrap: Can't read /proc/self/exe: No such file or directory\n"),
        reason: "without /proc both refuse, each at the first file it needs",
    },
    Differs {
        case: "hosts/no-proc-user",
        field: "stderr",
        rule: Rule::OursIs("bwrap: Can't read /proc/self/exe: No such file or directory\n"),
        reason: "without /proc both refuse, each at the first file it needs",
    },
    Differs {
        case: "hosts/covered-proc",
        field: "*",
        rule: Rule::NotCompared,
        reason: "ours needs no /proc/sys, so a /proc that is partly covered will do",
    },
    Differs {
        case: "hosts/tmp-missing",
        field: "*",
        rule: Rule::NotCompared,
        reason: "the reference needs a /tmp on the host; ours does not",
    },
    Differs {
        case: "process/kill-launcher-die-with-parent",
        field: "stdout",
        rule: Rule::OursIs("ready\n"),
        reason: LATE_PDEATHSIG,
    },
    Differs {
        case: "process/kill-launcher-die-with-parent",
        field: "notes",
        rule: Rule::OursIs("still running: 0\n"),
        reason: LATE_PDEATHSIG,
    },
    Differs {
        case: "process/term-launcher-die-with-parent",
        field: "stdout",
        rule: Rule::OursIs("ready\n"),
        reason: LATE_PDEATHSIG,
    },
    Differs {
        case: "process/term-launcher-die-with-parent",
        field: "notes",
        rule: Rule::OursIs("still running: 0\n"),
        reason: LATE_PDEATHSIG,
    },
    Differs {
        case: "process/int-launcher",
        field: "stdout",
        rule: Rule::OursIs("ready\n"),
        reason: LATE_PDEATHSIG,
    },
    Differs {
        case: "process/int-launcher",
        field: "notes",
        rule: Rule::OursIs("still running: 0\n"),
        reason: LATE_PDEATHSIG,
    },
];

/// The rules for a field of a case.
pub fn rules(case: &str, field: &str) -> impl Iterator<Item = &'static Differs> {
    DIFFERS.iter().filter(move |row| {
        let named = match row.case.strip_suffix('*') {
            Some(prefix) => case.starts_with(prefix),
            None => row.case == case,
        };
        named && (row.field == "*" || row.field == field)
    })
}

/// Whether two texts of a field are the same, or differ on purpose.
pub fn agree(case: &str, field: &str, theirs: &str, ours: &str) -> bool {
    theirs == ours
        || rules(case, field).any(|row| match row.rule {
            Rule::OursMayBeShorter => ours.lines().count() < theirs.lines().count(),
            Rule::OursLacks(text) => !ours.contains(text),
            Rule::OursIs(text) => ours == text,
            Rule::NotCompared => true,
            _ => false,
        })
}

/// A field after the rules.
pub fn apply(case: &str, field: &str, text: String) -> String {
    rules(case, field).fold(text, |text, row| match row.rule {
        Rule::Drop(what) => text.replace(what, ""),
        Rule::Usage if text.starts_with("usage: ") => keep(&text, synopsis),
        Rule::Usage => text,
        Rule::Between(start, end) => keep(&text, |line| {
            Some(match line.split_once(start) {
                None => line.to_owned(),
                Some((before, rest)) => {
                    let after =
                        rest.split_once(end).filter(|_| !end.is_empty()).map_or("", |(_, after)| after);
                    format!("{before}{start}*{end}{after}")
                }
            })
        }),
        Rule::HideTmpfsRoot => keep(&text, |line| Some(hide_tmpfs_root(line))),
        Rule::Without(what) => keep(&text, |line| (!line.contains(what)).then(|| line.to_owned())),
        Rule::Reporting => keep(&text, hide_reporting),
        Rule::OursMayBeShorter | Rule::OursLacks(_) | Rule::OursIs(_) | Rule::NotCompared => text,
    })
}

/// What bwrap has here and the reference has not.
const OURS_ALONE: [&str; 12] = [
    "cgroup",
    "console",
    "limit",
    "sys",
    "uid-map",
    "gid-map",
    "join-ns",
    "allow-new-privs",
    "forward-signals",
    "handle-reboot",
    "no-reaper",
    "stop-signal",
];

/// `usage: …` as it is, `    --option NAME…` without the description, nothing of other lines and of [`OURS_ALONE`].
fn synopsis(line: &str) -> Option<String> {
    if line.starts_with("usage: ") {
        return Some(line.to_owned());
    }
    let head = line.strip_prefix("    --")?.split("  ").next()?;
    let mut words = head.split(' ');
    let option = words.next().filter(|option| !OURS_ALONE.contains(option))?;
    let names: Vec<&str> = words.take_while(|word| word.chars().all(|c| c.is_ascii_uppercase())).collect();
    Some(format!("    --{option} {}", names.join(" ")))
}

/// `mount 1 parent=outside D1 ROOT on / OPTIONS [] - tmpfs tmpfs …`
fn hide_tmpfs_root(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    let own = line.starts_with("mount ") && line.contains(" - tmpfs tmpfs ");
    if let (true, Some(root)) = (own, words.get_mut(4))
        && (*root == "/" || root.starts_with("/newroot") || root.starts_with("/bindfile"))
    {
        *root = "*";
    }
    words.join(" ")
}

/// `WHO fd NUMBER WHAT`
fn hide_reporting(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let [who, "fd", number, what @ ..] = words.as_slice() else { return Some(line.to_owned()) };
    let beyond = number.parse::<u32>().is_ok_and(|number| number > 2);
    match what {
        ["pipe" | "anon_inode"] if beyond => None,
        _ if beyond => Some(format!("{who} fd * {}", what.join(" "))),
        _ => Some(line.to_owned()),
    }
}

fn keep(text: &str, each: impl Fn(&str) -> Option<String>) -> String {
    text.lines().filter_map(each).map(|line| line + "\n").collect()
}
