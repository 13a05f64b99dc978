//! The kinds of field that records are made of, as JSON.

use super::value::Json;
use crate::words::{self, NAMESPACES};
use common::caps::{self, CapSet};
use common::plan::{
    FdNumber, Field as PlanField, List, ListWriter, Mode, Namespaces, Program, Signal, SignalSet,
};
use common::text::{MAX_TEXT, Path, Text};
use std::ffi::{CStr, CString};

/// What is wrong with a value, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// In jq's notation, as in `.["fs-build"].ops[3].dest`.
    pub path: String,
    /// What is wrong.
    pub why: String,
}

impl Wrong {
    /// A wrong value here.
    pub fn new(why: impl Into<String>) -> Wrong {
        Wrong { path: String::new(), why: why.into() }
    }

    /// The same, seen from the object whose member `name` it is in.
    pub fn member(self, name: &str) -> Wrong {
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let step = if plain { format!(".{name}") } else { format!(".[{}]", Json::from(name)) };
        Wrong { path: step + &self.path, ..self }
    }

    /// The same, seen from the array whose item `index` it is in.
    pub fn item(self, index: usize) -> Wrong {
        Wrong { path: format!("[{index}]{}", self.path), ..self }
    }
}

/// What [`Field::from_json`] returns.
pub type Read<T> = Result<T, Wrong>;

/// A field of a record.
pub trait Field: Sized {
    /// The value as JSON: every value has one form.
    fn to_json(&self) -> Json;

    /// The value that `json` stands for.
    fn from_json(json: &Json) -> Read<Self>;

    /// The value that a member which is not there stands for, if it may be left out.
    fn absent() -> Option<Self> {
        None
    }

    /// Any value.
    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> Self;
}

/// What stands there instead of `expected`.
pub fn unlike(expected: &str, json: &Json) -> Wrong {
    let line = json.line();
    let short: String = line.chars().take(60).collect();
    let dots = if short == line { "" } else { "…" };
    Wrong::new(format!("{short}{dots} is not {expected}"))
}

impl Field for bool {
    fn to_json(&self) -> Json {
        Json::Bool(*self)
    }

    fn from_json(json: &Json) -> Read<bool> {
        if let Json::Bool(value) = json { Ok(*value) } else { Err(unlike("true or false", json)) }
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> bool {
        random.below(2) == 1
    }
}

/// The number in `json` if it is at most `most`.
fn number_to(most: u64, json: &Json) -> Read<u64> {
    match json {
        Json::Number(value) if *value <= most => Ok(*value),
        _ => Err(unlike(&format!("a whole number from 0 to {most}"), json)),
    }
}

impl Field for u32 {
    fn to_json(&self) -> Json {
        Json::Number(u64::from(*self))
    }

    fn from_json(json: &Json) -> Read<u32> {
        number_to(u64::from(u32::MAX), json).map(|n| n as u32)
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> u32 {
        random.number() as u32
    }
}

/// The largest number that every JSON program keeps exactly: jq and JavaScript have 53 bits.
const EXACT: u64 = 1 << 53;

impl Field for u64 {
    /// What is too large for a number in JSON is a string of its digits.
    fn to_json(&self) -> Json {
        if *self <= EXACT { Json::Number(*self) } else { Json::String(self.to_string()) }
    }

    fn from_json(json: &Json) -> Read<u64> {
        let wrong =
            || unlike(&format!("a whole number from 0 to {}, or a string of its digits", u64::MAX), json);
        match json {
            Json::Number(value) => Ok(*value),
            Json::String(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| wrong())
            }
            _ => Err(wrong()),
        }
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> u64 {
        random.number()
    }
}

/// The member of the object that stands for a value whose own JSON is `null`: an option of an option.
const GIVEN: &str = "given";

impl<T: Field> Field for Option<T> {
    fn to_json(&self) -> Json {
        match self.as_ref().map(T::to_json) {
            None => Json::Null,
            Some(Json::Null) => Json::object([(GIVEN, Json::Null)]),
            Some(json) => json,
        }
    }

    fn from_json(json: &Json) -> Read<Option<T>> {
        match json {
            Json::Null => Ok(None),
            json if T::absent().is_some() && *json == Json::object([(GIVEN, Json::Null)]) => {
                T::from_json(&Json::Null).map(Some)
            }
            json => T::from_json(json).map(Some),
        }
    }

    fn absent() -> Option<Option<T>> {
        Some(None)
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> Option<T> {
        if random.below(2) == 1 { Some(T::sample(random)) } else { None }
    }
}

impl Field for FdNumber {
    fn to_json(&self) -> Json {
        Json::Number(u64::from(self.fd().0.unsigned_abs()))
    }

    fn from_json(json: &Json) -> Read<FdNumber> {
        let number = number_to(i32::MAX as u64, json)?;
        FdNumber::new(number as i32).ok_or_else(|| unlike("a descriptor number", json))
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> FdNumber {
        FdNumber::new((random.number() >> 33) as i32).unwrap()
    }
}

impl Field for Mode {
    /// As chmod(1) takes it: octal, four digits.
    fn to_json(&self) -> Json {
        Json::String(format!("{:04o}", self.bits()))
    }

