//! The stages one after another: what each enters with, does, and gives up. Every field of a record is named in its
//! function, so that a new one does not build until it is said here.

use super::facts::Facts;
use super::operations::{environment, operation};
use super::page::Page;
use super::privileges::over_the_exec;
use crate::document::Document;
use crate::filter;
use crate::words::{self, NAMESPACES, capabilities, listed, quoted, signals};
use common::plan::{
    Attributes, CapChange, Command, Control, FdNumber, FsBuild, IdRange, InitReaper, JoinNs, Left, Limit,
    NsEnter, NsExtra, NsKind, PrivDrop, Rlimit, SeccompLoad, SecondUserNs, Signal, Stage, UserNs,
};

/// Writes all that have work, and the command.
pub fn write(page: &mut Page, document: &Document, facts: &Facts) {
    let Document { flags: _, ns_enter, fs_build, priv_drop, init_reaper, seccomp_load, command } = document;
    let mut number = 0;
    let mut begin = |page: &mut Page, stage: Stage| {
        number += 1;
        page.section(&format!("Stage {number}: {}", stage.name()));
    };
    if let Some(frame) = ns_enter {
        begin(page, Stage::NsEnter);
        enter_namespaces(page, frame, facts);
    }
    if let Some(frame) = fs_build {
        begin(page, Stage::FsBuild);
        build_tree(page, frame, facts);
    }
    if let Some(frame) = priv_drop {
        begin(page, Stage::PrivDrop);
        drop_privileges(page, frame);
    }
    if let Some(frame) = init_reaper {
        begin(page, Stage::InitReaper);
        reap(page, frame);
    }
    if let Some(frame) = seccomp_load {
        begin(page, Stage::SeccompLoad);
        load_filters(page, frame);
    }
    page.section("The command");
    run_command(page, command);
}

/// A line for a descriptor, if there is one.
fn descriptor(page: &mut Page, label: &str, fd: Option<FdNumber>, what: &str) {
    if let Some(fd) = fd {
        page.line(label, format!("descriptor {}: {what}", fd.fd().0));
    }
}

/// A line for something that is on.
fn switch(page: &mut Page, label: &str, on: bool, what: &str) {
    if on {
        page.line(label, what);
    }
}

fn enter_namespaces(page: &mut Page, frame: &NsEnter<'static>, facts: &Facts) {
    let NsEnter {
        namespaces,
        cgroup_try,
        user,
        userns_fd,
        pidns_fd,
        uid,
        gid,
        second,
        loopback,
        hostname,
        die_with_parent,
        info_fd,
        json_status_fd,
        userns_block_fd,
        raise: _,
        forward,
        stop_signal,
        handle_reboot,
        extra,
    } = frame;
    page.line("privileges in", "the caller's");
    page.line(
        "privileges out",
        format!("in a new user namespace, over the exec: {}", over_the_exec(frame, facts).words()),
    );
    page.line("", "root without a new user namespace: his own; the monitor outside: none");
    let new = NAMESPACES.iter().filter(|(_, flag)| namespaces.has(*flag)).map(|(name, _)| *name);
    page.line("new namespaces", new.collect::<Vec<_>>().join(", "));
    switch(page, "", *cgroup_try, "cgroup, if the kernel has them");
    let user = match user {
        UserNs::Keep => "none is made",
        UserNs::UnlessRoot => "a new one, unless the caller is root",
        UserNs::New => "a new one",
        UserNs::Try => "a new one; root goes on without where there are none",
    };
    page.line("user namespace", user);
    descriptor(page, "", *userns_fd, "joined (--userns), then closed");
    let second = match second {
        SecondUserNs::No => None,
        SecondUserNs::UnlessRoot => {
            Some("a second one inside it for the command's ids, unless those are root's")
        }
        SecondUserNs::Always => Some("a second one inside it"),
        SecondUserNs::AlwaysFromRoot => Some("a second one inside it; the first maps root"),
    };
    page.lines("", second);
    descriptor(page, "pid namespace", *pidns_fd, "joined (--pidns), then closed");
    page.lines("user id", uid.map(|id| id.to_string()));
    page.lines("group id", gid.map(|id| id.to_string()));
    if let Some(extra) = extra {
        maps_and_joins(page, frame, extra);
    }
    descriptor(page, "id maps", *userns_block_fd, "waited for; somebody else writes the maps");
    switch(page, "network", *loopback && namespaces.has(NsKind::Net.flag()), "lo is brought up");
    page.lines("host name", hostname.map(|name| quoted(name.bytes())));
    if !forward.is_empty() {
        page.line("passes on", signals(*forward));
    }
    stop(page, *stop_signal);
    switch(page, "ends", *die_with_parent, "killed when the process that started it is gone");
    switch(page, "ends", *handle_reboot, "power-off and reboot by process 1 have exit statuses of their own");
    descriptor(page, "reports", *info_fd, "process id as JSON, then closed");
    descriptor(page, "reports", *json_status_fd, "process id and exit status as lines of JSON");
}

