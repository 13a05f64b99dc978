//! The processes beside the monitor that a launch may have: who keeps the sandbox's cgroup, and who relays its terminal.
//!
//! Each is an executable of its own, started before there is a sandbox and told by the end of a socket that the monitor
//! has gone: so both do their part whoever is killed.

use common::chain::{Argument, Chain, Neighbours};
use common::errno::Errno;
use common::fault;
use common::plan::{NsEnter, SignalSet};
use common::report::{At, Outcome};
use common::sys::{self, Fd, Forked, OwnedFd, STDERR, STDIN, STDOUT, Termios, Vector, o};
use core::convert::Infallible;

/// One of them, as the monitor sees it.
#[derive(Clone, Copy, Debug)]
struct Helper {
    pid: i32,
    /// Its socket's other end.
    socket: Fd,
}

/// What a launch has of them. Plain numbers: each side closes what it does not need.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    keeper: Option<Helper>,
    relay: Option<Helper>,
    /// The sandbox's cgroup.
    cgroup: Option<Fd>,
    /// The sandbox's terminal.
    terminal: Option<Fd>,
    /// The modes of the caller's, if it is one, before its relay made it raw.
    caller: Option<Termios>,
}

/// Starts what `frame` asks for.
///
/// ORDER: before the clone, so that nothing is made which nobody would remove.
pub fn start(chain: &Chain, frame: &NsEnter<'static>, own: &mut Neighbours) -> Outcome<Beside> {
    let mut beside = Beside { keeper: None, relay: None, cgroup: None, terminal: None, caller: None };
    if frame.own_cgroup() {
        let keeper = Helper::start(chain, own, "cgroup-keeper", None)?;
        beside.keeper = Some(keeper);
        beside.cgroup = Some(keeper.cgroup().inspect_err(|_| beside.end())?);
    }
    if frame.console() {
        beside.caller = sys::termios(STDIN).ok();
        let relay = relay(chain, own).inspect_err(|_| beside.end())?;
        (beside.relay, beside.terminal) = (Some(relay.0), Some(relay.1));
    }
    Ok(beside)
}

/// A terminal for the sandbox, and who relays it.
fn relay(chain: &Chain, own: &mut Neighbours) -> Outcome<(Helper, Fd)> {
    let failed = || fault!("Can't make a terminal for --console");
    let master = sys::new_pty().at(failed)?;
    let slave = sys::pty_peer(master.fd()).at(failed)?;
    Ok((Helper::start(chain, own, "pty-relay", Some(master))?, slave.leak()))
}

impl Helper {
    fn start(
        chain: &Chain,
        own: &mut Neighbours,
        name: &'static str,
        terminal: Option<OwnedFd>,
    ) -> Outcome<Helper> {
        let (ours, theirs) = sys::socketpair().at(|| fault!("Can't make a socket for ", name))?;
        match sys::fork_into(0).at(|| fault!("Can't fork for ", name))? {
            Forked::Parent(pid) => Ok(Helper { pid, socket: ours.leak() }),
            Forked::Child => {
                let Err(fault) = exec(chain, own, name, theirs, terminal);
                chain.voice().die(fault)
            }
        }
    }

    /// The cgroup that a keeper has made; one that could not has said why, and leaves nothing.
    fn cgroup(&self) -> Outcome<Fd> {
        let mut number = [0u8; 4];
        if sys::retry(|| sys::recv(self.socket, &mut number)).at(|| fault!("recv"))? != number.len() {
            let _ = sys::retry(|| sys::wait(self.pid));
            sys::exit(1);
        }
        let mut path = Argument::new("/proc/");
        path.decimal(self.pid.unsigned_abs());
        path.text(b"/fd/");
        path.decimal(u32::from_ne_bytes(number));
        let cgroup = sys::openat(sys::CWD, path.as_c_str(), o::PATH | o::DIRECTORY | o::CLOEXEC, 0);
        cgroup.at(|| fault!("Can't open the sandbox's cgroup")).map(OwnedFd::leak)
    }
}

fn exec(
    chain: &Chain,
    own: &mut Neighbours,
    name: &'static str,
    socket: OwnedFd,
    terminal: Option<OwnedFd>,
) -> Outcome<Infallible> {
    let failed = || fault!("Can't exec ", name);
    let number = |prefix, fd: Fd| {
        let mut argument = Argument::new(prefix);
        argument.decimal(fd.0.unsigned_abs());
        argument
    };
    let argv0 = Argument::new(name);
    let plan = number("--plan=", chain.passed.plan);
    let socket = socket.leak();
    sys::set_cloexec(socket, false).at(failed)?;
    let socket = number("--socket=", socket);
    let terminal = match terminal {
        Some(terminal) => {
            sys::set_cloexec(terminal.fd(), false).at(failed)?;
            Some(number("--terminal=", terminal.leak()))
        }
        None => None,
    };
    let mut words = [0usize; 5];
    let mut argv = Vector::over(&mut words);
    let all = [Some(&argv0), Some(&plan), Some(&socket), terminal.as_ref()];
    argv.extend(all.into_iter().flatten().map(Argument::as_c_str)).at(failed)?;
    let mut nothing = [0usize; 1];
    let env = Vector::over(&mut nothing).finish();
    let path = own.path(name).ok_or_else(failed)?;
    Err(failed().errno(sys::execve(path, argv.finish(), env)))
}

