//! The frame of the command: what is run, in which environment and directory.

use super::{List, record, variants};
use crate::text::{Path, Text};

record! {
    /// What the last stage execs.
    pub struct Command<'a> {
        /// `argv[0]`, when it is not the first of `args` (`--argv0`).
        pub argv0: Option<Text<'a>>,
        /// The program, looked up in `PATH` as `execvp(3)` does, and its arguments: at least one string.
        pub args: List<'a, Text<'a>>,
        /// Changes of the environment, in order; they are made by the first exec of the launch.
        pub env: List<'a, EnvOp<'a>>,
        /// The working directory, inside the sandbox (`--chdir`). Without one: the caller's, or `HOME`, or `/`.
        pub directory: Option<Path<'a>>,
        /// SELinux label of the command (`--exec-label`).
        pub exec_label: Option<Text<'a>>,
        /// Empty the inheritable set just before the exec, and with it the ambient one: what ns-enter raised for the other
        /// stages.
        pub drop_ambient: bool,
    }
}

variants! {
    /// A change of the environment.
    pub enum EnvOp<'a> {
        /// `--clearenv`: every variable goes, but for `PWD`.
        0 = Clear,
        /// `--setenv NAME VALUE`.
        1 = Set {
            /// Not empty, without `=`.
            name: Text<'a>,
            /// Any string.
            value: Text<'a>,
        },
        /// `--unsetenv NAME`.
        2 = Unset {
            /// Not empty, without `=`.
            name: Text<'a>,
        },
    }
}

impl EnvOp<'_> {
    /// What is wrong with a name that [`EnvOp::has_valid_name`] does not take.
    pub const BAD_NAME: &'static str = "the name of a variable is not empty and has no =";

    /// Whether the variable's name, if there is one, is as `setenv(3)` takes it.
    pub fn has_valid_name(self) -> bool {
        match self {
            EnvOp::Clear => true,
            EnvOp::Set { name, .. } | EnvOp::Unset { name } => {
                !name.bytes().is_empty() && !name.bytes().contains(&b'=')
            }
        }
    }
}
