//! Landlock, so far as one can ask for it.

use super::{Result, raw, raw::nr};

/// `landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)`: the version of the kernel's interface.
/// [landlock_create_ruleset(2)](https://man7.org/linux/man-pages/man2/landlock_create_ruleset.2.html)
pub fn landlock_abi() -> Result<usize> {
    raw::plain(nr::LANDLOCK_CREATE_RULESET, [0, 0, 1, 0, 0, 0])
}