impl Beside {
    /// Whether the child has to wait for any of it.
    pub fn has_work(frame: &NsEnter<'static>) -> bool {
        frame.own_cgroup()
    }

    /// Forks into the namespaces `flags`, and into the sandbox's cgroup if it has one; tells whether that was done.
    pub fn fork_into(&self, flags: u32) -> sys::Result<(Forked, bool)> {
        let Some(cgroup) = self.cgroup else { return Ok((sys::fork_into(flags)?, false)) };
        match sys::fork_into_cgroup(flags, cgroup) {
            // clone3(2) cannot be looked into by a filter, so some have it say that it is not there.
            Err(Errno::NOSYS) => Ok((sys::fork_into(flags)?, false)),
            other => Ok((other?, true)),
        }
    }

    /// In the child: closes what is the monitor's.
    pub fn close_in_child(&self) -> Outcome<()> {
        if let Some(cgroup) = self.cgroup {
            sys::close(cgroup).at(|| fault!("close"))?;
        }
        for helper in [self.keeper, self.relay].into_iter().flatten() {
            sys::close(helper.socket).at(|| fault!("close"))?;
        }
        Ok(())
    }

    /// In the child: its standard descriptors become its own terminal; that becomes its session's too, unless the
    /// command is an init, which hands terminals out itself.
    pub fn enter_terminal(&self, controlling: bool) -> Outcome<()> {
        let Some(terminal) = self.terminal else { return Ok(()) };
        for standard in [STDIN, STDOUT, STDERR] {
            sys::dup_to(terminal, standard).at(|| fault!("Can't use the terminal for --console"))?;
        }
        if terminal.0 > STDERR.0 {
            sys::close(terminal).at(|| fault!("close"))?;
        }
        sys::setsid().at(|| fault!("setsid"))?;
        if controlling {
            sys::set_controlling_terminal(STDIN).at(|| fault!("Can't use the terminal for --console"))?;
        }
        Ok(())
    }

    /// In the monitor: tells the keeper who the sandbox is, whose first process `pid` waits for its go; one that was
    /// not started in its cgroup is put there. False when the keeper could not do its part, and has said why.
    pub fn sandbox_is(&self, pid: i32, is_in_cgroup: bool) -> Outcome<bool> {
        if let Some(terminal) = self.terminal {
            sys::close(terminal).at(|| fault!("close"))?;
        }
        let Some(keeper) = self.keeper else { return Ok(true) };
        let [a, b, c, d] = pid.to_ne_bytes();
        sys::retry(|| sys::send(keeper.socket, &[a, b, c, d, u8::from(is_in_cgroup)]))
            .at(|| fault!("send"))?;
        let mut done = [0u8];
        match sys::retry(|| sys::recv(keeper.socket, &mut done)) {
            // Ended with what was sent unread.
            Err(Errno::CONNRESET) => Ok(false),
            other => other.at(|| fault!("recv")).map(|n| n == 1),
        }
    }

    /// The monitor's descriptors.
    pub fn sockets(&self) -> [Option<Fd>; 2] {
        [self.keeper, self.relay].map(|helper| helper.map(|helper| helper.socket))
    }

    /// In the monitor: the relay has ended while the sandbox was there. One that failed has said why, and left the caller's
    /// terminal as it was; for one that was killed both are done here.
    pub fn without_relay(&self) -> Outcome<()> {
        let Some(relay) = self.relay else { return Ok(()) };
        if !was_killed(relay) {
            return Ok(());
        }
        // A job in the background would be stopped.
        if let Some(before) = self.caller
            && sys::termios(STDIN) == Ok(before.raw())
            && sys::block_signals(SignalSet::of(&[sys::SIGTTOU]).0).is_ok()
        {
            // A terminal that is gone needs no mode.
            let _ = sys::set_termios(STDIN, &before);
        }
        Err(fault!("pty-relay was killed: the sandbox has no terminal any more"))
    }

    /// In the monitor: the sandbox has ended, or is to end; comes back when nothing is left of it.
    pub fn end(&self) {
        self.end_or_leave();
    }

    /// The same. True when the keeper was killed before, and could not say itself that the cgroup is still there.
    pub fn end_or_leave(&self) -> bool {
        let mut is_left = false;
        if let Some(keeper) = self.keeper {
            // One that has ended already has said why.
            let _ = sys::retry(|| sys::send(keeper.socket, b"e"));
            let _ = sys::close(keeper.socket);
            is_left = was_killed(keeper);
        }
        if let Some(relay) = self.relay {
            // ORDER: last, so that it shows what the others had to say.
            let _ = sys::close(relay.socket);
            let _ = sys::retry(|| sys::wait(relay.pid));
        }
        is_left
    }
}

/// Waits for a helper's end. Whether that was a signal's doing: else it has said itself what there was to say.
fn was_killed(helper: Helper) -> bool {
    sys::retry(|| sys::wait(helper.pid)).is_ok_and(|(_, status)| status.signal().is_some())
}
