//! The child's half: ids, loopback, host name, and the capabilities that the later stages need over their execs.

use super::beside::Beside;
use super::{Pipe, Pipes, clock, idmap, loopback, namespaces::Decided, pass};
use common::caps::{CapSet, cap};
use common::chain::{Chain, Neighbours};
use common::errno::Errno;
use common::fault;
use common::plan::{NsEnter, Stage};
use common::report::{At, Outcome};
use common::sys::{self, Caps, Fd, clone_flags};

/// Sets up this side, up to the exec of the next stage.
pub fn run(
    chain: &mut Chain,
    frame: &NsEnter<'static>,
    decided: &Decided,
    pipes: Pipes,
    own: &mut Neighbours,
    beside: &Beside,
) -> Outcome<()> {
    beside.close_in_child()?;
    if frame.ends_with_monitor() {
        // ORDER: before waiting for the go, whose end of file tells of a monitor that died before this call.
        sys::set_pdeathsig(sys::SIGKILL).at(|| fault!("prctl"))?;
    }
    if let Some(blocked) = pipes.blocked {
        blocked.release()?;
    }
    wait_for_go(pipes.go, frame.ends_with_monitor())?;
    pass(chain, decided);
    chain.passed.status = keep_write_end(pipes.status)?;
    chain.passed.ready = keep_write_end(pipes.ready)?;
    let done = [frame.info_fd, frame.json_status_fd, frame.userns_block_fd, frame.userns_fd, frame.pidns_fd];
    for fd in done.into_iter().flatten() {
        // The monitor's, or used already.
        sys::close_named(fd.fd()).at(|| fault!("close"))?;
    }
    if frame.own_cgroup() && frame.namespaces.has(clone_flags::NEWCGROUP) {
        // ORDER: in its own cgroup by now, which this makes the root of what the sandbox sees (cgroup_namespaces(7)).
        sys::unshare(clone_flags::NEWCGROUP).at(|| fault!("Can't make a cgroup namespace"))?;
    }
    if frame.namespaces.has(clone_flags::NEWTIME) {
        // ORDER: before a change of ids, after which /proc/self is not this process's to write to.
        clock::enter(frame)?;
    }
    ids(frame, decided)?;
    beside.enter_terminal(chain.plan.has(Stage::InitReaper) || !frame.namespaces.has(clone_flags::NEWPID))?;
    if frame.loopback && frame.namespaces.has(clone_flags::NEWNET) && chain.passed.netns.is_none() {
        loopback::up(&loopback::socket()?)?;
    }
    if let Some(name) = frame.hostname {
        // No command line says so, but a plan that was edited can: root would rename the host.
        if !frame.namespaces.has(clone_flags::NEWUTS) {
            return Err(fault!("Specifying --hostname requires --unshare-uts"));
        }
        sys::sethostname(name.bytes()).at(|| fault!("Can't set hostname to ", name))?;
    }
    if decided.clone_flags & clone_flags::NEWNS != 0 && !chain.plan.has(Stage::FsBuild) {
        // What the command mounts does not reach the host; fs-build sees to that itself.
        sys::mount_make_rslave(c"/").at_mount(|| fault!("Failed to make / slave"))?;
    }
    // In the new mount namespace: what is opened here can be bound there.
    chain.open_next_beside(own)?;
    let keeps = frame.raise == CapSet::ALL && !chain.plan.has(Stage::PrivDrop);
    raise(frame, decided, keeps)
}

/// Closes the end that is the monitor's, and makes ours outlive the execs.
fn keep_write_end(pipe: Option<Pipe>) -> Outcome<Option<Fd>> {
    let Some(Pipe { read, write }) = pipe else { return Ok(None) };
    sys::close(read).at(|| fault!("close"))?;
    sys::set_cloexec(write, false).at(|| fault!("fcntl"))?;
    Ok(Some(write))
}

