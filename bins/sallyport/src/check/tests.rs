//! Each warning: a plan that gets it, and one like it that does not.

use super::*;
use crate::document::Document;

/// The plan of a bwrap command line; descriptor 3 of the line holds `filter`.
fn plan(line: &str, programs: &[&[u8]]) -> Document {
    let words: Vec<std::ffi::OsString> = line.split_whitespace().map(Into::into).collect();
    let bytes = crate::compile::compile(&words).unwrap();
    let mut document = Document::decode(bytes).unwrap();
    if !programs.is_empty() {
        let list = Box::leak(Box::new(common::plan::ListWriter::new(64).unwrap()));
        for program in programs {
            list.push(&common::plan::Program::new(program.to_vec().leak()).unwrap()).unwrap();
        }
        let programs = list.list();
        document.seccomp_load = Some(common::plan::SeccompLoad { programs, log: false, spec_allow: false });
    }
    document
}

fn ids(document: &Document) -> Vec<&'static str> {
    let look = |path: &[u8]| if path == b"/missing" { Entry::Missing } else { Entry::Other };
    let mut ids: Vec<_> = findings(document, &look).iter().map(|f| f.kind.id).collect();
    ids.dedup();
    ids
}

/// All that can be closed is closed.
const CLOSED: &str = "--unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup \
    --disable-userns --new-session --cap-drop ALL --clearenv --ro-bind /usr /usr --symlink usr/lib /lib \
    --symlink usr/lib64 /lib64 --symlink usr/bin /bin --proc /proc --dev /dev --tmpfs /tmp";

#[test]
fn a_closed_sandbox_gets_no_warning() {
    assert_eq!(ids(&plan(&format!("{CLOSED} --chdir /tmp -- /bin/sh"), &[])), ["inherited-descriptors"]);
}

/// Of bubblewrap's README; what is said of it is true.
#[test]
fn the_readme_example_gets_the_warnings_it_deserves_and_no_other() {
    let line = "--ro-bind /usr /usr --dir /tmp --proc /proc --dev /dev --ro-bind /etc/resolv.conf /etc/resolv.conf \
        --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin --symlink usr/sbin /sbin --chdir / \
        --unshare-pid --unshare-net --dir /run/user/1000 --setenv XDG_RUNTIME_DIR /run/user/1000 /bin/sh";
    assert_eq!(
        ids(&plan(line, &[])),
        [
            "terminal-injection",
            "user-namespaces",
            "root-capabilities",
            "shared-namespaces",
            "inherited-environment",
            "inherited-descriptors"
        ]
    );
}

