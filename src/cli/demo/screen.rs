//! What the demo prints: plain lines of at most 80 columns, as wide as a terminal begins, coloured only for a person.
//!
//! It knows how things look and nothing of what they mean. A reader who closes the pipe doesn't
//! end the demo: what counts then is the exit code.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// No line is longer, except where one word or URL is.
const WIDTH: usize = 80;

/// Everything but headings stands this far in.
pub const INDENT: usize = 3;

/// Where the values of [`Screen::row`] begin.
pub const VALUES: usize = 20;

/// How a piece of text is set off.
#[derive(Clone, Copy)]
pub enum Ink {
    Bold,
    Dim,
    Good,
    Warn,
    Bad,
}

/// Standard output.
pub struct Screen {
    colour: bool,
}

impl Screen {
    /// With colour on a terminal, unless NO_COLOR (<https://no-color.org>) or a dumb terminal
    /// forbids it.
    pub fn stdout() -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            colour: io::stdout().is_terminal() && !refused,
        }
    }

    /// The start of a step: its number, what it does and by which call.
    pub fn step(&self, number: u8, title: &str, call: &str) {
        let gap = WIDTH.saturating_sub(INDENT + title.chars().count() + call.len());
        let title = self.ink(Ink::Bold, title);
        let call = self.ink(Ink::Dim, call);
        self.blank();
        self.print(&format!("{number}  {title}{:gap$}{call}", ""));
        self.blank();
    }

    /// A name and its value, which goes on under itself where it is long.
    pub fn row(&self, label: &str, value: &str) {
        self.row_in(None, label, value);
    }

    /// The same, with the value in this ink.
    pub fn row_in(&self, ink: Option<Ink>, label: &str, value: &str) {
        self.hanging(ink, VALUES, &self.label(label), value);
    }

    /// The name in front of a row, for a value that isn't text alone.
    pub fn label(&self, label: &str) -> String {
        let width = VALUES - INDENT;
        self.ink(Ink::Dim, &format!("{label:width$}"))
    }

    /// `head`, which ends at column `at` and may hold ink, then `text`, wrapped at that column.
    pub fn hanging(&self, ink: Option<Ink>, at: usize, head: &str, text: &str) {
        let lines = wrap(text, WIDTH.saturating_sub(at));
        for (index, line) in lines.iter().enumerate() {
            let line = ink.map_or_else(|| line.clone(), |ink| self.ink(ink, line));
            match index {
                0 => self.line(format!("{head}{line}")),
                _ => self.print(&format!("{:at$}{line}", "")),
            }
        }
    }

    /// One line, as it is.
    pub fn line(&self, text: impl Display) {
        let text = format!("{:INDENT$}{text}", "");
        self.print(text.trim_end());
    }

    /// A paragraph.
    pub fn paragraph(&self, text: &str) {
        self.hanging(None, INDENT, "", text);
    }

    pub fn blank(&self) {
        self.print("");
    }

    /// The text in this ink where there is colour.
    pub fn ink(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            _ if !self.colour => return text.to_owned(),
            Ink::Bold => 1,
            Ink::Dim => 2,
            Ink::Good => 32,
            Ink::Warn => 33,
            Ink::Bad => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn print(&self, line: &str) {
        // A closed pipe: nobody reads, and the exit code still tells.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }
}

/// At most `max` characters and then a mark, if there are more.
pub fn shorten(word: &str, max: usize) -> String {
    match word.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

/// Breaks at spaces; a word that is longer than a line gets one of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let used = lines[last].chars().count();
        if used == 0 {
            lines[last].push_str(word);
        } else if used + 1 + word.chars().count() <= width {
            lines[last].push(' ');
            lines[last].push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_at_spaces_and_long_words_stay_whole() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(
            wrap("a https://example.com b", 5),
            ["a", "https://example.com", "b"]
        );
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn without_colour_no_escape_is_printed() {
        let screen = Screen { colour: false };
        assert_eq!(screen.ink(Ink::Bad, "x"), "x");
    }
}
