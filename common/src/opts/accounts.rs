//! Users and groups by their names: `/etc/passwd` and `/etc/group`, and no other source. A number needs neither.

use super::{Context, number, out_of_memory};
use crate::errno::Errno;
use crate::fault;
use crate::plan::{Buffer, ListWriter};
use crate::report::{At, Outcome};
use core::ffi::CStr;

const PASSWD: &CStr = c"/etc/passwd";
const GROUP: &CStr = c"/etc/group";

/// The user that `word` names or numbers.
pub fn user(word: &'static CStr, context: &Context<'_>) -> Outcome<u32> {
    find(word, PASSWD, context)?.ok_or_else(|| fault!("Unknown user: ", word))
}

/// The group that `word` names or numbers.
pub fn group(word: &'static CStr, context: &Context<'_>) -> Outcome<u32> {
    find(word, GROUP, context)?.ok_or_else(|| fault!("Unknown group: ", word))
}

/// The groups of user `uid`: his own, and those that list him.
pub fn groups_of(uid: u32, context: &Context<'_>) -> Outcome<ListWriter> {
    let passwd = read(PASSWD, context)?;
    let own = lines(&passwd).find(|line| field(line, 2).and_then(id) == Some(uid));
    let own = own.ok_or_else(|| fault!("--init-groups: no user in /etc/passwd is ", uid))?;
    let name = field(own, 0).unwrap_or_default();
    let primary = field(own, 3).and_then(id);
    let group = read(GROUP, context)?;
    let listed = lines(&group).filter(|line| {
        field(line, 3).is_some_and(|members| members.split(|byte| *byte == b',').any(|member| member == name))
    });
    let mut all = out_of_memory(ListWriter::new(256))?;
    let others = listed.filter_map(|line| field(line, 2).and_then(id)).filter(|gid| Some(*gid) != primary);
    for gid in primary.into_iter().chain(others) {
        out_of_memory(all.push(&gid))?;
    }
    Ok(all)
}

/// The number of `word`, or the one that stands third in the line of `file` that begins with it.
fn find(word: &'static CStr, file: &'static CStr, context: &Context<'_>) -> Outcome<Option<u32>> {
    if let Some(id) = id(word.to_bytes()) {
        return Ok(Some(id));
    }
    let text = read(file, context)?;
    let line = lines(&text).find(|line| field(line, 0) == Some(word.to_bytes()));
    Ok(line.and_then(|line| field(line, 2)).and_then(id))
}

fn read(file: &'static CStr, context: &Context<'_>) -> Outcome<Buffer> {
    match context.host.file(file) {
        // A host without accounts has no names.
        Err(Errno::NOENT) => out_of_memory(Buffer::new(1)),
        other => other.at(|| fault!("Can't read ", file)),
    }
}

/// An id: not the largest number, which means "as it is" to the kernel.
fn id(word: &[u8]) -> Option<u32> {
    number::unsigned(word).and_then(|id| u32::try_from(id).ok()).filter(|id| *id != u32::MAX)
}

fn lines(text: &Buffer) -> impl Iterator<Item = &[u8]> {
    text.bytes().split(|byte| *byte == b'\n')
}

fn field(line: &[u8], number: usize) -> Option<&[u8]> {
    line.split(|byte| *byte == b':').nth(number)
}
