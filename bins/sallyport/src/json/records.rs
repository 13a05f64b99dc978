//! The records of a plan, field by field. Every list here is checked by the compiler: a record that gets a field, or
//! an enum that gets a variant, does not build until it is written down, so nothing of a plan is ever left out.

use super::field::{Field, Read, Wrong, unlike};
use super::value::Json;
use common::plan::{
    Access, Attributes, CapChange, Command, Control, EnvOp, FsBuild, IdRange, InitReaper, JoinNs, Left,
    Limit, MountOp, NsEnter, NsExtra, NsKind, PrivDrop, Rlimit, SeccompLoad, SecondUserNs, Seconds, UserNs,
};

/// The members of an object that are not taken yet.
pub struct Members<'j>(Vec<&'j (String, Json)>);

impl<'j> Members<'j> {
    /// Those of `json`, which is to be an object: `what`.
    pub fn of(json: &'j Json, what: &str) -> Read<Members<'j>> {
        match json {
            Json::Object(members) => Ok(Members(members.iter().collect())),
            _ => Err(unlike(what, json)),
        }
    }

    /// The member `name`, and no longer among those left.
    pub fn take_json(&mut self, name: &str) -> Option<&'j Json> {
        let at = self.0.iter().position(|(member, _)| member == name)?;
        Some(&self.0.remove(at).1)
    }

    /// The value of member `name`.
    pub fn take<T: Field>(&mut self, name: &str) -> Read<T> {
        match self.take_json(name) {
            Some(json) => T::from_json(json).map_err(|wrong| wrong.member(name)),
            None => T::absent().ok_or_else(|| Wrong::new("this member is missing").member(name)),
        }
    }

    /// Refuses members that nobody has taken.
    pub fn finish(self) -> Read<()> {
        match self.0.first() {
            Some((name, _)) => Err(Wrong::new("there is no such member").member(name)),
            None => Ok(()),
        }
    }
}

/// A name of the plan as it is in JSON: `UnlessRoot` is `unless-root`.
pub fn kebab(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// An object with a member for each field.
macro_rules! record {
    ($name:ident, $type:ty { $($field:ident,)* }) => {
        impl Field for $type {
            fn to_json(&self) -> Json {
                let $name { $($field,)* } = self;
                Json::object([$((stringify!($field), $field.to_json()),)*])
            }

            fn from_json(json: &Json) -> Read<Self> {
                let mut members = Members::of(json, concat!("an object, the record ", stringify!($name)))?;
                let record = $name { $($field: members.take(stringify!($field))?,)* };
                members.finish()?;
                Ok(record)
            }

            #[cfg(test)]
            fn sample(random: &mut super::sample::Random) -> Self {
                $name { $($field: Field::sample(random),)* }
            }
        }
    };
}

/// A string: the name of the variant.
macro_rules! choice {
    ($name:ident { $($variant:ident,)* }) => {
        impl Field for $name {
            fn to_json(&self) -> Json {
                match self { $($name::$variant => Json::String(kebab(stringify!($variant))),)* }
            }

            fn from_json(json: &Json) -> Read<Self> {
                $(if *json == Json::String(kebab(stringify!($variant))) {
                    return Ok($name::$variant);
                })*
                let names = [$(kebab(stringify!($variant)),)*];
                Err(unlike(&format!("one of {}", names.join(", ")), json))
            }

            #[cfg(test)]
            fn sample(random: &mut super::sample::Random) -> Self {
                let all = [$($name::$variant,)*];
                all[random.below(all.len())]
            }
        }
    };
}

/// An object: the name of the variant as `op`, and the variant's fields.
macro_rules! operation {
    ($name:ident, $type:ty { $($variant:ident { $($field:ident,)* },)* }) => {
        impl Field for $type {
            fn to_json(&self) -> Json {
                match self {
                    $($name::$variant { $($field,)* } => Json::object([
                        ("op", Json::String(kebab(stringify!($variant)))),
                        $((stringify!($field), $field.to_json()),)*
                    ]),)*
                }
            }

            fn from_json(json: &Json) -> Read<Self> {
                let mut members = Members::of(json, "an object with a member op")?;
                let missing = || Wrong::new("this member is missing").member("op");
                let op = members.take_json("op").ok_or_else(missing)?;
                $(if *op == Json::String(kebab(stringify!($variant))) {
                    let value = $name::$variant { $($field: members.take(stringify!($field))?,)* };
                    members.finish()?;
                    return Ok(value);
                })*
                let names = [$(kebab(stringify!($variant)),)*];
                Err(unlike(&format!("one of {}", names.join(", ")), op).member("op"))
            }

            #[cfg(test)]
            fn sample(random: &mut super::sample::Random) -> Self {
                let all = [$(|random: &mut super::sample::Random| {
                    let _ = &random;
                    $name::$variant { $($field: Field::sample(random),)* }
                },)*];
                all[random.below(all.len())](random)
            }
        }
    };
}

record! { NsEnter, NsEnter<'static> {
    namespaces, cgroup_try, user, userns_fd, pidns_fd, uid, gid, second, loopback, hostname, die_with_parent,
    info_fd, json_status_fd, userns_block_fd, raise, forward, stop_signal, handle_reboot, extra,
} }

