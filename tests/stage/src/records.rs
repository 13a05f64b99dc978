//! Hand-made plans: records with nothing in them, to be filled in by each test, and the memfd they travel in.

use common::caps::CapSet;
use common::plan::{
    Attributes, CapChange, Command, Control, Field, FsBuild, InitReaper, Left, List, ListWriter, Namespaces,
    NsEnter, PrivDrop, SeccompLoad, SecondUserNs, SignalSet, Stage, UserNs,
};
use common::text::{Path, Text};
use std::ffi::{CStr, CString};
use std::os::fd::{FromRawFd, OwnedFd};

/// A plan that is being made: a frame for each stage that is to have work.
#[derive(Clone, Copy, Debug)]
pub struct Records {
    /// Of the header.
    pub flags: u16,
    /// ns-enter's frame.
    pub ns_enter: Option<NsEnter<'static>>,
    /// fs-build's.
    pub fs_build: Option<FsBuild<'static>>,
    /// priv-drop's.
    pub priv_drop: Option<PrivDrop<'static>>,
    /// init-reaper's.
    pub init_reaper: Option<InitReaper<'static>>,
    /// seccomp-load's.
    pub seccomp_load: Option<SeccompLoad<'static>>,
    /// The command's.
    pub command: Command<'static>,
}

/// `text` for as long as the tests run.
pub fn c_str(text: impl Into<Vec<u8>>) -> &'static CStr {
    let text = CString::new(text);
    Box::leak(text.expect("a string without NUL").into_boxed_c_str())
}

/// As a path of a plan.
pub fn path(text: impl AsRef<std::path::Path>) -> Path<'static> {
    Path(c_str(text.as_ref().as_os_str().as_encoded_bytes()))
}

/// As a string of a plan.
pub fn text(text: impl Into<Vec<u8>>) -> Text<'static> {
    Text(c_str(text))
}

/// A list of a plan.
pub fn list<T: Field<'static>>(items: &[T]) -> List<'static, T> {
    let list = Box::leak(Box::new(ListWriter::new(64).expect("memory for a list")));
    for item in items {
        list.push(item).expect("memory for a list");
    }
    list.list()
}

/// A command without anything but its words.
pub fn command<W: AsRef<str>>(words: &[W]) -> Command<'static> {
    let args: Vec<Text> = words.iter().map(|word| text(word.as_ref())).collect();
    Command {
        argv0: None,
        args: list(&args),
        env: List::EMPTY,
        directory: None,
        exec_label: None,
        drop_ambient: false,
    }
}

/// ns-enter without a namespace to make.
pub const NS_ENTER: NsEnter<'static> = NsEnter {
    namespaces: Namespaces(0),
    cgroup_try: false,
    user: UserNs::Keep,
    userns_fd: None,
    pidns_fd: None,
    uid: None,
    gid: None,
    second: SecondUserNs::No,
    loopback: false,
    hostname: None,
    die_with_parent: false,
    info_fd: None,
    json_status_fd: None,
    userns_block_fd: None,
    raise: CapSet::EMPTY,
    forward: SignalSet::EMPTY,
    stop_signal: None,
    handle_reboot: false,
    extra: None,
};

/// fs-build without an operation.
pub const FS_BUILD: FsBuild<'static> =
    FsBuild { best_effort: false, file_label: None, ops: List::EMPTY, keep_suid: false };

/// priv-drop that gives up all it always gives up.
pub const PRIV_DROP: PrivDrop<'static> = PrivDrop {
    userns2_fd: None,
    disable_userns: false,
    assert_userns_disabled: false,
    cap_add: CapSet::EMPTY,
    cap_drop: CapSet::EMPTY,
    block_fd: None,
    new_session: false,
    die_with_parent: false,
    allow_new_privs: false,
    attributes: None,
};

/// priv-drop's attributes, all as they are.
pub const ATTRIBUTES: Attributes<'static> = Attributes {
    rlimits: List::EMPTY,
    groups: None,
    rgid: None,
    egid: None,
    ruid: None,
    euid: None,
    bounding: CapChange::NONE,
    securebits_drop: 0,
    securebits_add: 0,
    inheritable: CapChange::NONE,
    permitted: CapChange::NONE,
    effective: CapChange::NONE,
    ambient: CapChange::NONE,
    keyring: false,
    umask: None,
    pdeathsig: None,
};

