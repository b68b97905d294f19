//! `mailwright send`: one message out of flags or a file, or one to each row of a CSV file.

mod batch;
mod letter;
mod template;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tonic::Status;
use tonic_types::StatusExt;

use super::again::{Again, PAUSE};
use super::client::refused;
use super::follow::Follow;
use super::messages;
use super::print::{Ink, parse_time, short, time};
use super::remote::{Remote, Session, pair};
use super::{ANSWER_IS_NO, Failed, NOT_ALLOWED, NOT_FOUND, REFUSED, TOO_MUCH};
use crate::model::ids::base32;
use crate::rpc::proto::v1::{
    self, MessageState, send_request::Content, watch_status_request::Start,
    watch_status_response::Event,
};

/// Options of `send`.
#[derive(Args)]
pub struct Send {
    /// The service that sends
    service: String,
    /// Recipients: ADDRESS or "Name <ADDRESS>". With --eml, who gets it [default: its To and Cc]
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    #[arg(long, value_name = "ADDRESS")]
    cc: Vec<String>,
    #[arg(long, value_name = "ADDRESS")]
    bcc: Vec<String>,
    /// The sender [default: the service's]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Where replies go
    #[arg(long, value_name = "ADDRESS")]
    reply_to: Option<String>,
    /// The subject; with --csv, {{column}} stands for a row's value
    #[arg(long, default_value = "")]
    subject: String,
    /// The text
    #[arg(long, conflicts_with = "text_file")]
    text: Option<String>,
    /// A file with the text, or - for standard input; with --csv, a template
    #[arg(long, value_name = "FILE")]
    text_file: Option<PathBuf>,
    /// A file with the HTML; with --csv, a template
    #[arg(long, value_name = "FILE")]
    html_file: Option<PathBuf>,
    /// A file to attach
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// A further header
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    header: Vec<(String, String)>,
    /// A finished message (RFC 5322) to send as it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["csv", "subject", "text", "text_file", "html_file", "attach"])]
    eml: Option<PathBuf>,
    /// A message to each row: a header line, a column `to`, and what the templates use
    #[arg(long, value_name = "FILE", conflicts_with_all = ["to", "cc", "bcc", "wait"])]
    csv: Option<PathBuf>,
    /// The name that this sending goes by: the same rows under the same name are sent once [default: the CSV file's name]
    #[arg(long, value_name = "NAME", requires = "csv")]
    batch: Option<String>,
    /// Makes the command safe to repeat [default: a new one]
    #[arg(long, value_name = "ID", conflicts_with = "csv")]
    request_id: Option<String>,
    /// Which mail leaves first
    #[arg(long, value_enum)]
    priority: Option<Priority>,
    /// Not before: 2026-12-24T18:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    send_time: Option<prost_types::Timestamp>,
    /// Not after
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expire_time: Option<prost_types::Timestamp>,
    /// A mark, to find it by
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
    /// Wait until it is sent, or is known not to be
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Priority {
    High,
    Normal,
    Bulk,
}

impl Send {
    /// Sends.
    ///
    /// # Errors
    /// What is wrong with the flags or a file; what the server refused; that not all was taken.
    pub async fn run(self) -> Result<(), Failed> {
        if let Some(path) = &self.csv {
            let batch = batch::Batch::read(&self, path)?;
            return batch.run(&self.remote.open().await?).await;
        }
        let content = match &self.eml {
            Some(path) => Content::Mime(self.mime(path)?),
            None => Content::Email(Box::new(self.email()?)),
        };
        let session = self.remote.open().await?;
        let request_id = self.request_id.clone();
        let request_id =
            request_id.unwrap_or_else(|| format!("cli-{}", base32(&session.env.random::<15>())));
        let request = self.request(request_id, content);
        let answer = send(&session, &request).await?;
        if !self.wait {
            show(&session, &request.request_id, &answer);
            return Ok(());
        }
        let message = ended(&session, &answer)
            .await
            .map_err(|failed| not_seen(&failed, &answer))?;
        messages::show(&session, &message);
        match message.state() {
            MessageState::Sent => Ok(()),
            state => Err(Failed::new(
                ANSWER_IS_NO,
                format!(
                    "it ended as {}",
                    short(state.as_str_name(), "MESSAGE_STATE_")
                ),
            )),
        }
    }

