//! The form of a plan as JSON, as a JSON Schema: made of the same tables as the format's documentation.

use super::FORMAT;
use super::records::kebab;
use super::value::Json;
use crate::words::{self, FLAGS, NAMESPACES};
use common::caps;
use common::plan::{
    Access, Attributes, CapChange, Command, Control, EnvOp, FsBuild, IdRange, InitReaper, JoinNs, Left,
    Limit, MountOp, NsEnter, NsExtra, NsKind, PrivDrop, Rlimit, SeccompLoad, SecondUserNs, Seconds, Signal,
    Stage, UserNs, VERSION,
};

type Fields = &'static [(&'static str, &'static str)];
type Variants = &'static [(u32, &'static str, Fields)];

/// The records and what their stages are called.
const RECORDS: [(Stage, Fields); 6] = [
    (Stage::NsEnter, NsEnter::FIELDS),
    (Stage::FsBuild, FsBuild::FIELDS),
    (Stage::PrivDrop, PrivDrop::FIELDS),
    (Stage::InitReaper, InitReaper::FIELDS),
    (Stage::SeccompLoad, SeccompLoad::FIELDS),
    (Stage::Command, Command::FIELDS),
];

/// The records inside records.
const NESTED: [(&str, Fields); 6] = [
    ("Attributes", Attributes::FIELDS),
    ("CapChange", CapChange::FIELDS),
    ("Control", Control::FIELDS),
    ("NsExtra", NsExtra::FIELDS),
    ("Rlimit", Rlimit::FIELDS),
    ("Seconds", Seconds::FIELDS),
];

/// The enums whose variants are plain names.
const CHOICES: [(&str, Variants); 4] = [
    ("UserNs", UserNs::VARIANTS),
    ("SecondUserNs", SecondUserNs::VARIANTS),
    ("Access", Access::VARIANTS),
    ("NsKind", NsKind::VARIANTS),
];

/// The enums whose variants are objects with a member `op`.
const OPERATIONS: [(&str, Variants); 6] = [
    ("EnvOp", EnvOp::VARIANTS),
    ("IdRange", IdRange::VARIANTS),
    ("JoinNs", JoinNs::VARIANTS),
    ("Left", Left::VARIANTS),
    ("Limit", Limit::VARIANTS),
    ("MountOp", MountOp::VARIANTS),
];

/// The whole schema.
pub fn schema() -> Json {
    let mut properties = vec![
        ("format".to_owned(), constant(FORMAT)),
        ("version".to_owned(), Json::object([("const", Json::Number(u64::from(VERSION)))])),
        ("flags".to_owned(), array(Json::object([("enum", Json::strings(FLAGS.map(|(name, _)| name)))]))),
    ];
    properties.extend(RECORDS.iter().map(|(stage, fields)| (stage.name().to_owned(), record(None, fields))));
    Json::object([
        ("$schema", Json::from("https://json-schema.org/draft/2020-12/schema")),
        ("title", Json::from("A sallyport plan, as `sallyport show --json` writes it")),
        ("type", Json::from("object")),
        ("properties", Json::Object(properties)),
        ("required", Json::strings(["format", "version", "flags", Stage::Command.name()])),
        ("additionalProperties", Json::Bool(false)),
        ("$defs", Json::Object(definitions())),
    ])
}

/// A type of the plan without its lifetimes.
fn plain(type_name: &str) -> String {
    type_name.replace("<'a>", "").replace("'a, ", "").split_whitespace().collect()
}

/// The schema of a field of this type.
fn of_type(type_name: &str) -> Json {
    if let Some(inner) = type_name.strip_prefix("Option<").and_then(|rest| rest.strip_suffix('>')) {
        let null = Json::object([("type", Json::from("null"))]);
        let mut any = vec![of_type(inner), null];
        if inner.starts_with("Option<") {
            // The inner one's null has a form of its own.
            any.push(record(None, &[("given", "null")]));
        }
        return one_of(any);
    }
    if let Some(inner) = type_name.strip_prefix("List<").and_then(|rest| rest.strip_suffix('>')) {
        return array(of_type(inner));
    }
    match type_name {
        "bool" => Json::object([("type", Json::from("boolean"))]),
        "u32" => number(u64::from(u32::MAX)),
        "null" => Json::object([("type", Json::from("null"))]),
        other => Json::object([("$ref", Json::String(format!("#/$defs/{other}")))]),
    }
}

