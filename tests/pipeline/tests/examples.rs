//! The examples that people start from: those of bubblewrap's README and of the Arch wiki's page, as they stand there.
//!
//! The shell in them gets its commands on standard input, as if typed.

use pipeline::bwrap;
use stage::{Bench, View, Who, callers_capabilities, ended, everyone, explain, skip};
use std::fs;
use std::path::Path;
use std::process::Command;
use support::{End, Job, Stdin};

/// What is asked in every example: who am I, what may I, where am I, which network.
const QUESTIONS: &str = "\
    echo uid $(id -u) $(id -g)\n\
    while read name set; do case $name in Cap*) echo cap $name $set;; NoNewPrivs:) echo nnp $set;; esac; \
        done </proc/self/status\n\
    echo pwd \"$PWD\" $(pwd)\n\
    while read name rest; do case $name in *:) echo interface $name;; esac; done </proc/self/net/dev\n";

/// Runs an example as `who`, the shell in it being asked the questions and then `more`.
#[track_caller]
fn shell(bench: &Bench, who: Who, args: &[&str], more: &str) -> View {
    let mut job: Job = bwrap(bench, who, args);
    job.stdin = Stdin::Data(format!("{QUESTIONS}{more}").into_bytes());
    let seen = job.run().unwrap();
    assert_eq!(seen.status, End::Exit(0), "{}", explain(&seen));
    assert!(seen.leftovers.is_empty(), "{}", explain(&seen));
    View::new(&seen.stdout)
}

/// The right ids; no capability for an ordinary user, and for root those he came with, as under bubblewrap.
#[track_caller]
fn assert_identity(view: &View, who: Who) {
    assert_eq!(view.value("uid"), format!("{0} {0}", who.uid()));
    let own = if who == Who::Root { format!("{:016x}", callers_capabilities()) } else { "0".repeat(16) };
    for (set, expected) in [("CapInh:", "0".repeat(16)), ("CapPrm:", own.clone()), ("CapEff:", own)] {
        assert_eq!(view.value(&format!("cap {set}")), expected, "{who:?}\n{}", view.text());
    }
    assert_eq!(view.value("cap CapAmb:"), "0".repeat(16));
    assert_eq!(view.value("nnp"), "1");
}

/// Where the host's processes show, those of this test do too.
fn sees_the_host() -> String {
    format!("[ -d /proc/{} ] && echo host processes yes || echo host processes no\n", std::process::id())
}

#[test]
fn readme_a_read_only_root() {
    let bench = Bench::set_up();
    for who in everyone() {
        let more = "touch /usr/x 2>/dev/null && echo wrote it || echo write refused\n";
        let view =
            shell(&bench, who, &["--ro-bind", "/", "/", "bash"], &(more.to_owned() + &sees_the_host()));
        assert_identity(&view, who);
        assert_eq!(view.value("write"), "refused");
        assert_eq!(view.value("host processes"), "yes");
        assert_eq!(view.value("pwd"), "/ /");
    }
    assert!(!Path::new("/usr/x").exists());
}

/// A root file system of its own: bash and the libraries it asks for.
fn chroot_dir(bench: &Bench, who: Who) -> std::path::PathBuf {
    let root = bench.dir(&format!("chroot-{}", who.uid()), who);
    let libraries = Command::new("ldd").arg("/bin/bash").output().unwrap();
    let text = String::from_utf8(libraries.stdout).unwrap();
    let paths = text.split_whitespace().filter(|word| word.starts_with('/'));
    for path in paths.chain(["/bin/bash"]) {
        let to = root.join(&path[1..]);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(path, to).unwrap();
    }
    bench.dir(&format!("chroot-{}/home", who.uid()), who);
    root
}

#[test]
fn readme_a_writable_root_of_ones_own() {
    let bench = Bench::set_up();
    for who in everyone() {
        let root = chroot_dir(&bench, who);
        // There is no /proc in it, and no id: what bash itself knows has to do.
        let mut job = bwrap(&bench, who, &["--bind", root.to_str().unwrap(), "/", "bash"]);
        job.stdin = Stdin::Data(b"echo uid $UID\necho files /*\necho kept >/home/file\npwd\n".to_vec());
        let view = ended(&job.run().unwrap(), 0);
        assert_eq!(view.value("uid"), who.uid().to_string());
        let mut names: Vec<String> = fs::read_dir(&root)
            .unwrap()
            .map(|entry| format!("/{}", entry.unwrap().file_name().to_str().unwrap()))
            .collect();
        names.sort();
        assert_eq!(view.value("files"), names.join(" "));
        assert_eq!(fs::read_to_string(root.join("home/file")).unwrap(), "kept\n");
        assert!(view.text().ends_with("/\n"));
    }
}

