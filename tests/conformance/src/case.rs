//! What a case is: a command line, what it is run with, and in which parts.
//!
//! A case is data. Its argument template is split at blanks, quotes keep words together, and these are replaced:
//! `{dir}` the case's own directory, `{probe}`, `{bwrap}` the program under test, `{peer}` always the reference,
//! `{ns}` the harness's namespace ids, `{NAME}` the number of the descriptor called NAME. Words that start with `@`
//! stand for several: `@base` (a /usr to run a shell from, and /probe), `@all` (all namespaces, /proc and /dev).

use support::Stdin;

/// In which part a case runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Full capabilities.
    Root,
    /// uid 1000 with none, not even in the bounding set.
    User,
}

impl Who {
    /// The name in reports and filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User => "user",
        }
    }
}

/// One thing to make in the case's directory before the run; paths are relative to it.
#[derive(Clone, Debug)]
pub enum Make {
    /// A directory with this mode.
    Dir(&'static str, u32),
    /// A file with these contents and mode.
    File(&'static str, &'static str, u32),
    /// A symlink: target, then path.
    Link(&'static str, &'static str),
    /// A FIFO.
    Fifo(&'static str),
    /// A listening socket's file.
    Socket(&'static str),
    /// Gives the path to root, whoever runs the case.
    RootOwned(&'static str),
    /// Changes the mode of a path.
    Mode(&'static str, u32),
}

/// What a named descriptor is.
#[derive(Clone, Debug)]
pub enum Given {
    /// A pipe with these bytes.
    Data(Vec<u8>),
    /// A regular file with these bytes.
    File(Vec<u8>),
    /// Collected and compared.
    Out,
    /// Written by the case's steps.
    In,
    /// A path below the case's directory (absolute: as it is), with open(2) flags.
    Path(&'static str, i32),
    /// A namespace: groups to unshare, the id inside, the namespace's name in /proc/PID/ns (`user^` its parent).
    Ns(&'static [&'static str], u32, &'static str),
    /// A number that is not open.
    NotOpen,
}

/// What the harness does while the case runs.
#[derive(Clone, Debug)]
pub enum Step {
    /// Waits for a text on a named output (`stdout`, `stderr`, `tty` or a descriptor).
    Wait(&'static str, &'static str),
    /// Writes to a named input (or `tty`).
    Write(&'static str, &'static str),
    /// Closes a named input.
    Close(&'static str),
    /// Sends a signal to the launcher.
    Kill(i32),
    /// Sends a signal to the child whose pid a JSON document on this descriptor names.
    KillChild(&'static str, i32),
    /// Writes the id maps of that child: inside id.
    Map(&'static str, u32),
    /// Notes what came on an output so far.
    Note(&'static str),
    /// Notes whether a path is locked.
    Lock(&'static str),
    /// Notes what the launcher process itself looks like from outside (capabilities, descriptors, filters).
    Launcher,
    /// Waits for the end of the launcher and of what it leaves behind, while the inputs stay open; notes what still runs.
    Settle,
}

/// A case.
#[derive(Clone, Debug)]
pub struct Case {
    /// `family/what`.
    pub name: String,
    /// The argument template.
    pub args: String,
    /// Arguments that are not templates, put in place of `{list}`.
    pub list: Vec<String>,
    /// A command that starts the launcher, which follows it.
    pub wrap: Vec<&'static str>,
    /// In which parts.
    pub who: Vec<Who>,
    /// Files.
    pub make: Vec<Make>,
    /// Descriptors, numbered from 20 in this order; one called `stdin` is number 0.
    pub fds: Vec<(&'static str, Given)>,
    /// Environment on top of PATH, HOME and LANG; an empty value of HOME or PATH removes it.
    pub env: Vec<(&'static str, &'static str)>,
    /// Standard input.
    pub stdin: Stdin,
    /// Standard descriptors to close.
    pub close: Vec<i32>,
    /// Working directory instead of the case's.
    pub cwd: Option<&'static str>,
    /// umask instead of 022.
    pub umask: Option<u32>,
    /// Signals ignored by the caller.
    pub ignore: Vec<i32>,
    /// Signals blocked by the caller.
    pub block: Vec<i32>,
    /// What happens meanwhile.
    pub steps: Vec<Step>,
    /// Programs without which the case is skipped.
    pub needs: Vec<&'static str>,
}

/// A case with a name and an argument template, as root and as user.
pub fn case(name: impl Into<String>, args: impl Into<String>) -> Case {
    Case {
        name: name.into(),
        args: args.into(),
        list: vec![],
        wrap: vec![],
        who: vec![Who::Root, Who::User],
        make: vec![],
        fds: vec![],
        env: vec![],
        stdin: Stdin::Null,
        close: vec![],
        cwd: None,
        umask: None,
        ignore: vec![],
        block: vec![],
        steps: vec![],
        needs: vec![],
    }
}

impl Case {
    /// As root only.
    pub fn root(mut self) -> Self {
        self.who = vec![Who::Root];
        self
    }
    /// As the ordinary user only.
    pub fn user(mut self) -> Self {
        self.who = vec![Who::User];
        self
    }
    /// Arguments for `{list}`.
    pub fn list(mut self, list: impl IntoIterator<Item = String>) -> Self {
        self.list.extend(list);
        self
    }
    /// Runs the launcher through this command.
    pub fn wrap(mut self, words: &[&'static str]) -> Self {
        self.wrap.extend_from_slice(words);
        self
    }
    /// Runs a shell script; `"$@"` in it is the launcher with its arguments.
    pub fn sh(self, script: &'static str) -> Self {
        self.wrap(&["sh", "-c", script, "sh"])
    }
    /// A directory, mode 0755.
    pub fn dir(self, path: &'static str) -> Self {
        self.make(Make::Dir(path, 0o755))
    }
    /// A file, mode 0644.
    pub fn file(self, path: &'static str, contents: &'static str) -> Self {
        self.make(Make::File(path, contents, 0o644))
    }
    /// A symlink.
    pub fn link(self, target: &'static str, path: &'static str) -> Self {
        self.make(Make::Link(target, path))
    }
    /// Anything else to make.
    pub fn make(mut self, make: Make) -> Self {
        self.make.push(make);
        self
    }
    /// A descriptor.
    pub fn fd(mut self, name: &'static str, given: Given) -> Self {
        self.fds.push((name, given));
        self
    }
    /// A descriptor with data in a pipe.
    pub fn data(self, name: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        self.fd(name, Given::Data(bytes.into()))
    }
    /// An environment variable.
    pub fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }
    /// Standard input.
    pub fn stdin(mut self, stdin: Stdin) -> Self {
        self.stdin = stdin;
        self
    }
    /// Closed standard descriptors (1 or 2).
    pub fn close(mut self, fds: &[i32]) -> Self {
        self.close.extend_from_slice(fds);
        self
    }
    /// Working directory; `{dir}` is replaced.
    pub fn cwd(mut self, path: &'static str) -> Self {
        self.cwd = Some(path);
        self
    }
    /// umask.
    pub fn umask(mut self, mask: u32) -> Self {
        self.umask = Some(mask);
        self
    }
    /// An ignored signal.
    pub fn ignore(mut self, signal: i32) -> Self {
        self.ignore.push(signal);
        self
    }
    /// A blocked signal.
    pub fn block(mut self, signal: i32) -> Self {
        self.block.push(signal);
        self
    }
    /// A step.
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
    /// A program without which the case is skipped.
    pub fn needs(mut self, program: &'static str) -> Self {
        self.needs.push(program);
        self
    }
}

/// Splits a template at blanks; single and double quotes keep words together and may be empty.
pub fn split(template: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in template.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            Some(_) => word.get_or_insert_default().push(c),
            None if c == '\'' || c == '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
