//! What is measured: each scenario as one list of operations, rendered for bubblewrap's command line and for
//! the floor's script, so that both are asked for the same sandbox.

use crate::files::Files;
use crate::script::Floor;

/// One operation of a bubblewrap command line.
#[derive(Clone)]
pub enum Op {
    /// `--ro-bind`
    RoBind(String, String),
    /// `--bind`
    Bind(String, String),
    /// `--proc`
    Proc(String),
    /// `--dev`
    Dev(String),
    /// `--dir`
    Dir(String),
    /// `--symlink`: target, link
    Symlink(String, String),
    /// `--file`: text, destination
    File(&'static str, String),
    /// `--bind-data`: text, destination
    BindData(&'static str, String),
    /// `--setenv`
    Setenv(&'static str, String),
    /// `--chdir`
    Chdir(String),
}

/// A sandbox to launch and time.
#[derive(Clone)]
pub struct Scenario {
    /// Short name, for `--only` and the JSON.
    pub key: String,
    /// What the table says.
    pub title: String,
    /// Letters of the namespaces unshared beside user and mount: i(pc) p(id) n(et) u(ts) c(group).
    pub unshare: &'static str,
    /// `--unshare-all` in place of single options.
    pub all: bool,
    /// `--new-session`
    pub session: bool,
    /// `--seccomp` with the benchmark's filter.
    pub seccomp: bool,
    /// Pass the operations by `--args FD`.
    pub by_fd: bool,
    /// The operations in order.
    pub ops: Vec<Op>,
    /// The command, as the sandbox sees it.
    pub command: String,
    /// What the command is told to do instead of nothing.
    pub word: Option<&'static str>,
    /// Ours launches a plan that was stored.
    pub stored: bool,
}

/// A launcher's share of a scenario: its arguments, and the data each passed descriptor holds.
#[derive(Default)]
pub struct Rendered {
    /// Arguments, the program left out.
    pub args: Vec<String>,
    /// Contents of descriptors [`FIRST_FD`], +1, ….
    pub data: Vec<Vec<u8>>,
}

/// The number of the first descriptor handed to a launcher.
pub const FIRST_FD: usize = 10;

impl Rendered {
    /// Passes data on a descriptor and returns its number.
    pub fn fd(&mut self, data: Vec<u8>) -> usize {
        self.data.push(data);
        FIRST_FD + self.data.len() - 1
    }
}

impl Scenario {
    fn new(key: &str, title: &str, command: &str) -> Self {
        Self {
            key: key.to_owned(),
            title: title.to_owned(),
            unshare: "",
            all: false,
            session: false,
            seccomp: false,
            by_fd: false,
            ops: Vec::new(),
            command: command.to_owned(),
            word: None,
            stored: false,
        }
    }

    /// `--ro-bind / /`
    pub fn ro_root(files: &Files) -> Self {
        let mut scenario = Self::new("ro-root", "--ro-bind / /", &files.noop);
        scenario.ops = vec![Op::RoBind("/".into(), "/".into())];
        scenario
    }

    /// `--unshare-all --ro-bind / / --proc /proc --dev /dev`
    pub fn unshare_all(files: &Files) -> Self {
        let title = "--unshare-all --ro-bind / / --proc /proc --dev /dev";
        let mut scenario = Self::new("unshare-all", title, &files.noop);
        (scenario.all, scenario.unshare) = (true, "ipnuc");
        scenario.ops =
            vec![Op::RoBind("/".into(), "/".into()), Op::Proc("/proc".into()), Op::Dev("/dev".into())];
        scenario
    }

    /// The same, for which ours launches a plan made beforehand; the others read their command line.
    pub fn stored(files: &Files) -> Self {
        let mut scenario = Self::unshare_all(files);
        scenario.stored = true;
        scenario.key = "stored-plan".into();
        scenario.title = "the second again, ours as a stored plan".into();
        scenario
    }

    /// The same scenario with something for the command to do.
    pub fn with(&self, word: &'static str) -> Self {
        Self { word: Some(word), ..self.clone() }
    }

    /// The longer example of bubblewrap's README; one bind more, for the command.
    pub fn readme(files: &Files) -> Self {
        let mut scenario = Self::new("readme", "README's complex example", "/noop");
        scenario.unshare = "pn";
        let link = |to: &str, at: &str| Op::Symlink(to.into(), at.into());
        scenario.ops = vec![
            Op::RoBind("/usr".into(), "/usr".into()),
            Op::Dir("/tmp".into()),
            Op::Proc("/proc".into()),
            Op::Dev("/dev".into()),
            Op::RoBind(files.at("resolv.conf"), "/etc/resolv.conf".into()),
            link("usr/lib", "/lib"),
            link("usr/lib64", "/lib64"),
            link("usr/bin", "/bin"),
            link("usr/sbin", "/sbin"),
            Op::RoBind(files.noop.clone(), "/noop".into()),
            Op::Chdir("/".into()),
            Op::Dir(format!("/run/user/{}", files.uid)),
            Op::Setenv("XDG_RUNTIME_DIR", format!("/run/user/{}", files.uid)),
        ];
        scenario
    }

    /// What flatpak asks for when it starts an application: 25 operations, namespaces user, mount, pid, ipc.
    pub fn flatpak(files: &Files) -> Self {
        let mut scenario = Self::new("flatpak", "Flatpak-like, 25 operations, 4 namespaces", "/app/noop");
        (scenario.unshare, scenario.session) = ("pi", true);
        let link = |to: &str, at: &str| Op::Symlink(to.into(), at.into());
        let bind = |from: String, to: &str| Op::RoBind(from, to.into());
        let run = format!("/run/user/{}", files.uid);
        let data = "/home/user/.var/app/org.example.App";
        scenario.ops = vec![
            bind("/usr".into(), "/usr"),
            bind(files.at("app"), "/app"),
            Op::Dev("/dev".into()),
            Op::Proc("/proc".into()),
            Op::Dir("/tmp".into()),
            Op::Dir("/run/host".into()),
            link("/tmp", "/var/tmp"),
            link("/run", "/var/run"),
            link("usr/lib", "/lib"),
            link("usr/lib64", "/lib64"),
            link("usr/bin", "/bin"),
            link("usr/sbin", "/sbin"),
            Op::Dir(run.clone()),
            bind(files.at("machine-id"), "/etc/machine-id"),
            bind(files.at("resolv.conf"), "/run/host/monitor/resolv.conf"),
            bind("/sys/block".into(), "/sys/block"),
            bind("/sys/bus".into(), "/sys/bus"),
            bind("/sys/class".into(), "/sys/class"),
            bind("/sys/dev".into(), "/sys/dev"),
            bind("/sys/devices".into(), "/sys/devices"),
            Op::Bind(files.at("display"), "/tmp/.X11-unix/X99".into()),
            Op::Bind(files.at("data"), data.into()),
            Op::File("[Application]\nname=org.example.App\n", format!("{run}/flatpak-info")),
            Op::BindData("user:x:1000:1000::/home/user:/bin/sh\n", "/etc/passwd".into()),
            Op::BindData("user:x:1000:\n", "/etc/group".into()),
            Op::Setenv("XDG_RUNTIME_DIR", run),
            Op::Setenv("DISPLAY", ":99".into()),
            Op::Setenv("PATH", "/app/bin:/usr/bin".into()),
            Op::Setenv("XDG_CONFIG_DIRS", "/app/etc/xdg:/etc/xdg".into()),
            Op::Setenv("XDG_DATA_HOME", format!("{data}/data")),
        ];
        scenario
    }

    /// `count` read-only binds of a folder to as many places on the sandbox's tmpfs.
    pub fn binds(files: &Files, count: usize) -> Self {
        let title = format!("{count} bind{}", if count == 1 { "" } else { "s" });
        let mut scenario = Self::new(&format!("binds-{count}"), &title, "/noop");
        scenario.by_fd = true;
        scenario.ops = vec![Op::RoBind(files.noop.clone(), "/noop".into())];
        // The command's own bind is one of them.
        let more = (1..count).map(|number| Op::RoBind(files.at("data"), format!("/d/{number}")));
        scenario.ops.extend(more);
        scenario
    }

    /// `--ro-bind / /` with a filter of 400 rules.
    pub fn seccomp(files: &Files) -> Self {
        let mut scenario = Self::ro_root(files);
        scenario.seccomp = true;
        scenario.key = "seccomp-400".into();
        scenario.title = "--ro-bind / / --seccomp FD, 400 rules".into();
        scenario
    }

    /// bubblewrap's command line.
    pub fn bwrap(&self) -> Rendered {
        let mut out = Rendered::default();
        let mut args: Vec<String> = Vec::new();
        if self.all {
            args.push("--unshare-all".into());
        } else {
            let names = [('i', "ipc"), ('p', "pid"), ('n', "net"), ('u', "uts"), ('c', "cgroup")];
            let named = names.into_iter().filter(|(letter, _)| self.unshare.contains(*letter));
            args.extend(named.map(|(_, name)| format!("--unshare-{name}")));
        }
        if self.session {
            args.push("--new-session".into());
        }
        for op in &self.ops {
            let words: Vec<String> = match op {
                Op::RoBind(from, to) => vec!["--ro-bind".into(), from.clone(), to.clone()],
                Op::Bind(from, to) => vec!["--bind".into(), from.clone(), to.clone()],
                Op::Proc(at) => vec!["--proc".into(), at.clone()],
                Op::Dev(at) => vec!["--dev".into(), at.clone()],
                Op::Dir(at) => vec!["--dir".into(), at.clone()],
                Op::Symlink(to, at) => vec!["--symlink".into(), to.clone(), at.clone()],
                Op::File(text, at) => {
                    vec!["--file".into(), out.fd(text.as_bytes().into()).to_string(), at.clone()]
                }
                Op::BindData(text, at) => {
                    vec!["--bind-data".into(), out.fd(text.as_bytes().into()).to_string(), at.clone()]
                }
                Op::Setenv(key, value) => vec!["--setenv".into(), (*key).into(), value.clone()],
                Op::Chdir(to) => vec!["--chdir".into(), to.clone()],
            };
            args.extend(words);
        }
        if self.seccomp {
            let fd = out.fd(crate::filter::bytes());
            args.extend(["--seccomp".into(), fd.to_string()]);
        }
        if self.by_fd {
            let fd = out.fd(nul_ended(&args));
            args = vec!["--args".into(), fd.to_string()];
        }
        out.args = args;
        out.args.extend(self.command());
        out
    }

    fn command(&self) -> impl Iterator<Item = String> {
        [Some(self.command.clone()), self.word.map(str::to_owned)].into_iter().flatten()
    }

    /// The floor's script: the same sandbox, parents and kinds of destinations worked out beforehand.
    pub fn floor(&self, files: &Files) -> Rendered {
        let mut out = Rendered::default();
        let words = Floor::write(self, files, &mut out);
        let bytes = nul_ended(&words);
        let length = bytes.len().to_string();
        let fd = out.fd(bytes).to_string();
        out.args = vec![fd, length];
        out.args.extend(self.command());
        out
    }
}

fn nul_ended(words: &[String]) -> Vec<u8> {
    words.iter().flat_map(|word| word.bytes().chain([0])).collect()
}
