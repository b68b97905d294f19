//! A message to each row of a CSV file, over one stream, each under a request id of its own.
//!
//! The id is made of the batch's name and what the row says, so whoever starts the command again sends
//! only what wasn't accepted before, also after rows were added or moved. The server knows an id until
//! 24 hours after acceptance, and as long as the message hasn't ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::Send;
use super::letter::address;
use super::template::Template;
use crate::cli::again::{Again, PAUSE};
use crate::cli::client::refused;
use crate::cli::print::{self, Cell, clean};
use crate::cli::remote::{Session, read};
use crate::cli::{ANSWER_IS_NO, Failed, USAGE};
use crate::model::ids::base32;
use crate::rpc::proto::v1::{self, send_request::Content, send_stream_response::Result as Answer};

/// Requests on their way to the connection.
const AHEAD: usize = 32;

/// Refusals that are listed for a person.
const LISTED_MAX: usize = 20;

/// All rows, ready to go.
pub struct Batch {
    rows: Vec<Row>,
}

struct Row {
    /// In the file, the header line being 1.
    line: u64,
    to: String,
    request: v1::SendRequest,
}

/// How a stream ended.
#[derive(Default)]
struct Ended {
    /// None where the server was through with it.
    status: Option<tonic::Status>,
    /// How long it asks to wait before the next.
    wait: Duration,
    /// Why, where it does.
    why: v1::Diagnosis,
}

impl Ended {
    fn by(mut self, status: tonic::Status) -> Self {
        self.status = Some(status);
        self
    }

    /// Says what so many rows wait for, where they do.
    fn tell(&self, rows: usize) {
        if !self.why.summary.is_empty() {
            let (why, seconds) = (clean(&self.why.summary), self.wait.max(PAUSE).as_secs());
            eprintln!("{why}\n  waiting   {rows} rows, tried every {seconds} s");
        }
    }
}

/// What became of the rows.
#[derive(Default)]
struct Tally {
    accepted: u64,
    known: u64,
    /// By row: why.
    refused: BTreeMap<usize, v1::SendError>,
}

impl Batch {
    /// Reads the file and fills in the templates; nothing is sent if any of it is wrong.
    ///
    /// # Errors
    /// What is wrong, with its line.
    pub fn read(send: &Send, path: &Path) -> Result<Self, Failed> {
        let at = |why: String| Failed::new(USAGE, format!("{}: {why}", path.display()));
        let text = read(path)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let columns: Vec<String> = reader
            .headers()
            .map_err(|error| at(error.to_string()))?
            .iter()
            .map(str::to_owned)
            .collect();
        if !columns.iter().any(|name| name == "to") {
            return Err(at("the first line names no column `to`".to_owned()));
        }
        let name = match &send.batch {
            Some(name) => name.clone(),
            None => path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        };
        let email = send.email()?;
        let template = |text: &str, html| Template::parse(text, &columns, html).map_err(at);
        let subject = template(&email.subject, false)?;
        let (plain, html) = (
            template(&email.text_body, false)?,
            template(&email.html_body, true)?,
        );
        let mut seen = BTreeMap::new();
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| at(error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let row: BTreeMap<&str, &str> = columns
                .iter()
                .map(String::as_str)
                .zip(record.iter())
                .collect();
            let mut to = address(row["to"]);
            if to.address.is_empty() {
                return Err(at(format!("line {line} has nobody in `to`")));
            }
            if let Some(name) = row.get("name").filter(|_| to.name.is_empty()) {
                to.name = (*name).to_owned();
            }
            let filled = v1::Email {
                to: vec![to.clone()],
                subject: subject.fill(&row),
                text_body: plain.fill(&row),
                html_body: html.fill(&row),
                ..email.clone()
            };
            let id = request_id(&name, &row, &mut seen);
            rows.push(Row {
                line,
                to: to.address,
                request: send.request(id, Content::Email(Box::new(filled))),
            });
        }
        Ok(Self { rows })
    }

    /// Sends what the server doesn't know yet.
    ///
    /// # Errors
    /// That the server is gone, or that it refused some.
    pub async fn run(&self, session: &Session) -> Result<(), Failed> {
        let bar = ProgressBar::new(self.rows.len() as u64);
        let style = "{wide_bar} {pos}/{len}  {per_sec}  ETA {eta}";
        bar.set_style(ProgressStyle::with_template(style)?);
        let mut tally = Tally::default();
        let mut open: BTreeSet<usize> = (0..self.rows.len()).collect();
        let mut again = Again::new(&session.env);
        let mut waits_for = v1::Reason::Unspecified;
        while !open.is_empty() {
            let left = open.len();
            let ended = self.stream(session, &mut open, &mut tally, &bar).await;
            // A full outbox that says so is not a server that is gone.
            if open.len() < left || ended.status.is_none() {
                again.worked();
            }
            if ended.why.reason() != waits_for {
                bar.suspend(|| ended.tell(open.len()));
                waits_for = ended.why.reason();
            }
            if let Some(status) = ended.status
                && !again.is_of_use(&status)
            {
                bar.abandon();
                self.report(session, &tally);
                let failed = refused(&status);
                let why = format!(
                    "{failed}\n  remedy    run the same command again: it goes on where this one stopped"
                );
                return Err(Failed::new(failed.code, why));
            }
            if !open.is_empty() {
                session.env.sleep(ended.wait.max(PAUSE)).await;
            }
        }
        bar.finish_and_clear();
        self.report(session, &tally);
        match tally.refused.len() {
            0 => Ok(()),
            count => Err(Failed::new(
                ANSWER_IS_NO,
                format!("{count} of {} rows were refused", self.rows.len()),
            )),
        }
    }

