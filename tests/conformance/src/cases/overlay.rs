//! --overlay-src, --overlay, --tmp-overlay, --ro-overlay.
use crate::case::{Case, Make, case};

fn layers(case: Case) -> Case {
    case.dir("l1")
        .file("l1/a", "a of 1")
        .file("l1/b", "b of 1")
        .dir("l2")
        .file("l2/b", "b of 2")
        .file("l2/c", "c of 2")
        .dir("up")
        .dir("work")
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let look = "sh -c 'cat /o/a /o/b /o/c; echo; echo new > /o/n; rm -f /o/a; ls /o'";
    let two = "--overlay-src {dir}/l1 --overlay-src {dir}/l2";
    vec![
        layers(case("overlay/ro", format!("@base {two} --ro-overlay /o {look}"))),
        layers(case("overlay/tmp", format!("@base {two} --tmp-overlay /o {look}"))),
        layers(case("overlay/rw", format!("@base {two} --overlay {{dir}}/up {{dir}}/work /o {look}"))),
        layers(case(
            "overlay/ro-three",
            format!("@base {two} --overlay-src {{dir}}/up --ro-overlay /o {look}"),
        )),
        layers(case("overlay/tmp-one", format!("@base --overlay-src {{dir}}/l1 --tmp-overlay /o {look}"))),
        layers(case(
            "overlay/rw-one",
            format!("@base --overlay-src {{dir}}/l1 --overlay {{dir}}/up {{dir}}/work /o {look}"),
        )),
        layers(case("overlay/ro-one-refused", "@base --overlay-src {dir}/l1 --ro-overlay /o true")),
        case("overlay/ro-none-refused", "@base --ro-overlay /o true"),
        case("overlay/tmp-none-refused", "@base --tmp-overlay /o true"),
        case("overlay/rw-none-refused", "@base --overlay /a /b /o true"),
        case("overlay/src-at-end", "@base --overlay-src / --"),
        case("overlay/src-then-other", "@base --overlay-src /usr --bind / /x true"),
        case("overlay/src-then-command", "@base --overlay-src /usr true"),
        case(
            "overlay/src-then-setenv",
            "@base --overlay-src /usr --setenv A 1 --overlay-src /etc --ro-overlay /o true",
        ),
        case(
            "overlay/src-then-perms",
            "@base --overlay-src /usr --perms 0700 --tmp-overlay /o sh -c 'stat -c %a /o'",
        ),
        case("overlay/src-then-unshare", "@base --overlay-src /usr --unshare-ipc --tmp-overlay /o true"),
        layers(case(
            "overlay/perms-first",
            "@base --perms 0700 --overlay-src {dir}/l1 --tmp-overlay /p/o sh -c 'stat -c %a /p /p/o'",
        )),
        layers(case(
            "overlay/src-missing",
            "@base --overlay-src {dir}/none --overlay-src {dir}/l1 --ro-overlay /o true",
        )),
        layers(case(
            "overlay/src-is-file",
            "@base --overlay-src {dir}/l1/a --overlay-src {dir}/l1 --ro-overlay /o true",
        )),
        layers(case(
            "overlay/src-is-link",
            "@base --overlay-src {dir}/link --overlay-src {dir}/l2 --ro-overlay /o sh -c 'ls /o'",
        ))
        .link("l1", "link"),
        layers(case(
            "overlay/src-dangling",
            "@base --overlay-src {dir}/link --overlay-src {dir}/l2 --ro-overlay /o true",
        ))
        .link("none", "link"),
        layers(case(
            "overlay/src-twice-the-same",
            "@base --overlay-src {dir}/l1 --overlay-src {dir}/l1 --ro-overlay /o sh -c 'ls /o'",
        )),
        layers(case(
            "overlay/upper-missing",
            "@base --overlay-src {dir}/l1 --overlay {dir}/none {dir}/work /o true",
        )),
        layers(case(
            "overlay/work-missing",
            "@base --overlay-src {dir}/l1 --overlay {dir}/up {dir}/none /o true",
        )),
        layers(case(
            "overlay/upper-is-file",
            "@base --overlay-src {dir}/l1 --overlay {dir}/l1/a {dir}/work /o true",
        )),
        layers(case(
            "overlay/work-is-file",
            "@base --overlay-src {dir}/l1 --overlay {dir}/up {dir}/l1/a /o true",
        )),
        layers(case(
            "overlay/work-not-empty",
            "@base --overlay-src {dir}/l1 --overlay {dir}/up {dir}/l2 /o sh -c 'ls /o'",
        )),
        layers(case(
            "overlay/upper-is-work",
            "@base --overlay-src {dir}/l1 --overlay {dir}/up {dir}/up /o true",
        )),
        layers(case(
            "overlay/upper-is-lower",
            "@base --overlay-src {dir}/l1 --overlay {dir}/l1 {dir}/work /o sh -c 'ls /o'",
        )),
        layers(case(
            "overlay/work-other-filesystem",
            "@base --overlay-src {dir}/l1 --overlay {dir}/up /dev/shm /o true",
        )),
        layers(case(
            "overlay/upper-foreign",
            "@base --overlay-src {dir}/l1 --overlay {dir}/up {dir}/work /o sh -c 'touch /o/n'",
        ))
        .make(Make::RootOwned("up")),
        layers(case(
            "overlay/names-with-colons",
            "@base --overlay-src '{dir}/a:b' --overlay-src '{dir}/c,d' --ro-overlay /o sh -c 'ls /o'",
        ))
        .dir("a:b")
        .file("a:b/1", "")
        .dir("c,d")
        .file("c,d/2", ""),
        layers(case(
            "overlay/names-with-backslash",
            "@base --overlay-src '{dir}/a\\b' --overlay-src '{dir}/l1' --ro-overlay /o sh -c 'ls /o'",
        ))
        .dir("a\\b")
        .file("a\\b/1", ""),
        layers(case(
            "overlay/upper-with-comma",
            "@base --overlay-src {dir}/l1 --overlay '{dir}/u,p' '{dir}/w:k' /o sh -c 'touch /o/n; ls /o'",
        ))
        .dir("u,p")
        .dir("w:k"),
        layers(case(
            "overlay/dest-missing-parents",
            format!("@base {two} --tmp-overlay /x/y/o sh -c 'ls /x/y/o; stat -c %a /x /x/y'"),
        )),
        layers(case(
            "overlay/dest-is-file",
            format!("@base --bind {{dir}}/l1/a /f {two} --ro-overlay /f true"),
        )),
        layers(case(
            "overlay/dest-is-link",
            format!("@base --dir /d --symlink d /l {two} --ro-overlay /l true"),
        )),
        layers(case(
            "overlay/dest-is-root",
            "--overlay-src / --tmp-overlay / sh -c 'echo x > /new-file && cat /new-file'",
        )),
        layers(case(
            "overlay/two-tmp",
            format!("@base {two} --tmp-overlay /o {two} --tmp-overlay /p sh -c 'echo x > /o/n; ls /o /p'"),
        )),
        layers(case("overlay/src-resets", format!("@base {two} --ro-overlay /o --tmp-overlay /p true"))),
        layers(case(
            "overlay/write-mode-and-owner",
            format!(
                "@base {two} --overlay {{dir}}/up {{dir}}/work /o sh -c 'mkdir /o/d; chmod 711 /o/d; echo more >> /o/b; stat -c \"%a %u %n\" /o /o/*'"
            ),
        )),
        layers(case("overlay/in-userns", format!("@base --unshare-user {two} --tmp-overlay /o {look}"))),
        layers(case(
            "overlay/other-uid",
            format!(
                "@base --unshare-user --uid 5 --gid 6 {two} --tmp-overlay /o sh -c 'touch /o/n; stat -c \"%u %g %n\" /o/*'"
            ),
        )),
        layers(case(
            "overlay/mountinfo",
            format!("@base {two} --ro-overlay /o --proc /proc sh -c '/probe mounts | grep \"on /o\"'"),
        )),
        layers(case(
            "overlay/mountinfo-tmp",
            format!("@base {two} --tmp-overlay /o --proc /proc sh -c '/probe mounts | grep \"on /o\"'"),
        )),
        case("overlay/many-layers", "@base {list} --ro-overlay /o sh -c 'ls /o'")
            .list((1..=40).flat_map(|i| ["--overlay-src".to_owned(), format!("{{dir}}/d{i}")]))
            .sh("for i in $(seq 40); do mkdir d$i; echo $i > d$i/f$i; done; exec \"$@\""),
    ]
}
