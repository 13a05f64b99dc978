//! The report: words, or a line of JSON for each thing.

use super::record::{Call, Record, Stretch};
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What a call came to.
fn result(call: &Call) -> String {
    call.error().unwrap_or_else(|| call.result.to_string())
}

/// In words.
pub fn text(record: &Record) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = tables(record, &mut text);
    text
}

fn tables(record: &Record, to: &mut String) -> std::fmt::Result {
    writeln!(to, "command line  {}", record.words.join(" "))?;
    writeln!(to, "exit status   {}", record.status)?;
    writeln!(
        to,
        "time          {:.2} ms, of which watching took {:.2} ms ({} stops) and more that cannot be measured from here",
        millis(record.took),
        millis(record.watching),
        record.stops
    )?;
    writeln!(
        to,
        "\n{:>8}  {:<24} {:>9} {:>9} {:>6} {:>7}  end",
        "pid", "stage", "from ms", "took ms", "calls", "errors"
    )?;
    for Stretch { pid, name, from, took, calls, errors, end, argv } in &record.stages {
        let took = took.map_or("-".to_owned(), |took| format!("{:.2}", millis(took)));
        let words = if argv.is_empty() { String::new() } else { format!("  {}", argv.join(" ")) };
        let from = millis(*from);
        writeln!(to, "{pid:>8}  {name:<24} {from:>9.2} {took:>9} {calls:>6} {errors:>7}  {end}{words}")?;
    }
    calls(record, "operations", |call| call.error().is_none(), to)?;
    calls(record, "errors", |call| call.error().is_some(), to)
}

fn calls(record: &Record, title: &str, wanted: impl Fn(&Call) -> bool, to: &mut String) -> std::fmt::Result {
    writeln!(to, "\n{title}")?;
    let wanted: Vec<&Call> = record.calls.iter().filter(|call| wanted(call)).collect();
    // The same again and again, such as forty capabilities that are dropped, is said once.
    for same in wanted.chunk_by(|one, next| one.stretch == next.stretch && kind(one) == kind(next)) {
        let shown = if same.len() > 4 { 1 } else { same.len() };
        for call in same.iter().take(shown) {
            let (pid, name) =
                record.stages.get(call.stretch).map_or((0, ""), |stage| (stage.pid, stage.name.as_str()));
            let (at, took) = (millis(call.at), micros(call.took));
            writeln!(to, "{pid:>8}  {name:<24} {at:>9.2} ms {took:>7} µs  {} = {}", call.text, result(call))?;
        }
        if shown < same.len() {
            writeln!(to, "{:>8}  … and {} more like it", "", same.len() - shown)?;
        }
    }
    if wanted.is_empty() { writeln!(to, "{:>8}  none", "") } else { Ok(()) }
}

/// A call without all arguments but the first.
fn kind(call: &Call) -> &str {
    call.text.split(',').next().unwrap_or_default()
}

/// In JSON lines.
pub fn json_lines(record: &Record) -> String {
    let mut lines = Vec::new();
    for stage in &record.stages {
        lines.push(json!({
            "type": "stage",
            "pid": stage.pid,
            "stage": stage.name,
            "argv": stage.argv,
            "from_us": micros(stage.from),
            "took_us": stage.took.map(micros),
            "calls": stage.calls,
            "errors": stage.errors,
            "end": stage.end,
        }));
    }
    for call in &record.calls {
        let stage = record.stages.get(call.stretch);
        lines.push(json!({
            "type": "call",
            "pid": stage.map(|stage| stage.pid),
            "stage": stage.map(|stage| stage.name.as_str()),
            "at_us": micros(call.at),
            "took_us": micros(call.took),
            "call": call.text,
            "result": call.result,
            "error": call.error(),
        }));
    }
    lines.push(json!({
        "type": "end",
        "command": record.words,
        "status": record.status,
        "took_us": micros(record.took),
        "watching_us": micros(record.watching),
        "stops": record.stops,
    }));
    lines.iter().map(|line| format!("{line}\n")).collect()
}
