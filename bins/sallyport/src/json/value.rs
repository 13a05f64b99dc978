//! JSON as it is written and read here: members stay in their order, and none may be there twice.

use crate::failure::{Failure, Res};
use crate::words::is_printable;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The widest line that a value is put on whole.
const WIDTH: usize = 120;

/// How deep objects are always spread over lines: the document and its stages.
const SPREAD: usize = 2;

/// A value. All numbers of a plan are whole and not negative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number.
    Number(u64),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::String(text.to_owned())
    }
}

impl Json {
    /// An object of these members.
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
        Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// An array of strings.
    pub fn strings<'s>(strings: impl IntoIterator<Item = &'s str>) -> Json {
        Json::Array(strings.into_iter().map(Json::from).collect())
    }

    /// The member called `name`, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => {
                members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Reads a whole text.
    pub fn parse(text: &[u8]) -> Res<Json> {
        serde_json::from_slice(text).map_err(Failure::new)
    }

    /// On one line.
    pub fn line(&self) -> String {
        let mut out = String::new();
        self.compact(&mut out);
        out
    }

    /// Over lines of a readable width, with a newline at the end.
    pub fn text(&self) -> String {
        let mut out = String::new();
        self.pretty(0, 0, &mut out);
        out.push('\n');
        out
    }

    fn compact(&self, out: &mut String) {
        match self {
            Json::Null => out.push_str("null"),
            Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Json::Number(value) => out.push_str(&value.to_string()),
            Json::String(text) => quote(text, out),
            Json::Array(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    item.compact(out);
                }
                out.push(']');
            }
            Json::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { ", " } else { "" });
                    quote(name, out);
                    out.push_str(": ");
                    value.compact(out);
                }
                out.push('}');
            }
        }
    }

    /// Appends the value, `depth` levels down, behind `used` columns of its first line.
    fn pretty(&self, depth: usize, used: usize, out: &mut String) {
        let line = self.line();
        let spread = matches!(self, Json::Object(members) if depth < SPREAD && !members.is_empty());
        if !spread && (2 * depth + used + line.chars().count() < WIDTH || self.is_leaf()) {
            return out.push_str(&line);
        }
        let (open, close) = if matches!(self, Json::Array(_)) { ('[', ']') } else { ('{', '}') };
        out.push(open);
        let mut each = |index: usize, name: Option<&String>, value: &Json| {
            out.push_str(if index == 0 { "\n" } else { ",\n" });
            out.push_str(&"  ".repeat(depth + 1));
            let start = out.len();
            if let Some(name) = name {
                quote(name, out);
                out.push_str(": ");
            }
            let used = out.len() - start;
            value.pretty(depth + 1, used, out);
        };
        match self {
            Json::Array(items) => {
                items.iter().enumerate().for_each(|(index, item)| each(index, None, item));
            }
            Json::Object(members) => {
                members.iter().enumerate().for_each(|(index, (name, value))| each(index, Some(name), value));
            }
            _ => {}
        }
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
        out.push(close);
    }

    fn is_leaf(&self) -> bool {
        match self {
            Json::Array(items) => items.is_empty(),
            Json::Object(members) => members.is_empty(),
            _ => true,
        }
    }
}

/// Appends `text` as a JSON string, with what a reader would not see by its number.
fn quote(text: &str, out: &mut String) {
    // A string always has a JSON form.
    for c in serde_json::to_string(text).unwrap_or_default().chars() {
        if is_printable(c) {
            out.push(c);
        } else {
            let units = &mut [0; 2];
            c.encode_utf16(units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

/// Takes whatever comes.
struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, true, false, a whole number that is not negative, a string, an array or an object")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if members.iter().any(|(member, _)| *member == name) {
                return Err(A::Error::custom(format_args!("member \"{name}\" is there twice")));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Json::Object(members))
    }
}