#[test]
fn each_warning_fires_and_does_not() {
    // What is added to the closed sandbox, or put in the place of an option of it.
    let table: &[(&str, &str, &str)] = &[
        ("writable-root", "--bind / /", "--ro-bind / /"),
        ("writable-root", "--bind / / --remount-ro /", "--ro-bind / / --remount-ro /"),
        ("writable-root", "--dev-bind /./ /host", "--bind /srv /host"),
        ("writable-home", "--bind /home/me /home/me", "--bind /home/me/src /src"),
        ("writable-home", "--bind /root /root", "--ro-bind /root /root"),
        ("writable-system", "--bind /etc/ssh /etc/ssh", "--ro-bind /etc/ssh /etc/ssh"),
        ("writable-system", "--bind /usr/local /opt", "--bind /var/lib/x /opt"),
        ("writable-host", "--bind /srv /srv", "--ro-bind /srv /srv"),
        ("writable-host", "--overlay-src /usr --overlay /up /work /x", "--overlay-src /usr --tmp-overlay /x"),
        ("writable-host", "--bind-fd 0 /x", "--ro-bind-fd 0 /x"),
        ("writable-host", "--bind /srv /srv", "--bind /srv /srv --tmpfs /srv"),
        ("control-socket", "--ro-bind /run/docker.sock /s", "--ro-bind /run/docker.log /s"),
        ("key-agent", "--ro-bind /run/user/1000/gnupg /g", "--ro-bind /run/user/1000/other /g"),
        ("key-agent", "--ro-bind /tmp/ssh-AbC/agent.1 /a", "--ro-bind /tmp/x/agent.1 /a"),
        ("dbus-socket", "--ro-bind /run/user/1000/bus /b", "--ro-bind /run/user/1000/bus2 /b"),
        ("x11-socket", "--ro-bind /tmp/.X11-unix/X0 /x", "--ro-bind /tmp/.X12 /x"),
        ("display-socket", "--ro-bind /run/user/1000/wayland-0 /w", "--ro-bind /run/user/1000/way /w"),
        ("host-proc", "--ro-bind / /", "--ro-bind / / --proc /proc"),
        ("host-proc", "--ro-bind /proc /host", "--ro-bind /proc/cpuinfo /host"),
        ("host-run", "--ro-bind / /", "--ro-bind / / --tmpfs /run --tmpfs /var/run"),
        ("host-run", "--ro-bind /run/user/1000 /x", "--ro-bind /run/user/1000/app /x"),
        ("host-tmp", "--ro-bind / /", "--ro-bind / / --tmpfs /tmp"),
        ("host-tmp", "--ro-bind /tmp /host", "--ro-bind /tmp/a /host"),
        ("host-home", "--ro-bind / /", "--ro-bind / / --tmpfs /home --tmpfs /root"),
        ("host-home", "--ro-bind /home/me /home/me", "--ro-bind /home/me/src /src"),
        ("host-devices", "--dev-bind /dev/kvm /dev/kvm", "--ro-bind /dev/kvm /dev/kvm"),
        ("added-capabilities", "--cap-add CAP_NET_ADMIN", "--cap-add CAP_NET_ADMIN --cap-drop CAP_NET_ADMIN"),
        ("best-effort", "--not-a-security-boundary", ""),
        ("hidden-operation", "--ro-bind /srv /srv/a --tmpfs /srv", "--tmpfs /srv --ro-bind /srv /srv/a"),
        ("hidden-operation", "--dir /x/y --tmpfs /x", "--tmpfs /x --dir /x/y"),
        ("hidden-operation", "--tmpfs /x --tmpfs /x", "--tmpfs /x --tmpfs /xy"),
        ("secret-in-plan", "--setenv GITHUB_TOKEN x", "--setenv GITHUB_TOKEN_FILE x"),
        ("secret-in-plan", "--setenv db_password x", "--setenv DB x"),
        ("dangling-symlink", "--symlink nowhere /x", "--symlink usr/share /x"),
        ("dangling-symlink", "--symlink /tmp/a /x", "--symlink /tmp /x"),
        ("dangling-symlink", "--dir /a --symlink b /a/x", "--dir /a/b --symlink b /a/x"),
        ("missing-directory", "--chdir /nowhere", "--dir /nowhere --chdir /nowhere"),
        ("missing-directory", "--chdir /tmp/x", "--chdir /usr/share"),
        ("missing-directory", "--symlink /nil /y --chdir /y", "--symlink /usr /y --chdir /y/x"),
        (
            "missing-directory",
            "--tmpfs /a --symlink ../usr/bin /a/b --chdir /a/c/../lib",
            "--tmpfs /a --symlink ../usr/bin /a/b --chdir /a/b/../lib",
        ),
        (
            "dangling-symlink",
            "--dir /a --symlink /a /y --symlink lib /y/x",
            "--dir /a/lib --symlink /a /y --symlink lib /y/x",
        ),
        ("relative-source", "--ro-bind . /x", "--ro-bind /. /x"),
        ("relative-source", "--bind-try a/b /x", "--bind /a/b /x"),
        ("relative-source", "--overlay-src low --tmp-overlay /x", "--overlay-src /low --tmp-overlay /x"),
        ("writable-host", "--bind . /x", "--ro-bind . /x"),
        ("optional-bind", "--ro-bind-try /missing /m", "--ro-bind-try /there /m"),
    ];
    for (id, fires, does_not) in table {
        let warned = |line: &str| ids(&plan(&format!("{CLOSED} {line} -- sh"), &[])).contains(id);
        assert!(warned(fires), "{id}: {fires}");
        assert!(!warned(does_not), "{id}: {does_not}");
    }
}

