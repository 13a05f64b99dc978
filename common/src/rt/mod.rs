//! The start of a stage without libc: entry point, self-relocation, memory functions, panic handler.

#[doc(hidden)]
pub mod memory;
mod start;

pub use start::Start;

use crate::sys;

/// A panic is a bug of ours, never the user's: say so in one line and fail closed.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    let _ = sys::write_all(sys::STDERR, b"sallyport: internal error, nothing was run\n");
    sys::exit(1)
}

/// Defines the process entry point, which runs `fn $main(start: Start) -> !`, and the memory functions that compiled code
/// calls by name ([`memory`]).
///
/// They are defined in the executable's own crate: only there does the compiler know that nothing else can take their
/// place, and calls them directly. Anywhere else it calls them through a table of addresses, which the start code would
/// have to relocate: a writable page, and 9 µs of every exec.
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

        $crate::memory_function!(memmove(dest: *mut u8, src: *const u8, n: usize) -> *mut u8);
        $crate::memory_function!(memcpy(dest: *mut u8, src: *const u8, n: usize) -> *mut u8);
        $crate::memory_function!(memset(dest: *mut u8, byte: i32, n: usize) -> *mut u8);
        $crate::memory_function!(memcmp(a: *const u8, b: *const u8, n: usize) -> i32);
        $crate::memory_function!(bcmp(a: *const u8, b: *const u8, n: usize) -> i32);
        $crate::memory_function!(strlen(s: *const u8) -> usize);
    };
}

/// Defines the function of [`rt::memory`](crate::rt::memory) that has this name under this name.
#[doc(hidden)]
#[macro_export]
macro_rules! memory_function {
    ($name:ident($($argument:ident: $type:ty),*) -> $result:ty) => {
        #[doc = concat!("[`common::rt::memory::", stringify!($name), "`].")]
        ///
        /// # Safety
        ///
        /// As there.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            // SAFETY: the promise is the same.
            unsafe { $crate::rt::memory::$name($($argument),*) }
        }
    };
}
