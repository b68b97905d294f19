//! How the demo looks in a terminal: headings, aligned facts, colour only where somebody looks.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// Where the demo writes.
#[derive(Clone, Copy)]
pub(super) struct Paper {
    colour: bool,
}

/// What a text is about, for its colour.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    Good,
    Bad,
    Quiet,
}

impl Paper {
    /// Standard output, in colour on a terminal unless NO_COLOR is set (no-color.org).
    pub(super) fn stdout() -> Self {
        let asked_not_to = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: std::io::stdout().is_terminal() && !asked_not_to,
        }
    }

    /// The beginning of a step.
    pub(super) fn heading(self, number: usize, of: usize, title: &str) {
        print(format_args!(
            "\n{}",
            self.paint("1", &format!("{number}/{of}  {title}"))
        ));
    }

    /// A line of text.
    pub(super) fn line(self, text: impl Display) {
        print(format_args!("     {text}"));
    }

    /// A fact beside its name.
    pub(super) fn fact(self, name: &str, value: impl Display) {
        print(format_args!(
            "     {} {value}",
            self.tone(Tone::Quiet, &format!("{name:<15}"))
        ));
    }

    /// A text in its tone.
    pub(super) fn tone(self, tone: Tone, text: &str) -> String {
        match tone {
            Tone::Good => self.paint("32", text),
            Tone::Bad => self.paint("31", text),
            Tone::Quiet => self.paint("2", text),
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Prints a line. A reader that has gone, as `head` does, is no failure of the demo.
pub(super) fn print(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A text of at most `max` characters, the rest as an ellipsis.
pub(super) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A URL for reading: path segments and parameters, secrets among them, are cut.
pub(super) fn short_url(url: &str) -> String {
    const SHOWN: [&str; 4] = ["client_id", "scope", "code", "state"];
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (host, path) = match base.match_indices('/').nth(2) {
        Some((end, _)) => base.split_at(end),
        None => (base, ""),
    };
    let path: Vec<String> = path.split('/').map(|segment| cut(segment, 10)).collect();
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let parts: Vec<String> = pairs
        .filter(|(name, _)| SHOWN.contains(name))
        .map(|(name, value)| format!("{name}={}", cut(value, 6)))
        .collect();
    let mark = if parts.is_empty() { "" } else { "?" };
    format!("{host}{}{mark}{}", path.join("/"), parts.join("&"))
}

/// The name of an enum's value without its type: READY of SERVICE_STATE_READY.
pub(super) fn bare<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}