/// What `show` says under one of the summary's labels.
fn summary(document: &Document, label: &str) -> String {
    let page = crate::show::text(document);
    let mut lines = page.lines().skip_while(|line| !line.starts_with(&format!("  {label} ")));
    let first = lines.next().unwrap_or_default().to_owned();
    lines.take_while(|line| line.starts_with("   ")).fold(first, |all, line| all + "\n" + line.trim())
}

/// The plan of a chain of stages.
fn chain(line: &str) -> Document {
    let words: Vec<std::ffi::OsString> = line.split_whitespace().map(Into::into).collect();
    Document::decode(crate::compile::compile_chain(&words).unwrap()).unwrap()
}

#[test]
fn a_namespace_that_is_joined_may_be_the_hosts() {
    let joins = |kind: &str, from: &str| {
        let line = CLOSED.replace(&format!("--unshare-{kind}"), &format!("--join-ns {kind}={from}"));
        plan(&format!("{line} -- sh"), &[])
    };
    for (kind, id) in [("net", "shared-network"), ("pid", "shared-processes"), ("ipc", "shared-namespaces")] {
        for path in ["/proc/self/ns/", "/proc/thread-self/ns/", "/proc/1/ns/", "/proc/../proc//self/ns/"] {
            let ids = ids(&joins(kind, &format!("{path}{kind}")));
            assert!(ids.contains(&id) && !ids.contains(&"joined-namespace"), "{path}{kind}: {ids:?}");
        }
        for other in ["/run/netns/a", "/proc/17/ns/net", "7"] {
            let document = joins(kind, other);
            let ids = ids(&document);
            assert!(ids.contains(&"joined-namespace") && !ids.contains(&id), "{other}: {ids:?}");
            let words = if other == "7" { "that of descriptor 7" } else { &format!("that of {other}") };
            assert!(summary(&document, "joined").contains(words), "{words}");
        }
    }
    let network = summary(&joins("net", "/proc/self/ns/net"), "network");
    assert!(network.contains("that of /proc/self/ns/net: the host's"), "{network}");
    assert!(!ids(&plan(&format!("{CLOSED} -- sh"), &[])).contains(&"joined-namespace"));
    // A new one is made from there.
    let document = plan(&format!("{CLOSED} --join-ns net=/proc/self/ns/net -- sh"), &[]);
    assert!(!ids(&document).iter().any(|id| ["joined-namespace", "shared-network"].contains(id)));
    assert!(summary(&document, "network").ends_with("its own: loopback and nothing else"));
    let page = crate::show::text(&document);
    assert!(page.contains("/proc/self/ns/net; from there a new one is made"), "{page}");
}

#[test]
fn what_the_command_has_in_its_user_namespace_is_said() {
    let all = "all capabilities for an ordinary user";
    let unknown = "all capabilities if its user id there is 0, else no capability for an ordinary user";
    let none = "no capability for an ordinary user";
    let table = [
        ("ns-enter --map-root-user -- init-reaper -- sh", all, true),
        ("ns-enter --unshare-user --keep-caps -- sh", all, true),
        ("ns-enter --join-ns user=/proc/17/ns/user -- sh", unknown, true),
        ("ns-enter --unshare-user -- sh", none, false),
        ("ns-enter --map-root-user -- priv-drop -- sh", none, false),
        (
            "ns-enter --unshare-user -- priv-drop --inh-caps +net_raw --ambient-caps +net_raw -- sh",
            "CAP_NET_RAW for an",
            true,
        ),
        ("ns-enter --unshare-net -- sh", none, false),
        ("priv-drop --cap-add CAP_NET_RAW -- sh", none, true),
        ("ns-enter --unshare-user -- priv-drop --cap-add CAP_NET_RAW -- sh", "CAP_NET_RAW for an", true),
        // Over root's exec it is the bounding set that counts.
        ("ns-enter --map-root-user -- priv-drop --permitted-caps +chown -- sh", none, true),
        ("ns-enter --map-root-user -- priv-drop --cap-add CAP_CHOWN -- sh", "CAP_CHOWN for an", true),
        ("ns-enter --map-root-user -- priv-drop --bounding-set +chown -- sh", "CAP_CHOWN for an", false),
        ("init-reaper -- sh", "whatever the caller has: nothing is given up", false),
    ];
    for (line, words, added) in table {
        let document = chain(line);
        let privileges = summary(&document, "privileges");
        assert!(privileges.starts_with(&format!("  privileges        {words}")), "{line}: {privileges}");
        let ids = ids(&document);
        assert_eq!(ids.contains(&"added-capabilities"), added, "{line}: {ids:?}");
        assert!(ids.contains(&"user-namespaces"), "{line}: {ids:?}");
    }
    let page = crate::show::text(&chain("ns-enter --map-root-user -- init-reaper -- sh"));
    assert!(page.contains("in a new user namespace, over the exec: all capabilities"), "{page}");
}

