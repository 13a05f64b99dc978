//! What a plan is warned about: each rule looks at one thing.

use super::catalogue::{self, Kind};
use crate::document::Document;
use crate::filter::{self, Refusal};
use crate::show::{Facts, Share, Source, held};
use crate::tree::{Kind as PlaceKind, Origin, Place, below, normal};
use crate::words::{capabilities, listed, quoted};
use common::caps::CapSet;
use common::plan::{EnvOp, MountOp, UserNs};

/// A warning about a plan.
#[derive(Debug)]
pub struct Finding {
    /// Which.
    pub kind: &'static Kind,
    /// The path or name that it is about, if it is about one.
    pub object: Option<Vec<u8>>,
    /// What just this plan does.
    pub detail: String,
}

impl Finding {
    fn new(kind: &'static Kind, detail: impl Into<String>) -> Finding {
        Finding { kind, object: None, detail: detail.into() }
    }

    fn about(kind: &'static Kind, object: &[u8], detail: impl Into<String>) -> Finding {
        Finding { object: Some(object.to_vec()), ..Finding::new(kind, detail) }
    }
}

/// What a host has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Missing,
    /// A symbolic link to this path.
    Link(Vec<u8>),
    /// A file that is no directory.
    File,
    /// A directory, or what is not known.
    Other,
}

/// What the rules look at.
struct Subject<'d> {
    document: &'d Document,
    facts: Facts,
    /// What this host has at a path now.
    look: &'d dyn Fn(&[u8]) -> Entry,
    found: Vec<Finding>,
}

/// All that there is to say about `document`, the worst first.
pub fn findings(document: &Document, look: &dyn Fn(&[u8]) -> Entry) -> Vec<Finding> {
    let mut subject = Subject { document, facts: Facts::of(document), look, found: Vec::new() };
    subject.writable();
    subject.visible();
    subject.sockets();
    subject.devices();
    subject.privileges();
    subject.terminal();
    subject.filters();
    subject.namespaces();
    subject.operations();
    subject.dangling();
    subject.environment();
    let mut found = subject.found;
    // Stable: of one kind, in the order of the plan.
    found.sort_by_key(|finding| catalogue::ALL.iter().position(|kind| *kind == finding.kind));
    found
}

/// Whether `path` is as `pattern` says, in which `*` stands for any rest of one name; or below that.
fn matches(path: &[u8], pattern: &str) -> bool {
    let mut names = path.split(|byte| *byte == b'/');
    pattern.split('/').all(|wanted| {
        names.next().is_some_and(|name| match wanted.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix.as_bytes()) && !name.is_empty(),
            None => name == wanted.as_bytes(),
        })
    })
}

