//! How arguments are taken: arity, numbers, empty strings, repeats. One case an option, from the tables here.
use crate::case::{Case, Given, case};

/// Options by the number of their arguments.
const ONE: &[&str] = &[
    "--args",
    "--argv0",
    "--userns",
    "--userns2",
    "--pidns",
    "--uid",
    "--gid",
    "--hostname",
    "--chdir",
    "--unsetenv",
    "--lock-file",
    "--sync-fd",
    "--remount-ro",
    "--overlay-src",
    "--tmp-overlay",
    "--ro-overlay",
    "--exec-label",
    "--file-label",
    "--proc",
    "--dev",
    "--tmpfs",
    "--mqueue",
    "--dir",
    "--seccomp",
    "--add-seccomp-fd",
    "--block-fd",
    "--userns-block-fd",
    "--info-fd",
    "--json-status-fd",
    "--cap-add",
    "--cap-drop",
    "--perms",
    "--size",
];
const TWO: &[&str] = &[
    "--setenv",
    "--bind",
    "--bind-try",
    "--dev-bind",
    "--dev-bind-try",
    "--ro-bind",
    "--ro-bind-try",
    "--bind-fd",
    "--ro-bind-fd",
    "--file",
    "--bind-data",
    "--ro-bind-data",
    "--symlink",
    "--chmod",
];
const THREE: &[&str] = &["--overlay"];

/// Options whose argument is a descriptor, with what else they need on the command line.
const FD: &[(&str, &str)] = &[
    ("--args", ""),
    ("--userns", ""),
    ("--userns2", ""),
    ("--pidns", ""),
    ("--sync-fd", ""),
    ("--bind-fd", "/x"),
    ("--ro-bind-fd", "/x"),
    ("--file", "/x"),
    ("--bind-data", "/x"),
    ("--ro-bind-data", "/x"),
    ("--seccomp", ""),
    ("--add-seccomp-fd", ""),
    ("--block-fd", ""),
    ("--userns-block-fd", "--unshare-user --info-fd 1"),
    ("--info-fd", ""),
    ("--json-status-fd", ""),
];
const BAD_FDS: &[&str] = &["", "x", "-1", "7x", "0x7", "2147483648", "99999999999999999999", "1.5"];
const ODD_NUMBERS: &[&str] = &[" 199", "+199", "0199", "199 "];

/// Options that take paths, with one of them empty.
const EMPTY: &[(&str, &str)] = &[
    ("--bind '' /x", "bind-source"),
    ("--bind /usr ''", "bind-dest"),
    ("--bind-try '' /x", "bind-try-source"),
    ("--bind-try /usr ''", "bind-try-dest"),
    ("--dev-bind '' /x", "dev-bind-source"),
    ("--dev-bind-try '' /x", "dev-bind-try-source"),
    ("--ro-bind '' /x", "ro-bind-source"),
    ("--ro-bind /usr ''", "ro-bind-dest"),
    ("--ro-bind-try '' /x", "ro-bind-try-source"),
    ("--bind-fd 0 ''", "bind-fd"),
    ("--ro-bind-fd 0 ''", "ro-bind-fd"),
    ("--remount-ro ''", "remount-ro"),
    ("--overlay-src ''", "overlay-src"),
    ("--overlay-src /usr --overlay '' /b /c", "overlay-1"),
    ("--overlay-src /usr --overlay /a '' /c", "overlay-2"),
    ("--overlay-src /usr --overlay /a /b ''", "overlay-3"),
    ("--overlay-src /usr --tmp-overlay ''", "tmp-overlay"),
    ("--overlay-src /usr --overlay-src /etc --ro-overlay ''", "ro-overlay"),
    ("--proc ''", "proc"),
    ("--dev ''", "dev"),
    ("--tmpfs ''", "tmpfs"),
    ("--mqueue ''", "mqueue"),
    ("--dir ''", "dir"),
    ("--file 0 ''", "file"),
    ("--bind-data 0 ''", "bind-data"),
    ("--ro-bind-data 0 ''", "ro-bind-data"),
    ("--symlink '' /x", "symlink-target"),
    ("--symlink x ''", "symlink-dest"),
    ("--chmod 755 ''", "chmod"),
    ("--lock-file ''", "lock-file"),
    ("--chdir ''", "chdir"),
    ("--argv0 ''", "argv0"),
    ("--unshare-uts --hostname ''", "hostname"),
    ("--setenv '' x", "setenv-name"),
    ("--setenv A ''", "setenv-value"),
    ("--unsetenv ''", "unsetenv"),
    ("--exec-label ''", "exec-label"),
    ("--file-label ''", "file-label"),
    ("--cap-add ''", "cap-add"),
    ("--cap-drop ''", "cap-drop"),
];

