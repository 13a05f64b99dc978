//! The command every launcher runs. Without arguments it exits at once; with `wait` it waits for its standard
//! input to end; with `show` it prints what it sees of its confinement, to compare launchers.

#![no_std]
#![no_main]

mod sys;

use core::panic::PanicInfo;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    sys::exit(125)
}

sys::entry!(main);

fn main(start: sys::Start) -> ! {
    match start.letter(1) {
        b'w' => {
            let mut byte = [0u8; 1];
            while sys::read(0, &mut byte) > 0 {}
        }
        b's' => {
            copy(c"/proc/self/status");
            copy(c"/proc/self/mountinfo");
        }
        _ => {}
    }
    sys::exit(0)
}

/// Copies a file to standard output; a sandbox without /proc shows nothing.
fn copy(path: &core::ffi::CStr) {
    // SAFETY: the path is a NUL-ended constant.
    let fd = unsafe { sys::call(sys::OPEN, [path.as_ptr() as usize, 0, 0, 0, 0, 0]) };
    let mut buffer = [0u8; 4096];
    while fd >= 0
        && let length @ 1.. = sys::read(fd as i32, &mut buffer)
    {
        // SAFETY: write(2) reads at most what read(2) put into the buffer, which outlives the call.
        unsafe { sys::call(sys::WRITE, [1, buffer.as_ptr() as usize, length as usize, 0, 0, 0]) };
    }
}