/// Directories whose contents the system runs or believes.
const SYSTEM: [&str; 10] =
    ["/etc", "/usr", "/boot", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/sys"];

/// Sockets and files that are more than they seem, below directories that are bound for them.
const SPECIAL: [(&Kind, &[&str]); 5] = [
    (
        &catalogue::CONTROL_SOCKET,
        &[
            "/run/docker.sock",
            "/var/run/docker.sock",
            "/run/docker",
            "/run/podman",
            "/run/user/*/podman",
            "/run/user/*/docker.sock",
            "/run/containerd",
            "/run/crio",
            "/run/libvirt",
            "/var/run/libvirt",
            "/run/systemd/private",
            "/run/user/*/systemd",
        ],
    ),
    (
        &catalogue::KEY_AGENT,
        &[
            "/run/user/*/gnupg",
            "/run/user/*/keyring",
            "/run/user/*/ssh-agent*",
            "/run/user/*/openssh_agent",
            "/tmp/ssh-*",
            "/home/*/.ssh",
            "/home/*/.gnupg",
            "/root/.ssh",
            "/root/.gnupg",
        ],
    ),
    (
        &catalogue::DBUS_SOCKET,
        &["/run/dbus", "/var/run/dbus", "/run/user/*/bus", "/run/user/*/dbus-1", "/run/user/*/at-spi"],
    ),
    (&catalogue::X11_SOCKET, &["/tmp/.X11-unix"]),
    (
        &catalogue::DISPLAY_SOCKET,
        &["/run/user/*/wayland-*", "/run/user/*/pipewire-*", "/run/user/*/pulse", "/run/pipewire"],
    ),
];

impl Subject<'_> {
    fn warn(&mut self, finding: Finding) {
        self.found.push(finding);
    }

    /// The host's paths that are in the sandbox: path, and the place that shows it.
    fn host_paths(&self) -> Vec<(Vec<u8>, Place)> {
        let path = |place: &Place| Some((place.origin.host_path()?, place.clone()));
        self.facts.tree.host().filter_map(path).collect()
    }

    fn writable(&mut self) {
        for place in self.facts.tree.host().cloned().collect::<Vec<_>>() {
            if !place.writable {
                continue;
            }
            let dest = quoted(&place.dest);
            let is_file = |path: &[u8]| (self.look)(path) == Entry::File;
            if place.remounted && place.origin.host_path().is_some_and(|path| is_file(&path)) {
                // Nothing is mounted below a file.
                continue;
            }
            let where_to = if place.remounted {
                " (--remount-ro leaves the mounts that are below it on the host as they are: bind it read-only)"
            } else {
                ""
            };
            match place.origin {
                Origin::Host(path) if !path.starts_with(b"/") => {
                    let detail = format!("{} at {dest}, relative", quoted(path));
                    self.warn(Finding::about(&catalogue::WRITABLE_HOST, path, detail + where_to));
                }
                Origin::Host(path) => {
                    let path = normal(path);
                    let detail = if path == place.dest {
                        quoted(&path)
                    } else {
                        format!("{} at {dest}", quoted(&path))
                    };
                    self.warn(Finding::about(how_bad(&path), &path, detail + where_to));
                }
                Origin::Descriptor(fd) => {
                    let detail = format!("what descriptor {fd} has open, at {dest}");
                    self.warn(Finding::about(&catalogue::WRITABLE_HOST, &place.dest, detail));
                }
                Origin::Own => {}
            }
        }
    }

    /// Directories that show more of the host than is good.
    fn visible(&mut self) {
        let telling: [(&Kind, &str); 6] = [
            (&catalogue::HOST_PROC, "/proc"),
            (&catalogue::HOST_RUN, "/run"),
            (&catalogue::HOST_RUN, "/var/run"),
            (&catalogue::HOST_TMP, "/tmp"),
            (&catalogue::HOST_HOME, "/home"),
            (&catalogue::HOST_HOME, "/root"),
        ];
        let is_run =
            |target: &[u8]| normal(&[b"/var/", target].concat()) == b"/run" || normal(target) == b"/run";
        let run_is_linked = matches!((self.look)(b"/var/run"), Entry::Link(target) if is_run(&target));
        for (kind, path) in telling {
            let seen = self.facts.tree.seen(path.as_bytes()).into_iter();
            // Of a directory that holds the link /var/run one sees the link, which leads to the sandbox's own /run.
            let shows = |place: &Place| {
                path != "/var/run"
                    || !run_is_linked
                    || place.origin.host_path().as_deref() == Some(b"/var/run")
            };
            let seen: Vec<Vec<u8>> = seen.filter(|(_, place)| shows(place)).map(|(there, _)| there).collect();
            for there in seen {
                // /var/run is /run by another name, where both are seen.
                if path == "/var/run" && self.found.iter().any(|finding| finding.kind == kind) {
                    continue;
                }
                let detail = if there == path.as_bytes() {
                    path.to_owned()
                } else {
                    format!("{path} at {}", quoted(&there))
                };
                self.warn(Finding::about(kind, path.as_bytes(), detail));
            }
        }
        // A whole home, or a whole directory of a session's sockets, bound by its own name.
        for (path, place) in self.host_paths() {
            let is = |pattern: &str| {
                matches(&path, pattern)
                    && path.iter().filter(|b| **b == b'/').count() == pattern.matches('/').count()
            };
            if is("/home/*") {
                self.warn(Finding::about(&catalogue::HOST_HOME, &path, quoted(&path)));
            } else if is("/run/user") || is("/run/user/*") {
                let detail = format!("{} at {}", quoted(&path), quoted(&place.dest));
                self.warn(Finding::about(&catalogue::HOST_RUN, &path, detail));
            }
        }
    }

    fn sockets(&mut self) {
        for (path, place) in self.host_paths() {
            for (kind, patterns) in SPECIAL {
                if patterns.iter().any(|pattern| matches(&path, pattern)) {
                    let detail = format!("{} at {}", quoted(&path), quoted(&place.dest));
                    self.warn(Finding::about(kind, &path, detail));
                }
            }
        }
    }

    fn devices(&mut self) {
        for (path, place) in self.host_paths() {
            if place.devices {
                self.warn(Finding::about(&catalogue::HOST_DEVICES, &path, quoted(&path)));
            }
        }
    }

    fn privileges(&mut self) {
        let document = self.document;
        match &document.priv_drop {
            None => self.warn(Finding::new(
                &catalogue::NEW_PRIVILEGES,
                "no priv-drop in the plan: no_new_privs is not set",
            )),
            Some(frame) if frame.allow_new_privs => {
                self.warn(Finding::new(&catalogue::NEW_PRIVILEGES, "--allow-new-privs"));
            }
            Some(_) => {}
        }
        self.capabilities();
        let new_user =
            document.ns_enter.is_some_and(|frame| frame.user == UserNs::New || frame.userns_fd.is_some());
        if !new_user && document.priv_drop.is_none_or(|frame| frame.cap_drop != CapSet::ALL) {
            self.warn(Finding::new(
                &catalogue::ROOT_CAPABILITIES,
                "no user namespace for root, and no --cap-drop ALL",
            ));
        }
        if document.priv_drop.is_some_and(|frame| frame.disable_userns || frame.assert_userns_disabled) {
            return;
        }
        match filter::user_namespaces(document) {
            Refusal::All => {}
            Refusal::NoFilter => {
                self.warn(Finding::new(&catalogue::USER_NAMESPACES, "no --disable-userns, no filter"))
            }
            Refusal::Open(ways) => {
                self.warn(Finding::new(
                    &catalogue::USER_NAMESPACES,
                    format!("the filters allow {}", listed(&ways)),
                ));
            }
            Refusal::Unloadable => {
                let detail = "no --disable-userns, and no filters that the kernel takes";
                self.warn(Finding::new(&catalogue::USER_NAMESPACES, detail));
            }
        }
    }

    /// Those that priv-drop is told to add to a set, or that nobody takes where there is no priv-drop.
    fn capabilities(&mut self) {
        let detail = match &self.document.priv_drop {
            None => {
                let held = held(self.document, &self.facts);
                (!held.is_none()).then(|| format!("{}: no priv-drop takes them", held.words()))
            }
            Some(frame) => {
                let changes = frame.attributes.into_iter().flat_map(|attributes| {
                    [attributes.inheritable, attributes.permitted, attributes.effective, attributes.ambient]
                });
                let added = changes.fold(frame.cap_add, |all, change| CapSet::union(all, change.add));
                (!added.is_empty()).then(|| capabilities(added))
            }
        };
        if let Some(detail) = detail {
            self.warn(Finding::new(&catalogue::ADDED_CAPABILITIES, detail));
        }
    }

    fn terminal(&mut self) {
        let own_terminal = self.document.ns_enter.is_some_and(|frame| frame.console());
        if own_terminal || self.document.priv_drop.is_some_and(|frame| frame.new_session) {
            return;
        }
        match filter::terminal_input(self.document) {
            Refusal::All => {}
            Refusal::NoFilter => {
                self.warn(Finding::new(&catalogue::TERMINAL_INJECTION, "no --new-session, no filter"));
            }
            Refusal::Open(ways) => {
                let detail = format!("no --new-session, and the filters allow {}", listed(&ways));
                self.warn(Finding::new(&catalogue::TERMINAL_INJECTION, detail));
            }
            Refusal::Unloadable => {
                let detail = "no --new-session, and no filters that the kernel takes";
                self.warn(Finding::new(&catalogue::TERMINAL_INJECTION, detail));
            }
        }
    }

    fn filters(&mut self) {
        for (number, why) in filter::refused(self.document) {
            self.warn(Finding::new(&catalogue::REFUSED_FILTER, format!("filter {number}: {why}")));
        }
    }

    fn namespaces(&mut self) {
        let shared = |name: &str, option: &str| match self.facts.source(name) {
            Some(source) => format!("{}, which is joined, is the host's", source.words()),
            None => format!("no {option}"),
        };
        let (network, processes) = (shared("net", "--unshare-net"), shared("pid", "--unshare-pid"));
        if matches!(self.facts.share("net"), Share::Shared | Share::Try) {
            self.warn(Finding::new(&catalogue::SHARED_NETWORK, network));
        }
        if self.facts.share("pid") == Share::Shared {
            self.warn(Finding::new(&catalogue::SHARED_PROCESSES, processes));
        }
        // Neither the ids nor the clocks of another namespace show anything of it.
        let telling = self
            .facts
            .joined
            .clone()
            .into_iter()
            .filter(|(name, source)| !matches!(*name, "user" | "time") && !source.is_host());
        for (name, source) in telling {
            let object = match source {
                Source::Path(path) => path,
                Source::Descriptor(_) => name.as_bytes(),
            };
            let detail = format!("{name}: {}", source.words());
            self.warn(Finding::about(&catalogue::JOINED_NAMESPACE, object, detail));
        }
        let lesser = ["ipc", "uts", "cgroup"];
        let those =
            |share| lesser.into_iter().filter(|name| self.facts.share(name) == share).collect::<Vec<_>>();
        let (shared, mut tried) = (those(Share::Shared), those(Share::Try));
        if self.document.ns_enter.is_some_and(|frame| frame.user == UserNs::Try) {
            tried.insert(0, "user");
        }
        if !shared.is_empty() {
            self.warn(Finding::new(&catalogue::SHARED_NAMESPACES, listed(&shared)));
        }
        if !tried.is_empty() {
            self.warn(Finding::new(&catalogue::OPTIONAL_ISOLATION, listed(&tried)));
        }
        self.warn(Finding::new(&catalogue::INHERITED_DESCRIPTORS, "all but those that the plan uses up"));
    }

    fn operations(&mut self) {
        let Some(frame) = &self.document.fs_build else { return };
        if frame.best_effort {
            self.warn(Finding::new(&catalogue::BEST_EFFORT, "--not-a-security-boundary"));
        }
        let places = self.facts.tree.places.clone();
        let mut said = Vec::new();
        for place in &places {
            let Some(by) = place.hidden_by else { continue };
            // An overlay is several places of one operation.
            if said.contains(&place.index) {
                continue;
            }
            said.push(place.index);
            let over = places.iter().find(|other| other.index == by).map_or(&b"?"[..], |other| &other.dest);
            let what = if place.kind == PlaceKind::Mount { "the mount on" } else { "what is made at" };
            let detail = format!(
                "operation {}, {what} {}, by operation {}, the mount on {}",
                place.index + 1,
                quoted(&place.dest),
                by + 1,
                quoted(over)
            );
            self.warn(Finding::about(&catalogue::HIDDEN_OPERATION, &place.dest, detail));
        }
        for place in &places {
            if let Origin::Host(path) = place.origin
                && !path.starts_with(b"/")
            {
                let detail = format!("{} at {}", quoted(path), quoted(&place.dest));
                self.warn(Finding::about(&catalogue::RELATIVE_SOURCE, path, detail));
            }
        }
        for op in frame.ops.iter() {
            if let MountOp::Bind { source, allow_missing: true, .. } = op
                && source.bytes().starts_with(b"/")
                && (self.look)(source.bytes()) == Entry::Missing
            {
                self.warn(Finding::about(&catalogue::OPTIONAL_BIND, source.bytes(), quoted(source.bytes())));
            }
        }
    }

    fn dangling(&mut self) {
        if self.document.fs_build.is_none() {
            return;
        }
        for Place { dest, target, .. } in self.facts.tree.places.clone() {
            let Some(target) = target else { continue };
            let target = if target.starts_with(b"/") {
                target.to_vec()
            } else {
                [&normal(&[&dest[..], b"/.."].concat())[..], b"/", target].concat()
            };
            if !self.facts.tree.has(&self.facts.tree.through_links(&target)) {
                let detail = format!("{} leads to {}", quoted(&dest), quoted(&normal(&target)));
                self.warn(Finding::about(&catalogue::DANGLING_SYMLINK, &dest, detail));
            }
        }
        let resolved = |path: &[u8]| self.facts.tree.has(&self.facts.tree.through_links(path));
        let directory =
            self.document.command.directory.map(|path| path.bytes()).filter(|path| path.starts_with(b"/"));
        let program = self.document.command.args.iter().next().map(|word| word.bytes());
        let program = program.filter(|path| path.starts_with(b"/"));
        let missing = |path: Option<&'static [u8]>| path.filter(|path| !resolved(path));
        let (directory, program) = (missing(directory), missing(program));
        if let Some(path) = directory {
            self.warn(Finding::about(&catalogue::MISSING_DIRECTORY, path, quoted(path)));
        }
        if let Some(path) = program {
            self.warn(Finding::about(&catalogue::MISSING_PROGRAM, path, quoted(path)));
        }
    }

    fn environment(&mut self) {
        let env = self.document.command.env;
        if !env.iter().any(|op| op == EnvOp::Clear) {
            self.warn(Finding::new(&catalogue::INHERITED_ENVIRONMENT, "no --clearenv"));
        }
        for op in env.iter() {
            if let EnvOp::Set { name, value } = op
                && !value.bytes().is_empty()
                && sounds_secret(name.bytes())
            {
                self.warn(Finding::about(&catalogue::SECRET_IN_PLAN, name.bytes(), quoted(name.bytes())));
            }
        }
    }
}

/// Which warning a writable path of the host deserves.
fn how_bad(path: &[u8]) -> &'static Kind {
    let depth = path.iter().filter(|byte| **byte == b'/').count();
    if path == b"/" {
        &catalogue::WRITABLE_ROOT
    } else if path == b"/root" || path == b"/home" || (path.starts_with(b"/home/") && depth == 2) {
        &catalogue::WRITABLE_HOME
    } else if path == b"/var" || SYSTEM.iter().any(|dir| below(path, dir.as_bytes()).is_some()) {
        &catalogue::WRITABLE_SYSTEM
    } else {
        &catalogue::WRITABLE_HOST
    }
}

/// Whether a variable of this name usually holds a secret.
fn sounds_secret(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let words = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "API_KEY",
        "APIKEY",
        "PRIVATE_KEY",
        "CREDENTIAL",
        "ACCESS_KEY",
    ];
    words.iter().any(|word| name.contains(word)) && !name.ends_with("_FILE") && !name.ends_with("_PATH")
}
