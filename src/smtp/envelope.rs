//! The envelope of a message: MAIL, RCPT and DATA, pipelined (RFC 2920) where that is offered.

use std::time::Duration;

use super::failure::{Failure, FailureKind};
use super::stuffing::Stuffing;
use super::tls::Transport;
use super::transcript::Transcript;
use super::wire::{Session, State, StepClock, no_place};
use crate::model::{EmailAddress, Phase, Reply};

/// So much text may all replies to one envelope have together.
const ENVELOPE_REPLIES_MAX_BYTES: usize = 1024 * 1024;

/// Who a message is from, whom it goes to, and what the server must know of it beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    pub from: &'a EmailAddress,
    pub to: &'a [EmailAddress],
    /// Octets of the message as it is stored, without dot-stuffing (RFC 1870).
    pub content_bytes: usize,
    /// Whether there are bytes above 127.
    pub is_8bit: bool,
}

/// The server's last word on one recipient before the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientReply {
    pub recipient: EmailAddress,
    /// The step that it answers: RCPT, or DATA where that was refused after it.
    pub phase: Phase,
    pub reply: Reply,
}

impl<'a> Envelope<'a> {
    /// The envelope of `content`.
    pub fn of(from: &'a EmailAddress, to: &'a [EmailAddress], content: &[u8]) -> Self {
        Self {
            from,
            to,
            content_bytes: content.len(),
            is_8bit: !content.is_ascii(),
        }
    }
}

impl RecipientReply {
    /// Whether the message will go to this recipient.
    pub fn is_accepted(&self) -> bool {
        self.reply.is_positive()
    }
}

impl<S: Transport> Session<S> {
    /// MAIL, RCPT for each recipient, and DATA; in one go where the server offers PIPELINING.
    ///
    /// If at least one recipient is accepted, [`Session::body`] and [`Session::finish`] follow. If
    /// none is, the transaction is over and nothing was sent to anyone; after that, and after a
    /// refusal, [`Session::reset`] comes before the next envelope. A refused DATA is the answer to
    /// those recipients that were accepted until then, and to no other.
    ///
    /// # Errors
    /// A refused MAIL, or a broken conversation; nothing was sent to anyone.
    pub async fn begin(
        &mut self,
        envelope: &Envelope<'_>,
        transcript: &mut Transcript,
    ) -> Result<Vec<RecipientReply>, Failure> {
        self.enter(State::Idle, Phase::MailFrom)?;
        if envelope.is_8bit && !self.capabilities.eight_bit_mime {
            self.state = State::Idle;
            let failure = FailureKind::EightBitNotOffered.at(Phase::MailFrom);
            transcript.failed(&failure, Duration::ZERO);
            return Err(failure);
        }
        self.transactions += 1;
        self.stuffing = Stuffing::new();
        let mut clock = StepClock::start(self);
        let silence = self.channel.expect_silence().await;
        let result = match silence {
            Ok(()) => self.envelope(envelope, transcript, &mut clock).await,
            Err(kind) => Err(kind.at(Phase::MailFrom)),
        };
        if let Err(failure) = &result {
            transcript.failed(failure, clock.lap(self));
        }
        result
    }

    async fn envelope(
        &mut self,
        envelope: &Envelope<'_>,
        transcript: &mut Transcript,
        clock: &mut StepClock,
    ) -> Result<Vec<RecipientReply>, Failure> {
        let timeouts = self.settings.timeouts;
        let pipelined = self.capabilities.pipelining;
        self.channel.queue(self.mail_line(envelope).as_bytes());
        if pipelined {
            for recipient in envelope.to {
                self.channel.queue(rcpt_line(recipient).as_bytes());
            }
            self.channel.queue(b"DATA\r\n");
        }

        let mail = self.answer(Phase::MailFrom, timeouts.mail).await?;
        if !mail.is_positive() {
            // The replies to what went with it are still to come.
            let answers = if pipelined { envelope.to.len() + 1 } else { 0 };
            self.skip_refused_envelope(answers).await;
            return Err(FailureKind::Reply(mail).at(Phase::MailFrom));
        }
        transcript.passed(Phase::MailFrom, clock.lap(self), Some(mail), String::new());

        let mut replies = self.recipients(envelope.to, pipelined).await?;
        let is_wanted = note_recipients(&replies, clock.lap(self), transcript);
        if !pipelined {
            if !is_wanted {
                self.state = State::NeedsReset;
                return Ok(replies);
            }
            self.channel.queue(b"DATA\r\n");
        }
        let go_ahead = self.answer(Phase::Data, timeouts.data).await;
        if let Some(refusal) = self.data(go_ahead, is_wanted, clock, transcript).await? {
            let failure = FailureKind::Reply(refusal.clone()).at(Phase::Data);
            transcript.failed(&failure, clock.lap(self));
            for accepted in replies.iter_mut().filter(|reply| reply.is_accepted()) {
                (accepted.phase, accepted.reply) = (Phase::Data, refusal.clone());
            }
        }
        Ok(replies)
    }

