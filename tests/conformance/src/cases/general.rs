//! --help, --version, unknown options, --, --args, --argv0, --level-prefix, labels.
use crate::case::{Case, Given, case};

fn nul(words: &[&str]) -> Vec<u8> {
    words.iter().flat_map(|word| word.bytes().chain([0])).collect()
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut out = vec![
        case("general/help", "--help"),
        case("general/help-after-others", "--unshare-all --help --nonsense"),
        case("general/help-in-args", "--args {a} true").data("a", nul(&["--help"])),
        case("general/help-after-command", "--ro-bind / / echo --help"),
        case("general/help-stdout-closed", "--help").close(&[1]),
        case("general/version", "--version"),
        case("general/version-first-wins", "--version --help"),
        case("general/version-after-bad-option", "--nonsense --version"),
        case("general/version-in-args", "--args {a} true").data("a", nul(&["--version"])),
        case("general/no-arguments", ""),
        case("general/no-command", "--ro-bind / /"),
        case("general/no-command-after-dashes", "--ro-bind / / --"),
        case("general/no-command-level-prefix", "--level-prefix --ro-bind / /"),
        case("general/empty-command", "--ro-bind / / ''"),
        case("general/empty-command-after-dashes", "--ro-bind / / -- ''"),
        case("general/only-dashes", "--"),
        case("general/dashes-then-option-like-command", "--ro-bind / / -- --help"),
        case("general/two-dashes", "--ro-bind / / -- -- true"),
        case("general/single-dash", "--ro-bind / / - true"),
        case("general/short-option", "-h"),
        case("general/unknown-option", "--nonsense"),
        case("general/unknown-option-with-prefix", "--level-prefix --nonsense"),
        case("general/unknown-before-prefix", "--nonsense --level-prefix"),
        case("general/equals-form", "--chdir=/ true"),
        case("general/option-abbreviated", "--unshare-al true"),
        case("general/option-after-command", "--ro-bind / / echo --unshare-nonsense --tmpfs /tmp"),
        case("general/first-word-ends-options", "--ro-bind / / echo -- a"),
        case("general/debug-opt-unknown", "--debug-opt=nonsense true"),
        case("general/level-prefix-warning", "--level-prefix --ro-bind / / --chdir / --chdir / true"),
        case("general/level-prefix-after-warning", "--ro-bind / / --chdir / --chdir / --level-prefix true"),
        case("general/level-prefix-missing-source", "--level-prefix --bind {dir}/none /x true"),
        case("general/level-prefix-no-exec", "--level-prefix --ro-bind / / {dir}/none"),
        case("general/level-prefix-in-args", "--args {a} --nonsense").data("a", nul(&["--level-prefix"])),
        // --args
        case("general/args", "--args {a} echo done").data("a", nul(&["--ro-bind", "/", "/"])),
        case("general/args-from-file", "--args {a} echo done")
            .fd("a", Given::File(nul(&["--ro-bind", "/", "/"]))),
        case("general/args-unterminated", "--args {a} echo done").data("a", b"--ro-bind\0/\0/".to_vec()),
        case("general/args-empty", "--args {a} --ro-bind / / echo done").data("a", vec![]),
        case("general/args-one-nul", "--args {a} --ro-bind / / echo done").data("a", b"\0".to_vec()),
        case("general/args-empty-word-inside", "--args {a} echo done")
            .data("a", b"--ro-bind\0/\0/\0\0--dev\0/dev\0".to_vec()),
        case("general/args-several", "--args {a} --args {b} {probe} env")
            .data("a", nul(&["--ro-bind", "/", "/", "--setenv", "A", "1"]))
            .data("b", nul(&["--bind", "/", "/", "--setenv", "A", "2"])),
        case("general/args-same-fd-twice", "--args {a} --args {a} echo done")
            .data("a", nul(&["--ro-bind", "/", "/"])),
        case("general/args-nested", "--args {a} true").data("a", nul(&["--args", "21"])).data("b", vec![]),
        case("general/args-with-command", "--args {a} echo outside")
            .data("a", nul(&["--ro-bind", "/", "/", "echo", "inside"])),
        case("general/args-with-dashes", "--args {a} echo outside")
            .data("a", nul(&["--ro-bind", "/", "/", "--"])),
        case("general/args-command-only-inside", "--args {a}")
            .data("a", nul(&["--ro-bind", "/", "/", "echo", "inside"])),
        case("general/args-option-incomplete", "--args {a} /x true").data("a", nul(&["--ro-bind", "/"])),
        case("general/args-not-open", "--args {a} true").fd("a", Given::NotOpen),
        case("general/args-write-only", "--args {a} true").fd("a", Given::Path("/dev/null", libc::O_WRONLY)),
        case("general/args-directory", "--args {a} true").fd("a", Given::Path("/usr", libc::O_RDONLY)),
        case("general/args-stdin", "--args 0 cat").stdin(support::Stdin::Data(nul(&["--ro-bind", "/", "/"]))),
        case("general/args-fd-is-closed-after", "--args {a} @base @all /probe fds")
            .data("a", nul(&["--dir", "/x"])),
        case("general/args-unknown-inside", "--args {a} true").data("a", nul(&["--nonsense"])),
        case("general/args-large", "--args {a} echo done").fd("a", Given::File(large_args())),
        case("general/many-arguments-to-the-command", "--ro-bind / / sh -c 'echo $#' sh {list}")
            .list((0..5000).map(|i| i.to_string())),
        // --argv0
        case("general/argv0", "--ro-bind / / --argv0 fancy {probe} args"),
        case("general/argv0-path", "--ro-bind / / --argv0 /a/b/c sh -c 'echo $0'"),
        case("general/argv0-missing-command", "--ro-bind / / --argv0 fancy {dir}/none"),
        case("general/argv0-in-args", "--args {a} {probe} args")
            .data("a", nul(&["--argv0", "x", "--ro-bind", "/", "/"])),
        case("general/argv0-twice-in-args", "--argv0 a --args {a} {probe} args")
            .data("a", nul(&["--argv0", "x"])),
        // labels without SELinux
        case("general/exec-label", "--ro-bind / / --exec-label a:b:c:d true"),
        case("general/file-label", "--ro-bind / / --file-label a:b:c:d true"),
        case("general/file-label-with-tmpfs", "--ro-bind / / --file-label a:b:c:d --tmpfs /tmp true"),
        case("general/not-a-security-boundary", "--not-a-security-boundary @base @all /probe report {ns}"),
        case(
            "general/not-a-security-boundary-missing-source",
            "--not-a-security-boundary --bind {dir}/none /x true",
        ),
    ];
    // How the program is called decides nothing but the usage line.
    out.push(case("general/called-by-another-name", "--help").wrap(&[
        "bash",
        "-c",
        r#"exec -a other "$@""#,
        "bash",
    ]));
    for option in [
        "--unshare-user-try",
        "--unshare-cgroup-try",
        "--as-pid-1",
        "--new-session",
        "--die-with-parent",
        "--clearenv",
    ] {
        out.push(case(format!("general/option-alone{option}"), option));
    }
    out
}

fn large_args() -> Vec<u8> {
    let mut out = nul(&["--ro-bind", "/", "/"]);
    for i in 0..1000 {
        out.extend(nul(&["--setenv", &format!("VARIABLE{i}"), &"x".repeat(200)]));
    }
    out
}