/// init-reaper's control that controls nothing: signals stay where they are, and what is left is waited for.
pub const CONTROL: Control<'static> = Control {
    subreaper: false,
    forward: SignalSet::EMPTY,
    stop_signal: None,
    group: false,
    foreground: false,
    left: Left::Wait,
    remap_exit: List::EMPTY,
    parent_death_signal: None,
};

/// init-reaper that holds nothing.
pub const INIT_REAPER: InitReaper<'static> =
    InitReaper { locks: List::EMPTY, sync_fds: List::EMPTY, die_with_parent: false, control: None };

/// seccomp-load without a filter.
pub const SECCOMP_LOAD: SeccompLoad<'static> =
    SeccompLoad { programs: List::EMPTY, log: false, spec_allow: false };

impl Records {
    /// A plan that runs `words` and has work for no stage.
    pub fn new<W: AsRef<str>>(words: &[W]) -> Records {
        Records {
            flags: 0,
            ns_enter: None,
            fs_build: None,
            priv_drop: None,
            init_reaper: None,
            seccomp_load: None,
            command: command(words),
        }
    }

    /// A plan with empty frames for `stages`.
    pub fn with(stages: &[Stage]) -> Records {
        let mut records = Records::new(&["no such command"]);
        for stage in stages {
            match stage {
                Stage::NsEnter => records.ns_enter = Some(NS_ENTER),
                Stage::FsBuild => records.fs_build = Some(FS_BUILD),
                Stage::PrivDrop => records.priv_drop = Some(PRIV_DROP),
                Stage::InitReaper => records.init_reaper = Some(INIT_REAPER),
                Stage::SeccompLoad => records.seccomp_load = Some(SECCOMP_LOAD),
                Stage::Command => {}
            }
        }
        records
    }

    /// The stages with work after `stage`.
    pub fn stages_after(&self, stage: Option<Stage>) -> Vec<Stage> {
        let plan = self.encode();
        let plan = common::plan::Plan::parse(&plan).expect("our own plan");
        plan.stages_after(stage).collect()
    }

    fn with_frames<T>(&self, use_them: impl FnOnce(&[(Stage, &[u8])]) -> T) -> T {
        let mut frames: Vec<(Stage, Vec<u8>)> = Vec::new();
        macro_rules! frame {
            ($stage:expr, $record:expr) => {
                if let Some(record) = $record {
                    let mut out = common::plan::Buffer::new(4096).expect("memory for a plan");
                    record.encode(&mut out).expect("memory for a plan");
                    frames.push(($stage, out.bytes().to_vec()));
                }
            };
        }
        frame!(Stage::NsEnter, self.ns_enter);
        frame!(Stage::FsBuild, self.fs_build);
        frame!(Stage::PrivDrop, self.priv_drop);
        frame!(Stage::InitReaper, self.init_reaper);
        frame!(Stage::SeccompLoad, self.seccomp_load);
        frame!(Stage::Command, Some(self.command));
        let borrowed: Vec<(Stage, &[u8])> =
            frames.iter().map(|(stage, bytes)| (*stage, &bytes[..])).collect();
        use_them(&borrowed)
    }

    /// The plan's bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.with_frames(|frames| {
            common::plan::assemble(self.flags, frames).expect("memory for a plan").bytes().to_vec()
        })
    }

    /// The plan in a sealed memfd, as the front makes it.
    pub fn sealed(&self) -> OwnedFd {
        let fd = self.with_frames(|frames| common::plan::write(self.flags, frames)).expect("a memfd");
        // SAFETY: leak() gives up its ownership of the descriptor, which is open; nobody else has it.
        unsafe { OwnedFd::from_raw_fd(fd.leak().0) }
    }
}

/// All four seals that a plan has to have.
pub const SEALED: i32 = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// `bytes` in a memfd with `seals`.
pub fn memfd(bytes: &[u8], seals: i32) -> OwnedFd {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    // SAFETY: memfd_create reads the name; the descriptor it returns is new, or -1, which expect() below reports.
    let fd = unsafe { libc::memfd_create(c"plan".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    assert!(fd >= 0, "memfd_create: {}", std::io::Error::last_os_error());
    // SAFETY: just made, and owned by nobody else.
    let mut file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(bytes).expect("room in memory");
    // SAFETY: a number argument, on a descriptor that is open.
    let sealed = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) };
    assert_eq!(sealed, 0, "F_ADD_SEALS: {}", std::io::Error::last_os_error());
    file.into()
}
