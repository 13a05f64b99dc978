//! The plan: what a launch will do, as one block of bytes that travels from stage to stage.
//!
//! A plan is a header and up to six frames, each the postcard encoding of one record: one a stage that has work,
//! in the order of the pipeline, and the command last. It says what to do and holds no live kernel state but
//! descriptor numbers that the user named, so it can be stored, compared and launched again. `pipeline.md`
//! documents the format; the record types here are the only description that code uses.

mod buffer;
mod check;
mod command;
mod field;
mod fs_build;
mod init_reaper;
mod ns_enter;
mod priv_drop;
mod reader;
mod seccomp_load;
mod writer;

pub use buffer::Buffer;
pub use check::{check, check_relations};
pub use command::{Command, EnvOp};
pub use field::{FdNumber, Field, List, ListWriter, Mode, Program, Signal, SignalSet};
pub use fs_build::{Access, FsBuild, MountOp};
pub use init_reaper::{Control, InitReaper, Left};
pub use ns_enter::{
    IdRange, JoinNs, Limit, Namespaces, NsEnter, NsExtra, NsKind, SecondUserNs, Seconds, UserNs,
};
pub use priv_drop::{Attributes, CapChange, PrivDrop, Rlimit};
pub use reader::{BadPlan, Plan, Reader};
pub use seccomp_load::SeccompLoad;
pub use writer::{Assembly, assemble, seal, write};

/// The first eight bytes of a plan.
pub const MAGIC: [u8; 8] = *b"sallypt\n";

/// The format version: it changes with every change of a record. A stage takes its own version only.
pub const VERSION: u16 = 2;

/// Header: magic, version (u16), flags (u16), length of the whole plan (u32), all little-endian.
pub const HEADER_LEN: usize = 16;

/// Frame header: tag (u32) and length of the payload (u32), little-endian.
pub const FRAME_HEADER_LEN: usize = 8;

/// The largest plan, in bytes: room for a million operations, and little enough to map anywhere.
pub const MAX_PLAN: usize = 1 << 28;

/// Header flag: messages start with a syslog level (`--level-prefix`).
pub const FLAG_LEVEL_PREFIX: u16 = 1;
/// Header flag: messages start with `bwrap`, not with the stage's name.
pub const FLAG_BWRAP: u16 = 2;
/// Header flag: exit statuses are those of `env(1)`: 125 when the set-up failed, 126 when the command cannot be run, 127
/// when it is not there.
pub const FLAG_ENV_STATUS: u16 = 4;

/// Whose frame it is; the number is its tag, and frames stand in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Stage {
    /// Namespaces, id maps and the monitor outside.
    NsEnter = 1,
    /// The mount tree.
    FsBuild = 2,
    /// Second user namespace, capabilities, no_new_privs, session.
    PrivDrop = 3,
    /// Pid 1, locks and the descriptors it holds.
    InitReaper = 4,
    /// Seccomp filters.
    SeccompLoad = 5,
    /// No stage of its own: the command, which the last stage execs. Every plan has this frame.
    Command = 6,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Stage; 6] = [
        Stage::NsEnter,
        Stage::FsBuild,
        Stage::PrivDrop,
        Stage::InitReaper,
        Stage::SeccompLoad,
        Stage::Command,
    ];

    /// The file name of the stage's executable, and its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::NsEnter => "ns-enter",
            Stage::FsBuild => "fs-build",
            Stage::PrivDrop => "priv-drop",
            Stage::InitReaper => "init-reaper",
            Stage::SeccompLoad => "seccomp-load",
            Stage::Command => "command",
        }
    }

    /// Its place in [`Stage::ALL`].
    pub const fn index(self) -> usize {
        self as usize - 1
    }

    /// The stage with this tag.
    pub fn from_tag(tag: u32) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| *stage as u32 == tag)
    }
}

