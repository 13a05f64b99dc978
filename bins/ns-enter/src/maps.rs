//! Id maps of several ids. The monitor writes them, from outside the new user namespace: itself where the kernel lets it,
//! else through newuidmap(1) and newgidmap(1), which give a user the subordinate ids that the administrator has listed.

use super::namespaces::Decided;
use common::chain::{Argument, execvp, unsigned};
use common::errno::Errno;
use common::fault;
use common::plan::{Buffer, IdRange, List, NsEnter};
use common::report::{At, Outcome};
use common::sys::{self, Forked, OwnedFd, Strings, Vector, o};
use core::ffi::CStr;

/// The most lines of a map (user_namespaces(7): 340 for the kernel).
const MOST: usize = 64;

/// Whose ids a map is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Users,
    Groups,
}

impl Kind {
    fn option(self) -> &'static str {
        self.choose("--uid-map", "--gid-map")
    }

    /// The map's file in `/proc/PID`.
    fn file(self) -> &'static [u8] {
        self.choose(b"/uid_map", b"/gid_map")
    }

    fn failed(self) -> &'static str {
        self.choose("setting up uid map", "setting up gid map")
    }

    fn subids(self) -> &'static CStr {
        self.choose(c"/etc/subuid", c"/etc/subgid")
    }

    fn helper(self) -> &'static CStr {
        self.choose(c"newuidmap", c"newgidmap")
    }

    fn choose<T>(self, users: T, groups: T) -> T {
        if self == Kind::Users { users } else { groups }
    }
}

/// A line of a map.
#[derive(Clone, Copy, Default)]
struct Line {
    inner: u32,
    outer: u32,
    count: u32,
}

/// The lines of a map.
struct Map {
    lines: [Line; MOST],
    len: usize,
}

/// Writes the maps of process `child`.
///
/// `env` is the caller's, by which the helpers are found: they run on the host, and what the command is to have may be the
/// sandbox's to write to.
///
/// ORDER: before no_new_privs, with which the helpers, set-user-ID programs, could not do their work.
pub fn write(frame: &NsEnter<'static>, decided: &Decided, child: i32, env: Strings<'static>) -> Outcome<()> {
    let Some(extra) = frame.extra else { return Ok(()) };
    let ((uid, gid), (to_uid, to_gid)) = (decided.caller, decided.mapped);
    let users = Map::of(Kind::Users, extra.uid_map, (to_uid, uid), frame.uid.is_none(), uid)?;
    let groups = Map::of(Kind::Groups, extra.gid_map, (to_gid, gid), frame.gid.is_none(), uid)?;
    users.write(Kind::Users, child, env)?;
    // Whoever maps just his own group has to give up setgroups(2) before (CVE-2014-8989).
    if !extra.setgroups.unwrap_or(!extra.gid_map.is_empty()) {
        setgroups(child, o::WRONLY)
            .and_then(|file| sys::write_all(file.fd(), b"deny\n"))
            .at(|| fault!("error writing to setgroups"))?;
    }
    groups.write(Kind::Groups, child, env)?;
    if extra.setgroups == Some(true) {
        // newgidmap denies it by itself to who maps just his own group. What cannot be read counts as that.
        let mut first = [0u8];
        let _ = setgroups(child, o::RDONLY).and_then(|file| sys::retry(|| sys::read(file.fd(), &mut first)));
        if first != *b"a" {
            return Err(fault!("--setgroups allow takes more groups than one's own (--gid-map auto)"));
        }
    }
    Ok(())
}

/// Opens the setgroups file of process `child` (user_namespaces(7)).
fn setgroups(child: i32, how: u32) -> sys::Result<OwnedFd> {
    let path = of_process(child, b"/setgroups");
    sys::openat(sys::CWD, path.as_c_str(), how | o::CLOEXEC, 0)
}

impl Map {
    /// The map of `list`; without any range, `own.0` inside is `own.1`, the caller's id.
    fn of(kind: Kind, list: List<'static, IdRange>, own: (u32, u32), stays: bool, uid: u32) -> Outcome<Map> {
        let mut map = Map { lines: [Line::default(); MOST], len: 0 };
        let own_line = Line { inner: own.0, outer: own.1, count: 1 };
        if list.is_empty() {
            map.push(kind, own_line)?;
        }
        for range in list.iter() {
            match range {
                IdRange::Auto => {
                    map.push(kind, own_line)?;
                    map.add_subids(kind, own.0, uid)?;
                }
                IdRange::Range { inner, outer, count } => map.push(kind, Line { inner, outer, count })?,
            }
        }
        let is_own = |line: &Line| own.1.checked_sub(line.outer).is_some_and(|offset| offset < line.count);
        if stays && !map.lines().iter().any(is_own) {
            let ids = kind.choose("--uid", "--gid");
            return Err(fault!(
                kind.option(),
                " gives the caller's own id, ",
                own.1,
                ", no place inside: say with ",
                ids,
                " whose to be"
            ));
        }
        Ok(map)
    }

