//! `pipeline.md` and the record types say the same: its tables are rendered from them.

use super::*;
use std::fmt::Write;

const BEGIN: &str = "<!-- plan tables: begin -->\n";
const END: &str = "<!-- plan tables: end -->\n";

type Fields = &'static [(&'static str, &'static str)];
type Variants = &'static [(u32, &'static str, Fields)];

/// A type as a reader of the format needs it: lifetimes are of no interest to bytes.
fn plain(type_name: &str) -> String {
    type_name.replace("<'a>", "").replace("'a, ", "").replace('\n', " ")
}

fn record_table(fields: Fields) -> String {
    let mut out = "| field | type |\n| --- | --- |\n".to_owned();
    for (name, type_name) in fields {
        writeln!(out, "| `{name}` | `{}` |", plain(type_name)).unwrap();
    }
    out
}

fn variants_table(variants: Variants) -> String {
    let mut out = "| number | variant | fields |\n| --- | --- | --- |\n".to_owned();
    for (number, name, fields) in variants {
        let fields: Vec<String> =
            fields.iter().map(|(field, type_name)| format!("`{field}: {}`", plain(type_name))).collect();
        writeln!(out, "| {number} | `{name}` | {} |", fields.join(", ")).unwrap();
    }
    out
}

/// Heading and table of each record and each enum, records in the order of the frames.
fn tables() -> Vec<(&'static str, String)> {
    vec![
        ("NsEnter", record_table(NsEnter::FIELDS)),
        ("NsExtra", record_table(NsExtra::FIELDS)),
        ("Seconds", record_table(Seconds::FIELDS)),
        ("FsBuild", record_table(FsBuild::FIELDS)),
        ("PrivDrop", record_table(PrivDrop::FIELDS)),
        ("InitReaper", record_table(InitReaper::FIELDS)),
        ("SeccompLoad", record_table(SeccompLoad::FIELDS)),
        ("Command", record_table(Command::FIELDS)),
        ("Attributes", record_table(Attributes::FIELDS)),
        ("CapChange", record_table(CapChange::FIELDS)),
        ("Rlimit", record_table(Rlimit::FIELDS)),
        ("Control", record_table(Control::FIELDS)),
        ("UserNs", variants_table(UserNs::VARIANTS)),
        ("SecondUserNs", variants_table(SecondUserNs::VARIANTS)),
        ("IdRange", variants_table(IdRange::VARIANTS)),
        ("JoinNs", variants_table(JoinNs::VARIANTS)),
        ("NsKind", variants_table(NsKind::VARIANTS)),
        ("MountOp", variants_table(MountOp::VARIANTS)),
        ("Access", variants_table(Access::VARIANTS)),
        ("EnvOp", variants_table(EnvOp::VARIANTS)),
        ("Left", variants_table(Left::VARIANTS)),
        ("Limit", variants_table(Limit::VARIANTS)),
    ]
}

/// What stands between the marks.
fn region() -> String {
    let sections: Vec<String> =
        tables().into_iter().map(|(name, table)| format!("### {name}\n\n{table}")).collect();
    sections.join("\n")
}

/// `text` with what is between the marks made `region`.
fn replaced(text: &str, region: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{region}{END}{after}"))
}

#[test]
fn pipeline_md_has_the_table_of_every_record() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipeline.md");
    let mut text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        text = replaced(&text, &region()).unwrap_or_else(|| panic!("{path}: no line {BEGIN} or {END}"));
        std::fs::write(path, &text).unwrap();
    }
    for (name, table) in tables() {
        assert!(
            text.contains(&format!("### {name}\n\n{table}")),
            "pipeline.md: under `### {name}` there has to stand, as `UPDATE_DOCS=1 cargo test -p common docs` \
             puts it there:\n\n{table}"
        );
    }
    assert_eq!(replaced(&text, &region()).as_deref(), Some(&text[..]), "pipeline.md: between its marks");
}

#[test]
fn only_what_is_between_the_marks_is_replaced() {
    let text = format!("a\n{BEGIN}old\n{END}z\n");
    assert_eq!(replaced(&text, "new\n").unwrap(), format!("a\n{BEGIN}new\n{END}z\n"));
    assert_eq!(replaced("no marks", "new"), None);
}

#[test]
fn types_are_shown_without_lifetimes() {
    assert_eq!(plain("List<'a, MountOp<'a>>"), "List<MountOp>");
    assert_eq!(plain("Option<Text<'a>>"), "Option<Text>");
}