/// As by an edit: `--cap-add` would have put it among what ns-enter raises, too.
#[test]
fn a_capability_that_ns_enter_does_not_raise_is_not_the_commands() {
    let mut document = plan("--unshare-user --ro-bind / / sh", &[]);
    let cap_add = common::caps::CapSet::of(&[common::caps::cap::NET_ADMIN]);
    document.priv_drop = document.priv_drop.map(|frame| common::plan::PrivDrop { cap_add, ..frame });
    let privileges = summary(&document, "privileges");
    assert!(privileges.contains("no capability for an ordinary user"), "{privileges}");
    document.ns_enter = document.ns_enter.map(|frame| common::plan::NsEnter { raise: cap_add, ..frame });
    assert!(summary(&document, "privileges").contains("CAP_NET_ADMIN for an ordinary user"));
}

#[test]
fn a_network_whose_loopback_nobody_brings_up_is_said_to_be_dead() {
    let network = |loopback| {
        let mut document = plan("--unshare-net --ro-bind / / sh", &[]);
        document.ns_enter = document.ns_enter.map(|frame| common::plan::NsEnter { loopback, ..frame });
        summary(&document, "network")
    };
    assert!(network(true).ends_with("its own: loopback and nothing else"));
    assert!(network(false).contains("lo IS DOWN"), "{}", network(false));
}

/// What is bound by way of a link that the plan makes is where the link leads, and hidden with that alone.
#[test]
fn a_bind_behind_a_link_is_not_hidden_with_the_link() {
    let links = "--dir /real --dir /d --symlink /real /d/l";
    let table = [
        ("--bind /srv/x /d/l/x --tmpfs /d", "/srv/x at /real/x", "writable-host"),
        ("--bind / /d/l/x --tmpfs /d", "/ at /real/x", "writable-root"),
        ("--dir /d/s --symlink ../l /d/s/r --bind / /d/s/r/x --tmpfs /d/s", "/ at /real/x", "writable-root"),
        (
            "--symlink ../real/y /d/m --dir /real/y --bind / /d/m/../x --tmpfs /d",
            "/ at /real/x",
            "writable-root",
        ),
        (
            "--overlay-src /usr --overlay /srv/x /srv/y /d/l/x --tmpfs /d",
            "/srv/x at /real/x",
            "writable-host",
        ),
        // Not looked up again when the operation itself has hidden the link.
        (
            "--symlink /real /real/o --overlay-src /usr --overlay /srv/x /srv/y /real/o/.",
            "/srv/x at /real",
            "writable-host",
        ),
    ];
    for (line, words, id) in table {
        let document = plan(&format!("{CLOSED} {links} {line} -- sh"), &[]);
        let (writable, ids) = (summary(&document, "host, writable"), ids(&document));
        assert!(writable.ends_with(&format!(" {words}")), "{line}: {writable}");
        assert!(ids.contains(&id), "{line}: {ids:?}");
    }
    let hidden = plan(&format!("{CLOSED} {links} --bind / /d/l/x --tmpfs /real -- sh"), &[]);
    assert!(summary(&hidden, "host, writable").ends_with("nothing"));
    assert!(ids(&hidden).contains(&"hidden-operation"));
}

