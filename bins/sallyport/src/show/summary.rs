//! The top of the page: what a reviewer wants to know first.

use super::facts::{Facts, Share};
use super::operations::source_words;
use super::page::Page;
use super::privileges::held;
use crate::document::Document;
use crate::filter::{self, Refusal};
use crate::tree::{Origin, Place};
use crate::words::{capabilities, listed, quoted};
use common::plan::{EnvOp, FLAG_BWRAP, FLAG_ENV_STATUS, FLAG_LEVEL_PREFIX};

/// Writes it.
pub fn write(page: &mut Page, document: &Document, facts: &Facts) {
    page.section("Summary");
    page.lines("runs", runs(document, facts));
    let (writable, readable): (Vec<&Place>, Vec<&Place>) =
        facts.tree.host().partition(|place| place.writable);
    let of_host = |places: &[&Place]| -> Vec<String> {
        if places.is_empty() {
            return vec!["nothing".to_owned()];
        }
        places.iter().map(|place| view(place, facts)).collect()
    };
    page.lines("host, writable", of_host(&writable));
    page.lines("host, read-only", of_host(&readable));
    page.line(
        "host, shared",
        listed(&facts.names(Share::Shared).iter().map(|name| namespace(name)).collect::<Vec<_>>()),
    );
    let joined = facts.names(Share::Joined).into_iter().filter_map(|name| {
        let source = facts.source(name)?.words();
        Some(format!("{}: that of {source}, which may be the host's", namespace(name)))
    });
    page.lines("joined", joined);
    let tried: Vec<&str> = facts.names(Share::Try).into_iter().map(namespace).collect();
    if !tried.is_empty() {
        page.line(
            "host, perhaps",
            format!("{} (shared where a new one cannot be, or root needs none)", listed(&tried)),
        );
    }
    page.line("network", network(document, facts));
    page.line("ids", ids(document, facts));
    page.lines("privileges", privileges(document, facts));
    page.line("terminal", terminal(document));
    page.line("filters", filters(document));
    page.line("environment", environment(document));
    page.line(
        "descriptors",
        "those the caller leaves open stay open for the command, but for those the stages use up",
    );
    page.line("ends", ends(document, facts));
    page.line("messages", messages(document.flags));
}

/// What is run, and as which process.
fn runs(document: &Document, facts: &Facts) -> Vec<String> {
    let words: Vec<String> = document.command.args.iter().map(|word| quoted(word.bytes())).collect();
    let process = match (facts.own_pids, facts.has_reaper) {
        (true, true) => "as process 2 of a PID namespace of its own; init-reaper is process 1",
        (true, false) => "as process 1 of a PID namespace of its own",
        (false, true) => "in a PID namespace that is not its own, init-reaper beside it",
        (false, false) => "in a PID namespace that is not its own",
    };
    vec![words.join(" "), process.to_owned()]
}

/// A mount from the host, with what one sees otherwise below it.
fn view(place: &Place, facts: &Facts) -> String {
    let what = match place.origin {
        Origin::Host(path) if path == place.dest => quoted(path),
        Origin::Host(path) => format!("{} at {}", source_words(path), quoted(&place.dest)),
        Origin::Descriptor(fd) => format!("what descriptor {fd} has open, at {}", quoted(&place.dest)),
        Origin::Own => quoted(&place.dest),
    };
    let covers: Vec<String> = facts.tree.covers(place).iter().map(|place| quoted(&place.dest)).collect();
    let devices = if place.devices { ", with its devices" } else { "" };
    let optional = if place.optional { ", if it is there" } else { "" };
    let remounted = if place.writable && place.remounted {
        ", the mount itself read-only and those below it on the host not"
    } else {
        ""
    };
    let but = if covers.is_empty() { String::new() } else { format!(", but for {}", listed(&covers)) };
    format!("{what}{devices}{optional}{remounted}{but}")
}

