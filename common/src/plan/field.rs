//! The kinds of field a record is made of, each decoded strictly and only from its one encoding.

use super::{BadPlan, Buffer, Reader};
use crate::caps::CapSet;
use crate::errno::Errno;
use crate::sys::{Fd, Result as SysResult};
use crate::text::{Path, Text};
use core::marker::PhantomData;
use postcard::ser_flavors::Flavor;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};

/// What a field of a record can be.
pub trait Field<'a>: Sized {
    /// Takes one value off the front of `reader`; `name` is the field's, for the refusal.
    fn decode(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, BadPlan>;
    /// Appends the value's encoding to `out`.
    fn encode(&self, out: &mut Buffer) -> SysResult<()>;
}

/// postcard flavor that appends to a [`Buffer`].
struct Append<'b>(&'b mut Buffer);

impl Flavor for Append<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend(bytes).map_err(|_| postcard::Error::SerializeBufferFull)
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// postcard flavor that only compares: postcard reads integers longer than they need be, and a plan has to have
/// one encoding, or two plans that do the same would compare as different.
struct Same<'a>(&'a [u8]);

impl Flavor for Same<'_> {
    type Output = bool;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0 = self.0.strip_prefix(bytes).ok_or(postcard::Error::SerializeBufferFull)?;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<bool> {
        Ok(self.0.is_empty())
    }
}

fn decode_value<'a, T>(reader: &mut Reader<'a>, name: &'static str) -> Result<T, BadPlan>
where
    T: Deserialize<'a> + Serialize,
{
    let before = reader.rest();
    let Ok((value, rest)) = postcard::take_from_bytes::<T>(before) else {
        return Err(reader.bad(name, "cut short or out of range"));
    };
    let used = before.get(..before.len() - rest.len()).unwrap_or_default();
    if postcard::serialize_with_flavor::<T, Same<'_>, bool>(&value, Same(used)) != Ok(true) {
        return Err(reader.bad(name, "not in its shortest form"));
    }
    reader.skip(used.len());
    Ok(value)
}

fn encode_value<T: Serialize>(value: &T, out: &mut Buffer) -> SysResult<()> {
    postcard::serialize_with_flavor(value, Append(out)).map_err(|_| Errno::NOMEM)
}

macro_rules! plain_fields {
    ($($type:ty),*) => { $(
        impl<'a> Field<'a> for $type {
            fn decode(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, BadPlan> {
                decode_value(reader, name)
            }
            fn encode(&self, out: &mut Buffer) -> SysResult<()> {
                encode_value(self, out)
            }
        }
    )* };
}

plain_fields!(bool, u32, Option<u32>, Option<u64>, CapSet, FdNumber, Option<FdNumber>, Mode);
plain_fields!(Text<'a>, Option<Text<'a>>, Path<'a>, Option<Path<'a>>, Program<'a>);

/// The number of a descriptor that the user named; it is passed on open from stage to stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct FdNumber(u32);

impl FdNumber {
    /// Stands for a descriptor that was not open when the plan was compiled: the kernel never has so many open, so
    /// this number fails with `EBADF` wherever it is used and cannot meet a descriptor that a stage has opened.
    pub const CLOSED: FdNumber = FdNumber(i32::MAX as u32);

    /// `fd` as a plan writes it; `None` when it is negative.
    pub fn new(fd: i32) -> Option<FdNumber> {
        u32::try_from(fd).ok().map(FdNumber)
    }

    /// The descriptor.
    pub fn fd(self) -> Fd {
        Fd(self.0 as i32)
    }
}

impl TryFrom<u32> for FdNumber {
    type Error = &'static str;

    fn try_from(n: u32) -> Result<FdNumber, &'static str> {
        if n > i32::MAX as u32 { Err("no descriptor number") } else { Ok(FdNumber(n)) }
    }
}

/// Permissions, 0 to 07777.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct Mode(u32);

impl Mode {
    /// Permissions that are known when this is compiled.
    pub const fn of<const BITS: u32>() -> Mode {
        const { assert!(BITS <= 0o7777) };
        Mode(BITS)
    }

    /// `bits` as permissions; `None` beyond 07777.
    pub const fn new(bits: u32) -> Option<Mode> {
        if bits > 0o7777 { None } else { Some(Mode(bits)) }
    }

    /// The bits.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Mode {
    type Error = &'static str;

    fn try_from(bits: u32) -> Result<Mode, &'static str> {
        Mode::new(bits).ok_or("permissions beyond 07777")
    }
}

