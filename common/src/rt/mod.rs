//! The start of a stage without libc: entry point, self-relocation, memory functions, panic handler.

mod memory;
mod start;

pub use start::Start;

use crate::sys;

/// A panic is a bug of ours, never the user's: say so in one line and fail closed.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    let _ = sys::write_all(sys::STDERR, b"sallyport: internal error, nothing was run\n");
    sys::exit(1)
}

/// Defines the process entry point, which runs `fn $main(start: Start) -> !`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// What the start code calls.
        // The attribute is the only thing that is unsafe here: the name must be defined once, and is.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        fn sallyport_main(start: $crate::rt::Start) -> ! {
            $main(start)
        }
    };
}
