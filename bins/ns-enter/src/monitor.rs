//! The parent's half, outside: reports who the sandbox is, gives up everything, waits, reports how it ended.

use super::beside::Beside;
use super::{Pipe, Pipes, forward::Forwarder, join::PidSocket, maps, namespaces::Decided, report};
use common::chain::Chain;
use common::errno::Errno;
use common::fault;
use common::plan::{NsEnter, SignalSet, Stage};
use common::report::{At, Outcome};
use common::sys::{self, Fd, WaitStatus, clone_flags};
use core::convert::Infallible;

/// Whether anything has to be done out here before the child may go on.
pub fn has_work(frame: &NsEnter<'static>, decided: &Decided) -> bool {
    is_traceable(frame, decided)
        || frame.has_maps()
        || frame.ends_with_monitor()
        || frame.info_fd.is_some()
        || frame.json_status_fd.is_some()
        || frame.userns_block_fd.is_some()
        || frame.pidns_fd.is_some()
        || Beside::has_work(frame)
}

/// The sandbox's first process.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox {
    /// Its process id.
    pub pid: i32,
    /// Whether it was started in its own cgroup.
    pub is_in_cgroup: bool,
    /// The signal mask to go back to; `None` if nothing was blocked for starting it.
    pub mask: Option<u64>,
}

/// Whether the command may be somebody who could trace this process, which is in the host's mount namespace: a root
/// without capabilities, once this one has none either, or whoever is in the user namespace that both have joined. In
/// a user namespace of its own the command could not. A PID namespace of its own is no help where the host's /proc is bound.
fn is_traceable(frame: &NsEnter<'static>, decided: &Decided) -> bool {
    decided.caller_caps.is_some() || frame.userns_fd.is_some()
}

/// Runs this side to the end of the process. A fault here ends the sandbox: nobody would be left to watch it.
pub fn run(
    chain: Chain,
    frame: NsEnter<'static>,
    decided: Decided,
    pipes: Pipes,
    mut sandbox: Sandbox,
    pid_socket: Option<PidSocket>,
    beside: Beside,
) -> Outcome<Infallible> {
    match watch(&chain, &frame, &decided, pipes, &mut sandbox, pid_socket, &beside) {
        Ok(status) => {
            if beside.end_or_leave() {
                chain.voice().die(fault!(
                    "cgroup-keeper was killed: what is left of the sandbox is in cgroup bwrap-",
                    sys::getpid()
                ))
            }
            sys::exit(status)
        }
        Err(fault) => {
            sys::kill(sandbox.pid).ok();
            beside.end();
            let _ = sys::retry(|| sys::wait(sandbox.pid));
            // Said here, since the plan that names the speaker is this side's to use as well.
            chain.voice().die(fault)
        }
    }
}

fn watch(
    chain: &Chain,
    frame: &NsEnter<'static>,
    decided: &Decided,
    pipes: Pipes,
    sandbox: &mut Sandbox,
    pid_socket: Option<PidSocket>,
    beside: &Beside,
) -> Outcome<u8> {
    if let Some(mask) = sandbox.mask {
        pass_on_stop(sandbox.pid)?;
        sys::set_signal_mask(mask).at(|| fault!("sigprocmask"))?;
    }
    if chain.plan.is_bwraps() {
        // Who looks for bwrap (pgrep, pidof, ps) is to find it. A name is nothing to end a launch for.
        let _ = sys::set_name(c"bwrap");
    }
    let status = keep_read_end(pipes.status)?;
    let ready = keep_read_end(pipes.ready)?;
    if let Some(socket) = pid_socket {
        sandbox.pid = grandchild(sandbox.pid, socket)?;
    }
    if !beside.sandbox_is(sandbox.pid, sandbox.is_in_cgroup)? {
        sys::kill(sandbox.pid).at(|| fault!("kill"))?;
        return Ok(1);
    }
    if frame.has_maps() {
        maps::write(frame, decided, sandbox.pid, chain.entered_env)?;
    }
    let has_reaper = chain.plan.has(Stage::InitReaper);
    let mut forwarder = match pipes.blocked {
        Some(blocked) => Some(Forwarder::new(frame, blocked, sandbox.pid, has_reaper)?),
        None => None,
    };
    announce(frame, decided, sandbox.pid)?;
    // ORDER: before the capabilities go, while nobody without them can trace this process.
    if is_traceable(frame, decided) {
        sys::hide().at(|| fault!("can't set dumpable"))?;
    }
    // Root's capabilities, or those over a namespace that was joined: none is needed to wait.
    sys::capset_none().at(|| fault!("capset failed"))?;
    sys::set_no_new_privs().at(|| fault!("prctl(PR_SET_NO_NEW_PRIVS) failed"))?;
    if frame.die_with_parent {
        sys::set_pdeathsig(sys::SIGKILL).at(|| fault!("prctl"))?;
    }
    if let Some(fd) = frame.userns_block_fd {
        if let Some(forwarder) = &forwarder {
            forwarder.wait_for(fd.fd())?;
        }
        let mut byte = [0u8];
        // Somebody else writes the maps now. That it has gone without a byte counts as ready, as it does for
        // bubblewrap: whether the maps are there, the mounts will tell.
        let _ = sys::retry(|| sys::read(fd.fd(), &mut byte));
    }
    // Its end stays open while this process lives: see `inside::wait_for_go`.
    let go = match pipes.go {
        Some(Pipe { read, write }) => {
            // ORDER: before this side's copy of the other end goes. A child that has ended already would make it a
            // broken pipe, and the signal for that would end this process; it has said why, and how it ended is asked
            // below.
            sys::write_all(write, b"\0").at(|| fault!("write to sandbox"))?;
            sys::close(read).at(|| fault!("close"))?;
            Some(write)
        }
        None => None,
    };
    let json = frame.json_status_fd.map(|fd| fd.fd());
    let [keeper, relay] = beside.sockets();
    let [pidfd, arrivals] = match &forwarder {
        Some(forwarder) => [Some(forwarder.sandbox), Some(forwarder.arrivals)],
        None => [None; 2],
    };
    close_all_but([status, ready, json, go, pidfd, arrivals, keeper, relay])?;
    if let Some(forwarder) = &mut forwarder
        && forwarder.wait(status, ready, relay)?
    {
        // Nobody could see or end what goes on in there. What this cannot end ends with this process.
        let _ = sys::kill(sandbox.pid);
        beside.without_relay()?;
        return Ok(1);
    }
    let code = ended(sandbox.pid, status, frame.handle_reboot)?;
    if let Some(fd) = json
        && was_run(ready)?
    {
        report::exit_code(fd, code)?;
    }
    Ok(code)
}

