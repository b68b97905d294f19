//! Step 5: the status feed, as it comes, until each message has ended as it must.

use std::collections::BTreeMap;
use std::time::Duration;

use tonic::Streaming;

use super::letters::REFUSED;
use super::screen::{Ink, Screen};
use super::send::Sent;
use super::stage::Stage;
use super::{SERVICE_ID, answered, expect};
use crate::cli::Failed;
use crate::rpc::proto::v1::{
    EventKind, GetMessageRequest, GetServerInfoRequest, Message, MessageEvent, MessageState,
    RecipientOutcome, SmtpReply, WatchStatusRequest, WatchStatusResponse, watch_status_request,
    watch_status_response::Event,
};

/// The demo's place in the feed.
pub struct Feed {
    events: Streaming<WatchStatusResponse>,
}

/// A message's event and when it was committed, since the epoch.
struct Change {
    at: Duration,
    event: MessageEvent,
}

impl Feed {
    /// Opens it behind the newest event.
    pub async fn open(stage: &Stage) -> Result<Self, Failed> {
        let info = stage.admin().get_server_info(GetServerInfoRequest {}).await;
        let cursor = answered("GetServerInfo", info)?.newest_cursor;
        let request = WatchStatusRequest {
            start: Some(watch_status_request::Start::Cursor(cursor)),
            service_ids: vec![SERVICE_ID.to_owned()],
            kinds: vec![EventKind::Message.into()],
            ..WatchStatusRequest::default()
        };
        let events = answered("WatchStatus", stage.status().watch_status(request).await)?;
        Ok(Self { events })
    }

    /// Prints what comes until the three have ended, and checks how.
    pub async fn show(
        &mut self,
        stage: &Stage,
        screen: &Screen,
        sent: &[Sent],
    ) -> Result<(), Failed> {
        screen.step(5, "Watch what becomes of them", "StatusAPI.WatchStatus");
        screen.paragraph("As it comes, timed from the moment that each was accepted.");
        screen.blank();
        let mut ways: BTreeMap<String, Vec<MessageState>> = BTreeMap::new();
        let mut accepted: BTreeMap<usize, Duration> = BTreeMap::new();
        while ways.values().filter(|way| has_ended(way)).count() < sent.len() {
            let Change { at, event } = self.next().await?;
            let message = event.message.clone().unwrap_or_default();
            let number = sent
                .iter()
                .find(|sent| sent.message_id == message.message_id);
            let number = number.map_or(0, |sent| sent.number);
            // Steps that run side by side are told in the order of their commits, not of their
            // clocks: one clock for all would seem to run backwards.
            let since = at.saturating_sub(*accepted.entry(number).or_insert(at));
            print(screen, since, number, &event);
            let way = ways.entry(message.message_id).or_default();
            let before = way.last().copied().unwrap_or_default();
            expect("the state before", &event.previous_state(), &before)?;
            way.push(message.state.try_into().unwrap_or_default());
        }
        let ends = [
            MessageState::Sent,
            MessageState::Sent,
            MessageState::Partial,
        ];
        for (sent, end) in sent.iter().zip(ends) {
            let way = ways.get(&sent.message_id).cloned().unwrap_or_default();
            let wanted = vec![MessageState::Queued, MessageState::Sending, end];
            expect(&format!("the way of #{}", sent.number), &way, &wanted)?;
            expect_outcomes(&message(stage, &sent.message_id).await?)?;
        }
        Ok(())
    }

    /// Reads on until this message has ended, and returns how.
    pub async fn end_of(&mut self, message_id: &str) -> Result<MessageState, Failed> {
        loop {
            let message = self.next().await?.event.message.unwrap_or_default();
            if message.message_id == message_id && message.end_time.is_some() {
                return Ok(message.state());
            }
        }
    }

    async fn next(&mut self) -> Result<Change, Failed> {
        loop {
            let response = match self.events.message().await {
                Ok(Some(response)) => response,
                Ok(None) => return Err(Failed::new(1, "WatchStatus ended by itself".to_owned())),
                Err(status) => return answered("WatchStatus", Err(status)),
            };
            if let Some(Event::Message(event)) = response.event {
                let at = response.event_time.unwrap_or_default();
                let at = Duration::new(
                    u64::try_from(at.seconds).unwrap_or_default(),
                    u32::try_from(at.nanos).unwrap_or_default(),
                );
                return Ok(Change { at, event: *event });
            }
        }
    }
}

/// A message as it stands.
pub async fn message(stage: &Stage, message_id: &str) -> Result<Message, Failed> {
    let request = GetMessageRequest {
        message_id: message_id.to_owned(),
    };
    let answer = answered("GetMessage", stage.mail().get_message(request).await)?;
    Ok(answer.message.unwrap_or_default())
}

/// A state as people say it.
pub fn name(state: MessageState) -> &'static str {
    state.as_str_name().trim_start_matches("MESSAGE_STATE_")
}

/// A server's reply in one line.
pub fn reply_text(reply: &SmtpReply) -> String {
    let parts = [
        reply.code.to_string(),
        reply.enhanced_code.clone(),
        reply.text.clone(),
    ];
    parts
        .map(|part| part.trim().to_owned())
        .join(" ")
        .replace("  ", " ")
}

fn has_ended(way: &[MessageState]) -> bool {
    way.last().is_some_and(|state| {
        let unfinished = [
            MessageState::Queued,
            MessageState::Sending,
            MessageState::Held,
        ];
        !unfinished.contains(state)
    })
}

/// All have it, but the one that the sandbox refuses.
fn expect_outcomes(message: &Message) -> Result<(), Failed> {
    for recipient in &message.recipients {
        let wanted = if recipient.address == REFUSED {
            RecipientOutcome::Refused
        } else {
            RecipientOutcome::Accepted
        };
        expect(&recipient.address, &recipient.outcome(), &wanted)?;
    }
    Ok(())
}

fn print(screen: &Screen, since: Duration, number: usize, event: &MessageEvent) {
    const AT: usize = 39;
    let state = event
        .message
        .as_ref()
        .map(Message::state)
        .unwrap_or_default();
    let ink = match state {
        MessageState::Queued | MessageState::Sending => Ink::Dim,
        MessageState::Sent => Ink::Good,
        MessageState::Partial | MessageState::Held => Ink::Warn,
        _ => Ink::Bad,
    };
    let before = match event.previous_state() {
        MessageState::Unspecified => "new",
        before => name(before),
    };
    let number = screen.ink(Ink::Bold, &format!("#{number}"));
    let after = screen.ink(ink, &format!("{:8}", name(state)));
    let offset = format!("+{:.3} s", since.as_secs_f64());
    let mut head = format!("{number}  {offset:>9}  {before:>8} → {after}  ");
    if event.changed_recipients.is_empty() {
        screen.line(&head);
    }
    for recipient in &event.changed_recipients {
        let ink = (recipient.outcome() == RecipientOutcome::Refused).then_some(Ink::Warn);
        let outcome = recipient.outcome().as_str_name();
        let outcome = outcome
            .trim_start_matches("RECIPIENT_OUTCOME_")
            .to_lowercase();
        screen.hanging(ink, AT, &head, &format!("{outcome} {}", recipient.address));
        head = " ".repeat(AT - 3);
        if let Some(reply) = recipient.reply.as_ref().filter(|_| ink.is_some()) {
            screen.hanging(ink, AT, &head, &reply_text(reply));
        }
    }
}
