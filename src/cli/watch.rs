//! `mailwright watch`: what happens, as it happens.
//!
//! On a terminal, a table of the newest messages that is drawn over itself; elsewhere a line an event;
//! with `--json`, the event as it came. A break is mended from the newest cursor: nothing is left out.

use std::io::{self, IsTerminal, Write};

use clap::Args;

use super::Failed;
use super::follow::Follow;
use super::messages::{HEAD, row};
use super::print::{Cell, Ink, service_state, short, time};
use super::remote::{Remote, Session, pair};
use crate::rpc::proto::v1::{
    self, WatchPosition, watch_status_request::Start, watch_status_response::Event,
};

/// Messages on the screen.
const SHOWN_MAX: usize = 20;

/// Options of `watch`.
#[derive(Args)]
pub struct Watch {
    /// Only this service and its messages
    #[arg(long, value_name = "SERVICE")]
    service: Vec<String>,
    /// Only this message
    #[arg(long, value_name = "MESSAGE")]
    message: Vec<String>,
    /// Only what has this label
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
    /// Where to begin: now, oldest, or a cursor
    #[arg(long, value_name = "PLACE", default_value = "now")]
    from: String,
    /// End after this many events
    #[arg(long, value_name = "COUNT")]
    count: Option<usize>,
    /// A line of JSON an event, as --output json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Watch {
    /// Watches until interrupted.
    ///
    /// # Errors
    /// What the server refused.
    pub async fn run(self) -> Result<(), Failed> {
        let session = self.remote.open().await?;
        let mut feed = Follow::new(&session, self.request());
        let interrupted = super::interrupted()?;
        tokio::pin!(interrupted);
        let json = self.json || session.printer.is_json();
        let mut screen = Screen {
            shown: Vec::new(),
            drawn: 0,
            live: io::stdout().is_terminal() && !json,
        };
        let mut left = self.count.unwrap_or(usize::MAX);
        while left > 0 {
            let event = tokio::select! {
                biased;
                () = &mut interrupted => break,
                event = feed.next() => event?,
            };
            if json {
                session.printer.json_line("WatchStatusResponse", &event);
            }
            if matches!(event.event, Some(Event::Message(_) | Event::Service(_))) {
                left -= 1;
                if !json {
                    screen.show(&session, event);
                }
            }
        }
        Ok(())
    }

    fn request(&self) -> v1::WatchStatusRequest {
        let start = match self.from.as_str() {
            "now" => Start::Position(WatchPosition::Now as i32),
            "oldest" => Start::Position(WatchPosition::Oldest as i32),
            cursor => Start::Cursor(cursor.to_owned()),
        };
        v1::WatchStatusRequest {
            start: Some(start),
            service_ids: self.service.clone(),
            message_ids: self.message.clone(),
            labels: self.label.iter().cloned().collect(),
            kinds: Vec::new(),
        }
    }
}

/// What has been drawn.
struct Screen {
    /// The messages seen last, the newest first.
    shown: Vec<v1::Message>,
    drawn: usize,
    live: bool,
}

impl Screen {
    fn show(&mut self, session: &Session, event: v1::WatchStatusResponse) {
        let when = time(event.event_time.as_ref());
        match event.event {
            Some(Event::Message(event)) => {
                let message = event.message.unwrap_or_default();
                if self.live {
                    self.shown
                        .retain(|known| known.message_id != message.message_id);
                    self.shown.insert(0, message);
                    self.shown.truncate(SHOWN_MAX);
                    self.draw(session, None);
                } else {
                    let mut line = vec![Cell::from(when)];
                    line.extend(row(&message).into_iter().take(4));
                    session.printer.line(&session.printer.inline(&line));
                }
            }
            Some(Event::Service(event)) => {
                let was = short(event.previous_state().as_str_name(), "SERVICE_STATE_");
                let service = event.service.unwrap_or_default();
                let line = session.printer.inline(&[
                    Cell::from(when),
                    Cell::from(service.service_id.as_str()),
                    service_state(service.state()),
                    Cell::inked(format!("was {was}"), Ink::Dim),
                ]);
                self.draw(session, Some(&line));
            }
            Some(Event::Heartbeat(_)) | None => {}
        }
    }

    /// A line that stays, and below it the table, in place of the one before.
    fn draw(&mut self, session: &Session, line: Option<&str>) {
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A\x1b[J", self.drawn));
        }
        if let Some(line) = line {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = 0;
        if self.live && !self.shown.is_empty() {
            let rows: Vec<_> = self.shown.iter().map(row).collect();
            // A line that wraps would be two: there is no wrapping while the table is written.
            text.push_str("\x1b[?7l");
            for line in session.printer.table_lines(&HEAD, &rows) {
                text.push_str(line.trim_end());
                text.push('\n');
                self.drawn += 1;
            }
            text.push_str("\x1b[?7h");
        }
        let mut out = io::stdout().lock();
        // A closed pipe: nobody reads.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
