//! Completions, asked of the shells themselves.

#![allow(clippy::unwrap_used)] // Tests: what fails to unwrap fails the test.

mod common;

use common::sallyport;
use stage::{Bench, Who, skip};
use std::path::Path;
use std::process::{Command, Stdio};

/// A directory with files to complete, and the completions of a shell in the file `script`.
struct Desk {
    bench: Bench,
}

impl Desk {
    /// `None` if the shell is not installed.
    fn set_up(shell: &str) -> Option<Desk> {
        if Command::new(shell).arg("--version").stdout(Stdio::null()).status().is_err() {
            skip(&format!("{shell} is not installed"));
            return None;
        }
        let bench = Bench::set_up();
        let seen = sallyport(&bench, Who::User, &["completions", shell]).run().unwrap();
        std::fs::write(bench.path("script"), seen.stdout).unwrap();
        std::fs::create_dir_all(bench.path("desk/odd dir")).unwrap();
        std::fs::write(bench.path("desk/odd file"), "").unwrap();
        Some(Desk { bench })
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.bench.path(name)
    }
}

/// What each line completes to: what has to be there, and what must not.
const TABLE: &[(&str, &[&str], &[&str])] = &[
    ("bwrap --ro-bind-t", &["--ro-bind-try"], &["--bind-try"]),
    ("bwrap --", &["--ro-bind", "--unshare-all", "--seccomp"], &["odd file"]),
    ("bwrap --ro-bind odd", &["odd file", "odd dir"], &["--ro-bind"]),
    ("bwrap --ro-bind a odd", &["odd file", "odd dir"], &[]),
    ("bwrap --ro-bind a b --ro-bind-t", &["--ro-bind-try"], &[]),
    ("bwrap --chdir odd", &["odd dir"], &["odd file"]),
    ("bwrap --cap-add CAP_NET_A", &["CAP_NET_ADMIN"], &["CAP_NET_RAW"]),
    ("bwrap --cap-add ALL --un", &["--unshare-net"], &[]),
    ("bwrap --seccomp ", &["0", "1", "2"], &["--seccomp"]),
    ("bwrap --unsetenv SALLYPORT_COMPLE", &["SALLYPORT_COMPLETED"], &[]),
    ("bwrap --hostname ", &[], &["odd file", "--hostname"]),
    ("bwrap --unshare-all tes", &["test"], &["--unshare-net"]),
    ("bwrap --unshare-all -- tes", &["test"], &[]),
    ("ns-enter --unshare-n", &["--unshare-net"], &["--ro-bind"]),
    ("fs-build --tmp-over", &["--tmp-overlay"], &["--unshare-net"]),
    ("fs-build --overlay a b odd", &["odd dir"], &[]),
    ("priv-drop --new-s", &["--new-session"], &["--ro-bind"]),
    ("init-reaper --lock-file odd", &["odd file"], &[]),
    ("seccomp-load --add-s", &["--add-seccomp-fd"], &["--seccomp-x"]),
    ("sallyport ch", &["check"], &["compile"]),
    ("sallyport check --deny-level d", &["danger"], &["note"]),
    ("sallyport show --js", &["--json"], &["--schema"]),
];

/// Runs the table through `complete`, which asks the shell.
fn check(complete: impl Fn(&str) -> Vec<String>) {
    for (line, wanted, unwanted) in TABLE {
        let found = complete(line);
        for word in *wanted {
            assert!(found.iter().any(|found| found == word), "{line}: no {word} in {found:?}");
        }
        for word in *unwanted {
            assert!(!found.iter().any(|found| found == word), "{line}: {word} in {found:?}");
        }
    }
}

fn output(command: &mut Command, dir: &Path) -> String {
    let command = command.current_dir(dir).env("SALLYPORT_COMPLETED", "1").stdin(Stdio::null());
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn bash_completes_command_lines() {
    let Some(desk) = Desk::set_up("bash") else { return };
    // The words as bash would split them, and the function that it would call.
    let ask = r#"
        source "$1"
        read -ra COMP_WORDS <<<"$2"
        [[ $2 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$2 COMP_POINT=${#2} COMPREPLY=()
        compopt() { :; }
        function=$(complete -p "${COMP_WORDS[0]}" | sed 's/.*-F \([^ ]*\).*/\1/')
        "$function" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    check(|line| {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", ask, "bash"]).arg(desk.path("script")).arg(line);
        output(&mut bash, &desk.path("desk")).lines().map(|line| line.trim_end().to_owned()).collect()
    });
}

#[test]
fn fish_completes_command_lines() {
    let Some(desk) = Desk::set_up("fish") else { return };
    check(|line| {
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "-c", "source $argv[1]; complete -C $argv[2]"])
            .arg(desk.path("script"))
            .arg(line);
        fish.env("HOME", desk.path("home"));
        let text = output(&mut fish, &desk.path("desk"));
        let plain =
            |line: &str| line.split('\t').next().unwrap_or_default().trim_end_matches('/').replace('\\', "");
        text.lines().map(plain).collect()
    });
}

/// What the zsh in the terminal does before it is given a line: it says what it would offer, and ends.
const ZSH_SETUP: &str = r#"
    PROMPT= RPROMPT=
    unsetopt zle_bracketed_paste beep
    autoload compinit
    compinit -u -D
    source $SCRIPT
    bindkey '^I' complete-word
    zstyle ':completion:*' insert-tab false
    compadd() {
        if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
            builtin compadd "$@"
            return
        fi
        local -a offered
        builtin compadd -A offered "$@"
        print -rl -- "HIT:"${^offered}
        builtin compadd "$@"
    }
    comppostfuncs=(exit)
    print READY
"#;

/// zsh completes in its line editor only: one is run in a terminal of its own.
#[test]
fn zsh_completes_command_lines() {
    let Some(desk) = Desk::set_up("zsh") else { return };
    std::fs::write(desk.path("setup"), ZSH_SETUP).unwrap();
    let ask = r#"
        zmodload zsh/zpty || exit
        zpty z zsh -f -i
        zpty -w z "source ${(q)SETUP}"
        until [[ $line == READY* ]]; do zpty -r z line || exit; done
        zpty -w -n z "$1"$'\t'
        while zpty -r z line; do print -rn -- "$line"; done"#;
    check(|line| {
        let mut zsh = Command::new("zsh");
        zsh.args(["-f", "-c", ask, "zsh", line]);
        zsh.env("SCRIPT", desk.path("script"))
            .env("SETUP", desk.path("setup"))
            .env("HOME", desk.path("home"));
        let text = output(&mut zsh, &desk.path("desk"));
        let hits = text.lines().filter_map(|line| line.split_once("HIT:"));
        hits.map(|(_, hit)| hit.trim_end().replace('\\', "")).collect()
    });
}
