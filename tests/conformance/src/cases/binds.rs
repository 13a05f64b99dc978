//! --bind and its family: sources, destinations, parents, submounts, flags.
use crate::case::{Case, Given, Make, case};

const VIEW: &str = "--proc /proc --ro-bind {probe} /probe /probe mounts";

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    // Each option of the family on each kind of source.
    for option in ["--bind", "--bind-try", "--dev-bind", "--dev-bind-try", "--ro-bind", "--ro-bind-try"] {
        let named = |what: &str| format!("binds/{what}{option}");
        let source =
            |c: Case| c.dir("src").file("src/a", "hello").link("src", "to-dir").link("src/a", "to-file");
        out.extend([
            source(case(named("dir"), format!("{option} {{dir}}/src /d/e/f {VIEW}"))),
            source(case(named("file"), format!("{option} {{dir}}/src/a /d/e/f {VIEW}"))),
            source(case(named("link-to-dir"), format!("{option} {{dir}}/to-dir /d {VIEW}"))),
            source(case(named("link-to-file"), format!("{option} {{dir}}/to-file /f {VIEW}"))),
            case(named("missing"), format!("@base {option} {{dir}}/none /x /probe ls /x")),
            case(named("missing-parent"), format!("@base {option} {{dir}}/none/deeper /x /probe ls /x")),
            case(named("source-not-a-dir"), format!("@base {option} {{dir}}/f/x /x /probe ls /x"))
                .file("f", ""),
            case(named("dangling-link"), format!("@base {option} {{dir}}/l /x /probe ls /x"))
                .link("none", "l"),
            case(named("link-loop"), format!("@base {option} {{dir}}/l /x /probe ls /x")).link("l", "l"),
            case(
                named("device"),
                format!("@base {option} /dev/null /n sh -c 'echo x > /n && echo written; /probe ls /n'"),
            ),
            case(named("fifo"), format!("@base {option} {{dir}}/p /p /probe ls /p")).make(Make::Fifo("p")),
            case(named("socket"), format!("@base {option} {{dir}}/s /s /probe ls /s"))
                .make(Make::Socket("s")),
            source(case(
                named("write"),
                format!("@base {option} {{dir}}/src /d sh -c 'echo new > /d/new; touch /d/a'"),
            )),
            case(named("root"), format!("{option} / / {{probe}} mounts")),
            case(named("relative-source"), format!("@base {option} src /d /probe ls /d"))
                .dir("src")
                .file("src/a", "x"),
            case(named("relative-dest"), format!("@base {option} {{dir}}/src d /probe ls /d"))
                .dir("src")
                .file("src/a", "x"),
        ]);
    }
    out.extend([
        // Destinations.
        case("binds/dest-is-link", "@base --symlink /target /l --dir /target --bind {dir}/src /l true")
            .dir("src"),
        case("binds/dest-is-dangling-link", "@base --symlink /target /l --bind {dir}/src /l true").dir("src"),
        case("binds/dest-file-is-link", "@base --symlink /target /l --bind {dir}/a /l true").file("a", ""),
        case(
            "binds/dest-parent-is-link",
            "@base --dir /real --symlink /real /l --bind {dir}/src /l/x /probe ls /real /l",
        )
        .dir("src"),
        case(
            "binds/dest-parent-is-relative-link",
            "@base --dir /a/real --symlink real /a/l --bind {dir}/src /a/l/x /probe ls /a",
        )
        .dir("src"),
        case(
            "binds/dest-parent-link-escapes",
            "@base --symlink ../../../../tmp /l --bind {dir}/src /l/x /probe ls /tmp /l",
        )
        .dir("src"),
        case(
            "binds/dest-parent-is-dangling-link",
            "@base --symlink /nowhere /l --bind {dir}/src /l/x /probe ls /nowhere",
        )
        .dir("src"),
        case("binds/dest-dotdot", "@base --dir /a --bind {dir}/src /a/../b /probe ls /a /b").dir("src"),
        case("binds/dest-dotdot-above-root", "@base --bind {dir}/src /../../b /probe ls /b").dir("src"),
        case("binds/dest-double-slashes", "@base --bind {dir}/src //a//b// /probe ls /a").dir("src"),
        case("binds/dest-dot", "@base --bind {dir}/src /a/./b/. /probe ls /a").dir("src"),
        case("binds/file-on-dir", "@base --dir /d --bind {dir}/f /d true").file("f", ""),
        case("binds/dir-on-file", "@base --file 0 /f --bind {dir}/src /f true").dir("src"),
        case("binds/dest-parent-is-file", "@base --file 0 /f --bind {dir}/src /f/x true").dir("src"),
        case("binds/file-dest-parent-is-file", "@base --file 0 /f --bind {dir}/a /f/x true").file("a", ""),
        case("binds/file-dest-trailing-slash", "@base --bind {dir}/a /f/ /probe ls /f").file("a", "x"),
        case("binds/device-on-file", "@base --file 0 /n --dev-bind /dev/null /n /probe ls /n"),
        case("binds/file-on-device", "@base --dev /dev --bind {dir}/a /dev/null /probe ls /dev/null")
            .file("a", "x"),
        case("binds/dest-below-read-only", "@base --ro-bind {dir}/src /s --bind {dir}/b /s/new true")
            .dir("src")
            .dir("b"),
        case("binds/file-dest-below-read-only", "@base --ro-bind {dir}/src /s --bind {dir}/f /s/new true")
            .dir("src")
            .file("f", ""),
        case("binds/dest-below-read-only-deep", "@base --ro-bind {dir}/src /s --bind {dir}/b /s/a/b/c true")
            .dir("src")
            .dir("b"),
        case(
            "binds/dest-exists-below-read-only",
            "@base --ro-bind {dir}/src /s --bind {dir}/b /s/in /probe ls /s",
        )
        .dir("src")
        .dir("src/in")
        .dir("b")
        .file("b/x", "1"),
        case(
            "binds/mount-point-made-on-host",
            "@base --bind {dir}/src /s --bind {dir}/b /s/x/y --bind {dir}/f /s/z /probe ls /s",
        )
        .dir("src")
        .dir("b")
        .file("f", "1"),
        case(
            "binds/mount-point-made-on-host-umask",
            "@base --bind {dir}/src /s --bind {dir}/b /s/x/y --bind {dir}/f /s/z /probe ls /s",
        )
        .dir("src")
        .dir("b")
        .file("f", "1")
        .umask(0o077),
        case("binds/over-existing", "@base --bind {dir}/a /x --bind {dir}/b /x /probe ls /x")
            .dir("a")
            .file("a/1", "")
            .dir("b")
            .file("b/2", ""),
        case("binds/root-after-others", "--dir /gone --ro-bind / / {probe} ls /gone"),
        case("binds/root-twice", "--ro-bind / / --bind / / {probe} mounts"),
        case("binds/other-root", "--ro-bind {dir}/src / --ro-bind {probe} /probe --proc /proc /probe mounts")
            .dir("src")
            .dir("src/proc")
            .file("src/probe", ""),
        case(
            "binds/read-only-root-lacks-mount-point",
            "--ro-bind {dir}/src / --ro-bind {probe} /probe /probe ls /bin",
        )
        .dir("src"),
        case(
            "binds/writable-root-gets-mount-point",
            "--bind {dir}/src / --ro-bind {probe} /probe --dir /a/b /probe ls /a",
        )
        .dir("src"),
        case("binds/same-source-and-dest", "--ro-bind / / --bind {dir} {dir} sh -c 'echo x > new'"),
        case("binds/inner-before-outer", "@base --bind {dir}/a /x/y --bind {dir}/b /x /probe ls /x")
            .dir("a")
            .dir("b")
            .dir("b/y"),
        case(
            "binds/source-inside-sandbox-is-host-path",
            "@base --dir /only/inside --bind /only/inside /x true",
        ),
        case("binds/many", "{list} --ro-bind {probe} /probe --proc /proc /probe mounts")
            .list((0..200).flat_map(|i| ["--ro-bind".to_owned(), "/usr".to_owned(), format!("/m{i}/usr")])),
        // Permissions of the source.
        case("binds/unreadable-parent", "@base --bind {dir}/p/src /x /probe ls /x")
            .dir("p")
            .dir("p/src")
            .file("p/src/a", "1")
            .make(Make::RootOwned("p"))
            .make(Make::Mode("p", 0o711)),
        case("binds/closed-parent", "@base --bind {dir}/p/src /x /probe ls /x")
            .dir("p")
            .dir("p/src")
            .make(Make::RootOwned("p"))
            .make(Make::Mode("p", 0o700)),
        case("binds/try-closed-parent", "@base --bind-try {dir}/p/src /x /probe ls /x")
            .dir("p")
            .dir("p/src")
            .make(Make::RootOwned("p"))
            .make(Make::Mode("p", 0o700)),
        case("binds/unreadable-source", "@base --bind {dir}/src /x /probe ls /x")
            .dir("src")
            .file("src/a", "1")
            .make(Make::RootOwned("src"))
            .make(Make::Mode("src", 0o700)),
        case("binds/unreadable-file", "@base --bind {dir}/f /x /probe ls /x")
            .file("f", "secret")
            .make(Make::RootOwned("f"))
            .make(Make::Mode("f", 0o600)),
        case("binds/no-search-own-dir", "@base --bind {dir}/src /x /probe ls /x")
            .dir("src")
            .make(Make::Mode("src", 0o000)),
        // Flags.
        case(
            "binds/ro-then-bind-inside",
            "--ro-bind / / --bind {dir}/src {dir}/src sh -c 'echo x > src/new; echo y > other'",
        )
        .dir("src"),
        case("binds/ro-bind-of-dev", "@base --ro-bind /dev /dev sh -c 'echo x > /dev/null && echo ok'"),
        case("binds/dev-bind-of-dev", "@base --dev-bind /dev /dev sh -c 'echo x > /dev/null && echo ok'"),
        case(
            "binds/ro-bind-then-rw-bind-same",
            "@base --ro-bind {dir}/src /a --bind {dir}/src /b sh -c 'echo x > /a/1; echo x > /b/2'",
        )
        .dir("src"),
        case("binds/setuid-has-no-effect", "--ro-bind / / {probe} mounts"),
        // Names.
        case("binds/odd-names", "@base --bind '{dir}/a b\\040c' '/x y\\134z' /probe ls '/x y\\134z'")
            .dir("a b\\040c"),
        case(
            "binds/newline-in-name",
            "@base --bind '{dir}/a\nb' '/x\ny' --proc /proc sh -c 'ls -d /x*; /probe mounts'",
        )
        .dir("a\nb"),
        case("binds/deleted-suffix-name", "@base --bind '{dir}/a (deleted)' '/x (deleted)' sh -c 'ls -a /'")
            .dir("a (deleted)"),
        case("binds/name-with-colon-and-comma", "@base --bind '{dir}/a:b,c' '/x:y,z' /probe ls '/x:y,z'")
            .dir("a:b,c"),
        case("binds/long-missing-name", "--bind {list} /x true").list(["/".to_owned() + &"n".repeat(300)]),
        case("binds/long-dest-name", "@base --bind {dir}/a {list} true")
            .dir("a")
            .list(["/".to_owned() + &"n".repeat(300)]),
        case("binds/path-too-long", "@base --bind {list} /x true")
            .list(["/".to_owned() + &"n/".repeat(2500)]),
        case("binds/magic-link-source", "@base --ro-bind /proc/self/fd/0 /x true"),
        case("binds/proc-self-root-source", "@base --ro-bind /proc/self/root /x true"),
        case("binds/proc-source", "@base --ro-bind /proc /proc /probe ls /proc/self/nothing"),
        case("binds/sys-source", "@base --ro-bind /sys /sys /probe ls /sys/nothing"),
    ]);
    // --bind-fd.
    for option in ["--bind-fd", "--ro-bind-fd"] {
        let named = |what: &str| format!("bind-fd/{what}{option}");
        let open = |flags| Given::Path("src", flags);
        let with = |c: Case| c.dir("src").file("src/a", "1");
        out.extend([
            with(case(named("dir"), format!("{option} {{f}} /x {VIEW}"))).fd("f", open(libc::O_RDONLY)),
            with(case(named("dir-opath"), format!("{option} {{f}} /x {VIEW}"))).fd("f", open(libc::O_PATH)),
            with(case(named("file"), format!("@base {option} {{f}} /x /probe ls /x")))
                .fd("f", Given::Path("src/a", libc::O_PATH)),
            with(case(named("file-readable"), format!("@base {option} {{f}} /x /probe ls /x")))
                .fd("f", Given::Path("src/a", libc::O_RDONLY)),
            with(case(named("write"), format!("@base {option} {{f}} /x sh -c 'echo n > /x/new'")))
                .fd("f", open(libc::O_PATH)),
            with(case(named("twice"), format!("@base {option} {{f}} /x {option} {{f}} /y /probe ls /x /y")))
                .fd("f", open(libc::O_PATH)),
            with(case(
                named("closed-for-command"),
                format!("@base {option} {{f}} /x --proc /proc /probe fds"),
            ))
            .fd("f", open(libc::O_PATH)),
            with(case(named("root"), format!("{option} {{f}} / {{probe}} fds")))
                .fd("f", Given::Path("/", libc::O_PATH)),
            with(case(named("link-itself"), format!("@base {option} {{f}} /x true")))
                .link("src", "l")
                .fd("f", Given::Path("l", libc::O_PATH | libc::O_NOFOLLOW)),
            case(named("not-open"), format!("@base {option} {{f}} /x true")).fd("f", Given::NotOpen),
            case(named("pipe"), format!("@base {option} {{f}} /x true")).data("f", "x"),
            case(named("memfd-like"), format!("@base {option} {{f}} /x true"))
                .fd("f", Given::File(b"x".to_vec())),
            case(named("number-is-a-path"), format!("@base {option} {{dir}} /x true")),
        ]);
    }
    out
}