    fn request(&self, request_id: String, content: Content) -> v1::SendRequest {
        let priority = match self.priority {
            None => v1::Priority::Unspecified,
            Some(Priority::High) => v1::Priority::High,
            Some(Priority::Normal) => v1::Priority::Normal,
            Some(Priority::Bulk) => v1::Priority::Bulk,
        };
        v1::SendRequest {
            service_id: self.service.clone(),
            request_id,
            content: Some(content),
            priority: priority as i32,
            send_time: self.send_time,
            expire_time: self.expire_time,
            labels: self.label.iter().cloned().collect(),
            ..Default::default()
        }
    }
}

async fn send(session: &Session, request: &v1::SendRequest) -> Result<v1::SendResponse, Failed> {
    let mut again = Again::new(&session.env);
    let mut may_be_accepted = false;
    loop {
        let call = session.connected.request(request.clone());
        let status = match session.connected.mail().send(call).await {
            Ok(answer) => return Ok(answer.into_inner()),
            Err(status) => status,
        };
        let is_first = !may_be_accepted;
        may_be_accepted |= !is_refused(&status);
        if !again.is_of_use(&status) {
            return Err(not_sent(&status, may_be_accepted, &request.request_id));
        }
        // The request id makes sure that it is accepted once, whatever became of this try; also for
        // who doesn't wait for the end of it.
        if is_first {
            let id = &request.request_id;
            eprintln!("no answer; trying again for a minute, by --request-id {id}");
        }
        session.env.sleep(PAUSE).await;
    }
}

/// Whether the server looked at the message, and didn't take it.
fn is_refused(status: &Status) -> bool {
    let codes = [NOT_ALLOWED, NOT_FOUND, REFUSED, TOO_MUCH];
    // A status without a reason is somebody's on the way, who may have passed the message on.
    status.get_details_error_info().is_some() && codes.contains(&refused(status).code)
}

fn not_sent(status: &Status, may_be_accepted: bool, request_id: &str) -> Failed {
    let failed = refused(status);
    if !may_be_accepted {
        return failed;
    }
    let next = format!("it may have been accepted: repeat with --request-id {request_id}");
    Failed::new(failed.code, format!("{failed}\n  remedy    {next}"))
}

/// It is accepted, but how it ended could not be seen.
fn not_seen(failed: &Failed, answer: &v1::SendResponse) -> Failed {
    let id = &answer.message_id;
    let next = format!("it was accepted: `mailwright messages show {id}` tells what became of it");
    Failed::new(failed.code, format!("{failed}\n  remedy    {next}"))
}

fn show(session: &Session, request_id: &str, answer: &v1::SendResponse) {
    let printer = &session.printer;
    if printer.is_json() {
        printer.json("SendResponse", answer);
        return;
    }
    let state = short(answer.state().as_str_name(), "MESSAGE_STATE_");
    let known = if answer.deduplicated {
        ", known already: nothing new was accepted"
    } else {
        ""
    };
    printer.rows(&[
        ("message", answer.message_id.clone()),
        ("request id", request_id.to_owned()),
        ("state", format!("{state}{known}")),
        ("expected", time(answer.estimated_send_time.as_ref())),
    ]);
    if let Some(problem) = &answer.problem {
        printer.line(&printer.ink(Ink::Bold, "It waits, or failed:"));
        printer.diagnosis(problem);
    }
}

/// Waits until the message has ended.
async fn ended(session: &Session, answer: &v1::SendResponse) -> Result<v1::Message, Failed> {
    let unfinished = [
        MessageState::Queued,
        MessageState::Sending,
        MessageState::Held,
    ];
    if unfinished.contains(&answer.state()) {
        let request = v1::WatchStatusRequest {
            start: Some(Start::Cursor(answer.cursor.clone())),
            message_ids: vec![answer.message_id.clone()],
            ..Default::default()
        };
        let mut feed = Follow::new(session, request);
        loop {
            if let Some(Event::Message(event)) = feed.next().await?.event {
                let state = event.message.unwrap_or_default().state();
                if !unfinished.contains(&state) {
                    break;
                }
            }
        }
    }
    messages::get(session, &answer.message_id).await
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn who_may_have_been_heard_is_told_how_to_repeat() {
        let told = |status: &Status, earlier: bool| {
            not_sent(status, earlier || !is_refused(status), "cli-1").to_string()
        };
        let hint = "repeat with --request-id cli-1";
        let said = |code, reason: &str| {
            let details = ErrorDetails::with_error_info(reason, "mailwright.v1", []);
            Status::with_error_details(code, "no", details)
        };
        for code in [
            Code::Unavailable,
            Code::Unknown,
            Code::Cancelled,
            Code::Internal,
            Code::DeadlineExceeded,
            // A proxy's, that may have passed it on.
            Code::ResourceExhausted,
        ] {
            assert!(told(&Status::new(code, ""), false).contains(hint), "{code}");
        }
        assert!(told(&said(Code::Internal, "INTERNAL"), false).contains(hint));
        let refused = said(Code::ResourceExhausted, "OUTBOX_FULL");
        assert!(!told(&refused, false).contains(hint));
        assert!(told(&refused, true).contains(hint), "an earlier try broke");
    }
}
