//! Who the process is, and what it may use: limits, groups, group and user ids.

use common::errno::Errno;
use common::fault;
use common::plan::{Attributes, List, Rlimit};
use common::report::{At, Fault, Outcome};
use common::sort::sort;
use common::sys::{self, Ids, Limits, Mapping};

/// Sets the resource limits. A hard limit is raised by one who has `CAP_SYS_RESOURCE`, so this comes first.
pub fn limit(rlimits: List<'static, Rlimit>) -> Outcome<()> {
    for Rlimit { resource, soft, hard } in rlimits.iter() {
        let name = common::limits::name(resource).unwrap_or("of an unknown resource");
        let fault = || fault!("Can't set limit ", name);
        let old = sys::getrlimit(resource).at(fault)?;
        let new = Limits { soft: soft.unwrap_or(old.soft), hard: hard.unwrap_or(old.hard) };
        if new.soft > new.hard {
            return Err(fault!("Can't set limit ", name, ": the soft limit is above the hard one"));
        }
        sys::setrlimit(resource, new).at(fault)?;
        if sys::getrlimit(resource) != Ok(new) {
            return Err(fault());
        }
    }
    Ok(())
}

/// Changes groups and ids, in the order in which each is still allowed.
pub fn change(attributes: &Attributes<'static>) -> Outcome<()> {
    if let Some(groups) = attributes.groups {
        set_groups(groups)?;
    }
    if attributes.rgid.is_some() || attributes.egid.is_some() {
        let fault = || fault!("setresgid");
        let new = changed(sys::getresgid().at(fault)?, attributes.rgid, attributes.egid);
        sys::setresgid_each(new).at(fault)?;
        verify(sys::getresgid(), new, fault)?;
    }
    if attributes.ruid.is_some() || attributes.euid.is_some() {
        let fault = || fault!("setresuid");
        let new = changed(sys::getresuid().at(fault)?, attributes.ruid, attributes.euid);
        sys::setresuid_each(new).at(fault)?;
        verify(sys::getresuid(), new, fault)?;
    }
    Ok(())
}

/// The saved id goes with the effective one: nobody can come back from where he was sent.
fn changed(old: Ids, real: Option<u32>, effective: Option<u32>) -> Ids {
    Ids {
        real: real.unwrap_or(old.real),
        effective: effective.unwrap_or(old.effective),
        saved: effective.unwrap_or(old.saved),
    }
}

/// Read back: a call that did nothing would leave the command whoever the caller is.
fn verify<T: PartialEq>(found: sys::Result<T>, expected: T, fault: impl Fn() -> Fault) -> Outcome<()> {
    if found == Ok(expected) { Ok(()) } else { Err(fault()) }
}

fn set_groups(groups: List<'static, u32>) -> Outcome<()> {
    let fault = || fault!("setgroups");
    if groups.len() > sys::GROUPS_MAX {
        return Err(fault().errno(Errno::INVAL));
    }
    let wanted = Mapping::numbers(groups.len()).at(fault)?;
    for (slot, group) in wanted.iter_mut().zip(groups.iter()) {
        *slot = group;
    }
    sys::setgroups(wanted).at(fault)?;
    // One more than was set: for a length of 0 the kernel says how many there are and writes none.
    let found = Mapping::numbers(groups.len().saturating_add(1)).at(fault)?;
    let count = sys::getgroups(found).at(fault)?;
    let found = found.get_mut(..count).unwrap_or_default();
    sort(wanted);
    sort(found);
    verify(Ok(found), wanted, fault)
}
