//! Loading the filters of a plan, in the one way that both the command and pid 1 get them.

use crate::errno::Errno;
use crate::fault;
use crate::plan::{Plan, SeccompLoad, Stage};
use crate::report::{At, Outcome};
use crate::sys;

/// Loads the filters that `plan` has, if any, into this process, in order. `no_new_privs` is set already.
///
/// Every filter but the last has to allow this prctl(2) (seccomp(2) where the plan asks for flags), or the next
/// cannot be loaded; and the last has to allow what is left to do, which for the command is one execve.
pub fn apply(plan: &Plan<'static>) -> Outcome<()> {
    if !plan.has(Stage::SeccompLoad) {
        return Ok(());
    }
    let frame = plan.decode(Stage::SeccompLoad, SeccompLoad::decode).map_err(|bad| bad.fault())?;
    let flags = sys::seccomp_flags(frame.log, frame.spec_allow);
    for program in frame.programs.iter() {
        if flags != 0 {
            sys::seccomp(flags, program.bytes()).at(|| fault!("seccomp(SECCOMP_SET_MODE_FILTER)"))?;
            continue;
        }
        sys::seccomp_set_mode_filter(program.bytes()).map_err(|errno| match errno {
            Errno::INVAL => fault!(
                "Unable to set up system call filtering as requested: prctl(PR_SET_SECCOMP) reported EINVAL. \
                 (Hint: this requires a kernel configured with CONFIG_SECCOMP and CONFIG_SECCOMP_FILTER.)"
            ),
            Errno::ACCES => {
                let hint = if plan.has(Stage::PrivDrop) {
                    " (it takes no_new_privs, which --allow-new-privs leaves out)"
                } else {
                    " (it takes no_new_privs: priv-drop before it)"
                };
                fault!("prctl(PR_SET_SECCOMP)", hint).errno(errno)
            }
            errno => fault!("prctl(PR_SET_SECCOMP)").errno(errno),
        })?;
    }
    Ok(())
}