#[test]
fn what_is_remounted_read_only_with_nothing_below_it_is_not_writable() {
    let line = format!("{CLOSED} --overlay-src /a --overlay /srv /work /mnt");
    let overlay = plan(&format!("{line} --remount-ro /mnt -- sh"), &[]);
    assert!(!ids(&overlay).contains(&"writable-host"));
    assert!(summary(&overlay, "host, writable").ends_with("nothing"));
    // The mount below it is not the overlay's.
    let below = plan(&format!("{line} --bind /b /mnt/b --remount-ro /mnt -- sh"), &[]);
    assert!(summary(&below, "host, writable").ends_with(" /b at /mnt/b"));
    let root = plan("--bind / / --overlay-src /a --overlay-src /b --ro-overlay /mnt sh", &[]);
    let writable = summary(&root, "host, writable");
    assert!(writable.ends_with("/, but for /mnt"), "{writable}");
    let said = |entry: Entry| {
        let document = plan(&format!("{CLOSED} --bind /srv /x --remount-ro /x -- sh"), &[]);
        let found = findings(&document, &|_| entry.clone());
        found.iter().any(|finding| finding.kind.id == "writable-host")
    };
    assert!(!said(Entry::File));
    assert!(said(Entry::Other) && said(Entry::Missing) && said(Entry::Link(b"/y".to_vec())));
}

#[test]
fn ids_that_priv_drop_changes_are_in_the_summary() {
    let words = summary(&chain("priv-drop --reuid 1000 --regid 1001 --clear-groups -- sh"), "ids");
    for id in ["real user 1000", "effective user 1000", "real group 1001"] {
        assert!(words.contains(id), "{words}");
    }
    assert!(summary(&chain("priv-drop --umask 022 -- sh"), "ids").ends_with("the caller's"));
}

#[test]
fn show_and_check_agree_on_a_filter_against_user_namespaces() {
    let line = format!("{} -- sh", CLOSED.replace("--disable-userns", ""));
    let refused = summary(&plan(&line, &[&program(&[(0x06, 0, 0, EPERM)])]), "privileges");
    assert!(refused.contains("no user namespace can be made inside: the filters refuse it"), "{refused}");
    let open = summary(&plan(&line, &[&program(&[(0x06, 0, 0, ALLOW)])]), "privileges");
    assert!(open.contains("user namespaces can be made inside"), "{open}");
}

#[test]
fn a_relative_source_is_not_taken_for_the_root() {
    let document = plan(&format!("{CLOSED} --bind . /x -- sh"), &[]);
    let ids = ids(&document);
    assert!(!ids.contains(&"writable-root") && !ids.contains(&"host-proc"), "{ids:?}");
    let words = summary(&document, "host, writable");
    assert!(words.ends_with(". (from the directory of the launch) at /x"), "{words}");
}

#[test]
fn a_link_var_run_shows_the_sandboxs_own_run() {
    let said = |line: &str, look: &dyn Fn(&[u8]) -> Entry| {
        let found = findings(&plan(&format!("{CLOSED} {line} -- sh"), &[]), look);
        found.iter().any(|finding| finding.kind.id == "host-run")
    };
    let linked = |target: &'static [u8]| {
        move |path: &[u8]| if path == b"/var/run" { Entry::Link(target.to_vec()) } else { Entry::Other }
    };
    for target in [&b"/run"[..], b"../run"] {
        assert!(!said("--ro-bind / / --tmpfs /run", &linked(target)));
        assert!(said("--ro-bind / /", &linked(target)));
        assert!(said("--ro-bind /var/run /x", &linked(target)));
    }
    assert!(said("--ro-bind / / --tmpfs /run", &linked(b"/else")));
    assert!(said("--ro-bind / / --tmpfs /run", &|_| Entry::Other));
}

#[test]
fn sysfs_is_the_hosts_where_its_network_is() {
    let shared = CLOSED.replace("--unshare-net", "");
    let view = |line: &str| {
        summary(&plan(&format!("{line} --ro-bind / / --sys /sys -- sh"), &[]), "host, read-only")
    };
    assert!(view(&shared).ends_with("\n/sys"), "{}", view(&shared));
    assert!(!view(CLOSED).ends_with("\n/sys"), "{}", view(CLOSED));
    let page = crate::show::text(&plan(&format!("{CLOSED} --sys /sys -- sh"), &[]));
    assert!(page.contains("or the host's /sys where the kernel refuses a new one"), "{page}");
}

