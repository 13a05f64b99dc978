//! What pid 1 holds while the sandbox runs: locks, descriptors, and nothing else.

use common::chain::Chain;
use common::errno::Errno;
use common::fault;
use common::plan::InitReaper;
use common::report::{At, Outcome};
use common::sys::{self, Fd, o};

/// How many descriptors a lock file can be among.
const MOST: usize = 1024;

/// The descriptors of lock files, a bit for each number.
#[derive(Clone, Copy, Debug)]
pub struct Locks([u64; MOST / 64]);

impl Locks {
    fn add(&mut self, fd: Fd) -> Option<()> {
        let number = usize::try_from(fd.0).ok()?;
        *self.0.get_mut(number / 64)? |= 1 << (number % 64);
        Some(())
    }

    /// The lowest that is at least `first`.
    fn from(&self, first: u32) -> Option<u32> {
        (first..MOST as u32).find(|&number| {
            self.0.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
        })
    }
}

/// Takes a shared lock on each lock file; whoever wants to know whether the sandbox lives asks for an exclusive
/// one.
pub fn take_locks(frame: &InitReaper<'static>) -> Outcome<Locks> {
    let mut locks = Locks([0; MOST / 64]);
    for path in frame.locks.iter() {
        let not_open = || fault!("Unable to open lock file ", path);
        let file = sys::openat(sys::CWD, path.0, o::RDONLY | o::CLOEXEC, 0).at(not_open)?;
        sys::lock_shared(file.fd()).at(|| fault!("Unable to lock file ", path))?;
        // A record lock goes with the first close of its file, whichever descriptor that is; so none is closed.
        locks.add(file.leak()).ok_or_else(|| not_open().errno(Errno::MFILE))?;
    }
    Ok(locks)
}

/// In the command's process: closes what is pid 1's. Lock files are close-on-exec already, but the stages of this
/// process end in one exec or more, and this is the first.
pub fn close_in_command(chain: &mut Chain, frame: &InitReaper<'static>, _: &Locks) -> Outcome<()> {
    if let Some(status) = chain.passed.status.take() {
        sys::close(status).at(|| fault!("close"))?;
    }
    for fd in frame.sync_fds.iter() {
        sys::close_named(fd.fd()).at(|| fault!("close"))?;
    }
    Ok(())
}

/// In pid 1: closes every descriptor but the standard three, the status pipe, `--sync-fd`, the locks and `others`.
pub fn close_in_reaper(
    chain: &Chain,
    frame: &InitReaper<'static>,
    locks: &Locks,
    others: [Option<Fd>; 2],
) -> Outcome<()> {
    let mut next = Some(3u32);
    while let Some(first) = next {
        let kept = first_kept(first, chain, frame, locks, others);
        match kept {
            Some(kept) if kept == first => {}
            Some(kept) => sys::close_range(first, kept - 1).at(|| fault!("close_range"))?,
            None => return sys::close_range(first, u32::MAX).at(|| fault!("close_range")),
        }
        next = kept.and_then(|kept| kept.checked_add(1));
    }
    Ok(())
}

/// The lowest descriptor from `first` on that is kept. Asked once for each that is, which for the few there are
/// beats a table.
fn first_kept(
    first: u32,
    chain: &Chain,
    frame: &InitReaper<'static>,
    locks: &Locks,
    others: [Option<Fd>; 2],
) -> Option<u32> {
    let number = |fd: Fd| u32::try_from(fd.0).ok();
    let from = |n: u32| if n >= first { Some(n) } else { None };
    let status = chain.passed.status.and_then(number).and_then(from);
    let sync = frame.sync_fds.iter().filter_map(|fd| number(fd.fd())).filter_map(from).min();
    let locks = locks.from(first);
    let [go, list] = others.map(|fd| fd.and_then(number).and_then(from));
    [status, sync, locks, go, list].into_iter().flatten().min()
}
