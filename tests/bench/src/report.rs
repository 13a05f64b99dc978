//! The table for people and the JSON for machines.

use crate::launch::Res;
use crate::rows::Row;
use crate::worker::Plan;
use serde_json::json;
use std::fmt::Write as _;

/// The table, in Markdown, so that README can have it as it is.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| scenario | peer | ours | floor | ours / peer | reach | aim | ours / floor |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let figure = |subject: &str| {
            let Some(figure) = row.figures.get(subject) else { return "–".to_owned() };
            let about = if figure.estimated { "~" } else { "" };
            let spread = match figure.spread {
                spread if spread.is_finite() && spread >= 0.5 => format!(" ± {spread:.0}"),
                _ => String::new(),
            };
            format!("{about}{:.0}{spread} {}", figure.value, row.unit)
        };
        let ratio = row.ratio.map_or("–".to_owned(), |ratio| {
            let mark = match row.reached() {
                Some(true) => " ✓",
                Some(false) => " ✗",
                None => "",
            };
            format!("{:.2} [{:.2}, {:.2}]{mark}", ratio.value, ratio.low, ratio.high)
        });
        let goal =
            |pick: fn((f64, f64)) -> f64| row.goal.map_or("".to_owned(), |goal| format!("{:.2}", pick(goal)));
        let floor = row.over_floor.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let cells = [
            row.title.clone(),
            figure("peer"),
            figure("ours"),
            figure("floor"),
            ratio,
            goal(|goal| goal.0),
            goal(|goal| goal.1),
            floor,
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text.push_str(
        "\nTimes are overheads: median of the launch less median of the command alone, ± median distance from the\n\
         median; the ratio has its bootstrap 95% interval. ~ is worked out, not measured.\n",
    );
    if let Some(alone) = rows.iter().find_map(|row| row.figures.get("alone")) {
        let _ = writeln!(text, "The command alone: {:.0} ± {:.0} µs.", alone.median, alone.spread);
    }
    for row in rows {
        for note in &row.notes {
            let _ = writeln!(text, "{}: {note}", row.key);
        }
    }
    text
}

/// All rows, with what machine they are from.
pub fn json(rows: &[Row], plan: &Plan) -> Res<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, m)| m);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let value = json!({
        "machine": { "kernel": read("/proc/sys/kernel/osrelease").trim(), "cpu": model, "cores": cores },
        "quick": plan.quick,
        "seed": plan.seed,
        "gap_ms": plan.gap_ms,
        "rows": rows,
    });
    serde_json::to_string_pretty(&value).map_err(|e| e.to_string())
}
