//! Files: recursive listings, access checks and locks.
use crate::sys::{self, call, cstring, errno_text, nr};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Lists each path recursively, in name order, not crossing into procfs.
pub fn list(paths: &[&str]) -> String {
    let mut out = String::new();
    for path in paths {
        walk(Path::new(path), &mut out, 0);
    }
    out
}

fn walk(path: &Path, out: &mut String, depth: usize) {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) => return out.push_str(&format!("ls {} {error}\n", path.display())),
    };
    let kind = meta.file_type();
    let (letter, more) = if kind.is_symlink() {
        (
            'l',
            format!("-> {}", fs::read_link(path).map_or_else(|e| e.to_string(), |t| t.display().to_string())),
        )
    } else if kind.is_dir() {
        ('d', String::new())
    } else if kind.is_char_device() || kind.is_block_device() {
        let (major, minor) = ((meta.rdev() >> 8) & 0xfff, meta.rdev() & 0xff);
        (if kind.is_char_device() { 'c' } else { 'b' }, format!("{major}:{minor}"))
    } else if kind.is_fifo() {
        ('p', String::new())
    } else if kind.is_socket() {
        ('s', String::new())
    } else {
        ('f', contents(path, meta.len()))
    };
    let (mode, uid, gid) = (meta.mode() & 0o7777, meta.uid(), meta.gid());
    out.push_str(&format!("ls {letter} {mode:04o} {uid}:{gid} {} {more}\n", path.display()));
    if kind.is_dir() && depth < 8 {
        let mut names: Vec<_> = match fs::read_dir(path) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) => return out.push_str(&format!("ls {} {error}\n", path.display())),
        };
        names.sort();
        names.iter().for_each(|name| walk(name, out, depth + 1));
    }
}

fn contents(path: &Path, length: u64) -> String {
    let Ok(bytes) = fs::read(path) else { return format!("{length} bytes, unreadable") };
    if bytes.len() <= 80 {
        format!("{:?}", String::from_utf8_lossy(&bytes))
    } else {
        let sum = bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
        format!("{} bytes, fnv {sum:016x}", bytes.len())
    }
}

/// What access(2) grants on each path, and the flags of the filesystem it is on.
pub fn access(paths: &[&str]) -> String {
    let mut out = String::new();
    for path in paths {
        let name = cstring(path);
        let test = |mode| match call(nr::ACCESS, name.as_ptr() as u64, mode, 0, 0, 0) {
            Ok(_) => "yes".to_owned(),
            Err(number) => errno_text(number),
        };
        let mut buffer = [0_i64; 32];
        let flags = match call(nr::STATFS, name.as_ptr() as u64, sys::address(&mut buffer), 0, 0, 0) {
            Ok(_) => format!(
                "type {:#x} blocks*bsize {} flags {:#x}",
                buffer[0],
                buffer[2] * buffer[1],
                buffer[10]
            ),
            Err(number) => errno_text(number),
        };
        let size = if flags.starts_with("type 0x1021994 ") {
            flags
        } else {
            flags.split(" blocks").next().unwrap_or("").to_owned()
        };
        out.push_str(&format!("access {path} r={} w={} x={} {size}\n", test(4), test(2), test(1)));
    }
    out
}

/// Whether each path can be opened for writing; nothing is written.
pub fn write(paths: &[&str]) -> String {
    let mut out = String::new();
    for path in paths {
        let result = fs::OpenOptions::new().write(true).custom_flags(0o4000 | 0o400).open(path);
        let text = result.map_or_else(|error| error.to_string(), |_| "ok".to_owned());
        out.push_str(&format!("write {path}: {text}\n"));
    }
    out
}

/// Whether someone else holds a record lock on each path that would refuse a write lock.
pub fn lock(paths: &[&str]) -> String {
    use std::os::fd::AsRawFd;
    let mut out = String::new();
    for path in paths {
        let text = match fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .or_else(|_| fs::File::open(path))
        {
            Err(error) => error.to_string(),
            Ok(file) => {
                // struct flock { short type, whence; off_t start, len; pid_t pid }; F_WRLCK 1, F_GETLK 5.
                let mut record = [0_i64; 4];
                record[0] = 1;
                match call(nr::FCNTL, file.as_raw_fd() as u64, 5, sys::address(&mut record), 0, 0) {
                    Ok(_) => match record[0] & 0xffff {
                        0 => "read lock held".to_owned(),
                        1 => "write lock held".to_owned(),
                        _ => "not locked".to_owned(),
                    },
                    Err(number) => errno_text(number),
                }
            }
        };
        out.push_str(&format!("lock {path}: {text}\n"));
    }
    out
}
