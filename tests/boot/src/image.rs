//! A Debian image: made once from Debian's packages, unpacked by the ordinary user, booted.

use crate::host::{Cgroup, Host};
use stage::skip;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use support::{Fd, Job, Live, USER};

/// How long a boot or an end of one may take on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is in it beside the base: an init, a bus, a web server and a client to ask it.
const PACKAGES: &str = "systemd-sysv,dbus,nginx-light,curl";

/// An unpacked image, which the ordinary user owns.
pub struct Image {
    /// Its root.
    pub root: PathBuf,
}

impl Image {
    /// Unpacks the image that is kept in the target directory, making it first if there is none; says SKIP where that
    /// cannot be.
    pub fn unpacked(host: &Host) -> Option<Image> {
        let archive = archive()?;
        let root = host.bench.path("image");
        fs::create_dir(&root).expect("room in /tmp");
        chown(&root, Some(USER), Some(USER)).expect("root may");
        // The ordinary user unpacks it, with ids of his own: device nodes he cannot make, and needs none.
        let cgroup = host.delegated();
        let options = "--uid-map auto --gid-map auto --uid 0 --gid 0 --cap-add ALL --ro-bind / / --bind";
        let mut job = host.bwrap(&cgroup, &options.split(' ').collect::<Vec<_>>());
        job.arg(&root).arg(&root).args(unpack_line()).arg(&root);
        let file = File::open(&archive).expect("the archive");
        job.stdin = support::Stdin::Closed;
        job.fds.insert(0, Fd::Raw(file.as_raw_fd()));
        job.timeout = Some(PATIENCE);
        let seen = job.run().expect("a process");
        assert_eq!(seen.status, support::End::Exit(0), "{}", String::from_utf8_lossy(&seen.stderr));
        Some(Image { root })
    }
}

/// The archive, made with mmdebstrap unless it is there.
fn archive() -> Option<PathBuf> {
    let dir = support::workspace_root().join("target/boot");
    let archive = dir.join("debian.tar");
    if archive.is_file() {
        return Some(archive);
    }
    for (program, package) in [("mmdebstrap", "mmdebstrap"), ("newuidmap", "uidmap")] {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        if !found.is_ok_and(|found| found.status.success()) {
            skip(&format!("{program} is not installed (package {package})"));
            return None;
        }
    }
    fs::create_dir_all(&dir).expect("room for the image");
    let part = dir.join("part.tar");
    let made = Command::new("mmdebstrap")
        .args(["--quiet", "--mode=root", "--variant=minbase", &format!("--include={PACKAGES}"), "bookworm"])
        .arg(&part)
        .stdin(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        skip("mmdebstrap could not make an image of Debian's packages");
        return None;
    }
    fs::rename(&part, &archive).expect("the same directory");
    Some(archive)
}

/// The words of the README's block that has `mark` in it, from its first `program` on.
fn readme_words(mark: &str, program: &str) -> Vec<String> {
    let readme = fs::read_to_string(support::workspace_root().join("README.md")).expect("the README");
    let block = readme.split("```").find(|block| block.contains(mark)).expect("the block");
    let words: Vec<String> =
        block.replace("\\\n", " ").split_whitespace().map(|word| word.replace('\'', "")).collect();
    let start = words.iter().position(|word| word == program).expect("the program");
    words[start..].to_vec()
}

/// The README's tar, for an archive on standard input; what to unpack it into is to follow.
pub fn unpack_line() -> Vec<String> {
    let mut words = readme_words("-xpf debian.tar", "tar");
    assert_eq!(words.pop().as_deref(), Some("debian"));
    words.into_iter().map(|word| if word == "debian.tar" { "-".to_owned() } else { word }).collect()
}

/// What the README's line has for a terminal and for an orderly end.
const ATTENDED: &str = "--console --forward-signals --stop-signal SIGRTMIN+3";

/// The options of the README's line, for the image at `root`.
pub fn readme_line(root: &Path) -> Vec<String> {
    let words = readme_words("/usr/lib/systemd/systemd --system", "bwrap");
    let root = root.to_str().expect("a path of ours");
    let options = words[1..].strip_suffix(&["/usr/lib/systemd/systemd".to_owned(), "--system".to_owned()]);
    let options = options.expect("the init at the end").iter();
    options.map(|word| if word == "debian" { root.to_owned() } else { word.clone() }).collect()
}