/// What only the options have that bubblewrap has not.
fn maps_and_joins(page: &mut Page, frame: &NsEnter<'static>, extra: &NsExtra<'static>) {
    let NsExtra { uid_map, gid_map, setgroups, join, monotonic, boottime, own_cgroup, limits, console } =
        extra;
    let range = |range: IdRange| match range {
        IdRange::Auto => "the caller's own id, and his subordinate ones as this host has them".to_owned(),
        IdRange::Range { inner, outer, count } => {
            format!("{count} from {inner} on inside are those from {outer} on")
        }
    };
    page.lines("user ids", uid_map.iter().map(range));
    page.lines("group ids", gid_map.iter().map(range));
    page.lines("setgroups", setgroups.map(|allowed| if allowed { "allowed" } else { "denied" }));
    page.lines(
        "joins",
        join.iter().map(|join| {
            let what = match join {
                JoinNs::Fd { kind, fd } => {
                    format!("the {} namespace of descriptor {}, then closed", kind.name(), fd.fd().0)
                }
                JoinNs::Path { kind, path } => {
                    format!("the {} namespace {}", kind.name(), quoted(path.bytes()))
                }
            };
            let left = match join.kind() {
                NsKind::User => frame.user != UserNs::Keep,
                kind => frame.namespaces.has(kind.flag()),
            };
            if left {
                format!("{what}; from there a new one is made, and that is the command's")
            } else {
                what
            }
        }),
    );
    for (clock, offset) in [("monotonic", monotonic), ("boottime", boottime)] {
        page.lines(
            "clock",
            offset.map(|offset| {
                format!("{clock}: {}{} s", if offset.negative { "-" } else { "+" }, offset.count)
            }),
        );
    }
    switch(
        page,
        "cgroup",
        *own_cgroup,
        "its own, below the caller's; all in it is killed at the end, and it is removed",
    );
    page.lines(
        "limits",
        limits
            .iter()
            .map(|Limit::File { name, value }| format!("{} {}", quoted(name.bytes()), quoted(value.bytes()))),
    );
    switch(page, "terminal", *console, "its own, relayed to the caller's; a session of its own");
}

/// What the command gets in the place of the signals that ask it to end.
fn stop(page: &mut Page, signal: Option<Signal>) {
    page.lines(
        "stops with",
        signal.map(|signal| format!("{} for SIGTERM, SIGINT and SIGHUP", words::signal(signal.number()))),
    );
}

fn build_tree(page: &mut Page, frame: &FsBuild<'static>, facts: &Facts) {
    let FsBuild { best_effort, file_label, ops, keep_suid } = frame;
    page.line("privileges in", "those of the stage before");
    page.line("privileges out", "the same");
    switch(page, "BEST EFFORT", *best_effort, "a part that fails is a warning: no security boundary");
    switch(
        page,
        "SETUID",
        *keep_suid,
        "bind mounts honour set-user-ID bits and file capabilities: not nosuid",
    );
    page.lines("SELinux label", file_label.map(|label| quoted(label.bytes())));
    let hidden = |index: usize| {
        let place = facts.tree.places.iter().find(|place| place.index == index)?;
        place.hidden_by.map(|by| format!(" (hidden by {})", by + 1))
    };
    page.line("new root", "an empty tmpfs, unless an operation puts something on /");
    for (index, op) in ops.iter().enumerate() {
        let (dest, what) = operation(&op, facts, *keep_suid);
        let dest = if dest.is_empty() { "-".to_owned() } else { dest };
        page.line(
            &format!("{:>4}. {dest}", index + 1),
            format!("{what}{}", hidden(index).unwrap_or_default()),
        );
    }
}

fn drop_privileges(page: &mut Page, frame: &PrivDrop<'static>) {
    let PrivDrop {
        userns2_fd,
        disable_userns,
        assert_userns_disabled,
        cap_add,
        cap_drop,
        block_fd,
        new_session,
        die_with_parent,
        allow_new_privs,
        attributes,
    } = frame;
    let nnp = if *allow_new_privs { "an exec may still give it more" } else { "no_new_privs" };
    page.line("privileges in", "those of the stage before");
    page.line("privileges out", format!("what the command gets; {nnp}"));
    descriptor(page, "user namespace", *userns2_fd, "joined (--userns2), then closed");
    switch(page, "user namespaces", *disable_userns, "none can be made inside any more");
    switch(page, "user namespaces", *assert_userns_disabled, "refused to run if one can be made");
    if !cap_add.is_empty() {
        page.line("added", capabilities(*cap_add));
    }
    if !cap_drop.is_empty() {
        page.line("dropped", capabilities(*cap_drop));
    }
    if let Some(attributes) = attributes {
        change_attributes(page, attributes);
    }
    descriptor(page, "waits", *block_fd, "for something to read there, or its end; then closed");
    switch(page, "session", *new_session, "a new one, without the caller's terminal");
    switch(page, "ends", *die_with_parent, "killed when its parent is gone");
}