/// A seccomp filter: whole 8-byte `struct sock_filter` entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Program<'a>(&'a [u8]);

impl<'a> Program<'a> {
    /// `bytes` as a filter; `None` unless they are whole entries. How many are too many, and none, the kernel says.
    pub fn new(bytes: &'a [u8]) -> Option<Program<'a>> {
        if bytes.len().is_multiple_of(8) && bytes.len() <= crate::text::MAX_TEXT {
            Some(Program(bytes))
        } else {
            None
        }
    }

    /// The entries.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Program<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&'a [u8]>::deserialize(deserializer)?;
        Program::new(bytes).ok_or_else(|| serde::de::Error::custom(""))
    }
}

/// A sequence: its length, then its items, which stay encoded until they are looked at.
///
/// All of them were decoded once when the list was, so looking cannot fail.
#[derive(Clone, Copy, Debug)]
pub struct List<'a, T> {
    count: u32,
    items: &'a [u8],
    of: PhantomData<fn() -> T>,
}

impl<'a, T: Field<'a>> List<'a, T> {
    /// The list without items.
    pub const EMPTY: List<'a, T> = List { count: 0, items: &[], of: PhantomData };

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The items, in order.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let mut reader = Reader::over(super::Stage::Command, self.items);
        (0..self.count).map_while(move |_| T::decode(&mut reader, "item").ok())
    }
}

impl<'a, T: Field<'a>> Field<'a> for List<'a, T> {
    fn decode(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, BadPlan> {
        let count = u32::decode(reader, name)?;
        let before = reader.rest();
        // Every item takes a byte at least, so a count that the frame has no room for is refused unread.
        if count as usize > before.len() {
            return Err(reader.bad(name, "more items than bytes"));
        }
        for _ in 0..count {
            T::decode(reader, name)?;
        }
        let used = before.len() - reader.rest().len();
        Ok(List { count, items: before.get(..used).unwrap_or_default(), of: PhantomData })
    }

    fn encode(&self, out: &mut Buffer) -> SysResult<()> {
        self.count.encode(out)?;
        out.extend(self.items)
    }
}

impl<'a, T: Field<'a>> PartialEq for List<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.items == other.items
    }
}

impl<'a, T: Field<'a>> Eq for List<'a, T> {}

impl<'a, T: Field<'a> + Serialize> Serialize for List<'a, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.len()))?;
        for item in self.iter() {
            seq.serialize_element(&item)?;
        }
        seq.end()
    }
}

/// A [`List`] being made: items are encoded as they come.
#[derive(Debug)]
pub struct ListWriter {
    count: u32,
    items: Buffer,
}

impl ListWriter {
    /// An empty list with room for about `capacity` bytes of items.
    pub fn new(capacity: usize) -> SysResult<ListWriter> {
        Ok(ListWriter { count: 0, items: Buffer::new(capacity)? })
    }

    /// Appends `item`. All items of one list are of one type.
    pub fn push<'a, T: Field<'a>>(&mut self, item: &T) -> SysResult<()> {
        self.count = self.count.checked_add(1).ok_or(Errno::TOOBIG)?;
        item.encode(&mut self.items)
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The list, of the type that was pushed.
    pub fn list<'a, T: Field<'a>>(&'a self) -> List<'a, T> {
        List { count: self.count, items: self.items.bytes(), of: PhantomData }
    }
}