    fn from_json(json: &Json) -> Read<Mode> {
        let wrong = || unlike("permissions, a string of octal digits from \"0000\" to \"7777\"", json);
        let Json::String(digits) = json else { return Err(wrong()) };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        u32::from_str_radix(digits, 8).ok().and_then(Mode::new).ok_or_else(wrong)
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> Mode {
        Mode::new(random.below(0o10000) as u32).unwrap()
    }
}

/// Bytes as a string where they are UTF-8; else an object with a string in which `\xNN` is a byte and `\\` a
/// backslash.
pub fn bytes_to_json(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => Json::from(text),
        Err(_) => Json::object([("escaped", Json::String(words::escaped(bytes)))]),
    }
}

/// Bytes from either of their forms.
fn bytes_from_json(json: &Json) -> Read<Vec<u8>> {
    match json {
        Json::String(text) => Ok(text.as_bytes().to_vec()),
        Json::Object(members) => match &members[..] {
            [(name, Json::String(text))] if name == "escaped" => words::unescaped(text)
                .ok_or_else(|| unlike("text in which a backslash is \\\\ or begins \\xNN", json)),
            _ => Err(unlike("a string or {\"escaped\": \"…\"}", json)),
        },
        _ => Err(unlike("a string or {\"escaped\": \"…\"}", json)),
    }
}

fn c_str_from_json(json: &Json) -> Read<&'static CStr> {
    let bytes = bytes_from_json(json)?;
    if bytes.len() >= MAX_TEXT {
        return Err(Wrong::new(format!("{} bytes are more than a string of a plan has", bytes.len())));
    }
    let text = CString::new(bytes).map_err(|_| Wrong::new("a NUL is in no string of a plan"))?;
    Ok(Box::leak(text.into_boxed_c_str()))
}

impl Field for Text<'static> {
    fn to_json(&self) -> Json {
        bytes_to_json(self.bytes())
    }

    fn from_json(json: &Json) -> Read<Self> {
        c_str_from_json(json).map(Text)
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> Self {
        Text(random.c_str())
    }
}

impl Field for Path<'static> {
    fn to_json(&self) -> Json {
        bytes_to_json(self.bytes())
    }

    fn from_json(json: &Json) -> Read<Self> {
        let path = c_str_from_json(json)?;
        if path.is_empty() { Err(Wrong::new("a path is not empty")) } else { Ok(Path(path)) }
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> Self {
        let path = random.c_str();
        Path(if path.is_empty() { c"/" } else { path })
    }
}

/// The bits of `set` by their names, the unknown ones as numbers.
fn names_of_bits(set: u64, name: impl Fn(u32) -> Option<&'static str>) -> Json {
    let bits = (0..u64::BITS).filter(|bit| set >> bit & 1 == 1);
    Json::Array(bits.map(|bit| name(bit).map_or(Json::Number(u64::from(bit)), Json::from)).collect())
}

/// The set that an array of names and bit numbers stands for.
fn bits_of_names(json: &Json, expected: &str, bit: impl Fn(&str) -> Option<u32>) -> Read<u64> {
    let Json::Array(items) = json else { return Err(unlike(&format!("an array of {expected}"), json)) };
    let mut set = 0;
    for (index, item) in items.iter().enumerate() {
        let found = match item {
            Json::String(name) => bit(name),
            Json::Number(number) if *number < u64::from(u64::BITS) => Some(*number as u32),
            _ => None,
        };
        let found = found.ok_or_else(|| unlike(expected, item).item(index))?;
        if set >> found & 1 == 1 {
            return Err(Wrong::new(format!("{item} is there twice")).item(index));
        }
        set |= 1 << found;
    }
    Ok(set)
}

impl Field for CapSet {
    /// Names; `"ALL"` for all 64 there can be.
    fn to_json(&self) -> Json {
        if *self == CapSet::ALL {
            return Json::strings(["ALL"]);
        }
        names_of_bits(self.0, |bit| caps::NAMES.get(bit as usize).copied())
    }

    fn from_json(json: &Json) -> Read<CapSet> {
        if *json == Json::strings(["ALL"]) {
            return Ok(CapSet::ALL);
        }
        let bit = |name: &str| caps::NAMES.iter().position(|known| *known == name).map(|bit| bit as u32);
        bits_of_names(json, "a capability such as \"CAP_CHOWN\"", bit).map(CapSet)
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> CapSet {
        if random.below(8) == 0 { CapSet::ALL } else { CapSet(random.number()) }
    }
}

impl Field for Signal {
    fn to_json(&self) -> Json {
        Json::String(words::signal(self.number()))
    }

    fn from_json(json: &Json) -> Read<Signal> {
        let number = match json {
            Json::String(name) => words::signal_number(name),
            _ => None,
        };
        number
            .and_then(Signal::new)
            .ok_or_else(|| unlike("a signal such as \"SIGTERM\" or \"SIGRTMIN+3\"", json))
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> Signal {
        Signal::new(1 + random.below(64) as u8).unwrap()
    }
}

impl Field for SignalSet {
    fn to_json(&self) -> Json {
        let signals = (1..=Signal::MOST).filter(|signal| self.has(*signal));
        Json::Array(signals.map(|signal| Json::String(words::signal(signal))).collect())
    }