#[test]
fn readme_usr_of_the_host_and_data_of_ones_own() {
    let bench = Bench::set_up();
    if !Path::new("/etc/resolv.conf").exists() {
        return skip("this machine has no /etc/resolv.conf");
    }
    for who in everyone() {
        let run = format!("/run/user/{}", who.uid());
        let args = [
            "--ro-bind",
            "/usr",
            "/usr",
            "--dir",
            "/tmp",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--ro-bind",
            "/etc/resolv.conf",
            "/etc/resolv.conf",
            "--symlink",
            "usr/lib",
            "/lib",
            "--symlink",
            "usr/lib64",
            "/lib64",
            "--symlink",
            "usr/bin",
            "/bin",
            "--symlink",
            "usr/sbin",
            "/sbin",
            "--chdir",
            "/",
            "--unshare-pid",
            "--unshare-net",
            "--dir",
            &run,
            "--setenv",
            "XDG_RUNTIME_DIR",
            &run,
            "/bin/sh",
        ];
        let more = "echo files /* /etc/* /run/*/* /tmp/*\necho pid $$\necho pids /proc/[0-9]*\n\
                    echo runtime $XDG_RUNTIME_DIR\nls -ld /tmp $XDG_RUNTIME_DIR | cut -c1-10\n";
        let view = shell(&bench, who, &args, more);
        assert_identity(&view, who);
        let files =
            format!("/bin /dev /etc /lib /lib64 /proc /run /sbin /tmp /usr /etc/resolv.conf {run} /tmp/*");
        assert_eq!(view.value("files"), files);
        assert_eq!(view.value("pid"), "2", "the second process, after init-reaper");
        assert_eq!(view.value("pids"), "/proc/1 /proc/2");
        assert_eq!(view.value("runtime"), run);
        assert_eq!(view.values("interface"), ["lo:"]);
        assert_eq!(view.value("pwd"), "/ /");
        assert_eq!(view.text().matches("drwxr-xr-x").count(), 2, "{}", view.text());
    }
}

/// "This will spawn a Bash process which should behave exactly as outside a sandbox in most cases."
#[test]
fn wiki_the_no_op() {
    let bench = Bench::set_up();
    for who in everyone() {
        let more = sees_the_host()
            + "echo x >/dev/null && echo device works\necho $$ >/dev/full || echo device full\n";
        let view = shell(&bench, who, &["--dev-bind", "/", "/", "bash"], &more);
        assert_identity(&view, who);
        assert_eq!(view.value("host processes"), "yes");
        assert_eq!(view.values("device"), ["works", "full"]);
        let outside = fs::read_to_string("/proc/self/net/dev").unwrap();
        assert_eq!(view.values("interface").len(), outside.lines().filter(|line| line.contains(':')).count());
    }
}

/// The desktop entry, with a shell where it starts a terminal.
#[test]
fn wiki_the_desktop_entry() {
    let bench = Bench::set_up();
    for who in everyone() {
        let args = ["--bind", "/", "/", "--dev", "/dev", "--tmpfs", "/run", "--unshare-net", "sh"];
        let more = "echo run /run/*\necho devices /dev/*\necho x >/dev/null && echo device works\n\
                    echo x >/run/x && echo run writable\n";
        let view = shell(&bench, who, &args, more);
        assert_identity(&view, who);
        assert_eq!(view.values("run"), ["/run/*", "writable"]);
        assert_eq!(
            view.value("devices"),
            "/dev/core /dev/fd /dev/full /dev/null /dev/ptmx /dev/pts /dev/random /dev/shm /dev/stderr /dev/stdin \
             /dev/stdout /dev/tty /dev/urandom /dev/zero"
        );
        assert_eq!(view.value("device"), "works");
        assert_eq!(view.values("interface"), ["lo:"]);
    }
    assert!(!Path::new("/run/x").exists());
}
