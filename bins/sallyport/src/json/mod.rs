//! A plan as JSON, complete: what is written here reads back to the same bytes. `schema.rs` describes the form.

mod field;
mod records;
#[cfg(test)]
mod sample;
pub mod schema;
#[cfg(test)]
mod tests;
mod value;

pub use field::{Field, Wrong, bytes_to_json};
#[cfg(test)]
pub use sample::Random;
#[cfg(test)]
pub use tests::golden_plans;
pub use value::Json;

use crate::document::Document;
use crate::failure::{Failure, Res};
use crate::words::FLAGS;
use common::plan::{EnvOp, Stage, VERSION};
use field::Read;
use records::Members;

/// What the document says it is.
const FORMAT: &str = "sallyport plan";

/// The whole plan.
pub fn of(document: &Document) -> Json {
    let Document { flags, ns_enter, fs_build, priv_drop, init_reaper, seccomp_load, command } = document;
    let mut members = vec![
        ("format", Json::from(FORMAT)),
        ("version", Json::Number(u64::from(VERSION))),
        ("flags", flags_to_json(*flags)),
    ];
    // A stage without a frame has no work, and no member.
    let mut frame = |stage: Stage, json: Option<Json>| members.extend(json.map(|json| (stage.name(), json)));
    frame(Stage::NsEnter, ns_enter.as_ref().map(Field::to_json));
    frame(Stage::FsBuild, fs_build.as_ref().map(Field::to_json));
    frame(Stage::PrivDrop, priv_drop.as_ref().map(Field::to_json));
    frame(Stage::InitReaper, init_reaper.as_ref().map(Field::to_json));
    frame(Stage::SeccompLoad, seccomp_load.as_ref().map(Field::to_json));
    frame(Stage::Command, Some(command.to_json()));
    Json::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The plan that `text` says.
pub fn read(text: &[u8]) -> Res<Document> {
    let json = Json::parse(text)?;
    let document = from_json(&json).map_err(|Wrong { path, why }| {
        let path = if path.is_empty() { "." } else { &path };
        Failure::new(format_args!("{path}: {why}"))
    })?;
    // What a single field cannot tell, such as a command without a program, is the decoder's to say.
    Document::decode(&document.encode()?)
}

fn from_json(json: &Json) -> Read<Document> {
    let mut members = Members::of(json, "an object, a plan")?;
    let mut constant = |name: &str, expected: Json| match members.take_json(name) {
        Some(found) if *found == expected => Ok(()),
        Some(found) => Err(field::unlike(&expected.line(), found).member(name)),
        None => Err(Wrong::new("this member is missing").member(name)),
    };
    constant("format", Json::from(FORMAT))?;
    constant("version", Json::Number(u64::from(VERSION)))?;
    let flags =
        members.take_json("flags").ok_or_else(|| Wrong::new("this member is missing").member("flags"))?;
    let document = Document {
        flags: flags_from_json(flags).map_err(|wrong| wrong.member("flags"))?,
        ns_enter: members.take(Stage::NsEnter.name())?,
        fs_build: members.take(Stage::FsBuild.name())?,
        priv_drop: members.take(Stage::PrivDrop.name())?,
        init_reaper: members.take(Stage::InitReaper.name())?,
        seccomp_load: members.take(Stage::SeccompLoad.name())?,
        command: members.take(Stage::Command.name())?,
    };
    members.finish()?;
    for (index, op) in document.command.env.iter().enumerate() {
        if !op.has_valid_name() {
            let wrong = Wrong::new(EnvOp::BAD_NAME).member("name").item(index).member("env");
            return Err(wrong.member(Stage::Command.name()));
        }
    }
    Ok(document)
}

fn flags_to_json(flags: u16) -> Json {
    Json::Array(
        FLAGS.iter().filter(|(_, flag)| flags & flag != 0).map(|(name, _)| Json::from(*name)).collect(),
    )
}

fn flags_from_json(json: &Json) -> Read<u16> {
    let Json::Array(items) = json else { return Err(field::unlike("an array of flags", json)) };
    let mut flags = 0;
    for (index, item) in items.iter().enumerate() {
        let known = FLAGS.iter().find(|(name, _)| *item == Json::from(*name));
        let names: Vec<&str> = FLAGS.iter().map(|(name, _)| *name).collect();
        let (_, flag) =
            known.ok_or_else(|| field::unlike(&format!("one of {}", names.join(", ")), item).item(index))?;
        flags |= flag;
    }
    Ok(flags)
}
