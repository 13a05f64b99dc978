//! The kinds of field a record is made of, each decoded strictly and only from its one encoding.

use super::{BadPlan, Buffer, Reader};
use crate::caps::CapSet;
use crate::errno::Errno;
use crate::sys::{Fd, Result as SysResult};
use crate::text::{MAX_TEXT, Path, Text};
use core::ffi::CStr;
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

/// Takes one number: a bool, an option's tag, a length, or an integer of up to 64 bits.
///
/// postcard reads integers longer than they need be, and a plan has to have one encoding, or two plans that do the
/// same would compare as different: seven bits a byte, so the length follows from the number.
fn take_number(reader: &mut Reader<'_>, name: &'static str) -> Result<u64, BadPlan> {
    let before = reader.rest();
    // Nearly all of them: one byte is its own shortest form.
    if let [byte @ 0..=0x7f, ..] = before {
        reader.skip(1);
        return Ok(u64::from(*byte));
    }
    let Ok((number, rest)) = postcard::take_from_bytes::<u64>(before) else {
        return Err(reader.bad(name, "cut short or out of range"));
    };
    let used = before.len() - rest.len();
    let shortest = (64 - (number | 1).leading_zeros() as usize).div_ceil(7);
    if used != shortest {
        return Err(reader.bad(name, "not in its shortest form"));
    }
    reader.skip(used);
    Ok(number)
}

/// Takes a number that is at most `most`.
fn take_number_to(reader: &mut Reader<'_>, name: &'static str, most: u64) -> Result<u64, BadPlan> {
    let number = take_number(reader, name)?;
    if number <= most { Ok(number) } else { Err(reader.bad(name, "cut short or out of range")) }
}

/// Takes a length and that many bytes.
fn take_bytes<'a>(reader: &mut Reader<'a>, name: &'static str) -> Result<&'a [u8], BadPlan> {
    let len = take_number_to(reader, name, MAX_TEXT as u64)? as usize;
    let bytes = reader.rest().get(..len).ok_or_else(|| reader.bad(name, "cut short or out of range"))?;
    reader.skip(len);
    Ok(bytes)
}

/// Takes a string with one NUL, at its end.
fn take_text<'a>(reader: &mut Reader<'a>, name: &'static str) -> Result<&'a CStr, BadPlan> {
    let bytes = take_bytes(reader, name)?;
    CStr::from_bytes_with_nul(bytes).map_err(|_| reader.bad(name, "cut short or out of range"))
}

fn encode_value<T: Serialize>(value: &T, out: &mut Buffer) -> SysResult<()> {
    postcard::serialize_with_flavor(value, Append(out)).map_err(|_| Errno::NOMEM)
}

macro_rules! plain_fields {
    ($($type:ty: |$reader:ident, $name:ident| $take:expr;)*) => { $(
        impl<'a> Field<'a> for $type {
            fn decode($reader: &mut Reader<'a>, $name: &'static str) -> Result<Self, BadPlan> {
                $take
            }
            fn encode(&self, out: &mut Buffer) -> SysResult<()> {
                encode_value(self, out)
            }
        }
    )* };
}

plain_fields! {
    bool: |reader, name| take_number_to(reader, name, 1).map(|n| n == 1);
    u32: |reader, name| take_number_to(reader, name, u64::from(u32::MAX)).map(|n| n as u32);
    u64: |reader, name| take_number(reader, name);
    CapSet: |reader, name| take_number(reader, name).map(CapSet);
    FdNumber: |reader, name| take_number_to(reader, name, i32::MAX as u64).map(|n| FdNumber(n as u32));
    Mode: |reader, name| take_number_to(reader, name, 0o7777).map(|n| Mode(n as u32));
    SignalSet: |reader, name| take_number(reader, name).map(SignalSet);
    Signal: |reader, name| {
        let number = take_number_to(reader, name, u64::from(Signal::MOST))?;
        Signal::new(number as u8).ok_or_else(|| reader.bad(name, "cut short or out of range"))
    };
    Text<'a>: |reader, name| take_text(reader, name).map(Text);
    Path<'a>: |reader, name| {
        let text = take_text(reader, name)?;
        if text.is_empty() { Err(reader.bad(name, "cut short or out of range")) } else { Ok(Path(text)) }
    };
    Program<'a>: |reader, name| {
        let bytes = take_bytes(reader, name)?;
        Program::new(bytes).ok_or_else(|| reader.bad(name, "cut short or out of range"))
    };
}

impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    fn decode(reader: &mut Reader<'a>, name: &'static str) -> Result<Self, BadPlan> {
        match take_number_to(reader, name, 1)? {
            0 => Ok(None),
            _ => T::decode(reader, name).map(Some),
        }
    }

    fn encode(&self, out: &mut Buffer) -> SysResult<()> {
        match self {
            None => out.extend(&[0]),
            Some(value) => {
                out.extend(&[1])?;
                value.encode(out)
            }
        }
    }
}

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

/// The number of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Signal(u8);

impl Signal {
    /// The highest, `SIGRTMAX`.
    pub const MOST: u8 = 64;

    /// `number` as a signal; `None` for 0 and beyond 64.
    pub const fn new(number: u8) -> Option<Signal> {
        if number == 0 || number > Signal::MOST { None } else { Some(Signal(number)) }
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl From<Signal> for u32 {
    fn from(signal: Signal) -> u32 {
        u32::from(signal.0)
    }
}

impl TryFrom<u32> for Signal {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Signal, &'static str> {
        u8::try_from(number).ok().and_then(Signal::new).ok_or("no signal")
    }
}

/// A set of signals as the kernel writes it: bit n is signal n + 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignalSet(pub u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: SignalSet = SignalSet(0);
    /// What can be passed on: not those that nobody can catch, and not those by which the kernel tells a process about
    /// itself (its children, its faults, its place at the terminal).
    pub const FORWARDABLE: SignalSet =
        SignalSet(u64::MAX).without(SignalSet::of(&[4, 5, 6, 7, 8, 9, 11, 17, 19, 21, 22, 31]));
    /// Those by which somebody asks for an end: `SIGHUP`, `SIGINT`, `SIGTERM`.
    pub const STOPPING: SignalSet = SignalSet::of(&[1, 2, 15]);

    /// Those by which the terminal stops a job: `SIGTSTP`, `SIGTTIN`, `SIGTTOU`.
    pub const JOB_STOPPING: SignalSet = SignalSet::of(&[20, 21, 22]);

    /// The set of `signals`, each from 1 to 64.
    pub const fn of(signals: &[u8]) -> SignalSet {
        let mut set = 0;
        let mut rest = signals;
        while let [first, tail @ ..] = rest {
            set |= 1 << (*first - 1);
            rest = tail;
        }
        SignalSet(set)
    }

    /// Whether `signal` is in the set.
    pub const fn has(self, signal: u8) -> bool {
        signal >= 1 && signal <= Signal::MOST && self.0 >> (signal - 1) & 1 == 1
    }

    /// Everything in this set or in `other`.
    pub const fn union(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 | other.0)
    }

    /// Everything in this set and in `other`.
    pub const fn intersection(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & other.0)
    }

    /// This set without `other`.
    pub const fn without(self, other: SignalSet) -> SignalSet {
        SignalSet(self.0 & !other.0)
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A seccomp filter: whole 8-byte `struct sock_filter` entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl Serialize for Program<'_> {
    /// In one piece: as the sequence of numbers that a derived implementation makes of it, it is the same bytes, but
    /// one call for each.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
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
