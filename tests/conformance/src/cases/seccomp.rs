//! --seccomp and --add-seccomp-fd.
use crate::case::{Case, Given, case};

fn op(code: u16, jump_true: u8, jump_false: u8, k: u32) -> [u8; 8] {
    let (c, k) = (code.to_le_bytes(), k.to_le_bytes());
    [c[0], c[1], jump_true, jump_false, k[0], k[1], k[2], k[3]]
}

/// Answers system call `number` with `errno`, allows all others.
fn deny(number: u32, errno: u32) -> Vec<u8> {
    [
        op(0x20, 0, 0, 0),
        op(0x15, 0, 1, number),
        op(0x06, 0, 0, 0x0005_0000 | errno),
        op(0x06, 0, 0, 0x7fff_0000),
    ]
    .concat()
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let allow = op(0x06, 0, 0, 0x7fff_0000).to_vec();
    let see = "/probe seccomp-probe";
    vec![
        case("seccomp/one", format!("@base --seccomp {{f}} --proc /proc sh -c '{see}; /probe flags'"))
            .data("f", deny(140, 7)),
        case("seccomp/one-pidns", format!("@base @all --seccomp {{f}} sh -c '{see}; /probe tree'"))
            .data("f", deny(140, 7)),
        case(
            "seccomp/add-one",
            format!("@base --add-seccomp-fd {{f}} --proc /proc sh -c '{see}; /probe flags'"),
        )
        .data("f", deny(140, 7)),
        case(
            "seccomp/add-two",
            format!(
                "@base --add-seccomp-fd {{f}} --add-seccomp-fd {{g}} --proc /proc sh -c '{see}; /probe flags'"
            ),
        )
        .data("f", deny(140, 7))
        .data("g", deny(111, 9)),
        case(
            "seccomp/add-two-same-call",
            format!("@base --add-seccomp-fd {{f}} --add-seccomp-fd {{g}} {see}"),
        )
        .data("f", deny(140, 7))
        .data("g", deny(140, 9)),
        case(
            "seccomp/add-same-fd-twice",
            format!("@base --add-seccomp-fd {{f}} --add-seccomp-fd {{f}} {see}"),
        )
        .data("f", deny(140, 7)),
        case(
            "seccomp/add-same-file-twice",
            format!("@base --add-seccomp-fd {{f}} --add-seccomp-fd {{f}} {see}"),
        )
        .fd("f", Given::File(deny(140, 7))),
        case(
            "seccomp/twice-last-wins",
            format!("@base --seccomp {{f}} --seccomp {{g}} --proc /proc sh -c '{see}; /probe flags'"),
        )
        .data("f", deny(140, 7))
        .data("g", deny(111, 9)),
        case("seccomp/then-add", "@base --seccomp {f} --add-seccomp-fd {g} true")
            .data("f", deny(140, 7))
            .data("g", deny(111, 9)),
        case("seccomp/add-then-seccomp", "@base --add-seccomp-fd {f} --seccomp {g} true")
            .data("f", deny(140, 7))
            .data("g", deny(111, 9)),
        case("seccomp/from-file", format!("@base --seccomp {{f}} {see}")).fd("f", Given::File(deny(140, 7))),
        case("seccomp/fd-gone", "@base --seccomp {f} --proc /proc /probe fds").data("f", allow.clone()),
        case("seccomp/empty", "@base --seccomp {f} true").data("f", ""),
        case("seccomp/add-empty", "@base --add-seccomp-fd {f} true").data("f", ""),
        case("seccomp/length-7", "@base --seccomp {f} true").data("f", vec![0; 7]),
        case("seccomp/length-9", "@base --seccomp {f} true").data("f", vec![0; 9]),
        case("seccomp/add-length-12", "@base --add-seccomp-fd {f} true").data("f", vec![0; 12]),
        case("seccomp/nonsense", "@base --seccomp {f} true").data("f", vec![0xff; 64]),
        case("seccomp/no-return", "@base --seccomp {f} true").data("f", op(0x20, 0, 0, 0).to_vec()),
        case("seccomp/4096-instructions", "@base --seccomp {f} true")
            .data("f", [vec![op(0x20, 0, 0, 0); 4095].concat(), allow.clone()].concat()),
        case("seccomp/4097-instructions", "@base --seccomp {f} true")
            .data("f", [vec![op(0x20, 0, 0, 0); 4096].concat(), allow.clone()].concat()),
        case("seccomp/65536-instructions", "@base --seccomp {f} true")
            .data("f", vec![op(0x20, 0, 0, 0); 65536].concat()),
        case("seccomp/65537-instructions", "@base --seccomp {f} true")
            .data("f", [allow.clone(), vec![op(0x20, 0, 0, 0); 65536].concat()].concat()),
        case("seccomp/denies-exec", "@base --seccomp {f} true").data("f", deny(59, 1)),
        case("seccomp/denies-prctl-first", "@base --add-seccomp-fd {f} --add-seccomp-fd {g} true")
            .data("f", deny(157, 1))
            .data("g", deny(111, 9)),
        case(
            "seccomp/denies-prctl-last",
            format!("@base --add-seccomp-fd {{g}} --add-seccomp-fd {{f}} {see}"),
        )
        .data("f", deny(157, 1))
        .data("g", deny(111, 9)),
        case("seccomp/denies-all-else-kills", "@base --seccomp {f} true")
            .data("f", op(0x06, 0, 0, 0x8000_0000).to_vec()),
        case("seccomp/kills-in-command", "@base --seccomp {f} /probe seccomp-probe").data(
            "f",
            [
                op(0x20, 0, 0, 0),
                op(0x15, 0, 1, 140),
                op(0x06, 0, 0, 0x8000_0000),
                op(0x06, 0, 0, 0x7fff_0000),
            ]
            .concat(),
        ),
        case("seccomp/denies-wait-pid1-survives", "@base @all --seccomp {f} /probe exit 5")
            .data("f", deny(61, 1)),
        case("seccomp/denies-write", "@base @all --seccomp {f} --json-status-fd {j} /probe exit 5")
            .data("f", deny(1, 9))
            .fd("j", Given::Out),
        case("seccomp/denies-close", "@base @all --seccomp {f} /probe exit 5").data("f", deny(3, 9)),
        case("seccomp/denies-setsid", "@base --new-session --seccomp {f} /probe session")
            .data("f", deny(112, 1)),
        case("seccomp/denies-chdir", "@base --chdir /usr --seccomp {f} /probe exit 4").data("f", deny(80, 1)),
        case("seccomp/denies-mount", "@base @all --seccomp {f} --bind {dir} /x /probe exit 4")
            .data("f", deny(165, 1)),
        case("seccomp/as-pid-1", format!("@base --unshare-pid --as-pid-1 --seccomp {{f}} {see}"))
            .data("f", deny(140, 7)),
        case("seccomp/missing-command", "@base --seccomp {f} none").data("f", allow.clone()),
        case(
            "seccomp/with-disable-userns",
            format!("@base --unshare-user --disable-userns --seccomp {{f}} {see}"),
        )
        .data("f", deny(140, 7)),
        case("seccomp/directory", "@base --seccomp {f} true").fd("f", Given::Path("/usr", libc::O_RDONLY)),
        case("seccomp/not-open", "@base --seccomp {f} true").fd("f", Given::NotOpen),
        case("seccomp/from-stdin", format!("@base --seccomp 0 {see}"))
            .stdin(support::Stdin::Data(deny(140, 7))),
        case(
            "seccomp/root-without-nnp",
            format!("@base --seccomp {{f}} --cap-add ALL sh -c '/probe flags; {see}'"),
        )
        .data("f", deny(140, 7)),
    ]
}
