//! JSON and bytes are two forms of the same plan.

use super::sample::Random;
use super::*;
use crate::words;
use common::plan::{NsEnter, NsExtra};
use std::path::PathBuf;

fn golden_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// Every stored plan: its file and its bytes.
pub fn golden_plans() -> Vec<(PathBuf, Vec<u8>)> {
    let mut plans: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(golden_folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "plan"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    plans.sort();
    assert!(plans.len() >= 6);
    plans
}

#[track_caller]
fn assert_same_both_ways(bytes: &[u8]) {
    let document = Document::decode(bytes).unwrap();
    let json = of(&document);
    for text in [json.text(), json.line()] {
        assert_eq!(Json::parse(text.as_bytes()).unwrap(), json, "{text}");
        let again = read(text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
        assert_eq!(again.encode().unwrap(), bytes, "{text}");
    }
    assert_eq!(mismatch(&schema::schema(), &json, &schema::schema()), None);
}

#[test]
fn golden_plans_come_back_from_json_in_the_same_bytes() {
    golden_plans().iter().for_each(|(_, bytes)| assert_same_both_ways(bytes));
}

#[test]
fn generated_plans_come_back_from_json_in_the_same_bytes() {
    let seed = std::env::var("PLAN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_126);
    println!("PLAN_SEED={seed}");
    let mut random = Random(seed);
    for _ in 0..400 {
        let document = random.document();
        assert_same_both_ways(&document.encode().unwrap());
    }
}

/// jq keeps 53 bits of a number, and writes objects in the order they came in.
#[test]
fn no_number_is_larger_than_jq_keeps() {
    fn largest(json: &Json) -> u64 {
        match json {
            Json::Number(n) => *n,
            Json::Array(items) => items.iter().map(largest).max().unwrap_or(0),
            Json::Object(members) => members.iter().map(|(_, value)| largest(value)).max().unwrap_or(0),
            _ => 0,
        }
    }
    let mut random = Random(1);
    for _ in 0..400 {
        assert!(largest(&of(&random.document())) <= 1 << 53);
    }
}

#[test]
fn every_flag_that_the_decoder_takes_has_a_name() {
    let mut plan = golden_plans().remove(0).1;
    for bit in 0..16 {
        plan[10..12].copy_from_slice(&(1u16 << bit).to_le_bytes());
        let named = words::FLAGS.iter().any(|(_, flag)| *flag == 1 << bit);
        assert_eq!(Document::decode(&plan).is_ok(), named, "flag {}: add it to words::FLAGS", 1 << bit);
    }
}

#[test]
fn every_namespace_that_a_plan_can_ask_for_has_a_name() {
    let named = words::NAMESPACES.iter().fold(0, |all, (_, flag)| all | flag);
    assert_eq!(common::plan::Namespaces::ALL.0 & !named, 0);
}

/// A plan in JSON with `from` in its text made `to`.
#[track_caller]
fn changed(from: &str, to: &str) -> Res<Document> {
    let rich = std::fs::read(golden_folder().join("rich.plan")).unwrap();
    let text = of(&Document::decode(&rich).unwrap()).text();
    assert!(text.contains(from), "no {from} in\n{text}");
    read(text.replacen(from, to, 1).as_bytes())
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let table = [
        ("\"loopback\"", "\"lopback\"", ".[\"ns-enter\"].loopback: this member is missing"),
        ("\"loopback\": true", "\"loopback\": true, \"x\": 1", ".[\"ns-enter\"].x: there is no such member"),
        ("\"loopback\": true", "\"loopback\": 1", ".[\"ns-enter\"].loopback: 1 is not true or false"),
        (
            "\"op\": \"tmp-overlay\"",
            "\"op\": \"x\"",
            ".[\"fs-build\"].ops[7].op: \"x\" is not one of bind, bind-fd,",
        ),
        (
            "\"mode\": \"1777\"",
            "\"mode\": \"1778\"",
            ".[\"fs-build\"].ops[11].mode: \"1778\" is not permissions",
        ),
        ("\"mode\": \"1777\"", "\"mode\": \"+777\"", "is not permissions"),
        ("\"dest\": \"/proc\"", "\"dest\": \"\"", ".[\"fs-build\"].ops[9].dest: a path is not empty"),
        ("\"dest\": \"/proc\"", "\"dest\": \"a\\u0000b\"", "a NUL is in no string of a plan"),
        ("\"dest\": \"/proc\"", "\"dest\": {\"escaped\": \"\\\\x4\"}", "is not text in which a backslash"),
        ("\"CAP_CHOWN\"", "\"CAP_CHOWM\"", "[0]: \"CAP_CHOWM\" is not a capability such as"),
        ("\"CAP_CHOWN\"", "\"CAP_CHOWN\", 0", "[1]: 0 is there twice"),
        ("\"version\": ", "\"version\": 9", ".version: 9"),
        ("\"bwrap\"", "\"bwarp\"", ".flags[1]: \"bwarp\" is not one of level-prefix, bwrap, env-status"),
        ("\"format\"", "\"formt\"", ".format: this member is missing"),
        ("\"priv-drop\"", "\"priv-drip\"", ".[\"priv-drip\"]: there is no such member"),
        ("\"uid\": 1000", "\"uid\": -1", "line "),
        ("\"uid\": 1000", "\"uid\": 1.5", "line "),
        (
            "\"uid\": 1000",
            "\"uid\": 4294967296",
            ".uid: 4294967296 is not a whole number from 0 to 4294967295",
        ),
        ("\"uid\": 1000", "\"uid\": 1000, \"uid\": 1000", "member \"uid\" is there twice at line "),
        (
            "\"args\": [\"/bin/sh\", \"-c\", \"\", \"a\\nb\"]",
            "\"args\": []",
            "Invalid plan: command: args: no program",
        ),
        (
            "\"name\": \"TMPDIR\"",
            "\"name\": \"\"",
            ".command.env[2].name: the name of a variable is not empty",
        ),
        ("\"name\": \"HOME\"", "\"name\": \"A=B\"", ".command.env[1].name: the name of a variable is"),
        (
            "\"programs\": [",
            "\"programs\": [[], ",
            ".[\"seccomp-load\"].programs[0]: a filter has at least one instruction",
        ),
        (
            "\"uts\", ",
            "",
            "Invalid plan: ns-enter: hostname: without a new UTS namespace it would be the host's",
        ),
        (
            "\"own_cgroup\": true",
            "\"own_cgroup\": false",
            "Invalid plan: ns-enter: limits: there is no cgroup",
        ),
    ];
    for (from, to, said) in table {
        let wrong = changed(from, to).expect_err(to).to_string();
        assert!(wrong.contains(said), "{to}: {wrong}");
    }
}

#[test]
fn a_clock_is_moved_only_in_a_time_namespace_of_its_own() {
    let rich = std::fs::read(golden_folder().join("rich.plan")).unwrap();
    let document = Document::decode(&rich).unwrap();
    let frame = document.ns_enter.unwrap();
    let namespaces = common::plan::Namespaces(frame.namespaces.0 & !common::sys::clone_flags::NEWTIME);
    let extra = frame.extra.unwrap();
    let table = [
        (extra, Some("monotonic")),
        (NsExtra { monotonic: None, ..extra }, Some("boottime")),
        (NsExtra { monotonic: None, boottime: None, ..extra }, None),
    ];
    for (extra, field) in table {
        let frame = NsEnter { namespaces, extra: Some(extra), ..frame };
        let document = Document { ns_enter: Some(frame), ..document };
        let read = read(of(&document).text().as_bytes());
        let said =
            field.map(|field| format!("Invalid plan: ns-enter: {field}: there is no new time namespace"));
        assert_eq!(read.err().map(|wrong| wrong.to_string()), said);
    }
}

#[test]
fn what_may_be_null_may_be_left_out() {
    let with_null = changed("\"hostname\": \"golden\"", "\"hostname\": null").unwrap();
    let without = changed("\"hostname\": \"golden\",", "");
    assert_eq!(without.unwrap(), with_null);
    assert_eq!(with_null.ns_enter.unwrap().hostname, None);
}

#[test]
fn bytes_that_are_no_text_have_a_form_of_their_own() {
    let document =
        changed("\"dest\": \"/proc\"", "\"dest\": {\"escaped\": \"/\\\\xff\\\\\\\\\\\\x5c\"}").unwrap();
    let text = of(&document).line();
    assert!(text.contains(r#""dest": {"escaped": "/\\xff\\\\\\\\"}"#), "{text}");
}

/// Where `json` is not as `schema` says: of JSON Schema what this schema uses, but for patterns.
fn mismatch(schema: &Json, json: &Json, root: &Json) -> Option<String> {
    let wrong = || Some(format!("{json} is not {schema}"));
    if let Some(Json::String(reference)) = schema.get("$ref") {
        let name = reference.strip_prefix("#/$defs/").unwrap();
        let target = root.get("$defs").and_then(|defs| defs.get(name));
        return mismatch(target.unwrap_or_else(|| panic!("no $defs/{name}")), json, root);
    }
    if let Some(Json::Array(all)) = schema.get("anyOf") {
        let any = all.iter().any(|one| mismatch(one, json, root).is_none());
        return if any { None } else { wrong() };
    }
    if schema.get("const").is_some_and(|expected| expected != json) {
        return wrong();
    }
    if let Some(Json::Array(all)) = schema.get("enum") {
        return if all.contains(json) { None } else { wrong() };
    }
    let kind = match json {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    if schema.get("type").is_some_and(|expected| *expected != Json::from(kind)) {
        return wrong();
    }
    if let (Json::Number(n), Some(Json::Number(most))) = (json, schema.get("maximum")) {
        return if n <= most { None } else { wrong() };
    }
    match json {
        Json::Array(items) => {
            items.iter().find_map(|item| mismatch(schema.get("items").unwrap(), item, root))
        }
        Json::Object(members) => {
            if let Some(Json::Array(required)) = schema.get("required")
                && required.iter().any(|name| matches!(name, Json::String(name) if json.get(name).is_none()))
            {
                return wrong();
            }
            let of = |name: &str| schema.get("properties").unwrap().get(name);
            members
                .iter()
                .find_map(|(name, value)| of(name).map_or_else(wrong, |of| mismatch(of, value, root)))
        }
        _ => None,
    }
}

#[test]
fn the_golden_schema_is_the_one_that_is_generated() {
    let (file, text) = (golden_folder().join("plan.schema.json"), schema::schema().text());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(stored == text, "{}: run UPDATE_GOLDEN=1 cargo test -p sallyport golden", file.display());
}
