//! The warnings: a stable id, how bad it is, the reason, and the remedy.

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Severity {
    /// A reviewer should know.
    Note,
    /// Weaker than most would want.
    Warning,
    /// As good as no sandbox.
    Danger,
}

impl Severity {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Danger => "danger",
        }
    }
}

/// A kind of warning.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// The id: it stays what it is.
    pub id: &'static str,
    /// How bad.
    pub severity: Severity,
    /// What is the matter, in a few words.
    pub title: &'static str,
    /// Why that matters.
    pub reason: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Makes a constant for each kind, and the table of all.
macro_rules! catalogue {
    ($($(#[$meta:meta])* $name:ident = $id:literal, $severity:ident, $title:literal, $reason:literal, $remedy:literal;)*) => {
        $($(#[$meta])* #[doc = $title] pub const $name: Kind = Kind {
            id: $id,
            severity: Severity::$severity,
            title: $title,
            reason: $reason,
            remedy: $remedy,
        };)*

        /// All of them, the worst first.
        pub const ALL: [&Kind; [$(stringify!($name)),*].len()] = [$(&$name),*];
    };
}

catalogue! {
    WRITABLE_ROOT = "writable-root", Danger, "the host's root is writable",
        "What the command may write with the caller's rights, it may change on the host: start-up files, programs, keys.",
        "Bind / read-only (--ro-bind / /) and what has to be writable after it.";
    WRITABLE_HOME = "writable-home", Danger, "a home directory of the host is writable",
        "Shells and desktops run what is in a home directory (.bashrc, .profile, autostart) outside the sandbox at the \
         next login.",
        "Bind only the directory that is worked in; give the command a HOME of its own.";
    WRITABLE_SYSTEM = "writable-system", Danger, "a system directory of the host is writable",
        "What lies in /etc, /usr, /boot and the like is run or believed by everyone, root included.",
        "Bind it read-only.";
    CONTROL_SOCKET = "control-socket", Danger, "a socket that starts processes on the host is reachable",
        "Who can talk to docker, podman, containerd, libvirt or systemd can have anything run outside the sandbox. A \
         read-only bind does not keep a process from connecting.",
        "Do not bind the socket, or put a proxy in front of it that lets through what is needed.";
    KEY_AGENT = "key-agent", Danger, "keys or an agent that signs with them are reachable",
        "An ssh or gpg agent signs for whoever can connect, and key files can be copied; a read-only bind helps \
         against neither.",
        "Do not bind it; unset SSH_AUTH_SOCK in the sandbox.";
    NEW_PRIVILEGES = "new-privileges", Danger, "the command can gain privileges",
        "Without no_new_privs a set-user-ID file or file capabilities give more than the command was started with, and \
         an LSM or seccomp cannot be relied on to hold over that exec.",
        "Leave out --allow-new-privs; have priv-drop in the chain.";
    BEST_EFFORT = "best-effort", Danger, "parts of the set-up may fail and the command still runs",
        "--not-a-security-boundary turns a mount that cannot be made read-only into a warning.",
        "Leave it out wherever protection is meant.";
    WRITABLE_HOST = "writable-host", Warning, "a path of the host is writable",
        "What the command writes there stays, and is read by whoever works there outside the sandbox.",
        "Bind it read-only if that will do; if it is meant, allow it: --allow writable-host=PATH.";
    TERMINAL_INJECTION = "terminal-injection", Warning, "the command can type into the caller's terminal",
        "In the caller's session the ioctls TIOCSTI and, on a console, TIOCLINUX put characters into the terminal's \
         input; the caller's shell runs them when the sandbox ends (CVE-2017-5226). A filter has to look at the lower 32 \
         bits of the request alone (CVE-2019-10063), for each kind of system call there is.",
        "--new-session, or a filter that refuses both; or on Linux 6.2 and later sysctl dev.tty.legacy_tiocsti=0, which \
         leaves TIOCLINUX to processes with CAP_SYS_ADMIN only since 6.7.";
    SHARED_NETWORK = "shared-network", Warning, "the network is the host's",
        "Besides the network itself that is everything that listens on localhost, and every abstract Unix socket: \
         those have no path, so no mount hides them. Landlock's scope flag for abstract sockets (Linux 6.12) would, and \
         is not used here.",
        "--unshare-net; what needs the network can have a namespace of its own with a tap device (slirp4netns, pasta).";
    SHARED_PROCESSES = "shared-processes", Warning, "there is no PID namespace",
        "The command sees all processes that /proc shows, can send signals to those of the same user, and what it leaves \
         behind lives on.",
        "--unshare-pid, and --proc /proc.";
    JOINED_NAMESPACE = "joined-namespace", Warning, "a namespace that is joined may be the host's",
        "What a descriptor or a path leads to is decided by whoever launches the plan; the plan does not tell whether that \
         is the host's own namespace, from which it then keeps nothing away. Those of /proc/self and /proc/1 are the \
         host's for certain, and warned about as shared.",
        "Let the sandbox have a new one (--unshare-…); if whose it is has been seen to, allow it: --allow \
         joined-namespace=PATH, and for a descriptor the kind in PATH's place (net).";
    HOST_PROC = "host-proc", Warning, "the host's /proc is visible",
        "It shows the command lines and environments of the host's processes, and where /proc/PID/root or /proc/PID/fd \
         of a process of the same user can be followed, its files.",
        "--unshare-pid and --proc /proc, or --tmpfs /proc.";
    HOST_RUN = "host-run", Warning, "the host's /run is visible",
        "That is where services have their sockets: D-Bus, systemd, docker, cups, the agents of the session. A \
         read-only bind does not keep a process from connecting.",
        "--tmpfs /run, and bind back the single files that are needed.";
    HOST_TMP = "host-tmp", Warning, "the host's /tmp is visible",
        "Other programs leave files and sockets there (X11, ssh agents), some readable by everyone.",
        "--tmpfs /tmp.";
    HOST_HOME = "host-home", Warning, "home directories of the host are visible",
        "Keys, tokens, histories and mail can be read, and sent away where there is a network.",
        "--tmpfs /home (and /root), and bind back what is needed.";
    HOST_DEVICES = "host-devices", Warning, "device nodes of the host work",
        "Disks, input devices, the GPU, /dev/kvm: whatever the caller may open, the command may too.",
        "--dev /dev, and --dev-bind of single devices.";
    DBUS_SOCKET = "dbus-socket", Warning, "a D-Bus socket is reachable",
        "On a session bus one can have programs started (systemd, gnome-shell, kde) and read passwords (secret \
         service).",
        "Put xdg-dbus-proxy in front of it.";
    X11_SOCKET = "x11-socket", Warning, "the X server is reachable",
        "An X11 client reads what is typed into every window, types into them, and sees the screen.",
        "Use Wayland, or a nested X server (Xephyr, Xwayland).";
    ADDED_CAPABILITIES = "added-capabilities", Warning, "the command gets capabilities",
        "In a user namespace of its own they hold for what belongs to that namespace; they open much of the kernel to the \
         command all the same. For root without a new user namespace they hold for the host.",
        "Leave out --cap-add, or give the one capability that is needed.";
    RELATIVE_SOURCE = "relative-source", Warning, "what is bound depends on the directory of the launch",
        "The source is a relative path, which is looked up from wherever the plan is launched: nothing that is said here of \
         paths of the host is said of it.",
        "Give the whole path.";
    HIDDEN_OPERATION = "hidden-operation", Warning, "an operation is hidden by a later one",
        "A mount on the same directory or above it covers what an earlier operation made: usually the order is wrong, \
         and something is missing or visible that should not be.",
        "Put the outer mount before the inner ones, or leave out the hidden one.";
    SECRET_IN_PLAN = "secret-in-plan", Warning, "the plan's environment holds what looks like a secret",
        "A plan is a file that can be read, copied and shown; the variable is also in the environment of every process.",
        "Give it in a file (--file FD DEST) whose descriptor is open at the launch.";
    DANGLING_SYMLINK = "dangling-symlink", Warning, "a symbolic link leads nowhere",
        "Its target is in nothing that the plan puts into the sandbox.",
        "Bind the target, or leave out the link.";
    MISSING_DIRECTORY = "missing-directory", Warning, "the working directory is not in the sandbox",
        "Entering it fails, and with it the launch.",
        "--dir it, bind it, or choose another --chdir.";
    MISSING_PROGRAM = "missing-program", Warning, "the program is not in the sandbox",
        "Nothing that the plan puts into the sandbox has a file at this path.",
        "Bind the directory that the program is in.";
    REFUSED_FILTER = "refused-filter", Warning, "the kernel will refuse a filter",
        "It takes no program that is empty, jumps behind its end or reads what is not there, and with the filter the launch \
         fails: there is nothing that can be said of what such a filter keeps the command from.",
        "Make the filter with sallyport seccomp compile, or see what sallyport seccomp show says of its file.";
    USER_NAMESPACES = "user-namespaces", Note, "the command can make user namespaces",
        "Inside one it has all capabilities over it, and with them reaches parts of the kernel (network filters, file \
         systems) that are closed to ordinary users. Most local privilege escalations of late years went that way.",
        "--unshare-user --disable-userns, or a filter that refuses unshare, clone with CLONE_NEWUSER, and clone3.";
    ROOT_CAPABILITIES = "root-capabilities", Note, "launched by root, the command keeps root's capabilities",
        "Root needs no user namespace and gets none, unless the plan asks for one; his capabilities then hold for the \
         host.",
        "Launch as an ordinary user, or with --unshare-user or --cap-drop ALL.";
    SHARED_NAMESPACES = "shared-namespaces", Note, "lesser namespaces are the host's",
        "A shared IPC namespace has System V shared memory and message queues of other processes of the same user; a \
         shared UTS or cgroup namespace shows names and paths of the host.",
        "--unshare-ipc, --unshare-uts, --unshare-cgroup.";
    OPTIONAL_ISOLATION = "optional-isolation", Note, "a namespace is new only where the host allows it",
        "--unshare-all and the -try options go on without what the host does not have.",
        "Ask for each namespace by its own option, which fails where it cannot be.";
    OPTIONAL_BIND = "optional-bind", Note, "a -try bind has no source now",
        "What the sandbox shows depends on the host: the source may appear later.",
        "If it has to be there, use the option without -try.";
    INHERITED_ENVIRONMENT = "inherited-environment", Note, "the caller's environment is passed on",
        "It often holds tokens (CI systems), agent sockets and paths of the host.",
        "--clearenv, and --setenv what is needed.";
    INHERITED_DESCRIPTORS = "inherited-descriptors", Note, "descriptors that the caller leaves open are passed on",
        "As under bubblewrap. An open directory of the host is a way out to it.",
        "Close them before the launch; programs that mark theirs close-on-exec are safe.";
    DISPLAY_SOCKET = "display-socket", Note, "a Wayland, sound or camera socket is reachable",
        "Wayland keeps clients apart, but for the clipboard and compositors' own protocols; PipeWire and PulseAudio \
         can record.",
        "Use the security-context protocol, and portals for sound and cameras.";
}
