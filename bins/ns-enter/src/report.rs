//! The JSON documents of `--info-fd` and `--json-status-fd`.

use common::chain::Argument;
use common::errno::Errno;
use common::fault;
use common::report::{At, Outcome};
use common::sys::{self, Fd, clone_flags};
use common::text::Names;

/// The namespaces that are reported, in this order, each only when it is new.
const FLAGS: [u32; 6] = [
    clone_flags::NEWCGROUP,
    clone_flags::NEWIPC,
    clone_flags::NEWNS,
    clone_flags::NEWNET,
    clone_flags::NEWPID,
    clone_flags::NEWUTS,
];

/// Their names, in `/proc/PID/ns` and in the documents.
const NAMES: Names = Names(b"cgroup\0ipc\0mnt\0net\0pid\0uts\0");

/// The sandbox's process and its new namespaces, as inode numbers.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    pid: i32,
    inodes: [Option<u64>; FLAGS.len()],
}

impl Child {
    /// Asks `/proc` about the new ones (`flags`) of process `pid`.
    pub fn look(pid: i32, flags: u32) -> Outcome<Child> {
        let mut inodes = [None; FLAGS.len()];
        for ((slot, flag), name) in inodes.iter_mut().zip(FLAGS).zip(NAMES) {
            if flags & flag != 0 {
                let mut path = Argument::new("/proc/");
                path.decimal(pid.unsigned_abs());
                path.text(b"/ns/");
                path.text(name.to_bytes());
                *slot = match sys::stat(sys::CWD, path.as_c_str()) {
                    Ok(stat) => Some(stat.ino),
                    // A child that is gone already has said why; and in a /proc of another PID namespace this is
                    // somebody else. The namespace is left out.
                    Err(Errno::NOENT | Errno::SRCH | Errno::ACCES) => None,
                    Err(errno) => return Err(fault!("open /proc/", pid, "/ns failed").errno(errno)),
                };
            }
        }
        Ok(Child { pid, inodes })
    }

    /// Writes the document to `fd`: `open`, the members each after `separator`, `close`.
    pub fn write(&self, fd: Fd, open: &str, separator: &str, close: &str) -> Outcome<()> {
        let mut out = Document { fd, buf: [0; 512], len: 0 };
        let mut number = Argument::new("");
        number.decimal(self.pid.unsigned_abs());
        out.add(&[open, "\"child-pid\": "])?;
        out.push(number.as_c_str().to_bytes())?;
        for (name, inode) in NAMES.zip(self.inodes) {
            let Some(inode) = inode else { continue };
            out.add(&[",", separator, "\""])?;
            out.push(name.to_bytes())?;
            out.push(b"-namespace\": ")?;
            let mut number = Argument::new("");
            // Inode numbers of namespaces are 32 bits wide (fs/nsfs.c).
            number.decimal(inode as u32);
            out.push(number.as_c_str().to_bytes())?;
        }
        out.add(&[close])?;
        out.flush()
    }
}

/// Writes how the command ended to `fd`.
pub fn exit_code(fd: Fd, status: u8) -> Outcome<()> {
    let mut line = Argument::new("{ \"exit-code\": ");
    line.decimal(u32::from(status));
    line.text(b" }\n");
    sys::write_all(fd, line.as_c_str().to_bytes()).at(|| fault!("Write to info_fd"))
}

/// A document being put together, sent in one write so that no reader sees half of it.
struct Document {
    fd: Fd,
    buf: [u8; 512],
    len: usize,
}

impl Document {
    fn add(&mut self, parts: &[&str]) -> Outcome<()> {
        parts.iter().try_for_each(|part| self.push(part.as_bytes()))
    }

    fn push(&mut self, bytes: &[u8]) -> Outcome<()> {
        let end = self.len + bytes.len();
        let room = self.buf.get_mut(self.len..end).ok_or_else(|| fault!("Write to info_fd"))?;
        sys::copy(room, bytes);
        self.len = end;
        Ok(())
    }

    fn flush(self) -> Outcome<()> {
        let text = self.buf.get(..self.len).unwrap_or_default();
        sys::write_all(self.fd, text).at(|| fault!("Write to info_fd"))
    }
}
