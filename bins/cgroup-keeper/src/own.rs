//! The sandbox's cgroup.

use super::children;
use super::place::{self, Place};
use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::report::{At, Outcome};
use common::sys::{self, Fd, OwnedFd, PollFd, event, o};
use core::ffi::CStr;

/// A directory below the caller's cgroup.
#[derive(Debug)]
pub struct Own {
    name: Argument,
    /// Its directory.
    pub dir: OwnedFd,
    /// The one below it that the sandbox is in, where it may not change its own.
    room: Option<OwnedFd>,
    events: OwnedFd,
}

impl Own {
    /// Makes it: `bwrap-PID` by the launcher's process id, which is what a user has to look for.
    pub fn make(place: &Place, launcher: i32) -> Outcome<Own> {
        let (name, dir) = make(place, "bwrap-", launcher)?;
        let opened = sys::openat(dir.fd(), c"cgroup.events", o::RDONLY | o::CLOEXEC, 0);
        match opened {
            Ok(events) => Ok(Own { name, dir, room: None, events }),
            Err(errno) => {
                let _ = sys::rmdirat(place.dir.fd(), name.as_c_str());
                Err(place.fault("Can't open cgroup.events of a cgroup below", "").errno(errno))
            }
        }
    }

    /// Its name in the caller's cgroup.
    pub fn name(&self) -> &CStr {
        self.name.as_c_str()
    }

    /// Puts the sandbox one further down, out of reach of the files of this one.
    ///
    /// The files of a cgroup belong to who made it, and so to the command if it is in there; that a cgroup namespace's root is not
    /// to be written to from inside is true only where the hierarchy is mounted with `nsdelegate` (cgroups(7)).
    pub fn make_room(&mut self, place: &Place) -> Outcome<()> {
        const NAME: &CStr = c"sandbox";
        let failed = || place.fault("Can't make a cgroup below the sandbox's, in", "");
        self.share_out(place)?;
        sys::mkdirat(self.dir.fd(), NAME, 0o755).at(failed)?;
        self.room = Some(sys::openat(self.dir.fd(), NAME, children::DIRECTORY, 0).at(failed)?);
        Ok(())
    }

    /// Switches on below it what is on for it: the sandbox may share that out further.
    fn share_out(&self, place: &Place) -> Outcome<()> {
        let mut buf = [0u8; 512];
        let failed = || place.fault("Can't switch on controllers below the sandbox's cgroup in", "");
        let all = place::read(self.dir.fd(), c"cgroup.controllers", &mut buf).at(failed)?;
        all.split(|byte| byte.is_ascii_whitespace())
            .filter(|controller| !controller.is_empty())
            .try_for_each(|controller| place::switch(self.dir.fd(), b"+", controller).at(failed))
    }

    /// Where the sandbox is to be.
    pub fn room(&self) -> Fd {
        self.room.as_ref().unwrap_or(&self.dir).fd()
    }

    /// Moves process `pid` in.
    pub fn move_in(&self, pid: i32) -> Outcome<()> {
        let failed = || fault!("--cgroup: Can't move process ", pid, " into its cgroup");
        place::move_to(self.room(), pid).at(failed)?;
        // Outside it, no limit would count.
        if self.is_populated()? { Ok(()) } else { Err(failed()) }
    }

    /// Whether any process is in it or below.
    pub fn is_populated(&self) -> Outcome<bool> {
        let mut buf = [0u8; 128];
        let n = sys::retry(|| sys::pread(self.events.fd(), &mut buf, 0))
            .at(|| fault!("--cgroup: Can't read cgroup.events"))?;
        let text = buf.get(..n).unwrap_or_default();
        let says = |word: &[u8]| text.split(|byte| *byte == b'\n').any(|line| line == word);
        match (says(b"populated 1"), says(b"populated 0")) {
            (false, false) => Err(fault!("--cgroup: Can't read cgroup.events")),
            (populated, _) => Ok(populated),
        }
    }

    /// Waits until that may have changed, or something comes from `monitor`, if that lives: then returns true.
    pub fn wait(&self, monitor: Option<Fd>) -> Outcome<bool> {
        let mut fds = [PollFd::new(Some(self.events.fd()), event::PRI), PollFd::new(monitor, event::IN)];
        sys::retry(|| sys::poll_events(&mut fds)).at(|| fault!("poll"))?;
        let [_, monitor] = fds;
        Ok(monitor.is_ready())
    }

    /// Kills all that is in it or below, at once. False where that cannot be: before Linux 5.14, which has `cgroup.kill`, or
    /// when the sandbox, whose the files of the cgroup that it is in are, has closed it to this process. All is frozen then
    /// (`cgroup.freeze`, Linux 5.2), to be ended one by one: who is frozen can be killed, and makes neither processes nor
    /// cgroups, which would have no end.
    pub fn kill_all(&self) -> Outcome<bool> {
        if place::write(self.dir.fd(), c"cgroup.kill", b"1").is_ok() {
            return Ok(true);
        }
        place::write(self.dir.fd(), c"cgroup.freeze", b"1")
            .at(|| fault!("--cgroup: Can't kill what is left in the cgroup"))?;
        Ok(false)
    }

    /// Waits until nobody is in it. Whoever calls this has made sure that this comes.
    pub fn wait_until_empty(&self) -> Outcome<()> {
        while self.is_populated()? {
            self.wait(None)?;
        }
        Ok(())
    }
}

/// Whether the caller's cgroup has any below it but `known`.
pub fn has_others(place: &Place, known: Option<&CStr>) -> Outcome<bool> {
    children::any(place.dir.fd(), |name| Some(name) != known).at(|| place.fault("Can't list cgroup", ""))
}

/// Makes a cgroup below the caller's whose name starts with `prefix` and the launcher's process id.
pub fn make(place: &Place, prefix: &'static str, launcher: i32) -> Outcome<(Argument, OwnedFd)> {
    /// How many of that name are passed over: one may be left from a keeper that was killed, years ago.
    const TRIES: u32 = 100;
    let mut last = Errno::EXIST;
    for again in 0..TRIES {
        let mut name = Argument::new(prefix);
        name.decimal(launcher.unsigned_abs());
        if again > 0 {
            name.text(b"-");
            name.decimal(again);
        }
        match sys::mkdirat(place.dir.fd(), name.as_c_str(), 0o755) {
            Ok(()) => {
                let flags = o::RDONLY | o::DIRECTORY | o::NOFOLLOW | o::CLOEXEC;
                let dir = sys::openat(place.dir.fd(), name.as_c_str(), flags, 0).inspect_err(|_| {
                    let _ = sys::rmdirat(place.dir.fd(), name.as_c_str());
                });
                return dir.map(|dir| (name, dir)).at(|| place.fault("Can't open a cgroup below", ""));
            }
            Err(errno) => last = errno,
        }
        if last != Errno::EXIST {
            break;
        }
    }
    Err(match last {
        Errno::ACCES | Errno::PERM | Errno::ROFS => place.not_delegated("Can't make a cgroup below"),
        _ => place.fault("Can't make a cgroup below", ""),
    }
    .errno(last))
}
