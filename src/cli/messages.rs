//! `mailwright messages`: what became of mail, and what a person decides about it.

use clap::{Args, Subcommand, ValueEnum};

use super::Failed;
use super::print::{self, Cell, Ink, message_state, parse_time, short, time};
use super::remote::{Remote, Session, answered, pair};
use crate::rpc::proto::v1;

/// Options of `messages`.
#[derive(Args)]
pub struct Messages {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List messages, the newest first
    List(List),
    /// Show one, with its recipients and attempts
    Show(One),
    /// Queue a failed, expired, partial or uncertain one again
    Retry(One),
    /// Cancel one that is queued or held
    Cancel(One),
    /// Say what became of an uncertain one, without sending
    Resolve(Resolve),
}

#[derive(Args)]
struct One {
    /// The message's id
    message: String,
}

#[derive(Args)]
struct Resolve {
    /// The message's id
    message: String,
    /// What the person found out
    #[arg(long = "as", value_enum)]
    outcome: Resolution,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Resolution {
    /// The uncertain recipients have it
    Sent,
    /// They don't
    Failed,
}

#[derive(Args)]
struct List {
    /// Only of this service
    #[arg(long, value_name = "SERVICE")]
    service: Vec<String>,
    /// Only in these states: queued, held, sent, failed, uncertain, …
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<i32>,
    /// Only with this label
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
    /// Only with this request id
    #[arg(long, value_name = "ID", default_value = "")]
    request_id: String,
    /// Only those accepted since
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<prost_types::Timestamp>,
    /// At most this many
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    limit: usize,
}

impl Messages {
    /// Runs the command.
    ///
    /// # Errors
    /// What the server refused.
    pub async fn run(self) -> Result<(), Failed> {
        let session = self.remote.open().await?;
        let mut mail = session.connected.mail();
        let message = match self.what {
            What::List(list) => return list.run(&session).await,
            What::Show(one) => get(&session, &one.message).await?,
            What::Retry(one) => {
                let request = v1::RetryMessageRequest {
                    message_id: one.message,
                    ..Default::default()
                };
                let request = session.connected.request(request);
                answered(mail.retry_message(request).await)?
                    .message
                    .unwrap_or_default()
            }
            What::Cancel(one) => {
                let request = v1::CancelMessageRequest {
                    message_id: one.message,
                };
                let request = session.connected.request(request);
                answered(mail.cancel_message(request).await)?
                    .message
                    .unwrap_or_default()
            }
            What::Resolve(resolve) => {
                let request = v1::ResolveMessageRequest {
                    message_id: resolve.message,
                    resolution: match resolve.outcome {
                        Resolution::Sent => v1::Resolution::Sent,
                        Resolution::Failed => v1::Resolution::Failed,
                    } as i32,
                };
                let request = session.connected.request(request);
                answered(mail.resolve_message(request).await)?
                    .message
                    .unwrap_or_default()
            }
        };
        show(&session, &message);
        Ok(())
    }
}

impl List {
    async fn run(self, session: &Session) -> Result<(), Failed> {
        let mut all = v1::ListMessagesResponse::default();
        while all.messages.len() < self.limit {
            let left = self.limit - all.messages.len();
            let request = v1::ListMessagesRequest {
                service_ids: self.service.clone(),
                states: self.state.clone(),
                labels: self.label.iter().cloned().collect(),
                request_id: self.request_id.clone(),
                created_after_time: self.since,
                created_before_time: None,
                page_size: left.min(500) as i32,
                page_token: std::mem::take(&mut all.next_page_token),
            };
            let request = session.connected.request(request);
            let page = answered(session.connected.mail().list_messages(request).await)?;
            all.messages.extend(page.messages);
            all.next_page_token = page.next_page_token;
            if all.next_page_token.is_empty() {
                break;
            }
        }
        if session.printer.is_json() {
            session.printer.json("ListMessagesResponse", &all);
            return Ok(());
        }
        let rows: Vec<_> = all.messages.iter().map(row).collect();
        session.printer.table(&HEAD, &rows);
        if !all.next_page_token.is_empty() {
            eprintln!("There are more: --limit.");
        }
        Ok(())
    }
}

/// Reads a message.
///
/// # Errors
/// What the server refused.
pub async fn get(session: &Session, message_id: &str) -> Result<v1::Message, Failed> {
    let request = v1::GetMessageRequest {
        message_id: message_id.to_owned(),
    };
    let request = session.connected.request(request);
    let answer = answered(session.connected.mail().get_message(request).await)?;
    Ok(answer.message.unwrap_or_default())
}

/// One message, whole.
pub fn show(session: &Session, message: &v1::Message) {
    let printer = &session.printer;
    if printer.is_json() {
        let answer = v1::GetMessageResponse {
            message: Some(message.clone()),
        };
        printer.json("GetMessageResponse", &answer);
        return;
    }
    let from = message.from.clone().unwrap_or_default();
    let labels = message
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    printer.rows(&[
        ("message", message.message_id.clone()),
        ("service", message.service_id.clone()),
        ("request id", message.request_id.clone()),
        (
            "state",
            short(message.state().as_str_name(), "MESSAGE_STATE_").to_owned(),
        ),
        ("from", from.address),
        ("accepted", time(message.create_time.as_ref())),
        ("next attempt", time(message.next_attempt_time.as_ref())),
        ("expires", time(message.expire_time.as_ref())),
        ("ended", time(message.end_time.as_ref())),
        ("Message-ID", message.message_id_header.clone()),
        ("size", format!("{} bytes", message.size_bytes)),
        ("labels", labels.collect::<Vec<_>>().join(" ")),
    ]);
    printer.line("");
    let rows: Vec<_> = message.recipients.iter().map(recipient).collect();
    printer.table(&["RECIPIENT", "OUTCOME", "REPLY"], &rows);
    if !message.attempts.is_empty() {
        printer.line("");
        let rows: Vec<_> = message.attempts.iter().map(attempt).collect();
        printer.table(&["ATTEMPT", "CAME TO", "RECIPIENTS", "REPLY"], &rows);
    }
    if let Some(problem) = &message.problem {
        printer.line("");
        printer.diagnosis(problem);
    }
}

/// The columns of [`row`].
pub const HEAD: [&str; 6] = [
    "MESSAGE",
    "STATE",
    "SERVICE",
    "REQUEST ID",
    "UPDATED",
    "PROBLEM",
];

/// One message, in a line.
pub fn row(message: &v1::Message) -> Vec<Cell> {
    let problem = message.problem.as_ref().map(print::reason);
    vec![
        Cell::from(message.message_id.as_str()),
        message_state(message.state()),
        Cell::from(message.service_id.as_str()),
        Cell::from(message.request_id.as_str()),
        Cell::from(time(message.update_time.as_ref())),
        Cell::from(problem.unwrap_or_default()),
    ]
}

fn recipient(recipient: &v1::Recipient) -> Vec<Cell> {
    let ink = match recipient.outcome() {
        v1::RecipientOutcome::Accepted => Ink::Good,
        v1::RecipientOutcome::Pending => Ink::Dim,
        v1::RecipientOutcome::Refused | v1::RecipientOutcome::Expired => Ink::Bad,
        _ => Ink::Warn,
    };
    let outcome = short(recipient.outcome().as_str_name(), "RECIPIENT_OUTCOME_");
    vec![
        Cell::from(recipient.address.as_str()),
        Cell::inked(outcome, ink),
        Cell::from(reply(recipient.reply.as_ref())),
    ]
}

fn attempt(attempt: &v1::Attempt) -> Vec<Cell> {
    let phase = short(attempt.phase().as_str_name(), "ATTEMPT_PHASE_");
    let phase = match attempt.uncertain {
        true => Cell::inked(format!("{phase}, uncertain"), Ink::Warn),
        false => Cell::from(phase),
    };
    vec![
        Cell::from(time(attempt.start_time.as_ref())),
        phase,
        Cell::from(attempt.recipients.len().to_string()),
        Cell::from(reply(attempt.reply.as_ref())),
    ]
}

fn reply(reply: Option<&v1::SmtpReply>) -> String {
    reply
        .map(|reply| format!("{} {}", reply.code, reply.text))
        .unwrap_or_default()
}

fn state(text: &str) -> Result<i32, String> {
    v1::MessageState::from_str_name(&format!("MESSAGE_STATE_{}", text.to_uppercase()))
        .map(|state| state as i32)
        .ok_or_else(|| {
            "one of queued, sending, held, sent, partial, failed, expired, cancelled, uncertain"
                .to_owned()
        })
}