/// Defines a record of the plan: a struct whose postcard encoding is its fields', one after another.
///
/// Decoding goes field by field, so that a refusal names the field; the names are kept for the documentation.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident $(<$life:lifetime>)? {
        $($(#[$fmeta:meta])* pub $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        pub struct $name $(<$life>)? {
            $($(#[$fmeta])* pub $field: $type,)*
        }

        impl $(<$life>)? $name $(<$life>)? {
            /// Field names and types, in the order of the encoding.
            pub const FIELDS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), stringify!($type)),)*];

            /// Takes the fields off the front of `reader`.
            pub fn decode(reader: &mut $crate::plan::record!(@reader $($life)?))
                -> Result<Self, $crate::plan::BadPlan>
            {
                Ok(Self { $($field: $crate::plan::Field::decode(reader, stringify!($field))?,)* })
            }

            /// Appends the encoding to `out`.
            pub fn encode(&self, out: &mut $crate::plan::Buffer) -> $crate::sys::Result<()> {
                $($crate::plan::Field::encode(&self.$field, out)?;)*
                Ok(())
            }
        }

        $crate::plan::record!(@field $name $($life)?);
    };
    // A record inside another one.
    (@field $name:ident $life:lifetime) => {
        $crate::plan::record!(@impl $life, $name<$life>, $name);
    };
    (@field $name:ident) => {
        $crate::plan::record!(@impl 'de, $name, $name);
    };
    (@impl $life:lifetime, $type:ty, $name:ident) => {
        impl<$life> $crate::plan::Field<$life> for $type {
            fn decode(reader: &mut $crate::plan::Reader<$life>, _: &'static str)
                -> Result<Self, $crate::plan::BadPlan>
            {
                $name::decode(reader)
            }

            fn encode(&self, out: &mut $crate::plan::Buffer) -> $crate::sys::Result<()> {
                $name::encode(self, out)
            }
        }
    };
    (@reader $life:lifetime) => { $crate::plan::Reader<$life> };
    (@reader) => { $crate::plan::Reader<'_> };
}

/// Defines an enum of the plan: a postcard variant number and the variant's fields.
macro_rules! variants {
    ($(#[$meta:meta])* pub enum $name:ident $(<$life:lifetime>)? {
        $($(#[$vmeta:meta])* $number:literal = $variant:ident $({
            $($(#[$fmeta:meta])* $field:ident: $type:ty,)*
        })?,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
        pub enum $name $(<$life>)? {
            $($(#[$vmeta])* $variant $({ $($(#[$fmeta])* $field: $type,)* })?,)*
        }

        impl $(<$life>)? $name $(<$life>)? {
            /// Variant numbers, names and their fields, in the order of the encoding.
            pub const VARIANTS: &'static [(u32, &'static str, &'static [(&'static str, &'static str)])] =
                &[$(($number, stringify!($variant), &[$($((stringify!($field), stringify!($type)),)*)?]),)*];
        }

        $crate::plan::variants!(@field $name ($($life)?) {
            $($number = $variant { $($($field: $type,)*)? },)*
        });
    };
    (@field $name:ident () { $($body:tt)* }) => {
        $crate::plan::variants!(@impl ['de] 'de, $name, { $($body)* });
    };
    (@field $name:ident ($life:lifetime) { $($body:tt)* }) => {
        $crate::plan::variants!(@impl [$life] $life, $name<$life>, { $($body)* });
    };
    (@impl [$generic:lifetime] $life:lifetime, $type:ty, {
        $($number:literal = $variant:ident { $($field:ident: $ftype:ty,)* },)*
    }) => {
        impl<$generic> $crate::plan::Field<$life> for $type {
            fn decode(reader: &mut $crate::plan::Reader<$life>, name: &'static str)
                -> Result<Self, $crate::plan::BadPlan>
            {
                match <u32 as $crate::plan::Field>::decode(reader, name)? {
                    $($number => Ok(Self::$variant {
                        $($field: $crate::plan::Field::decode(reader, stringify!($field))?,)*
                    }),)*
                    _ => Err(reader.bad(name, "unknown kind")),
                }
            }

            fn encode(&self, out: &mut $crate::plan::Buffer) -> $crate::sys::Result<()> {
                match self {
                    $(Self::$variant { $($field,)* } => {
                        <u32 as $crate::plan::Field>::encode(&$number, out)?;
                        $($crate::plan::Field::encode($field, out)?;)*
                    })*
                }
                Ok(())
            }
        }
    };
}

pub(crate) use {record, variants};

#[cfg(test)]
mod tests;