/// The same without a terminal, for a test that has none.
pub fn boot_line(root: &Path) -> Vec<String> {
    let line = readme_line(root);
    let attended: Vec<String> = ATTENDED.split(' ').map(str::to_owned).collect();
    line.strip_suffix(&attended[..]).expect("the terminal's options at the end").to_vec()
}

/// A booted image.
pub struct Booted {
    /// The launcher.
    pub live: Live,
    /// Pid 1 of the image, as seen from here.
    pub init: i32,
    /// Whether it has a cgroup namespace of its own.
    own_cgroupns: bool,
    _guard: Guard,
    /// What its init said to who started it.
    notified: UnixDatagram,
}

impl Booted {
    /// Boots `image` in `cgroup` with `more` options.
    pub fn start(host: &Host, image: &Image, cgroup: &Cgroup, more: &[&str]) -> Booted {
        let mut line = boot_line(&image.root);
        line.extend(more.iter().map(|word| (*word).to_owned()));
        Booted::start_line(host, cgroup, line)
    }

    /// Boots an image by `line`.
    pub fn start_line(host: &Host, cgroup: &Cgroup, mut line: Vec<String>) -> Booted {
        let own_cgroupns = line.iter().any(|word| word == "--unshare-cgroup");
        let socket = host.bench.path("notify");
        let _ = fs::remove_file(&socket);
        let notified = UnixDatagram::bind(&socket).expect("a socket");
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("a file of ours");
        notified.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let socket = socket.to_str().expect("a path of ours").to_owned();
        for word in
            ["--bind", &socket, "/run/notify", "--setenv", "NOTIFY_SOCKET", "/run/notify", "--info-fd", "9"]
        {
            line.push(word.to_owned());
        }
        line.extend(["/usr/lib/systemd/systemd", "--system"].map(str::to_owned));
        let mut job: Job = host.bwrap(cgroup, &line);
        job.fds.insert(9, Fd::Out);
        job.timeout = Some(PATIENCE * 2);
        let mut live = job.start().expect("a process");
        let told = live.wait_for(9, "}");
        let info = String::from_utf8_lossy(live.output(9)).into_owned();
        assert!(told, "{info}{}", String::from_utf8_lossy(live.output(2)));
        let (_, rest) = info.split_once("\"child-pid\": ").expect("a process id");
        let init = rest.split([',', '\n']).next().and_then(|pid| pid.parse().ok()).expect("a process id");
        Booted { live, init, own_cgroupns, _guard: Guard(init), notified }
    }

    /// Waits until the init says that all is started.
    pub fn wait_until_ready(&self) {
        let mut message = [0; 4096];
        loop {
            let n = self.notified.recv(&mut message).expect("the init's word that it is ready");
            if message[..n].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return;
            }
        }
    }

    /// Runs a command line inside, as its root, and gives what it prints.
    pub fn inside(&self, host: &Host, cgroup: &Cgroup, words: &[&str]) -> String {
        let mut job = host.job("/usr/bin/nsenter", cgroup);
        job.arg(format!("--target={}", self.init));
        job.args(["-U", "-m", "-p", "-n", "-i", "-u"]).args(self.own_cgroupns.then_some("-C"));
        job.args(["-S", "0", "-G", "0", "--"]).args(words);
        job.timeout = Some(PATIENCE);
        let seen = job.run().expect("a process");
        String::from_utf8_lossy(&seen.stdout).into_owned()
    }

    /// Sends a signal to the init, as from outside.
    pub fn signal(&self, signal: i32) {
        // SAFETY: a plain call; the init is a child's child that nobody has waited for.
        unsafe { libc::kill(self.init, signal) };
    }
}

/// A test that fails leaves no system running.
struct Guard(i32);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // SAFETY: a plain call; the init is a child's child that nobody has waited for.
            unsafe { libc::kill(self.0, libc::SIGKILL) };
        }
    }
}
