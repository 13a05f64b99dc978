//! `--limit`: what the sandbox's cgroup may use, and the controllers that have to be switched on for it.

use super::own::{self, Own};
use super::place::{self, Place};
use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::plan::{Limit, NsEnter};
use common::report::{At, Outcome};
use common::sys::{self, Fd, OwnedFd};
use core::ffi::CStr;

/// As many controllers as there are, and some to come.
const MOST: usize = 16;

/// What was changed in the caller's cgroup, to be changed back.
#[derive(Debug)]
pub struct Limits {
    launcher: i32,
    /// Controllers that were not on.
    switched_on: [Option<&'static [u8]>; MOST],
    /// Where the launcher and this process are meanwhile.
    aside: Option<(Argument, OwnedFd)>,
}

impl Limits {
    /// Nothing changed.
    pub fn new(launcher: i32) -> Limits {
        Limits { launcher, switched_on: [None; MOST], aside: None }
    }

    /// Sets the limits of `frame` on the sandbox's cgroup.
    pub fn apply(&mut self, frame: &NsEnter<'static>, place: &Place, own: &Own) -> Outcome<()> {
        for Limit::File { name, value } in frame.limits().iter() {
            let controller = Limit::controller(name.bytes())
                .ok_or_else(|| fault!("--limit: ", name, " is no limit of a cgroup"))?;
            self.switch_on(controller, place)?;
            let refused = || fault!("--limit: Can't set ", name, " to ", value);
            let (mut before, mut after) = ([0u8; 256], [0u8; 256]);
            // A file that can only be written is none of a limit.
            let before = match place::read(own.dir.fd(), name.0, &mut before) {
                Err(Errno::NOENT) => return Err(fault!("--limit: this kernel has no ", name)),
                other => other.at(refused)?,
            };
            place::write(own.dir.fd(), name.0, value.bytes()).at(refused)?;
            let after = place::read(own.dir.fd(), name.0, &mut after).at(refused)?;
            if after == before && !says(after, value.bytes()) {
                return Err(fault!("--limit: ", name, " is what it was after it was set to ", value));
            }
        }
        Ok(())
    }

    /// Makes sure that `controller` counts in the cgroups below the caller's.
    fn switch_on(&mut self, controller: &'static [u8], place: &Place) -> Outcome<()> {
        if lists(place.dir.fd(), c"cgroup.subtree_control", controller, place)? {
            return Ok(());
        }
        if !lists(place.dir.fd(), c"cgroup.controllers", controller, place)? {
            return Err(fault!(
                "--limit: controller ",
                controller,
                " is not delegated to you in ",
                place.mount,
                place.path,
                " (try: systemd-run --user --scope -p Delegate=yes COMMAND)"
            ));
        }
        let slot = self.switched_on.iter_mut().find(|slot| slot.is_none());
        let slot = slot.ok_or_else(|| fault!("--limit: too many controllers"))?;
        let refused =
            || fault!("--limit: Can't switch on controller ", controller, " in ", place.mount, place.path);
        match place::switch(place.dir.fd(), b"+", controller) {
            // No cgroup may share out what its own processes use (cgroups(7), "no internal processes").
            Err(Errno::BUSY) if self.aside.is_none() => {
                self.aside = Some(move_aside(place, self.launcher)?);
                place::switch(place.dir.fd(), b"+", controller).at(refused)?;
            }
            other => other.at(refused)?,
        }
        *slot = Some(controller);
        Ok(())
    }

    /// Changes back what was changed, once the sandbox's cgroup is gone.
    pub fn undo(&mut self, place: &Place) -> Outcome<()> {
        // What another sandbox of this caller lives by stays.
        if own::has_others(place, self.aside.as_ref().map(|(name, _)| name.as_c_str()))? {
            return Ok(());
        }
        for controller in self.switched_on.iter().flatten() {
            place::switch(place.dir.fd(), b"-", controller).at(|| {
                fault!("--limit: Can't switch off controller ", *controller, " in ", place.mount, place.path)
            })?;
        }
        let Some((name, aside)) = &self.aside else { return Ok(()) };
        // Who is there: the number of a launcher that was killed may be somebody else's by now, and it may have started others.
        let mut buf = [0u8; 512];
        let procs = place::read(aside.fd(), c"cgroup.procs", &mut buf)
            .at(|| place.fault("Can't read cgroup.procs of a cgroup below", ""))?;
        for pid in procs.split(|byte| *byte == b'\n').filter(|pid| !pid.is_empty()) {
            match place::write(place.dir.fd(), c"cgroup.procs", pid) {
                // Killed meanwhile.
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => return Err(place.fault("Can't move the launcher back to", "").errno(errno)),
            }
        }
        sys::rmdirat(place.dir.fd(), name.as_c_str())
            .at(|| place.fault("Can't remove a cgroup below", ""))?;
        self.aside = None;
        Ok(())
    }
}

/// Whether `text`, what the kernel says of a limit that has not changed, may be `value`. It has words of its own for most
/// values (67108864 for 64M), so the usual proof is that a limit of a new cgroup has changed.
fn says(text: &[u8], value: &[u8]) -> bool {
    let number = value.strip_suffix(b"K").or(value.strip_suffix(b"M")).or(value.strip_suffix(b"G"));
    text.starts_with(number.unwrap_or(value).trim_ascii())
}

/// Moves the launcher and this process out of the way, to a cgroup of their own beside the sandbox's; refused when
/// others are there as well, whom this is no business of.
fn move_aside(place: &Place, launcher: i32) -> Outcome<(Argument, OwnedFd)> {
    let ours = [launcher, sys::getpid()];
    let mut buf = [0u8; 256];
    let procs = place::read(place.dir.fd(), c"cgroup.procs", &mut buf)
        .at(|| place.fault("Can't read cgroup.procs of", ""))?;
    let is_ours = |line: &[u8]| {
        ours.iter().any(|pid| {
            let mut number = Argument::new("");
            number.decimal(pid.unsigned_abs());
            number.as_c_str().to_bytes() == line
        })
    };
    if !procs.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).all(is_ours) {
        return Err(place.fault(
            "--limit needs a cgroup with nothing but this launch in it; others are in",
            " (try: systemd-run --user --scope -p Delegate=yes COMMAND)",
        ));
    }
    let (name, dir) = own::make(place, "bwrap-launcher-", launcher)?;
    for pid in ours {
        let moved = place::move_to(dir.fd(), pid);
        // A launcher that was killed by now is noticed when nothing comes from it.
        if let Err(errno) = moved.or_else(|errno| if errno == Errno::SRCH { Ok(()) } else { Err(errno) }) {
            for pid in ours {
                let _ = place::move_to(place.dir.fd(), pid);
            }
            let _ = sys::rmdirat(place.dir.fd(), name.as_c_str());
            return Err(place.fault("Can't move the launcher to a cgroup below", "").errno(errno));
        }
    }
    Ok((name, dir))
}

/// Whether the file `name` of `dir`, a list of controllers, has this one.
fn lists(dir: Fd, name: &CStr, controller: &[u8], place: &Place) -> Outcome<bool> {
    let mut buf = [0u8; 512];
    let list = place::read(dir, name, &mut buf).at(|| place.fault("Can't read the controllers of", ""))?;
    Ok(list.split(|byte| byte.is_ascii_whitespace()).any(|word| word == controller))
}