/// Waits until the monitor has done its part. A monitor that ended instead has said why.
///
/// With `--die-with-parent` or `--console` it keeps its end open for as long as it lives: one that gave the go and ended before the
/// death signal was asked for shows here.
fn wait_for_go(go: Option<Pipe>, until_death: bool) -> Outcome<()> {
    let Some(Pipe { read, write }) = go else { return Ok(()) };
    sys::close(write).at(|| fault!("close"))?;
    let mut byte = [0u8];
    match sys::retry(|| sys::read(read, &mut byte)).at(|| fault!("read"))? {
        0 => sys::exit(1),
        _ if until_death && sys::is_hung_up(read).at(|| fault!("poll"))? => {
            return Err(fault!("the monitor has ended"));
        }
        _ => {}
    }
    sys::close(read).at(|| fault!("close"))
}

/// Becomes who the plan says.
fn ids(frame: &NsEnter<'static>, decided: &Decided) -> Outcome<()> {
    if frame.userns_fd.is_some() {
        // In a namespace that somebody else has mapped.
        if let Some(uid) = frame.uid.filter(|uid| *uid != sys::getuid()) {
            sys::setresuid(uid).at(|| fault!("unable to switch to uid ", uid))?;
        }
        if let Some(gid) = frame.gid.filter(|gid| *gid != sys::getgid()) {
            sys::setresgid(gid).at(|| fault!("unable to switch to gid ", gid))?;
        }
    } else if decided.new_user && frame.has_maps() {
        become_mapped(frame)?;
    } else if decided.new_user && frame.userns_block_fd.is_none() {
        idmap::write(decided.mapped, decided.caller)?;
    } else if decided.new_user && !idmap::is_written()? {
        // Whoever was to write it has gone without. Nothing could be made in the sandbox then, its root not either.
        return Err(fault!("Creating newroot failed").errno(Errno::OVERFLOW));
    }
    Ok(())
}

/// Becomes one of the several ids that the monitor has mapped, with all capabilities still.
fn become_mapped(frame: &NsEnter<'static>) -> Outcome<()> {
    let gid = frame.gid.filter(|gid| *gid != sys::getgid());
    let uid = frame.uid.filter(|uid| *uid != sys::getuid());
    if gid.is_none() && uid.is_none() {
        return Ok(());
    }
    sys::set_keep_caps().at(|| fault!("prctl(PR_SET_KEEPCAPS)"))?;
    if let Some(gid) = gid {
        sys::setresgid(gid).at(|| fault!("unable to switch to gid ", gid))?;
    }
    if let Some(uid) = uid {
        sys::setresuid(uid).at(|| fault!("unable to switch to uid ", uid))?;
    }
    let caps = sys::capget().at(|| fault!("capget failed"))?;
    sys::capset(Caps { effective: caps.permitted, ..caps }).at(|| fault!("capset failed"))?;
    if frame.ends_with_monitor() {
        // A change of ids clears it.
        sys::set_pdeathsig(sys::SIGKILL).at(|| fault!("prctl"))?;
    }
    Ok(())
}

/// Whoever is not root in the new user namespace loses all capabilities at the next exec (capabilities(7),
/// "Transformation of capabilities during execve()"), unless they are ambient: raises those that the later
/// stages need, and no others. Root has his without; where the command `keeps` all (`--keep-caps`) they are ambient for him
/// too, as unshare(1) has it.
fn raise(frame: &NsEnter<'static>, decided: &Decided, keeps: bool) -> Outcome<()> {
    if decided.own_userns.is_none() || (sys::geteuid() == 0 && !keeps) {
        return Ok(());
    }
    let mut caps = sys::capget().at(|| fault!("capget failed"))?;
    // Root may keep what he had, as far as priv-drop lets him: it has the one that takes away the others.
    let callers = decided.caller_caps.filter(|_| frame.raise.has(cap::SETPCAP)).unwrap_or(CapSet::EMPTY);
    let raised = frame.raise.union(callers).intersection(caps.permitted);
    caps.inheritable = raised;
    sys::capset(caps).at(|| fault!("capset failed"))?;
    for cap in raised.iter() {
        sys::ambient_raise(cap).at(|| fault!("Adding ambient capability ", cap))?;
    }
    Ok(())
}
