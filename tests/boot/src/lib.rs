//! What the tests of a booted system share: a host that has delegated a cgroup and subordinate ids to the ordinary user,
//! whatever this one has; and the image.
//!
//! Nothing of the real host is changed: /etc/subuid and the like are covered in the job's own mount namespace, and the
//! delegated cgroup is one that the test makes and removes.

mod host;
mod image;

pub use host::{Cgroup, Etc, Host, hierarchy};
pub use image::{Booted, Image, boot_line, readme_line, unpack_line};