fn change_attributes(page: &mut Page, attributes: &Attributes<'static>) {
    let Attributes {
        rlimits,
        groups,
        rgid,
        egid,
        ruid,
        euid,
        bounding,
        securebits_drop,
        securebits_add,
        inheritable,
        permitted,
        effective,
        ambient,
        keyring,
        umask,
        pdeathsig,
    } = attributes;
    page.lines("limits", rlimits.iter().map(limit));
    page.lines(
        "groups",
        groups.map(|groups| listed(&groups.iter().map(|id| id.to_string()).collect::<Vec<_>>())),
    );
    for (label, id) in
        [("real group", rgid), ("effective group", egid), ("real user", ruid), ("effective user", euid)]
    {
        page.lines(label, id.map(|id| id.to_string()));
    }
    let changes = [("without", *securebits_drop), ("with", *securebits_add)];
    let changes = changes.into_iter().filter(|(_, bits)| *bits != 0);
    page.lines("securebits", changes.map(|(what, bits)| format!("{what} {bits:#x}")));
    let sets = [
        ("bounding set", bounding),
        ("inheritable set", inheritable),
        ("permitted set", permitted),
        ("effective set", effective),
        ("ambient set", ambient),
    ];
    for (label, CapChange { drop, add }) in sets {
        let dropped = if drop.is_empty() { None } else { Some(format!("without {}", capabilities(*drop))) };
        let added = if add.is_empty() { None } else { Some(format!("with {}", capabilities(*add))) };
        page.lines(label, dropped.into_iter().chain(added));
    }
    switch(page, "keyring", *keyring, "a new session keyring, empty");
    page.lines("umask", umask.map(|mask| format!("{:04o}", mask.bits())));
    let death = |number: u32| match u8::try_from(number).ok().and_then(Signal::new) {
        Some(signal) => format!("{} when its parent ends", words::signal(signal.number())),
        None => "none when its parent ends".to_owned(),
    };
    page.lines("signal", pdeathsig.map(death));
}

fn limit(limit: Rlimit) -> String {
    let Rlimit { resource, soft, hard } = limit;
    let value = |value: Option<u64>| match value {
        None => "as it is".to_owned(),
        Some(u64::MAX) => "unlimited".to_owned(),
        Some(value) => value.to_string(),
    };
    format!("{}: soft {}, hard {}", words::rlimit(resource), value(soft), value(hard))
}

fn reap(page: &mut Page, frame: &InitReaper<'static>) {
    let InitReaper { locks, sync_fds, die_with_parent, control } = frame;
    page.line("privileges in", "the command's");
    page.line("privileges out", "process 1: none, under the command's filters; the command: its own");
    page.lines("read locks", locks.iter().map(|path| quoted(path.bytes())));
    page.lines("holds open", sync_fds.iter().map(|fd| format!("descriptor {}", fd.fd().0)));
    switch(page, "ends", *die_with_parent, "the command is killed when this process is gone");
    if let Some(control) = control {
        control_command(page, control);
    }
}

fn control_command(page: &mut Page, control: &Control<'static>) {
    let Control { subreaper, forward, stop_signal, group, foreground, left, remap_exit, parent_death_signal } =
        control;
    switch(page, "orphans", *subreaper, "come to this process, which waits for them");
    if !forward.is_empty() {
        page.line("passes on", signals(*forward));
    }
    stop(page, *stop_signal);
    switch(page, "signals go to", *group, "the command's whole process group");
    switch(page, "process group", *foreground, "the command has its own, and the terminal");
    let left = match left {
        Left::Wait => "waited for".to_owned(),
        Left::Leave => "left to the kernel or to who reaps next".to_owned(),
        Left::Kill { grace } => format!("SIGTERM, and SIGKILL after {grace} ms"),
    };
    page.line("processes left", left);
    page.lines("status 0 for", remap_exit.iter().map(|status| status.to_string()));
    page.lines("parent's death", parent_death_signal.map(|signal| words::signal(signal.number())));
}

fn load_filters(page: &mut Page, frame: &SeccompLoad<'static>) {
    let SeccompLoad { programs, log, spec_allow } = frame;
    page.line("privileges in", "the command's");
    page.line("privileges out", "the same, under the filters");
    switch(page, "log", *log, "what the filters refuse is logged");
    switch(page, "speculation", *spec_allow, "the mitigation of speculative store bypass is not switched on");
    for (index, program) in programs.iter().enumerate() {
        page.line(&format!("filter {}", index + 1), format!("{} instructions", program.bytes().len() / 8));
        page.lines("", filter::lines(program.bytes()));
    }
}

fn run_command(page: &mut Page, command: &Command<'static>) {
    let Command { argv0, args, env, directory, exec_label, drop_ambient } = command;
    page.lines("arguments", args.iter().map(|word| quoted(word.bytes())));
    page.lines("argv[0]", argv0.map(|word| quoted(word.bytes())));
    page.lines("environment", env.iter().map(|op| environment(&op)));
    let default = || "the caller's, if it is there; else HOME, else /".to_owned();
    page.line("directory", directory.map_or_else(default, |path| quoted(path.bytes())));
    switch(
        page,
        "ambient capabilities",
        *drop_ambient,
        "given up before the exec, with the inheritable ones",
    );
    page.lines("SELinux label", exec_label.map(|label| quoted(label.bytes())));
}
