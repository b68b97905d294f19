//! What the client commands print: tables for people, the messages as they are for programs.
//!
//! Text from elsewhere loses its control characters, so that nobody's display name moves a cursor.
//! JSON is that of the API, as grpcurl shows it. A reader who closes the pipe ends nothing.

use std::env;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::Value;

use super::Failed;
use super::printable::printable;
use crate::model::Timestamp;
use crate::rpc::proto::{FILE_DESCRIPTOR_SET, v1};

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Human,
    /// For programs: what the API answers, as JSON
    Json,
}

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
pub struct Printer {
    output: Output,
    colour: bool,
    pool: DescriptorPool,
}

impl Printer {
    /// With colour on a terminal, unless NO_COLOR (<https://no-color.org>) or a dumb terminal
    /// forbids it.
    pub fn new(output: Output) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            output,
            colour: io::stdout().is_terminal() && !refused,
            pool: DescriptorPool::decode(FILE_DESCRIPTOR_SET)
                .expect("the build wrote these descriptors"),
        }
    }

    /// Whether a program reads.
    pub fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// The descriptor of a message of `mailwright.v1`.
    pub fn descriptor(&self, name: &str) -> MessageDescriptor {
        let found = self
            .pool
            .get_message_by_name(&format!("mailwright.v1.{name}"));
        found.expect("the name is one of ours")
    }

    /// A generated message as a dynamic one.
    pub fn dynamic(&self, name: &str, message: &impl Message) -> DynamicMessage {
        DynamicMessage::decode(self.descriptor(name), message.encode_to_vec().as_slice())
            .expect("it was encoded by the same descriptors")
    }

    /// A message in the API's JSON. A time or duration that JSON has no form for is the nearest that
    /// has one, so that no server can end this program.
    pub fn value(&self, name: &str, message: &impl Message) -> Value {
        let mut dynamic = self.dynamic(name, message);
        printable(&mut dynamic);
        serde_json::to_value(dynamic).expect("every message within its bounds has its JSON")
    }

    /// Prints a message as JSON.
    pub fn json(&self, name: &str, message: &impl Message) {
        self.json_value(&self.value(name, message));
    }

    /// Prints JSON over several lines.
    pub fn json_value(&self, value: &Value) {
        self.line(&format!("{value:#}"));
    }

    /// Prints a message as one line of JSON.
    pub fn json_line(&self, name: &str, message: &impl Message) {
        self.line(&self.value(name, message).to_string());
    }

    /// One line, as it is.
    pub fn line(&self, text: &str) {
        // A closed pipe: nobody reads, and the exit code still tells.
        let _ = writeln!(io::stdout().lock(), "{}", text.trim_end());
    }

    /// Names and their values; those without a value are left out.
    pub fn rows(&self, rows: &[(&str, String)]) {
        let shown = rows.iter().filter(|(_, value)| !value.is_empty());
        let width = shown
            .clone()
            .map(|(label, _)| label.len())
            .max()
            .unwrap_or(0);
        for (label, value) in shown {
            for (index, line) in value.lines().enumerate() {
                let label = if index == 0 { label } else { "" };
                let label = self.ink(Ink::Dim, &format!("{label:width$}"));
                self.line(&format!("{label}  {}", clean(line)));
            }
        }
    }

    /// A table; a cell keeps to its column's ink, where it has one.
    pub fn table(&self, head: &[&str], rows: &[Vec<Cell>]) {
        for line in self.table_lines(head, rows) {
            self.line(&line);
        }
    }

    /// The lines of a table.
    pub fn table_lines(&self, head: &[&str], rows: &[Vec<Cell>]) -> Vec<String> {
        let mut widths: Vec<usize> = head.iter().map(|name| name.chars().count()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.text.chars().count().max(*width);
            }
        }
        let line = |cells: Vec<(&str, Option<Ink>)>| {
            let cells = cells.iter().zip(&widths).map(|((text, ink), width)| {
                let padded = format!("{text:width$}");
                ink.map_or(padded.clone(), |ink| self.ink(ink, &padded))
            });
            cells.collect::<Vec<_>>().join("  ")
        };
        let head = head.iter().map(|name| (*name, Some(Ink::Dim))).collect();
        let mut lines = vec![line(head)];
        for row in rows {
            lines.push(line(
                row.iter()
                    .map(|cell| (cell.text.as_str(), cell.ink))
                    .collect(),
            ));
        }
        lines
    }

    /// Cells in one line that is in no table.
    pub fn inline(&self, cells: &[Cell]) -> String {
        let cells = cells.iter().filter(|cell| !cell.text.is_empty());
        let cells = cells.map(|cell| match cell.ink {
            Some(ink) => self.ink(ink, &cell.text),
            None => cell.text.clone(),
        });
        cells.collect::<Vec<_>>().join("  ")
    }

    /// A diagnosis: what happened, what to do, what to paste, where to read on.
    pub fn diagnosis(&self, diagnosis: &v1::Diagnosis) {
        let mut lines = vec![
            ("what", diagnosis.summary.clone()),
            ("reason", reason(diagnosis)),
            ("provider", diagnosis.provider_code.clone()),
            ("said", diagnosis.provider_text.clone()),
            ("remedy", diagnosis.remedy.clone()),
        ];
        for command in &diagnosis.commands {
            lines.push(("command", command.clone()));
        }
        lines.push(("see", diagnosis.help_url.clone()));
        lines.push(("since", time(diagnosis.since_time.as_ref())));
        self.rows(&lines);
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
}

