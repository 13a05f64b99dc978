//! A page of text: sections of labelled lines.

/// How wide a label is, with the blanks behind it.
const LABEL: usize = 18;

/// A page being written.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// Begins a section.
    pub fn section(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(title);
        self.text.push('\n');
    }

    /// A line with a label.
    pub fn line(&mut self, label: &str, text: impl AsRef<str>) {
        self.lines(label, [text]);
    }

    /// Lines of which the first has a label; none at all if there is no text.
    pub fn lines<T: AsRef<str>>(&mut self, label: &str, texts: impl IntoIterator<Item = T>) {
        for (index, text) in texts.into_iter().enumerate() {
            let label = if index == 0 { label } else { "" };
            // One blank at least, whatever the label.
            self.text.push_str(&format!("  {label:<width$} {}\n", text.as_ref(), width = LABEL - 1));
        }
    }

    /// The page.
    pub fn finish(self) -> String {
        self.text
    }
}
