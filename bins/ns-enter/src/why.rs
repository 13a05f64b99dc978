//! What the kernel refuses explained, where this is a command of its own: the launch ends, so there is time to look.

use super::namespaces::{self, Decided};
use common::chain::{Argument, Chain, Neighbours};
use common::errno::Errno;
use common::report::{ENV_FAILURE, Fault, Voice};
use common::sys::{self, Vector};

/// The fault that the kernel's refusal of namespaces is. Where this is a command of its own, `compose` says the reason as
/// well, and it ends so; a `compose` that is not there leaves it at that, and so does one that would be somebody else's.
#[cold]
#[inline(never)]
pub fn refused(chain: &Chain, decided: &Decided, errno: Errno) -> Fault {
    let fault = namespaces::refused(errno, decided);
    let voice = chain.voice();
    if voice.failure != ENV_FAILURE || decided.is_foreign {
        return fault;
    }
    voice.complain(&fault);
    let _ = exec(voice, errno, decided.clone_flags);
    sys::exit(voice.failure)
}

fn exec(voice: Voice, errno: Errno, flags: u32) -> Option<Errno> {
    // Both in one number: the bits of namespaces are above all errnos.
    let mut what = Argument::new("");
    what.decimal(flags | u32::from(errno.0));
    let prefix = voice.level_prefix.then_some(c"--level-prefix");
    let words = [Some(c"why"), Some(what.as_c_str()), prefix];
    let (mut argv, mut env) = ([0usize; 4], [0usize; 1]);
    let mut argv = Vector::over(&mut argv);
    argv.extend(words.into_iter().flatten()).ok()?;
    let mut own = Neighbours::find().ok()?;
    Some(sys::execve(own.path("compose")?, argv.finish(), Vector::over(&mut env).finish()))
}