/// A table's cell.
pub struct Cell {
    text: String,
    ink: Option<Ink>,
}

impl Cell {
    /// In this ink.
    pub fn inked(text: impl AsRef<str>, ink: Ink) -> Self {
        Self {
            ink: Some(ink),
            ..Self::from(text.as_ref())
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self {
            text: clean(text),
            ink: None,
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// The text in one line, without what a terminal would obey.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|char| if char.is_whitespace() { ' ' } else { char })
        .filter(|char| {
            !char.is_control() && !matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .collect()
}

/// A time, or nothing.
pub fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.map(|time| instant(time).to_string())
        .unwrap_or_default()
}

/// A time of the API as one of ours.
pub fn instant(time: &prost_types::Timestamp) -> Timestamp {
    let micros = time.seconds.saturating_mul(1_000_000);
    Timestamp::from_unix_micros(micros.saturating_add(i64::from(time.nanos) / 1_000))
}

/// The API's own timestamp of a time like `2026-03-01T12:00:00Z`, or of `2026-03-01`.
///
/// # Errors
/// When it is neither.
pub fn parse_time(text: &str) -> Result<prost_types::Timestamp, String> {
    let full = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    };
    full.parse()
        .map_err(|_| "a time is written 2026-03-01T12:00:00Z or 2026-03-01".to_owned())
}

/// An enum value's name without its enum's.
pub fn short<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// A service's state in one word.
pub fn service_state(state: v1::ServiceState) -> Cell {
    let ink = match state {
        v1::ServiceState::Ready => Ink::Good,
        v1::ServiceState::Blocked | v1::ServiceState::NeedsAuthorization => Ink::Bad,
        _ => Ink::Warn,
    };
    Cell::inked(short(state.as_str_name(), "SERVICE_STATE_"), ink)
}

/// A message's state in one word.
pub fn message_state(state: v1::MessageState) -> Cell {
    let ink = match state {
        v1::MessageState::Sent => Ink::Good,
        v1::MessageState::Failed | v1::MessageState::Expired => Ink::Bad,
        v1::MessageState::Queued | v1::MessageState::Sending => Ink::Dim,
        _ => Ink::Warn,
    };
    Cell::inked(short(state.as_str_name(), "MESSAGE_STATE_"), ink)
}

/// A diagnosis's reason without its enum's name.
pub fn reason(diagnosis: &v1::Diagnosis) -> String {
    short(diagnosis.reason().as_str_name(), "REASON_").to_owned()
}

/// Reads a message of `mailwright.v1` from its JSON; what it doesn't know is an error that names it.
///
/// # Errors
/// What is wrong, for a person.
pub fn from_json<M: Message + Default>(
    descriptor: MessageDescriptor,
    value: &Value,
) -> Result<(M, DynamicMessage), Failed> {
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let dynamic = DynamicMessage::deserialize(descriptor, tracked);
    let dynamic = dynamic.map_err(|error| {
        let path = track.path();
        Failed::new(super::USAGE, format!("{path}: {error}"))
    })?;
    let message = M::decode(dynamic.encode_to_vec().as_slice())?;
    Ok((message, dynamic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_has_no_json_is_shown_as_the_nearest_that_has() {
        let printer = Printer::new(Output::Json);
        let shown = |seconds, nanos| {
            let service = v1::Service {
                create_time: Some(prost_types::Timestamp { seconds, nanos }),
                ..v1::Service::default()
            };
            // Deep within lists, too.
            let all = v1::ListServicesResponse {
                services: vec![service],
                ..v1::ListServicesResponse::default()
            };
            let value = printer.value("ListServicesResponse", &all);
            value["services"][0]["createTime"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00Z");
        let last = "9999-12-31T23:59:59.999999999Z";
        assert_eq!(shown(253_402_300_799, 999_999_999), last);
        assert_eq!(shown(253_402_300_800, 0), last);
        assert_eq!(shown(i64::MAX, i32::MAX), last);
        assert_eq!(shown(i64::MIN, i32::MIN), "0001-01-01T00:00:00Z");
        assert_eq!(shown(0, -1), "1970-01-01T00:00:00Z");
        assert!(
            !time(Some(&prost_types::Timestamp {
                seconds: i64::MAX,
                nanos: i32::MAX
            }))
            .is_empty()
        );
        let step = v1::TestStepResult {
            duration: Some(prost_types::Duration {
                seconds: i64::MAX,
                nanos: -1,
            }),
            ..v1::TestStepResult::default()
        };
        let value = printer.value("TestStepResult", &step);
        assert_eq!(value["duration"], "315576000000s");
    }

    #[test]
    fn what_a_terminal_would_obey_is_left_out() {
        assert_eq!(clean("a\x1b[31mb\nc\u{202e}d"), "a[31mb cd");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let printer = Printer {
            colour: false,
            ..Printer::new(Output::Human)
        };
        let rows = [vec!["longer".into(), "x".into()]];
        assert_eq!(
            printer.table_lines(&["A", "B"], &rows),
            ["A       B", "longer  x"]
        );
    }
}
