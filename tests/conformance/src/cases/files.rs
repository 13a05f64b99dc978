//! --dir, --file, --bind-data, --ro-bind-data, --symlink, --chmod, --perms on each.
use crate::case::{Case, Given, Make, case};

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut out = vec![
        // --dir
        case("files/dir", "@base --dir /a/b/c /probe ls /a"),
        case("files/dir-perms", "@base --perms 0700 --dir /a/b/c /probe ls /a"),
        case("files/dir-perms-partly", "@base --perms 0750 --dir /a/b/c /probe ls /a"),
        case("files/dir-perms-group-only", "@base --perms 0705 --dir /a/b/c /probe ls /a"),
        case("files/dir-perms-special-bits", "@base --perms 7777 --dir /a/b/c /probe ls /a"),
        case("files/dir-exists-keeps-mode", "@base --perms 0700 --dir /a --perms 0777 --dir /a /probe ls /a"),
        case("files/dir-over-file", "@base --file {f} /a --dir /a /probe ls /a").data("f", "x"),
        case("files/dir-below-file", "@base --file {f} /a --dir /a/b /probe ls /a").data("f", "x"),
        case("files/dir-at-link-to-dir", "@base --dir /d --symlink d /l --dir /l /probe ls /l /d"),
        case("files/dir-at-dangling-link", "@base --symlink nowhere /l --dir /l /probe ls /l"),
        case("files/dir-through-link", "@base --dir /d --symlink /d /l --dir /l/x /probe ls /d"),
        case("files/dir-root", "@base --dir / /probe ls /bin"),
        case("files/dir-on-read-only", "--ro-bind / / --dir {dir}/new true"),
        case("files/dir-exists-on-read-only", "--ro-bind / / --dir /usr true"),
        case(
            "files/dir-on-host",
            "@base --bind {dir}/s /s --dir /s/a/b --perms 0711 --dir /s/c /probe ls /s",
        )
        .dir("s"),
        case("files/dir-on-host-umask", "@base --bind {dir}/s /s --dir /s/a/b /probe ls /s")
            .dir("s")
            .umask(0o027),
        case("files/dir-trailing-slash", "@base --dir /a/b/ /probe ls /a"),
        case("files/dir-relative", "@base --dir a/b /probe ls /a"),
        case("files/dir-dotdot", "@base --dir /a/b/../c /probe ls /a"),
        case("files/dir-in-foreign-dir", "@base --bind {dir}/s /s --dir /s/a true")
            .dir("s")
            .make(Make::RootOwned("s")),
        // --file
        case("files/file", "@base --file {f} /a/b /probe ls /a").data("f", "hello\n"),
        case("files/file-perms", "@base --perms 0640 --file {f} /a/b /probe ls /a").data("f", "hello\n"),
        case("files/file-perms-setuid", "@base --perms 4755 --file {f} /a/b /probe ls /a")
            .data("f", "hello\n"),
        case("files/file-umask", "@base --file {f} /a/b /probe ls /a").data("f", "x").umask(0o077),
        case("files/file-empty", "@base --file {f} /a /probe ls /a").data("f", ""),
        case("files/file-large", "@base --file {f} /a /probe ls /a").data("f", vec![b'z'; 300_000]),
        case("files/file-from-file", "@base --file {f} /a /probe ls /a")
            .fd("f", Given::File(b"from a file".to_vec())),
        case("files/file-exists", "@base --file {f} /a --file {g} /a /probe ls /a")
            .data("f", "first, longer")
            .data("g", "second"),
        case("files/file-over-dir", "@base --dir /a --file {f} /a /probe ls /a").data("f", "x"),
        case("files/file-over-link", "@base --symlink b /a --file {f} /a /probe ls /a /b").data("f", "x"),
        case("files/file-parent-is-file", "@base --file {f} /a --file {g} /a/b true")
            .data("f", "")
            .data("g", ""),
        case("files/file-through-link", "@base --dir /d --symlink /d /l --file {f} /l/x /probe ls /d")
            .data("f", "x"),
        case("files/file-on-read-only", "--ro-bind / / --file {f} {dir}/new true").data("f", "x"),
        case(
            "files/file-on-host",
            "@base --bind {dir}/s /s --file {f} /s/a --perms 0600 --file {g} /s/b/c true",
        )
        .dir("s")
        .data("f", "x")
        .data("g", "y"),
        case("files/file-on-host-exists", "@base --bind {dir}/s /s --file {f} /s/a true")
            .dir("s")
            .file("s/a", "old old old")
            .data("f", "new"),
        case("files/file-not-open", "@base --file {f} /a true").fd("f", Given::NotOpen),
        case("files/file-write-only", "@base --file {f} /a true")
            .fd("f", Given::Path("/dev/null", libc::O_WRONLY)),
        case("files/file-directory", "@base --file {f} /a true").fd("f", Given::Path("/usr", libc::O_RDONLY)),
        case("files/file-fd-closed-for-command", "@base --file {f} /a --proc /proc /probe fds")
            .data("f", "x"),
        case("files/file-trailing-slash", "@base --file {f} /a/ /probe ls /a").data("f", "x"),
        case("files/file-on-dev-full", "@base --dev-bind /dev/full /full --file {f} /full true")
            .data("f", "x"),
        case("files/same-fd-twice", "@base --file {f} /a --file {f} /b sh -c 'cat /a; cat /b'")
            .fd("f", Given::File(b"data".to_vec())),
        case("files/same-pipe-twice", "@base --file {f} /a --file {f} /b sh -c 'cat /a; cat /b'")
            .data("f", "data"),
        case(
            "files/same-fd-file-and-bind-data",
            "@base --file {f} /a --ro-bind-data {f} /b sh -c 'cat /a; cat /b'",
        )
        .fd("f", Given::File(b"data".to_vec())),
        case("files/fd-with-offset", "@base --file {f} /a sh -c 'cat /a'")
            .fd("f", Given::File(b"first\nsecond\n".to_vec()))
            .wrap(&["bash", "-c", "read line <&{f}; exec \"$@\"", "bash"]),
        // --symlink
        case("files/symlink", "@base --symlink ../x/y /a/b/c /probe ls /a"),
        case("files/symlink-same-again", "@base --symlink x /a --symlink x /a /probe ls /a"),
        case("files/symlink-other-target", "@base --symlink x /a --symlink y /a true"),
        case("files/symlink-prefix-target", "@base --symlink xyz /a --symlink xy /a true"),
        case("files/symlink-over-file", "@base --file {f} /a --symlink x /a true").data("f", "x"),
        case("files/symlink-over-dir", "@base --dir /a --symlink x /a true"),
        case("files/symlink-on-read-only", "--ro-bind / / --symlink x {dir}/new true"),
        case("files/symlink-exists-on-read-only", "--ro-bind / / --symlink target {dir}/l {probe} ls l")
            .link("target", "l"),
        case("files/symlink-perms", "@base --perms 0700 --symlink x /a/b/c /probe ls /a"),
        case("files/symlink-on-host", "@base --bind {dir}/s /s --symlink x /s/a/l true").dir("s"),
        case("files/symlink-long-target", "@base --symlink {list} /a /probe ls /a").list(["t".repeat(3000)]),
        case("files/symlink-trailing-slash", "@base --symlink x /a/ true"),
        case("files/symlink-parent-is-file", "@base --file {f} /a --symlink x /a/b true").data("f", ""),
        case("files/symlink-root", "@base --symlink x / true"),
        // --chmod
        case("files/chmod-dir", "@base --dir /a --chmod 0711 /a /probe ls /a"),
        case("files/chmod-file", "@base --file {f} /a --chmod 4755 /a /probe ls /a").data("f", "x"),
        case("files/chmod-root", "@base --chmod 0700 / --proc /proc sh -c 'stat -c %a /'"),
        case("files/chmod-missing", "@base --chmod 0700 /none true"),
        case("files/chmod-missing-parent", "@base --chmod 0700 /none/deeper true"),
        case("files/chmod-link", "@base --dir /d --symlink d /l --chmod 0700 /l /probe ls /d /l"),
        case("files/chmod-dangling-link", "@base --symlink none /l --chmod 0700 /l /probe ls /l"),
        case("files/chmod-read-only", "--ro-bind / / --chmod 0700 {dir}/f true").file("f", "x"),
        case("files/chmod-on-host", "@base --bind {dir}/f /f --chmod 0600 /f /probe ls /f").file("f", "x"),
        case("files/chmod-foreign", "@base --bind {dir}/f /f --chmod 0600 /f true")
            .file("f", "x")
            .make(Make::RootOwned("f")),
        // Never as root: that would change the host's own device.
        case("files/chmod-device", "@base --dev /dev --chmod 0600 /dev/null true").user(),
        case("files/chmod-perms", "@base --perms 0700 --chmod 0711 / true"),
        // --perms and what it reaches
        case("files/perms-twice", "@base --perms 0700 --perms 0711 --dir /a true"),
        case("files/perms-last", "@base --perms 0700 true"),
        case(
            "files/perms-only-next",
            "@base --perms 0700 --dir /a --dir /b --perms 0711 --dir /c /probe ls /a /b /c",
        ),
        case("files/perms-then-bind", "@base --perms 0700 --bind {dir}/s /a/b/c /probe ls /a").dir("s"),
        case(
            "files/perms-then-bind-then-dir",
            "@base --perms 0700 --bind {dir}/s /a/b --dir /c/d /probe ls /a /c",
        )
        .dir("s"),
        case("files/perms-then-setenv-then-dir", "@base --perms 0700 --setenv A 1 --dir /c/d /probe ls /c"),
        case("files/perms-then-unshare-then-dir", "@base --perms 0700 --unshare-ipc --dir /c/d /probe ls /c"),
        case("files/perms-then-proc", "@base --perms 0700 --proc /a/b/proc sh -c 'stat -c %a /a /a/b'"),
        case("files/perms-then-dev", "@base --perms 0700 --dev /a/b/dev sh -c 'stat -c %a /a /a/b /a/b/dev'"),
        case(
            "files/perms-then-mqueue",
            "@base --unshare-ipc --perms 0700 --mqueue /a/b/mq sh -c 'stat -c %a /a /a/b'",
        ),
        case(
            "files/perms-then-size-then-tmpfs",
            "@base --perms 0700 --size 65536 --tmpfs /a/t sh -c 'stat -c %a /a /a/t; /probe access /a/t'",
        ),
        case(
            "files/size-then-perms-then-tmpfs",
            "@base --size 65536 --perms 0700 --tmpfs /a/t sh -c 'stat -c %a /a /a/t; /probe access /a/t'",
        ),
        case("files/perms-then-args", "--args {a} --dir /x/y @base /probe ls /x")
            .data("a", b"--perms\x000700\0".to_vec()),
        case(
            "files/perms-then-remount-ro",
            "@base --tmpfs /t --perms 0700 --remount-ro /t --dir /a /probe ls /a",
        ),
        case("files/parents-keep-mode-once-made", "@base --perms 0700 --dir /a/b --dir /a/c /probe ls /a"),
        case(
            "files/implicit-parents-of-bind",
            "@base --bind {dir}/s /a/b/c sh -c 'stat -c \"%a %u %g\" /a /a/b'",
        )
        .dir("s")
        .umask(0o077),
        case("files/root-dir-itself", "@base sh -c 'stat -c \"%a %u %g %F\" /; touch /x && echo writable'"),
    ];
    for option in ["--bind-data", "--ro-bind-data"] {
        let named = |what: &str| format!("files/{what}{option}");
        out.extend([
            case(
                named("plain"),
                format!("@base {option} {{f}} /a/b --proc /proc sh -c '/probe ls /a; /probe mounts'"),
            )
            .data("f", "hello\n"),
            case(named("perms"), format!("@base --perms 0644 {option} {{f}} /a/b /probe ls /a"))
                .data("f", "x"),
            case(named("perms-0"), format!("@base --perms 0 {option} {{f}} /a/b sh -c 'stat -c %a /a /a/b'"))
                .data("f", "x"),
            case(named("write"), format!("@base {option} {{f}} /a sh -c 'echo new > /a; cat /a'"))
                .data("f", "old\n"),
            case(
                named("on-existing-file"),
                format!("@base --bind {{dir}}/f /f {option} {{f}} /f sh -c 'cat /f'"),
            )
            .file("f", "host\n")
            .data("f", "data\n"),
            case(named("on-read-only-root"), format!("--ro-bind / / {option} {{f}} {{dir}}/f cat {{dir}}/f"))
                .file("f", "host\n")
                .data("f", "data\n"),
            case(named("missing-on-read-only-root"), format!("--ro-bind / / {option} {{f}} {{dir}}/f true"))
                .data("f", "data\n"),
            case(named("over-dir"), format!("@base --dir /d {option} {{f}} /d true")).data("f", "x"),
            case(named("over-link"), format!("@base --symlink x /l {option} {{f}} /l true")).data("f", "x"),
            case(named("not-open"), format!("@base {option} {{f}} /a true")).fd("f", Given::NotOpen),
            case(named("directory"), format!("@base {option} {{f}} /a true"))
                .fd("f", Given::Path("/usr", libc::O_RDONLY)),
            case(named("two"), format!("@base {option} {{f}} /a {option} {{g}} /b sh -c 'cat /a /b'"))
                .data("f", "1\n")
                .data("g", "2\n"),
            case(named("large"), format!("@base {option} {{f}} /a sh -c 'wc -c < /a'"))
                .data("f", vec![b'z'; 200_000]),
            case(
                named("deleted-name-is-unseen"),
                format!("@base --bind /tmp /tmp {option} {{f}} /a sh -c 'ls -a /tmp | grep -i bind'"),
            )
            .data("f", "x"),
        ]);
    }
    out
}
