//! Manual pages being written: text becomes roff, with nothing in it that roff would take for an instruction.

/// A page.
#[derive(Debug, Default)]
pub struct Roff {
    text: String,
}

/// The date of the pages: of the last change of what they say, not of the build.
const DATE: &str = "2026-11-26";

impl Roff {
    /// A page called `name`, with its heading.
    pub fn new(name: &str) -> Roff {
        let version = env!("CARGO_PKG_VERSION");
        let text =
            format!(".TH {} 1 {DATE} \"sallyport {version}\" \"User Commands\"\n", name.to_uppercase());
        Roff { text }
    }

    /// A line with an instruction, as it is.
    fn instruction(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A section.
    pub fn section(&mut self, title: &str) {
        self.instruction(&format!(".SH {}", title.to_uppercase()));
    }

    /// A paragraph; `code` is set in bold.
    pub fn paragraph(&mut self, text: &str) {
        // roff has begun one itself behind a heading.
        if !self.text.lines().last().is_some_and(|line| line.starts_with(".SH") || line.starts_with(".SS")) {
            self.instruction(".PP");
        }
        self.line(text);
    }

    /// A term and what it is.
    pub fn term(&mut self, term: &str, text: &str) {
        self.instruction(".TP");
        self.line(term);
        self.line(text);
    }

    /// An item of a list, behind its number or a bullet.
    pub fn item(&mut self, mark: &str, text: &str) {
        let mark = if mark == "-" { r"\(bu".to_owned() } else { escaped(mark) };
        self.instruction(&format!(".IP {mark} 4"));
        self.line(text);
    }

    /// Lines that stay as they are.
    pub fn example(&mut self, lines: &[&str]) {
        self.instruction(".PP\n.RS 4\n.nf");
        for line in lines {
            self.instruction(&escaped(line));
        }
        self.instruction(".fi\n.RE");
    }

    /// Text in one line.
    fn line(&mut self, text: &str) {
        let mut line = String::new();
        for (index, part) in text.split('`').enumerate() {
            if index % 2 == 1 {
                line.push_str(&format!(r"\fB{}\fR", escaped(part)));
            } else {
                line.push_str(&escaped(part));
            }
        }
        self.instruction(&line);
    }

    /// The page.
    pub fn finish(self) -> String {
        self.text
    }
}

/// `text` without what is special to roff.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    if text.starts_with(['.', '\'']) {
        out.push_str(r"\&");
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str(r"\e"),
            '-' => out.push_str(r"\-"),
            '\'' => out.push_str(r"\(aq"),
            '`' => out.push_str(r"\(ga"),
            '^' => out.push_str(r"\(ha"),
            '~' => out.push_str(r"\(ti"),
            '"' => out.push_str(r"\(dq"),
            '…' => out.push_str("..."),
            c if c.is_ascii() => out.push(c),
            c => out.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    out
}