    /// One stream with what is open.
    async fn stream(
        &self,
        session: &Session,
        open: &mut BTreeSet<usize>,
        tally: &mut Tally,
        bar: &ProgressBar,
    ) -> Ended {
        let mut ended = Ended::default();
        let (sender, receiver) = mpsc::channel(AHEAD);
        let all: Vec<_> = open
            .iter()
            .map(|&row| (row, self.rows[row].request.clone()))
            .collect();
        tokio::spawn(async move {
            for (row, request) in all {
                let request = v1::SendStreamRequest {
                    tag: row.to_string(),
                    request: Some(request),
                };
                if sender.send(request).await.is_err() {
                    // The stream has ended: what is left goes over the next.
                    return;
                }
            }
        });
        let request = session.connected.request(ReceiverStream::new(receiver));
        let mut answers = match session.connected.mail().send_stream(request).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => return ended.by(status),
        };
        loop {
            let answer = match answers.message().await {
                Ok(Some(answer)) => answer,
                Ok(None) => return ended,
                Err(status) => return ended.by(status),
            };
            let Ok(row) = answer.tag.parse::<usize>() else {
                continue;
            };
            match answer.result {
                Some(Answer::Accepted(accepted)) => match accepted.deduplicated {
                    true => tally.known += 1,
                    false => tally.accepted += 1,
                },
                Some(Answer::Error(error)) => match &error.retry_delay {
                    // It stays open: the outbox is full, or the server stops.
                    Some(delay) => {
                        let delay = Duration::from_secs(delay.seconds.max(0).unsigned_abs());
                        ended.wait = ended.wait.max(delay);
                        ended.why = error.diagnosis.unwrap_or_default();
                        continue;
                    }
                    None => {
                        tally.refused.insert(row, error);
                    }
                },
                None => continue,
            }
            open.remove(&row);
            bar.inc(1);
        }
    }

    fn report(&self, session: &Session, tally: &Tally) {
        let printer = &session.printer;
        let refusals = tally.refused.iter().map(|(&row, error)| {
            let diagnosis = error.diagnosis.clone().unwrap_or_default();
            let fields = error
                .violations
                .iter()
                .map(|wrong| format!("{}: {}", wrong.field, wrong.description));
            let what = match error.violations.is_empty() {
                true => diagnosis.summary.clone(),
                false => fields.collect::<Vec<_>>().join("; "),
            };
            (&self.rows[row], print::reason(&diagnosis), what)
        });
        if printer.is_json() {
            let refused: Vec<_> = refusals
                .map(|(row, reason, what)| json!({"line": row.line, "to": row.to, "reason": reason, "what": what}))
                .collect();
            printer.json_value(&json!({
                "rows": self.rows.len(),
                "accepted": tally.accepted,
                "knownAlready": tally.known,
                "refused": refused,
            }));
            return;
        }
        printer.rows(&[
            ("rows", self.rows.len().to_string()),
            ("accepted", tally.accepted.to_string()),
            ("known already", tally.known.to_string()),
            ("refused", tally.refused.len().to_string()),
        ]);
        let lines: Vec<_> = refusals
            .take(LISTED_MAX)
            .map(|(row, reason, what)| {
                let line = row.line.to_string();
                vec![
                    line.into(),
                    Cell::from(row.to.as_str()),
                    reason.into(),
                    clean(&what).into(),
                ]
            })
            .collect();
        if !lines.is_empty() {
            printer.line("");
            printer.table(&["LINE", "TO", "REASON", "WHAT"], &lines);
        }
    }
}

/// The same for the same row of the same batch; rows that are alike are counted.
fn request_id(
    batch: &str,
    row: &BTreeMap<&str, &str>,
    seen: &mut BTreeMap<[u8; 32], u32>,
) -> String {
    let mut digest = Sha256::new();
    for text in std::iter::once(&batch).chain(row.iter().flat_map(|(name, value)| [name, value])) {
        digest.update(text.len().to_be_bytes());
        digest.update(text);
    }
    let digest: [u8; 32] = digest.finalize().into();
    let count = seen.entry(digest).or_default();
    *count += 1;
    format!("csv-{}-{count}", base32(&digest[..15]))
}