#[test]
fn each_option_that_closes_something_is_missed() {
    let table = [
        ("--unshare-pid", "shared-processes"),
        ("--unshare-net", "shared-network"),
        ("--unshare-ipc", "shared-namespaces"),
        ("--unshare-uts", "shared-namespaces"),
        ("--unshare-cgroup", "shared-namespaces"),
        ("--disable-userns", "user-namespaces"),
        ("--new-session", "terminal-injection"),
        ("--clearenv", "inherited-environment"),
        // The host's, without a new PID namespace.
        ("--unshare-pid", "host-proc"),
    ];
    for (option, id) in table {
        let without = CLOSED.replace(option, "");
        assert!(ids(&plan(&format!("{without} -- sh"), &[])).contains(&id), "{option}");
        assert!(!ids(&plan(&format!("{CLOSED} -- sh"), &[])).contains(&id), "{option}");
    }
    let try_line = CLOSED.replace("--unshare-cgroup", "--unshare-cgroup-try");
    assert!(ids(&plan(&format!("{try_line} -- sh"), &[])).contains(&"optional-isolation"));
    let by_root =
        CLOSED.replace("--unshare-user ", "").replace("--disable-userns", "").replace("--cap-drop ALL", "");
    assert!(ids(&plan(&format!("{by_root} -- sh"), &[])).contains(&"root-capabilities"));
    assert!(ids(&plan(&format!("{CLOSED} -- /sbin/nothing"), &[])).contains(&"missing-program"));
    assert!(!ids(&plan(&format!("{CLOSED} -- /bin/sh"), &[])).contains(&"missing-program"));
}

#[test]
fn a_plan_without_priv_drop_or_with_leave_to_gain_is_warned_about() {
    let mut document = plan(&format!("{CLOSED} -- sh"), &[]);
    let frame = document.priv_drop.unwrap();
    document.priv_drop = Some(common::plan::PrivDrop { allow_new_privs: true, ..frame });
    assert!(ids(&document).contains(&"new-privileges"));
    document.priv_drop = None;
    assert!(ids(&document).contains(&"new-privileges"));
    document.priv_drop = Some(frame);
    assert!(!ids(&document).contains(&"new-privileges"));
}

#[test]
fn a_plan_without_a_tree_of_its_own_shows_the_host() {
    let mut document = plan(&format!("{CLOSED} -- sh"), &[]);
    document.fs_build = None;
    let ids = ids(&document);
    for id in ["writable-root", "host-proc", "host-run", "host-home", "host-devices"] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
}

/// `LD offset`, `JEQ k jt jf`, `RET k` and so on, as bytes.
fn program(insns: &[(u16, u8, u8, u32)]) -> Vec<u8> {
    let bytes = |(code, jt, jf, k): &(u16, u8, u8, u32)| {
        [&code.to_le_bytes()[..], &[*jt, *jf], &k.to_le_bytes()].concat()
    };
    insns.iter().flat_map(bytes).collect()
}

const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;

/// Refuses TIOCSTI and TIOCLINUX of x86_64's ioctl, if the upper half of the request is 0 too where `whole`; and every
/// call that is not x86_64's where `others`.
fn no_typing(whole: bool, others: bool) -> Vec<u8> {
    let upper = if whole { (0x15, 0, 3, 0) } else { (0x15, 0, 0, 0) };
    let foreign = if others { EPERM } else { ALLOW };
    program(&[
        (0x20, 0, 0, 4),           // 0: arch
        (0x15, 0, 9, 0xc000_003e), // 1: not x86_64: 11
        (0x20, 0, 0, 0),           // 2: nr
        (0x35, 7, 0, 0x4000_0000), // 3: x32: 11
        (0x15, 0, 5, 16),          // 4: not ioctl: 10
        (0x20, 0, 0, 28),          // 5: upper half of the request
        upper,                     // 6
        (0x20, 0, 0, 24),          // 7: lower half
        (0x15, 3, 0, 0x5412),      // 8: TIOCSTI: 12
        (0x15, 2, 0, 0x541c),      // 9: TIOCLINUX: 12
        (0x06, 0, 0, ALLOW),       // 10
        (0x06, 0, 0, foreign),     // 11
        (0x06, 0, 0, EPERM),       // 12
    ])
}