/// An object with these fields, and with `op` in front if it is a variant.
fn record(op: Option<&str>, fields: Fields) -> Json {
    let op = op.map(|name| ("op".to_owned(), constant(&kebab(name))));
    let named = fields.iter().map(|(name, type_name)| ((*name).to_owned(), of_type(&plain(type_name))));
    let properties: Vec<(String, Json)> = op.into_iter().chain(named).collect();
    // What may be null may be left out.
    let optional =
        |name: &str| fields.iter().any(|(field, t)| *field == name && plain(t).starts_with("Option<"));
    let required: Vec<&str> =
        properties.iter().map(|(name, _)| name.as_str()).filter(|name| !optional(name)).collect();
    let required = Json::strings(required);
    Json::object([
        ("type", Json::from("object")),
        ("properties", Json::Object(properties)),
        ("required", required),
        ("additionalProperties", Json::Bool(false)),
    ])
}

fn constant(text: &str) -> Json {
    Json::object([("const", Json::from(text))])
}

fn array(items: Json) -> Json {
    Json::object([("type", Json::from("array")), ("items", items)])
}

fn number(most: u64) -> Json {
    Json::object([
        ("type", Json::from("integer")),
        ("minimum", Json::Number(0)),
        ("maximum", Json::Number(most)),
    ])
}

fn pattern(pattern: &str) -> Json {
    Json::object([("type", Json::from("string")), ("pattern", Json::from(pattern))])
}

fn one_of(all: Vec<Json>) -> Json {
    Json::object([("anyOf", Json::Array(all))])
}

/// An array of names; a bit without a name is its number.
fn set(names: Vec<&str>, most: u64) -> Json {
    array(one_of(vec![Json::object([("enum", Json::strings(names))]), number(most)]))
}

/// What the types are that have no fields of their own.
fn definitions() -> Vec<(String, Json)> {
    let escaped = Json::object([
        ("type", Json::from("object")),
        ("properties", Json::object([("escaped", pattern(r"^([^\\]|\\\\|\\x[0-9a-fA-F]{2})*$"))])),
        ("required", Json::strings(["escaped"])),
        ("additionalProperties", Json::Bool(false)),
    ]);
    let string = || Json::object([("type", Json::from("string"))]);
    let signal = || {
        let names: Vec<String> = (1..=Signal::MOST).map(words::signal).collect();
        Json::object([("enum", Json::strings(names.iter().map(String::as_str)))])
    };
    let instruction = array(number(u64::from(u32::MAX)));
    let leaves = [
        ("Text", one_of(vec![string(), escaped.clone()])),
        ("Path", one_of(vec![pattern("."), escaped])),
        ("FdNumber", number(i32::MAX as u64)),
        ("Mode", pattern("^[0-7]{1,4}$")),
        ("u64", one_of(vec![number(u64::MAX), pattern("^[0-9]+$")])),
        ("CapSet", set(std::iter::once("ALL").chain(caps::NAMES).collect(), 63)),
        ("Namespaces", set(NAMESPACES.iter().map(|(name, _)| *name).collect(), 31)),
        ("Signal", signal()),
        ("SignalSet", array(signal())),
        ("Program", array(instruction)),
    ];
    let mut all: Vec<(String, Json)> =
        leaves.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    all.extend(NESTED.iter().map(|(name, fields)| ((*name).to_owned(), record(None, fields))));
    for (name, variants) in CHOICES {
        let names: Vec<String> = variants.iter().map(|(_, variant, _)| kebab(variant)).collect();
        let names = Json::strings(names.iter().map(String::as_str));
        all.push((name.to_owned(), Json::object([("enum", names)])));
    }
    for (name, variants) in OPERATIONS {
        let variants = variants.iter().map(|(_, variant, fields)| record(Some(variant), fields));
        all.push((name.to_owned(), one_of(variants.collect())));
    }
    all
}