    fn lines(&self) -> &[Line] {
        self.lines.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, kind: Kind, line: Line) -> Outcome<()> {
        let slot =
            self.lines.get_mut(self.len).ok_or_else(|| fault!(kind.option(), ": more than 64 ranges"))?;
        *slot = line;
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// Puts the caller's subordinate ids on 0, 1, 2, … inside, but for `taken`, which is the caller's own.
    fn add_subids(&mut self, kind: Kind, taken: u32, uid: u32) -> Outcome<()> {
        let mut inner = 0u32;
        let (file, found) = (kind.subids(), self.len);
        each_subid(kind, uid, |mut outer, mut count| {
            while count > 0 {
                // Lines may overlap, and the caller's own id may be among them: each is there once.
                let (mut known, mut free) = (0u32, count);
                for line in self.lines() {
                    match outer.checked_sub(line.outer) {
                        Some(offset) => known = known.max(line.count.saturating_sub(offset)),
                        None => free = free.min(line.outer.saturating_sub(outer)),
                    }
                }
                if known > 0 {
                    outer = outer.saturating_add(known);
                    count = count.saturating_sub(known);
                    continue;
                }
                if inner == taken {
                    inner = inner.saturating_add(1);
                }
                let room =
                    if inner < taken { taken.saturating_sub(inner) } else { u32::MAX.saturating_sub(inner) };
                let part = free.min(room);
                if part == 0 {
                    return Err(fault!(file, ": too many ids"));
                }
                self.push(kind, Line { inner, outer, count: part })?;
                inner = inner.saturating_add(part);
                outer = outer.saturating_add(part);
                count = count.saturating_sub(part);
            }
            Ok(())
        })?;
        if self.len == found {
            return Err(fault!(
                kind.option(),
                " auto: no line for user ",
                uid,
                " in ",
                file,
                kind.choose(
                    " (usermod --add-subuids 100000-165535 USER)",
                    " (usermod --add-subgids 100000-165535 USER)"
                )
            ));
        }
        Ok(())
    }

    /// Has the kernel take the map: from this process if it may, else from the helper.
    fn write(&self, kind: Kind, child: i32, env: Strings<'static>) -> Outcome<()> {
        let failed = || fault!(kind.failed());
        let text = self.text().at(failed)?;
        let path = of_process(child, kind.file());
        let file = sys::openat(sys::CWD, path.as_c_str(), o::WRONLY | o::CLOEXEC, 0).at(failed)?;
        match sys::retry(|| sys::write(file.fd(), text.bytes())) {
            Ok(n) if n == text.len() => Ok(()),
            Ok(_) => Err(failed()),
            Err(Errno::PERM) => help(kind, child, text.bytes(), env),
            Err(Errno::INVAL) => {
                Err(fault!(kind.option(), ": ranges overlap or do not exist").errno(Errno::INVAL))
            }
            Err(errno) => Err(failed().errno(errno)),
        }
    }

    /// The lines as text, as the kernel takes them and the helpers after their process id.
    fn text(&self) -> sys::Result<Buffer> {
        let mut text = Buffer::new(MOST * 36)?;
        for line in self.lines() {
            let mut words = Argument::new("");
            for (number, end) in [(line.inner, b" "), (line.outer, b" "), (line.count, b"\n")] {
                words.decimal(number);
                words.text(end);
            }
            text.extend(words.as_c_str().to_bytes())?;
        }
        Ok(text)
    }
}

/// Has newuidmap or newgidmap write the map.
fn help(kind: Kind, child: i32, text: &[u8], env: Strings<'static>) -> Outcome<()> {
    if sys::no_new_privs() != Ok(false) {
        return Err(fault!(kind.option(), ": ", kind.helper(), " cannot work under no_new_privs"));
    }
    let status = match sys::fork_into(0).at(|| fault!("Can't fork for ", kind.helper()))? {
        Forked::Child => {
            let errno = exec_helper(kind, child, text, env);
            // 127 is what a shell says of a program that is not there.
            sys::exit(if errno == Errno::NOENT { 127 } else { 126 })
        }
        Forked::Parent(pid) => sys::retry(|| sys::wait(pid)).at(|| fault!("wait"))?.1.shell(),
    };
    match status {
        0 => Ok(()),
        127 => Err(fault!(kind.option(), ": there is no ", kind.helper(), " (Debian: package uidmap)")),
        126 => Err(fault!(kind.option(), ": ", kind.helper(), " cannot be run")),
        status => Err(fault!(
            kind.option(),
            ": ",
            kind.helper(),
            " has refused with status ",
            status,
            ": is it set-user-ID root, all of that in /etc/subuid and /etc/subgid, and no capability out of the bounding set?"
        )),
    }
}

/// Execs the helper of `kind`; returns only to say why not.
fn exec_helper(kind: Kind, child: i32, text: &[u8], env: Strings<'static>) -> Errno {
    let mut pid = Argument::new("");
    pid.decimal(child.unsigned_abs());
    let mut room = [0u8; MOST * 36];
    for (to, from) in room.iter_mut().zip(text) {
        *to = if from.is_ascii_digit() { *from } else { 0 };
    }
    let mut words = [0usize; 3 * MOST + 3];
    let mut argv = Vector::over(&mut words);
    let mut rest = room.get(..text.len()).unwrap_or_default();
    let mut next = Ok(());
    for word in [kind.helper(), pid.as_c_str()] {
        next = next.and_then(|()| argv.push(word));
    }
    while let Ok(word) = CStr::from_bytes_until_nul(rest) {
        next = next.and_then(|()| argv.push(word));
        rest = rest.get(word.count_bytes().saturating_add(1)..).unwrap_or_default();
    }
    match next {
        Ok(()) => execvp(kind.helper(), argv.finish(), env),
        Err(errno) => errno,
    }
}

fn of_process(pid: i32, name: &[u8]) -> Argument {
    let mut path = Argument::new("/proc/");
    path.decimal(pid.unsigned_abs());
    path.text(name);
    path
}

/// Hands the ranges of `/etc/subuid` or `/etc/subgid` for user `uid` to `then`: lines `USER:FIRST:COUNT`, where USER is the
/// name or the number (subuid(5)).
fn each_subid(kind: Kind, uid: u32, mut then: impl FnMut(u32, u32) -> Outcome<()>) -> Outcome<()> {
    let mut number = Argument::new("");
    number.decimal(uid);
    let passwd = contents(c"/etc/passwd")?;
    let name = user_name(passwd.bytes(), number.as_c_str().to_bytes());
    let subids = contents(kind.subids())?;
    for line in subids.bytes().split(is_newline as fn(&u8) -> bool) {
        let mut fields = line.split(is_colon as fn(&u8) -> bool);
        let user = fields.next().unwrap_or_default();
        if user.is_empty() || Some(user) != name && user != number.as_c_str().to_bytes() {
            continue;
        }
        let mut next = || fields.next().and_then(unsigned);
        match (next(), next(), fields.next()) {
            (Some(first), Some(count), None) => then(first, count)?,
            _ => return Err(fault!(kind.subids(), ": the line for user ", uid, " is not USER:FIRST:COUNT")),
        }
    }
    Ok(())
}

/// The name of the user with this number, in the text of passwd(5).
fn user_name<'t>(passwd: &'t [u8], number: &[u8]) -> Option<&'t [u8]> {
    passwd.split(is_newline as fn(&u8) -> bool).find_map(|line| {
        let mut fields = line.split(is_colon as fn(&u8) -> bool);
        let name = fields.next()?;
        (fields.nth(1)? == number).then_some(name)
    })
}

fn is_colon(byte: &u8) -> bool {
    *byte == b':'
}

fn is_newline(byte: &u8) -> bool {
    *byte == b'\n'
}

/// All of a file of the host; nothing of one that is not there.
fn contents(path: &'static CStr) -> Outcome<Buffer> {
    const MOST_BYTES: usize = 1 << 24;
    let failed = || fault!("Can't read ", path);
    let mut buffer = Buffer::new(1 << 14).at(failed)?;
    match sys::openat(sys::CWD, path, o::RDONLY | o::CLOEXEC, 0) {
        Ok(file) => buffer.extend_from(file.fd(), MOST_BYTES).at(failed)?,
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(failed().errno(errno)),
    }
    Ok(buffer)
}