#[test]
fn a_terminal_of_its_own_is_nobody_elses_to_type_into() {
    let line = format!("{} --console -- sh", CLOSED.replace("--new-session", ""));
    let found = findings(&plan(&line, &[]), &|_| Entry::Other);
    assert!(found.iter().all(|finding| finding.kind.id != "terminal-injection"));
}

#[test]
fn a_filter_is_asked_whether_it_keeps_the_command_from_typing() {
    let line = format!("{} -- sh", CLOSED.replace("--new-session", ""));
    let said = |filters: &[&[u8]]| {
        let found = findings(&plan(&line, filters), &|_| Entry::Other);
        found
            .into_iter()
            .find(|finding| finding.kind.id == "terminal-injection")
            .map(|finding| finding.detail)
    };
    assert_eq!(said(&[]).as_deref(), Some("no --new-session, no filter"));
    assert_eq!(said(&[&no_typing(false, true)]), None);
    // CVE-2019-10063: all 64 bits compared.
    let whole = said(&[&no_typing(true, true)]).unwrap();
    assert!(whole.contains("TIOCSTI with a bit above the lower 32 set, called as x86_64"), "{whole}");
    assert!(!whole.contains("TIOCSTI, called"), "{whole}");
    // 32-bit calls not thought of.
    let foreign = said(&[&no_typing(false, false)]).unwrap();
    assert!(foreign.contains("TIOCSTI, called as i386"), "{foreign}");
    assert!(!foreign.contains("called as x86_64"), "{foreign}");
    // Of several filters the strictest answer counts.
    assert_eq!(said(&[&no_typing(false, true), &program(&[(0x06, 0, 0, ALLOW)])]), None);
    assert_eq!(said(&[&program(&[(0x06, 0, 0, ALLOW)]), &no_typing(false, true)]), None);
}

#[test]
fn a_filter_is_asked_whether_it_keeps_the_command_from_user_namespaces() {
    let line = format!("{} -- sh", CLOSED.replace("--disable-userns", ""));
    let warned = |filters: &[&[u8]]| ids(&plan(&line, filters)).contains(&"user-namespaces");
    assert!(warned(&[]));
    assert!(warned(&[&program(&[(0x06, 0, 0, ALLOW)])]));
    assert!(!warned(&[&program(&[(0x06, 0, 0, EPERM)])]));
}

/// Refuses calls number 16, 54 and those of x32 when the word at `offset` is 0.
fn no_typing_if_zero(offset: u32) -> Vec<u8> {
    program(&[
        (0x20, 0, 0, 0),
        (0x15, 3, 0, 16),
        (0x15, 2, 0, 54),
        (0x15, 1, 0, 0x4000_0010),
        (0x15, 0, 5, 0x4000_0202),
        (0x20, 0, 0, offset),
        (0x15, 0, 3, 0),
        (0x20, 0, 0, 24),
        (0x15, 2, 0, 0x5412),
        (0x15, 1, 0, 0x541c),
        (0x06, 0, 0, ALLOW),
        (0x06, 0, 0, EPERM),
    ])
}

#[test]
fn a_filter_that_asks_for_what_does_not_matter_does_not_keep_the_command_from_typing() {
    let line = format!("{} -- sh", CLOSED.replace("--new-session", ""));
    // The instruction pointer, the descriptor, the upper half, the third argument.
    for offset in [8, 12, 16, 20, 28, 32, 36, 60] {
        let document = plan(&line, &[&no_typing_if_zero(offset)]);
        assert!(ids(&document).contains(&"terminal-injection"), "{offset}");
        assert!(!crate::show::text(&document).contains("the filters refuse TIOCSTI"), "{offset}");
    }
    // What does matter: the number, again.
    let document = plan(&line, &[&no_typing_if_zero(0)]);
    assert!(ids(&document).contains(&"terminal-injection"));
    let document = plan(&line, &[&no_typing(false, true)]);
    assert!(crate::show::text(&document).contains("the filters refuse TIOCSTI"));
}

