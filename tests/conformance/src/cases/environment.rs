//! --setenv, --unsetenv, --clearenv, --chdir, HOME, PWD and PATH.
use crate::case::{Case, case};

/// The cases.
pub fn cases() -> Vec<Case> {
    let env = "--ro-bind / / {probe} env";
    let at =
        |name: &str, args: &str| case(format!("env/{name}"), format!("{args} --ro-bind / / {{probe}} env"));
    let cwd = |name: &str, args: &str| {
        let probe = if args.contains("@base") { "/probe" } else { "{probe}" };
        case(format!("cwd/{name}"), format!("{args} sh -c '{probe} cwd; echo $PWD $OLDPWD'"))
    };
    vec![
        at("plain", ""),
        at("setenv", "--setenv A 1"),
        at("setenv-replaces-in-place", "--setenv HOME /elsewhere --setenv A 1"),
        at("setenv-twice", "--setenv A 1 --setenv A 2"),
        at("setenv-order", "--setenv Z 1 --setenv A 2 --setenv M 3"),
        at("setenv-equals-in-name", "--setenv A=B 1"),
        at("setenv-equals-in-value", "--setenv A B=C"),
        at("unsetenv", "--unsetenv LANG"),
        at("unsetenv-missing", "--unsetenv NONE"),
        at("unsetenv-then-setenv", "--unsetenv LANG --setenv LANG x"),
        at("setenv-then-unsetenv", "--setenv A x --unsetenv A"),
        at("unsetenv-equals", "--unsetenv A=B"),
        at("clearenv", "--clearenv"),
        at("clearenv-then-setenv", "--clearenv --setenv A 1"),
        at("setenv-then-clearenv", "--setenv A 1 --clearenv"),
        at("clearenv-keeps-pwd", "--clearenv").env("PWD", "/somewhere"),
        at("clearenv-setenv-pwd", "--clearenv --setenv PWD /x"),
        at("setenv-pwd", "--setenv PWD /x"),
        at("unsetenv-pwd", "--unsetenv PWD").env("PWD", "{dir}"),
        at("pwd-wrong", "").env("PWD", "/somewhere/else"),
        at("pwd-right", "").env("PWD", "{dir}"),
        at("oldpwd", "").env("OLDPWD", "/x"),
        at("empty-value", "").env("EMPTY", ""),
        case("env/duplicate-names", env).wrap(&[
            "{probe}",
            "exec-env",
            "A=1",
            "A=2",
            "B=3",
            "PATH=/usr/bin:/bin",
            "--",
        ]),
        case("env/no-equals-sign", env).wrap(&[
            "{probe}",
            "exec-env",
            "NOEQUALS",
            "B=3",
            "PATH=/usr/bin:/bin",
            "--",
        ]),
        case("env/duplicates-unset", "--unsetenv A --ro-bind / / {probe} env")
            .wrap(&["{probe}", "exec-env", "A=1", "A=2", "B=3", "--"]),
        case("env/duplicates-set", "--setenv A 9 --ro-bind / / {probe} env")
            .wrap(&["{probe}", "exec-env", "A=1", "A=2", "B=3", "--"]),
        case("env/nothing", env).wrap(&["{probe}", "exec-env", "--"]),
        case("env/path-of-command", "--ro-bind / / env").env("PATH", "/nowhere:/usr/bin"),
        case("env/path-setenv-decides-command", "--setenv PATH {dir}/bin --ro-bind / / tool")
            .dir("bin")
            .make(crate::case::Make::File("bin/tool", "#!/bin/sh\necho mine\n", 0o755)),
        case("env/path-unset", "--ro-bind / / --unsetenv PATH sh -c 'echo ran'"),
        case("env/path-cleared", "--ro-bind / / --clearenv sh -c 'echo ran'"),
        case("env/path-empty", "--ro-bind / / --setenv PATH '' tool").make(crate::case::Make::File(
            "tool",
            "#!/bin/sh\necho mine\n",
            0o755,
        )),
        case("env/path-with-empty-part", "--ro-bind / / --setenv PATH /x::/y tool")
            .make(crate::case::Make::File("tool", "#!/bin/sh\necho mine\n", 0o755)),
        case("env/ld-preload-is-kept", "--ro-bind / / {probe} env").env("LD_BIND_NOW", "1"),
        // What pid 1 shows. Ours must not show what was taken away.
        case("env/pid1-clearenv", "@base @all --clearenv --setenv A 1 /probe pid1 env").env("SECRET", "x"),
        case("env/pid1-unsetenv", "@base @all --unsetenv SECRET /probe pid1 env").env("SECRET", "x"),
        case("env/pid1-plain", "@base @all /probe pid1 env"),
        // The working directory.
        cwd("kept", "--ro-bind / /"),
        cwd("missing-goes-home", "@base --dir /h").env("HOME", "/h"),
        cwd("missing-home-missing", "@base").env("HOME", "/none"),
        cwd("missing-home-unset", "@base").env("HOME", ""),
        cwd("missing-home-relative", "@base --dir /h").env("HOME", "h"),
        cwd("missing-home-by-setenv", "@base --dir /h --setenv HOME /h").env("HOME", "/usr"),
        cwd("missing-home-by-unsetenv", "@base --dir /h --unsetenv HOME").env("HOME", "/h"),
        cwd("missing-clearenv", "@base --dir /h --clearenv --setenv PATH /usr/bin").env("HOME", "/h"),
        cwd("chdir", "@base --chdir /usr/share"),
        cwd("chdir-relative", "--ro-bind / / --chdir sub").dir("sub"),
        cwd("chdir-relative-missing-cwd", "@base --chdir usr"),
        cwd("chdir-missing", "@base --chdir /none"),
        cwd("chdir-file", "@base --chdir /probe"),
        cwd("chdir-link", "@base --symlink usr /l --chdir /l"),
        cwd("chdir-dangling", "@base --symlink none /l --chdir /l"),
        cwd("chdir-closed", "@base --bind {dir}/c /c --chdir /c")
            .dir("c")
            .make(crate::case::Make::RootOwned("c"))
            .make(crate::case::Make::Mode("c", 0o700)),
        cwd("chdir-made-by-dir", "@base --dir /a/b --chdir /a/b"),
        cwd("chdir-dotdot", "@base --chdir /usr/../bin"),
        cwd("chdir-root", "@base --chdir /"),
        cwd("other-dir-at-the-same-path", "@base --dir {dir} --dir {dir}/x"),
        cwd("cwd-is-root", "--ro-bind / /").cwd("/"),
        cwd("cwd-is-tmp", "--ro-bind / /").cwd("/tmp"),
        cwd("cwd-is-tmp-not-there", "@base").cwd("/tmp"),
        cwd("cwd-is-usr", "@base").cwd("/usr/share"),
        cwd("cwd-through-link", "--ro-bind / /")
            .link("real", "l")
            .dir("real")
            .cwd("{dir}/l")
            .env("PWD", "{dir}/l"),
        cwd("cwd-deleted", "--ro-bind / /").dir("gone").sh("cd gone && rmdir ../gone && exec \"$@\""),
        cwd("cwd-unreadable", "--ro-bind / /")
            .dir("p")
            .dir("p/in")
            .sh("cd p/in && chmod 000 .. && exec \"$@\""),
        cwd("pwd-set-by-caller", "--ro-bind / / --chdir /usr").env("PWD", "/x"),
        cwd("chdir-and-tmpfs-root", "--ro-bind / / --tmpfs {dir} --chdir {dir}"),
    ]
}
