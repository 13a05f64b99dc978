//! Resource limits: their names.

/// How many there are (`RLIM_NLIMITS`).
pub const COUNT: u32 = 16;

/// The name of `RLIMIT_*` number `resource`, as `prlimit(1)` spells it.
pub fn name(resource: u32) -> Option<&'static str> {
    // Not a table: an array of strings is as many relocations for every start to make.
    Some(match resource {
        0 => "cpu",
        1 => "fsize",
        2 => "data",
        3 => "stack",
        4 => "core",
        5 => "rss",
        6 => "nproc",
        7 => "nofile",
        8 => "memlock",
        9 => "as",
        10 => "locks",
        11 => "sigpending",
        12 => "msgqueue",
        13 => "nice",
        14 => "rtprio",
        15 => "rttime",
        _ => return None,
    })
}

/// The number of the limit called `word`, in any case.
pub fn from_name(word: &[u8]) -> Option<u32> {
    (0..COUNT).find(|resource| name(*resource).is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(word)))
}