#[test]
fn a_filter_has_to_refuse_user_namespaces_whatever_else_is_asked_for() {
    let line = format!("{} -- sh", CLOSED.replace("--disable-userns", ""));
    let warned = |program: &[u8]| ids(&plan(&line, &[program])).contains(&"user-namespaces");
    // Everything but the calls in question is allowed; those by their first argument's lower half.
    let by_flags = |compare: u16, number: u32| {
        program(&[
            (0x20, 0, 0, 4),
            (0x15, 0, 8, 0xc000_003e),
            (0x20, 0, 0, 0),
            (0x35, 6, 0, 0x4000_0000),
            (0x15, 5, 0, 435),
            (0x15, 1, 0, 272),
            (0x15, 0, 2, number),
            (0x20, 0, 0, 16),
            (compare, 1, 0, 0x1000_0000),
            (0x06, 0, 0, ALLOW),
            (0x06, 0, 0, EPERM),
        ])
    };
    // Exactly that flag: --user with --mount beside it is let through.
    assert!(warned(&by_flags(0x15, 56)));
    assert!(!warned(&by_flags(0x45, 56)));
    // clone not looked at.
    assert!(warned(&by_flags(0x45, 57)));
}

#[test]
fn of_a_filter_that_the_kernel_refuses_nothing_is_claimed() {
    let line = format!("{} -- sh", CLOSED.replace("--new-session", "").replace("--disable-userns", ""));
    let bad: [(&[u8], &str); 4] = [
        (&[], "at least one instruction"),
        (&program(&[(0x15, 0, 9, 0), (0x06, 0, 0, EPERM)]), "instruction 0: jumps behind the end"),
        (&program(&[(0x20, 0, 0, 3), (0x06, 0, 0, EPERM)]), "instruction 0: offset 3"),
        (&program(&[(0x20, 0, 0, 0)]), "does not end with a return"),
    ];
    for (bytes, why) in bad {
        let document = plan(&line, &[bytes]);
        let found = findings(&document, &|_| Entry::Other);
        let finding = found.iter().find(|finding| finding.kind.id == "refused-filter").unwrap();
        assert!(finding.detail.starts_with("filter 1: ") && finding.detail.contains(why), "{finding:?}");
        for id in ["terminal-injection", "user-namespaces"] {
            assert!(found.iter().any(|finding| finding.kind.id == id), "{id}: {why}");
        }
        let page = crate::show::text(&document);
        assert!(page.contains("THE KERNEL WILL REFUSE 1 of 1"), "{page}");
        assert!(
            page.contains("the kernel will refuse it: ") && !page.contains("the filters refuse"),
            "{page}"
        );
    }
    assert!(!ids(&plan(&line, &[&program(&[(0x06, 0, 0, EPERM)])])).contains(&"refused-filter"));
}

#[test]
fn ids_are_unique_and_every_kind_explains_itself() {
    let mut ids: Vec<&str> = ALL.iter().map(|kind| kind.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), ALL.len());
    assert!(ALL.is_sorted_by_key(|kind| std::cmp::Reverse(kind.severity)));
    for kind in ALL {
        assert!(kind.reason.ends_with('.') && kind.remedy.ends_with('.'), "{}", kind.id);
        assert!(explain(kind.id).unwrap().starts_with(kind.id));
    }
    assert!(explain("no-such").is_err());
}

/// pipeline.md documents the warnings; its table is made of the catalogue.
#[test]
fn golden_table_of_warnings_is_that_of_pipeline_md() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../pipeline.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (begin, end) = ("<!-- warnings: begin -->\n", "<!-- warnings: end -->\n");
    let (head, rest) = text.split_once(begin).unwrap();
    let (_, tail) = rest.split_once(end).unwrap();
    let mut table =
        String::from("| id | severity | what | why | remedy |\n| --- | --- | --- | --- | --- |\n");
    for Kind { id, severity, title, reason, remedy } in ALL {
        table.push_str(&format!("| `{id}` | {} | {title} | {reason} | {remedy} |\n", severity.name()));
    }
    let wanted = format!("{head}{begin}{table}{end}{tail}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return std::fs::write(&file, &wanted).unwrap();
    }
    assert!(text == wanted, "run UPDATE_GOLDEN=1 cargo test -p sallyport golden");
}
