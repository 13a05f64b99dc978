//! The seccomp filters, last thing before the command.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

use common::plan::Stage;
use common::rt::Start;

common::entry!(main);

fn main(start: Start) -> ! {
    common::chain::run(Stage::SeccompLoad, start, |chain| chain.exec())
}