record! { NsExtra, NsExtra<'static> { uid_map, gid_map, setgroups, join, monotonic, boottime,
    own_cgroup, limits, console,
} }

record! { Seconds, Seconds { negative, count, } }

record! { FsBuild, FsBuild<'static> { best_effort, file_label, ops, keep_suid, } }

record! { PrivDrop, PrivDrop<'static> {
    userns2_fd, disable_userns, assert_userns_disabled, cap_add, cap_drop, block_fd, new_session, die_with_parent,
    allow_new_privs, attributes,
} }

record! { Attributes, Attributes<'static> {
    rlimits, groups, rgid, egid, ruid, euid, bounding, securebits_drop, securebits_add, inheritable, permitted, effective, ambient,
    keyring, umask, pdeathsig,
} }

record! { CapChange, CapChange { drop, add, } }

record! { Rlimit, Rlimit { resource, soft, hard, } }

record! { InitReaper, InitReaper<'static> { locks, sync_fds, die_with_parent, control, } }

record! { Control, Control<'static> {
    subreaper, forward, stop_signal, group, foreground, left, remap_exit, parent_death_signal,
} }

record! { SeccompLoad, SeccompLoad<'static> { programs, log, spec_allow, } }

record! { Command, Command<'static> { argv0, args, env, directory, exec_label, drop_ambient, } }

choice! { NsKind { Cgroup, Ipc, Mnt, Net, Pid, Time, User, Uts, } }

choice! { UserNs { Keep, UnlessRoot, New, Try, } }

choice! { SecondUserNs { No, UnlessRoot, Always, AlwaysFromRoot, } }

choice! { Access { ReadWrite, ReadOnly, Device, } }

operation! { IdRange, IdRange { Auto {}, Range { inner, outer, count, }, } }

operation! { JoinNs, JoinNs<'static> { Fd { kind, fd, }, Path { kind, path, }, } }

operation! { EnvOp, EnvOp<'static> {
    Clear {},
    Set { name, value, },
    Unset { name, },
} }

operation! { MountOp, MountOp<'static> {
    Bind { source, dest, access, allow_missing, },
    BindFd { fd, dest, access, },
    OverlaySrc { source, },
    Overlay { upper, work, dest, },
    TmpOverlay { dest, },
    RoOverlay { dest, },
    Proc { dest, },
    Dev { dest, },
    Tmpfs { dest, mode, size, },
    Mqueue { dest, },
    Dir { dest, mode, },
    File { fd, dest, mode, },
    BindData { fd, dest, mode, read_only, },
    Symlink { target, dest, },
    RemountRo { dest, },
    Chmod { path, mode, },
    Sys { dest, },
    Cgroup { dest, },
} }

operation! { Limit, Limit<'static> { File { name, value, }, } }

operation! { Left, Left {
    Wait {},
    Leave {},
    Kill { grace, },
} }