/// What has come to stop this process may have come before there was a sandbox. That is to stop with it: it is one job.
fn pass_on_stop(sandbox: i32) -> Outcome<()> {
    let pending = SignalSet(sys::pending_signals().at(|| fault!("sigpending"))?);
    for signal in [sys::SIGTSTP, sys::SIGTTIN, sys::SIGTTOU].into_iter().filter(|signal| pending.has(*signal))
    {
        // One that has ended, or is another user by now, does not stop.
        let _ = sys::send_signal(sandbox, signal);
    }
    Ok(())
}

fn keep_read_end(pipe: Option<Pipe>) -> Outcome<Option<Fd>> {
    let Some(Pipe { read, write }) = pipe else { return Ok(None) };
    sys::close(write).at(|| fault!("close"))?;
    Ok(Some(read))
}

/// Whether the command was run: exactly one byte has come, and the other end is closed by its exec. Nobody gets an
/// exit code of a command that never was.
fn was_run(ready: Option<Fd>) -> Outcome<bool> {
    let Some(fd) = ready else { return Ok(false) };
    let mut bytes = 0;
    let mut byte = [0u8];
    while sys::retry(|| sys::read(fd, &mut byte)).at(|| fault!("read"))? == 1 {
        bytes += 1;
    }
    Ok(bytes == 1)
}

/// The process that goes on in the other PID namespace, once the one in between has ended.
fn grandchild(between: i32, socket: PidSocket) -> Outcome<i32> {
    sys::close(socket.inside).at(|| fault!("close"))?;
    let pid = sys::recv_sender_pid(socket.outside).at(|| fault!("Can't read pid from socket"))?;
    sys::close(socket.outside).at(|| fault!("close"))?;
    let reaped = sys::retry(|| sys::wait(between)).at(|| fault!("wait"))?;
    match pid {
        Some(pid) => Ok(pid),
        // It has said why.
        None => sys::exit(reaped.1.shell().max(1)),
    }
}

/// Tells those who asked who the sandbox is.
fn announce(frame: &NsEnter<'static>, decided: &Decided, pid: i32) -> Outcome<()> {
    if frame.info_fd.is_none() && frame.json_status_fd.is_none() {
        return Ok(());
    }
    let mut flags = decided.clone_flags;
    flags |= frame.namespaces.0;
    if frame.own_cgroup() {
        // Not there yet.
        flags &= !clone_flags::NEWCGROUP;
    }
    let child = report::Child::look(pid, flags)?;
    if let Some(fd) = frame.info_fd {
        child.write(fd.fd(), "{\n    ", "\n    ", "\n}\n")?;
        // The reader waits for the end of the file.
        sys::close(fd.fd()).at(|| fault!("Write to info_fd"))?;
    }
    if let Some(fd) = frame.json_status_fd {
        child.write(fd.fd(), "{ ", " ", " }\n")?;
    }
    Ok(())
}

/// Closes every descriptor but the standard three and `kept`.
fn close_all_but(kept: [Option<Fd>; 8]) -> Outcome<()> {
    let mut all = [sys::STDERR; 11];
    let standard = [sys::STDIN, sys::STDOUT, sys::STDERR];
    for (slot, fd) in all.iter_mut().zip(kept.into_iter().flatten().chain(standard)) {
        *slot = fd;
    }
    sys::close_all_but(&mut all).at(|| fault!("close_range"))
}

/// Waits for the end. init-reaper reports the command's status; the sandbox can go on without the command when
/// others are left in it, and this process does not wait for those.
fn ended(sandbox: i32, status: Option<Fd>, handle_reboot: bool) -> Outcome<u8> {
    if let Some(pipe) = status {
        let mut code = [0u8];
        match sys::retry(|| sys::read(pipe, &mut code)) {
            Ok(1) => {
                let [code] = code;
                return Ok(code);
            }
            // Closed without a word: it was killed, or has said itself what was wrong.
            Ok(_) => {}
            Err(errno) => return Err(fault!("read").errno(errno)),
        }
    }
    match sys::retry(|| sys::wait(sandbox)) {
        Ok((_, status)) => Ok(if handle_reboot { powered_off(status) } else { status.shell() }),
        Err(Errno::CHILD) => Ok(1),
        Err(errno) => Err(fault!("wait").errno(errno)),
    }
}

/// What a reboot is reported as; systemd-nspawn(1) reports it so.
const REBOOT: u8 = 133;

/// reboot(2) in a PID namespace ends its pid 1 by a signal that says what was asked for: `SIGHUP` for a reboot, `SIGINT` for
/// halt and power-off. No other way leads to these ends: pid 1 is immune to both signals unless it handles them.
fn powered_off(status: WaitStatus) -> u8 {
    match status.signal() {
        Some(sys::SIGHUP) => REBOOT,
        Some(sys::SIGINT) => 0,
        _ => status.shell(),
    }
}