/// A namespace by what is in it.
fn namespace(name: &'static str) -> &'static str {
    match name {
        "user" => "user ids and capabilities",
        "mnt" => "mounts",
        "cgroup" => "cgroup paths",
        "uts" => "host name",
        "ipc" => "System V IPC and message queues",
        "pid" => "processes",
        "net" => "network",
        "time" => "clocks",
        other => other,
    }
}

fn network(document: &Document, facts: &Facts) -> String {
    const HOST: &str = "the host's: its interfaces, whatever listens on localhost, and all abstract sockets";
    match (facts.share("net"), facts.source("net")) {
        (Share::New, _) if document.ns_enter.is_some_and(|frame| frame.loopback) => {
            "its own: loopback and nothing else".to_owned()
        }
        (Share::New, _) => {
            "its own: nothing, and lo IS DOWN, so that not even 127.0.0.1 is reached".to_owned()
        }
        (Share::Joined, Some(source)) => {
            format!("that of {}, which may be the host's", source.words())
        }
        (_, Some(source)) => format!("that of {}: {HOST}", source.words()),
        _ => HOST.to_owned(),
    }
}

/// Whose the command is: as ns-enter leaves it, and as priv-drop does.
fn ids(document: &Document, facts: &Facts) -> String {
    let entered = entered_ids(document, facts);
    let Some(attributes) = document.priv_drop.and_then(|frame| frame.attributes) else { return entered };
    let named = [
        ("real user", attributes.ruid),
        ("effective user", attributes.euid),
        ("real group", attributes.rgid),
        ("effective group", attributes.egid),
    ];
    let named: Vec<String> =
        named.into_iter().filter_map(|(what, id)| id.map(|id| format!("{what} {id}"))).collect();
    if named.is_empty() { entered } else { format!("{entered}; priv-drop makes that {}", listed(&named)) }
}

fn entered_ids(document: &Document, facts: &Facts) -> String {
    let Some(frame) = &document.ns_enter else { return "the caller's".to_owned() };
    let id = |wanted: Option<u32>| wanted.map_or_else(|| "the caller's".to_owned(), |id| id.to_string());
    let who = match (frame.uid, frame.gid) {
        (None, None) => "the caller's".to_owned(),
        (uid, gid) => format!("user {}, group {}", id(uid), id(gid)),
    };
    match facts.share("user") {
        Share::Shared => format!("{who}, in the caller's user namespace"),
        Share::Joined => {
            let source = facts.source("user").map_or_else(String::new, |source| source.words());
            format!("{who}, in the user namespace of {source}")
        }
        Share::New => format!("{who}, in a user namespace of its own"),
        Share::Try => format!("{who}, in a user namespace of its own; root keeps the caller's"),
    }
}

fn privileges(document: &Document, facts: &Facts) -> Vec<String> {
    let held = held(document, facts).words();
    let Some(frame) = &document.priv_drop else {
        let nothing = "nothing is given up, no_new_privs is not set";
        let in_userns = match facts.share("user") {
            Share::Shared => None,
            Share::Joined => Some("in the user namespace that is joined"),
            Share::New => Some("in its user namespace"),
            Share::Try => Some("in its user namespace, of which root makes none"),
        };
        let Some(in_userns) = in_userns else {
            return vec![format!("whatever the caller has: {nothing}"), nested(document).to_owned()];
        };
        return vec![
            format!("{held} for an ordinary user, {in_userns}; root: his own, at least"),
            format!("outside of it whatever the caller's files allow him: {nothing}"),
            nested(document).to_owned(),
        ];
    };
    let root = if frame.cap_add.is_empty() && frame.cap_drop.is_empty() {
        "root keeps his own".to_owned()
    } else {
        let added = capabilities(frame.cap_add);
        let added = if frame.cap_add.is_empty() { String::new() } else { format!(" and gets {added}") };
        format!("root keeps his own but for {}{added}", capabilities(frame.cap_drop))
    };
    let changed = frame
        .attributes
        .map(|_| "user ids, groups, capability sets or limits change: see priv-drop".to_owned());
    let nnp = if frame.allow_new_privs {
        "no_new_privs IS NOT SET: set-user-ID files and file capabilities can give more"
    } else {
        "no_new_privs: set-user-ID files and file capabilities have no effect"
    };
    let mut lines = vec![format!("{held} for an ordinary user; {root}")];
    lines.extend(changed);
    lines.push(nnp.to_owned());
    lines.push(nested(document).to_owned());
    lines
}

/// Whether there can be user namespaces inside.
fn nested(document: &Document) -> &'static str {
    if document.priv_drop.is_some_and(|frame| frame.disable_userns || frame.assert_userns_disabled) {
        return "no user namespace can be made inside";
    }
    match filter::user_namespaces(document) {
        Refusal::All => "no user namespace can be made inside: the filters refuse it",
        Refusal::Open(_) | Refusal::NoFilter | Refusal::Unloadable => {
            "user namespaces can be made inside, with all capabilities in them"
        }
    }
}

fn terminal(document: &Document) -> &'static str {
    if document.ns_enter.is_some_and(|frame| frame.console()) {
        return "its own, relayed to the caller's: what it types into that stays there";
    }
    if document.priv_drop.is_some_and(|frame| frame.new_session) {
        return "a session of its own: the caller's terminal is not its controlling terminal (no TIOCSTI)";
    }
    match filter::terminal_input(document) {
        Refusal::All => "the caller's session; the filters refuse TIOCSTI and TIOCLINUX",
        Refusal::Open(_) | Refusal::NoFilter | Refusal::Unloadable => {
            "the caller's session: TIOCSTI can type into its terminal, unless dev.tty.legacy_tiocsti is 0"
        }
    }
}

fn filters(document: &Document) -> String {
    let count = document.seccomp_load.as_ref().map_or(0, |frame| frame.programs.len());
    let refused: Vec<String> =
        filter::refused(document).iter().map(|(number, _)| number.to_string()).collect();
    if !refused.is_empty() {
        return format!("THE KERNEL WILL REFUSE {} of {count}, and with that the launch", listed(&refused));
    }
    match count {
        0 => "none: every system call".to_owned(),
        1 => "1, disassembled below".to_owned(),
        n => format!("{n}, disassembled below; the strictest answer counts"),
    }
}

fn environment(document: &Document) -> &'static str {
    let ops = document.command.env;
    if ops.iter().any(|op| op == EnvOp::Clear) {
        "only what the plan sets, and PWD"
    } else if ops.is_empty() {
        "the caller's, as it is"
    } else {
        "the caller's, with changes"
    }
}

/// How the launch speaks of itself.
fn messages(flags: u16) -> String {
    let name = if flags & FLAG_BWRAP != 0 { "signed bwrap" } else { "signed with the stage's name" };
    let level = if flags & FLAG_LEVEL_PREFIX != 0 { ", their syslog level in front" } else { "" };
    let status = if flags & FLAG_ENV_STATUS != 0 {
        "125 for a set-up that failed, 126 and 127 for a command that cannot be run, as env(1)"
    } else {
        "1 for a set-up that failed"
    };
    format!("{name}{level}; exit status {status}")
}

fn ends(document: &Document, facts: &Facts) -> &'static str {
    let dies = document.ns_enter.as_ref().is_some_and(|frame| frame.die_with_parent);
    match (dies, facts.own_pids) {
        (true, true) => "with the process that started it, and all that the command has started",
        (true, false) => "with the process that started it; what the command has started may live on",
        (false, true) => "with the command, and all that it has started; not when whoever started it ends",
        (false, false) => {
            "with the command; what it has started may live on, and so may all if whoever started it ends"
        }
    }
}