    async fn recipients(
        &mut self,
        recipients: &[EmailAddress],
        pipelined: bool,
    ) -> Result<Vec<RecipientReply>, Failure> {
        let mut replies = Vec::with_capacity(recipients.len());
        let mut text_bytes = 0;
        for recipient in recipients {
            if !pipelined {
                self.channel.queue(rcpt_line(recipient).as_bytes());
            }
            let limit = self.settings.timeouts.rcpt;
            let reply = self.answer(Phase::RcptTo, limit).await?;
            text_bytes += reply.text.len();
            if text_bytes > ENVELOPE_REPLIES_MAX_BYTES {
                let text = "the server's replies to one envelope are larger than 1 MiB";
                return Err(FailureKind::protocol(text).at(Phase::RcptTo));
            }
            replies.push(RecipientReply {
                recipient: recipient.clone(),
                phase: Phase::RcptTo,
                reply,
            });
        }
        Ok(replies)
    }

    /// What the reply to DATA leads to, given whether any recipient wants the message: the refusal,
    /// if it is one of a message that is wanted.
    async fn data(
        &mut self,
        go_ahead: Result<Reply, Failure>,
        is_wanted: bool,
        clock: &mut StepClock,
        transcript: &mut Transcript,
    ) -> Result<Option<Reply>, Failure> {
        match go_ahead {
            Ok(reply) if reply.code == 354 && is_wanted => {
                transcript.passed(Phase::Data, clock.lap(self), Some(reply), String::new());
                self.state = State::Data;
            }
            Ok(reply) if reply.code == 354 => self.end_unwanted_data().await,
            Ok(reply) if is_wanted => {
                self.state = State::NeedsReset;
                return Ok(Some(reply));
            }
            Ok(_) => self.state = State::NeedsReset,
            Err(failure) if is_wanted => return Err(failure),
            // Every recipient is refused already; the session stays busy and is not used again.
            Err(_) => {}
        }
        Ok(None)
    }

    /// RFC 2920 §3.1: DATA was accepted though every recipient was refused; a lone dot ends it, and
    /// whatever the server answers, nothing was sent to anyone.
    async fn end_unwanted_data(&mut self) {
        self.channel.queue(b".\r\n");
        let limit = self.settings.timeouts.dot;
        if let Ok(reply) = self.reply(Phase::Data, limit).await
            && reply.code != 421
        {
            self.state = State::NeedsReset;
        }
    }

    /// Reads the replies to a pipelined envelope whose MAIL was refused. A 354 among them leaves
    /// the session busy: closing it is the one end at which no recipient gets anything.
    async fn skip_refused_envelope(&mut self, answers: usize) {
        for _ in 0..answers {
            let limit = self.settings.timeouts.rcpt;
            match self.reply(Phase::RcptTo, limit).await {
                Ok(reply) if reply.code != 421 && reply.code != 354 => {}
                _ => return,
            }
        }
        self.state = State::NeedsReset;
    }

    /// A reply of the envelope: 2xx, 354 to DATA alone, or a refusal that leaves the session open.
    async fn answer(&mut self, phase: Phase, limit: Duration) -> Result<Reply, Failure> {
        let reply = self.reply(phase, limit).await?;
        match reply.code {
            421 => Err(FailureKind::Reply(reply).at(phase)),
            354 if phase == Phase::Data => Ok(reply),
            200..300 if phase == Phase::Data => Err(no_place().at(phase)),
            300..400 => Err(no_place().at(phase)),
            _ => Ok(reply),
        }
    }

    fn mail_line(&self, envelope: &Envelope<'_>) -> String {
        let mut line = format!("MAIL FROM:<{}>", envelope.from);
        if self.capabilities.size.is_some() {
            line.push_str(&format!(" SIZE={}", envelope.content_bytes));
        }
        if envelope.is_8bit {
            line.push_str(" BODY=8BITMIME");
        }
        line.push_str("\r\n");
        line
    }
}

fn rcpt_line(recipient: &EmailAddress) -> String {
    format!("RCPT TO:<{recipient}>\r\n")
}

/// Records the recipients as one step; whether any was accepted.
fn note_recipients(
    replies: &[RecipientReply],
    spent: Duration,
    transcript: &mut Transcript,
) -> bool {
    let refused = replies.iter().find(|reply| !reply.is_accepted());
    let is_wanted = replies.iter().any(RecipientReply::is_accepted);
    match refused.or(replies.last()) {
        Some(telling) if is_wanted => {
            let accepted = replies.iter().filter(|reply| reply.is_accepted()).count();
            let detail = format!("{accepted} of {} recipients accepted", replies.len());
            transcript.passed(Phase::RcptTo, spent, Some(telling.reply.clone()), detail);
        }
        Some(telling) => {
            let failure = FailureKind::Reply(telling.reply.clone()).at(Phase::RcptTo);
            transcript.failed(&failure, spent);
        }
        None => {}
    }
    is_wanted
}
