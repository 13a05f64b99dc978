//! Two curves side by side: cost against number of binds, and against number of host mounts; both axes
//! logarithmic, hand-written SVG.

use crate::rows::Row;
use std::fmt::Write as _;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 300.0;
const SUBJECTS: [(&str, &str, &str); 3] =
    [("peer", "bubblewrap", "#c0392b"), ("ours", "sallyport", "#1f6fb4"), ("floor", "floor", "#7a7a7a")];

/// One panel's place and axes.
struct Panel {
    left: f64,
    x: (f64, f64),
    y: (f64, f64),
}

impl Panel {
    fn x(&self, count: f64) -> f64 {
        self.left + (position(count) - self.x.0) / (self.x.1 - self.x.0) * WIDTH
    }

    fn y(&self, micros: f64) -> f64 {
        50.0 + HEIGHT - (micros.max(1.0).log10() - self.y.0) / (self.y.1 - self.y.0) * HEIGHT
    }
}

/// Zero has no logarithm; it stands where 1 stands on the axis of mounts.
fn position(count: f64) -> f64 {
    count.max(1.0).log10()
}

/// The plot of all `binds-N` and `mounts-N` rows.
pub fn plot(rows: &[Row]) -> String {
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1000 430\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"1000\" height=\"430\" fill=\"#ffffff\"/>\n",
    );
    panel(&mut svg, 70.0, "binds-", "binds", rows);
    panel(&mut svg, 570.0, "mounts-", "host mounts", rows);
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, left: f64, prefix: &str, label: &str, rows: &[Row]) {
    let points: Vec<(f64, &Row)> = rows
        .iter()
        .filter_map(|row| Some((row.key.strip_prefix(prefix)?.parse::<f64>().ok()?, row)))
        .collect();
    let values = points.iter().flat_map(|(_, row)| SUBJECTS.iter().filter_map(|(key, ..)| row.value(key)));
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for value in values.filter(|value| *value > 0.0) {
        (low, high) = (low.min(value), high.max(value));
    }
    if points.is_empty() || high <= 0.0 {
        return;
    }
    let last = points.iter().map(|(count, _)| position(*count)).fold(0.0, f64::max);
    let panel = Panel { left, x: (0.0, last.max(1.0)), y: (low.log10().floor(), high.log10().ceil()) };
    axes(svg, &panel, label, &points);
    let drawn = SUBJECTS.iter().filter(|(key, ..)| points.iter().any(|(_, row)| row.value(key).is_some()));
    for (line, (key, name, colour)) in drawn.enumerate() {
        curve(svg, &panel, &points, key, colour);
        let y = 70.0 + 18.0 * line as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"3\" fill=\"{colour}\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            left + 12.0,
            y - 5.0,
            left + 30.0,
            y
        );
    }
}

fn axes(svg: &mut String, panel: &Panel, label: &str, points: &[(f64, &Row)]) {
    let (left, bottom) = (panel.left, 50.0 + HEIGHT);
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"30\" font-size=\"14\">launch overhead by number of {label}</text>\n\
         <rect x=\"{left}\" y=\"50\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"none\" stroke=\"#999999\"/>"
    );
    let mut power = panel.y.0;
    while power <= panel.y.1 {
        let y = panel.y(10_f64.powf(power));
        let micros = 10_f64.powf(power);
        let text = if micros < 1000.0 { format!("{micros} µs") } else { format!("{} ms", micros / 1000.0) };
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#e4e4e4\"/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{text}</text>",
            left + WIDTH,
            left - 6.0,
            y + 4.0
        );
        power += 1.0;
    }
    for (count, _) in points {
        let x = panel.x(*count);
        let _ =
            writeln!(svg, "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{count}</text>", bottom + 18.0);
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
        left + WIDTH / 2.0,
        bottom + 42.0
    );
}

fn curve(svg: &mut String, panel: &Panel, points: &[(f64, &Row)], key: &str, colour: &str) {
    let mut line = String::new();
    for (count, row) in points {
        let Some(value) = row.value(key).filter(|value| *value > 0.0) else { continue };
        let (x, y) = (panel.x(*count), panel.y(value));
        let _ = write!(line, "{x:.1},{y:.1} ");
        // An estimate is drawn hollow.
        let fill = if row.figures[key].estimated { "#ffffff" } else { colour };
        let _ = writeln!(
            svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{fill}\" stroke=\"{colour}\"/>"
        );
    }
    let _ =
        writeln!(svg, "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>");
}

#[cfg(test)]
mod tests {
    use crate::rows::Row;

    #[test]
    fn a_plot_has_a_point_for_each_figure() {
        let mut few = Row::new("binds-1", "", "µs", None);
        few.put("peer", &[1000.0]);
        let mut many = Row::new("binds-100", "", "µs", None);
        many.put("peer", &[5000.0]);
        many.put("floor", &[900.0]);
        let svg = super::plot(&[few, many]);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.ends_with("</svg>\n"));
    }
}