/// Options given twice with values that work.
const TWICE: &[(&str, &str)] = &[
    ("--argv0 a --argv0 b", "argv0"),
    ("--chdir / --chdir /usr", "chdir"),
    ("--unshare-uts --hostname a --hostname b", "hostname"),
    ("--unshare-user --uid 1 --uid 2", "uid"),
    ("--unshare-user --gid 1 --gid 2", "gid"),
    ("--block-fd {empty} --block-fd {empty}", "block-fd"),
    ("--info-fd {null} --info-fd {null}", "info-fd"),
    ("--json-status-fd {null} --json-status-fd {null}", "json-status-fd"),
    ("--unshare-user --userns-block-fd {empty} --userns-block-fd {empty}", "userns-block-fd"),
    ("--sync-fd {null} --sync-fd {null}", "sync-fd"),
    ("--userns {null} --userns {null}", "userns"),
    ("--userns2 {null} --userns2 {null}", "userns2"),
    ("--pidns {null} --pidns {null}", "pidns"),
    ("--seccomp {empty} --seccomp {empty}", "seccomp"),
    ("--exec-label a --exec-label b", "exec-label"),
    ("--file-label a --file-label b", "file-label"),
    ("--lock-file /usr/bin/env --lock-file /usr/bin/env", "lock-file"),
    ("--unshare-all --unshare-all", "unshare-all"),
    ("--share-net --share-net", "share-net"),
    ("--clearenv --clearenv", "clearenv"),
    ("--new-session --new-session", "new-session"),
    ("--die-with-parent --die-with-parent", "die-with-parent"),
    ("--not-a-security-boundary --not-a-security-boundary", "not-a-security-boundary"),
];

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    for option in ONE {
        out.push(case(format!("arguments/missing{option}"), *option).user());
    }
    for option in TWO.iter().chain(THREE) {
        out.push(case(format!("arguments/missing{option}"), *option).user());
        out.push(case(format!("arguments/missing{option}-second"), format!("{option} /usr")).user());
    }
    for option in THREE {
        out.push(case(format!("arguments/missing{option}-third"), format!("{option} /usr /tmp")).user());
    }
    for (option, more) in FD {
        for bad in BAD_FDS {
            let name = format!("arguments/fd{option}={bad}");
            out.push(case(name, format!("{option} '{bad}' {more} --ro-bind / / true")).user());
        }
        for odd in ODD_NUMBERS {
            let name = format!("arguments/fd{option}={}", odd.replace(' ', "_"));
            out.push(case(name, format!("{option} '{odd}' {more} --ro-bind / / true")).user());
        }
    }
    for (args, name) in EMPTY {
        out.push(case(format!("arguments/empty-{name}"), format!("--ro-bind / / {args} true")).user());
    }
    for (args, name) in TWICE {
        out.push(
            case(format!("arguments/twice-{name}"), format!("--ro-bind / / {args} true"))
                .fd("null", Given::Path("/dev/null", libc::O_RDWR))
                .data("empty", Vec::new()),
        );
    }
    for value in ["-1", "x", "4294967295", "4294967296", "2147483648", "0x10", " 5", "5 ", "010", "1e3", "+5"]
    {
        for option in ["--uid", "--gid"] {
            let name = format!("arguments/number{option}={}", value.replace(' ', "_"));
            let args = format!("--ro-bind / / --unshare-user {option} '{value}' {{probe}} ids");
            out.push(case(name, args));
        }
    }
    for value in [
        "8",
        "0o7",
        "10000",
        "7777",
        "-1",
        "755_",
        "_755",
        "0x1ff",
        "99999999999999999999",
        "+755",
        "0",
        "1",
        "0755",
    ] {
        let text = value.replace('_', " ");
        out.push(case(
            format!("arguments/perms={value}"),
            format!("@base --perms '{text}' --dir /x /probe ls /x"),
        ));
        out.push(
            case(
                format!("arguments/chmod={value}"),
                format!("@base --chmod '{text}' / /probe ls /nothing /bin"),
            )
            .user(),
        );
    }
    for value in [
        "0",
        "-1",
        "x",
        "4096",
        "1k",
        "0x1000",
        "010000",
        "_4096",
        "1",
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775808",
        "9223372036854775807",
        "1048577",
        "+4096",
    ] {
        let text = value.replace('_', " ");
        out.push(case(
            format!("arguments/size={value}"),
            format!("@base --size '{text}' --tmpfs /x /probe access /x"),
        ));
    }
    out
}
