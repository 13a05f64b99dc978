//! What the kernel refuses explained, where this is a command of its own: the launch ends, so there is time to look.

use common::chain::{Argument, Neighbours};
use common::errno::Errno;
use common::report::{Fault, Voice};
use common::sys::{self, Vector};

/// Says `fault`, which the clone with `flags` has ended in, and has `compose` say the reason; a `compose` that is not there
/// leaves it at that.
#[cold]
#[inline(never)]
pub fn explain(voice: Voice, fault: &Fault, errno: Errno, flags: u32) -> ! {
    voice.complain(fault);
    let _ = exec(voice, errno, flags);
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