    fn from_json(json: &Json) -> Read<SignalSet> {
        let Json::Array(items) = json else { return Err(unlike("an array of signals", json)) };
        let mut set = SignalSet::EMPTY;
        for (index, item) in items.iter().enumerate() {
            let signal = Signal::from_json(item).map_err(|wrong| wrong.item(index))?;
            if set.has(signal.number()) {
                return Err(Wrong::new(format!("{item} is there twice")).item(index));
            }
            set = set.union(SignalSet::of(&[signal.number()]));
        }
        Ok(set)
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> SignalSet {
        SignalSet(random.number())
    }
}

impl Field for Namespaces {
    fn to_json(&self) -> Json {
        let name = |bit: u32| {
            NAMESPACES.iter().find(|(_, flag)| flag.trailing_zeros() == bit).map(|(name, _)| *name)
        };
        names_of_bits(u64::from(self.0), name)
    }

    fn from_json(json: &Json) -> Read<Namespaces> {
        let names: Vec<&str> = NAMESPACES.iter().map(|(name, _)| *name).collect();
        let bit = |name: &str| {
            let (_, flag) = NAMESPACES.iter().find(|(known, _)| *known == name)?;
            Some(flag.trailing_zeros())
        };
        let set = bits_of_names(json, &format!("a namespace, one of {}", names.join(", ")), bit)?;
        let set = u32::try_from(set).ok().filter(|set| set & !Namespaces::ALL.0 == 0);
        set.map(Namespaces).ok_or_else(|| unlike("namespaces that a plan can ask for", json))
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> Namespaces {
        Namespaces(random.number() as u32 & Namespaces::ALL.0)
    }
}

impl Field for Program<'static> {
    /// An array of `[code, jt, jf, k]`.
    fn to_json(&self) -> Json {
        let instruction = |entry: &[u8]| match *entry {
            [c0, c1, jt, jf, k0, k1, k2, k3] => Json::Array(
                [
                    u64::from(u16::from_le_bytes([c0, c1])),
                    u64::from(jt),
                    u64::from(jf),
                    u64::from(u32::from_le_bytes([k0, k1, k2, k3])),
                ]
                .map(Json::Number)
                .into(),
            ),
            _ => Json::Null,
        };
        Json::Array(self.bytes().chunks_exact(8).map(instruction).collect())
    }

    fn from_json(json: &Json) -> Read<Self> {
        let Json::Array(items) = json else { return Err(unlike("an array of instructions", json)) };
        if items.is_empty() {
            return Err(Wrong::new("a filter has at least one instruction"));
        }
        let mut bytes = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let wrong = || unlike("an instruction [code, jt, jf, k]", item).item(index);
            let Json::Array(parts) = item else { return Err(wrong()) };
            let [Json::Number(code), Json::Number(jt), Json::Number(jf), Json::Number(k)] = parts[..] else {
                return Err(wrong());
            };
            let code = u16::try_from(code).map_err(|_| wrong())?;
            let jumps = [jt, jf].map(u8::try_from);
            let [Ok(jt), Ok(jf)] = jumps else { return Err(wrong()) };
            let k = u32::try_from(k).map_err(|_| wrong())?;
            bytes.extend(code.to_le_bytes());
            bytes.extend([jt, jf]);
            bytes.extend(k.to_le_bytes());
        }
        Program::new(Box::leak(bytes.into_boxed_slice())).ok_or_else(|| Wrong::new("the filter is too long"))
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> Self {
        let entries = 1 + random.below(20);
        let bytes: Vec<u8> = (0..8 * entries).map(|_| random.number() as u8).collect();
        Program::new(Box::leak(bytes.into_boxed_slice())).unwrap()
    }
}

impl<T: Field + PlanField<'static>> Field for List<'static, T> {
    fn to_json(&self) -> Json {
        Json::Array(self.iter().map(|item| item.to_json()).collect())
    }

    fn from_json(json: &Json) -> Read<Self> {
        let Json::Array(items) = json else { return Err(unlike("an array", json)) };
        let items: Read<Vec<T>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| T::from_json(item).map_err(|wrong| wrong.item(index)))
            .collect();
        list(&items?).ok_or_else(|| Wrong::new("the list is too long"))
    }

    #[cfg(test)]
    fn sample(random: &mut super::sample::Random) -> Self {
        let length = random.length();
        let items: Vec<T> = (0..length).map(|_| T::sample(random)).collect();
        list(&items).unwrap()
    }
}

/// The plan's list of these items; it lives as long as this process.
fn list<T: PlanField<'static>>(items: &[T]) -> Option<List<'static, T>> {
    let list = Box::leak(Box::new(ListWriter::new(4096).ok()?));
    for item in items {
        list.push(item).ok()?;
    }
    Some(list.list())
}
