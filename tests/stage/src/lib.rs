//! What the tests of single stages and of the pipeline share: hand-made plans, a bench with the executables under
//! test, and a view of what was seen.

mod bench;
pub mod entry;
pub mod filters;
mod records;
pub mod tree;
mod view;

pub use bench::{
    Bench, EXECUTABLES, NEXT_FD, PLAN_FD, Who, callers_capabilities, deadly_signals, everyone, script, skip,
    through, waits_in, with_env,
};
pub use records::{
    ATTRIBUTES, CONTROL, FS_BUILD, INIT_REAPER, NS_ENTER, PRIV_DROP, Records, SEALED, SECCOMP_LOAD, c_str,
    command, list, memfd, path, text,
};
pub use view::{View, ended, explain, refused};
