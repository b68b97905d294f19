//! A session that takes mail: envelope, body, and the final dot as a step of its own.
//!
//! A step that fails, times out or is dropped half-way leaves the session [`State::Busy`], from
//! which nothing leads back: such a session refuses every further step.

use std::fmt;
use std::time::Duration;

use super::channel::Channel;
use super::ehlo::Capabilities;
use super::failure::{Failure, FailureKind};
use super::open::Settings;
use super::stuffing::Stuffing;
use super::tls::{TlsInfo, Transport};
use super::transcript::Transcript;
use crate::model::{Phase, Reply};

/// So much of the body is handed to the system at once.
const BLOCK_BYTES: usize = 32 * 1024;
/// A good-bye takes no longer.
const QUIT_LIMIT: Duration = Duration::from_secs(5);

/// An open, authenticated conversation.
pub struct Session<S> {
    pub(super) settings: Settings,
    pub(super) channel: Channel<S>,
    pub(super) capabilities: Capabilities,
    tls: Option<TlsInfo>,
    pub(super) state: State,
    pub(super) stuffing: Stuffing,
    opened: Duration,
    pub(super) transactions: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Takes an envelope.
    Idle,
    /// Takes an envelope after RSET.
    NeedsReset,
    /// Takes the body and the final dot.
    Data,
    /// A step is under way, or one did not come to its end.
    Busy,
}

impl<S: Transport> Session<S> {
    pub(super) fn new(
        settings: &Settings,
        channel: Channel<S>,
        capabilities: Capabilities,
        tls: Option<TlsInfo>,
    ) -> Self {
        Self {
            settings: settings.clone(),
            channel,
            capabilities,
            tls,
            state: State::Idle,
            stuffing: Stuffing::new(),
            opened: settings.env.monotonic(),
            transactions: 0,
        }
    }

    /// What the server offers.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// How the connection is secured; none in plain text.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// When it was opened, on [`crate::env::Env::monotonic`]'s clock.
    pub fn opened(&self) -> Duration {
        self.opened
    }

    /// How many envelopes it was given.
    pub fn transactions(&self) -> u32 {
        self.transactions
    }

    /// Whether it stands between two messages.
    pub fn is_reusable(&self) -> bool {
        matches!(self.state, State::Idle | State::NeedsReset)
    }

    /// Whether it can be used again and the server has neither closed nor spoken since, as far as
    /// is known by now. Never waits.
    pub async fn is_quiet(&mut self) -> bool {
        if self.channel.expect_silence().await.is_err() {
            self.state = State::Busy;
        }
        self.is_reusable()
    }

    /// A piece of the message, or all of it; lines end in CRLF.
    ///
    /// # Errors
    /// What the server said instead of listening, or how the connection broke. The message was not
    /// taken.
    pub async fn body(
        &mut self,
        content: &[u8],
        transcript: &mut Transcript,
    ) -> Result<(), Failure> {
        self.enter(State::Data, Phase::Data)?;
        let mut clock = StepClock::start(self);
        for block in content.chunks(BLOCK_BYTES) {
            self.stuffing.push(block, self.channel.output());
            let limit = self.settings.timeouts.block;
            let sent = self.settings.env.timeout(limit, self.channel.send()).await;
            if let Err(kind) = sent.unwrap_or(Err(FailureKind::Timeout)) {
                let failure = kind.at(Phase::Data);
                transcript.failed(&failure, clock.lap(self));
                return Err(failure);
            }
        }
        transcript.passed(Phase::Data, clock.lap(self), None, String::new());
        self.state = State::Data;
        Ok(())
    }

    /// The final dot and the reply to it: taken if that is positive, refused if it is not.
    ///
    /// # Errors
    /// With [`Failure::may_have_been_taken`], the reply was lost. Without, the dot was not sent.
    pub async fn finish(&mut self, transcript: &mut Transcript) -> Result<Reply, Failure> {
        self.enter(State::Data, Phase::Data)?;
        let mut clock = StepClock::start(self);
        // A reply that is already here can't be the dot's.
        let result = match self.channel.expect_silence().await {
            Ok(()) => {
                transcript.began(Phase::DotSent);
                self.dot().await
            }
            Err(kind) => Err(kind.at(Phase::Data)),
        };
        let spent = clock.lap(self);
        match &result {
            Ok(reply) if reply.is_positive() => {
                transcript.passed(Phase::DotSent, spent, Some(reply.clone()), String::new());
            }
            Ok(reply) => {
                let refusal = FailureKind::Reply(reply.clone()).at(Phase::DotSent);
                transcript.failed(&refusal, spent);
            }
            Err(failure) => transcript.failed(failure, spent),
        }
        result
    }

    /// Ends a transaction that was refused, so that another can begin; does nothing if none was.
    ///
    /// # Errors
    /// The session is of no use.
    pub async fn reset(&mut self) -> Result<(), Failure> {
        if self.state == State::Idle {
            return Ok(());
        }
        self.enter(State::NeedsReset, Phase::MailFrom)?;
        if let Err(kind) = self.channel.expect_silence().await {
            return Err(kind.at(Phase::MailFrom));
        }
        self.channel.queue(b"RSET\r\n");
        let limit = self.settings.timeouts.mail;
        let reply = self.reply(Phase::MailFrom, limit).await?;
        if !reply.is_positive() {
            return Err(FailureKind::Reply(reply).at(Phase::MailFrom));
        }
        self.state = State::Idle;
        Ok(())
    }

    /// Says good-bye if the conversation allows it, and closes; at most five seconds.
    pub async fn quit(mut self) {
        let env = self.settings.env.clone();
        let good_bye = async move {
            if self.is_reusable() {
                self.channel.queue(b"QUIT\r\n");
                // Whatever it answers, that was the last word.
                let _ = self.channel.reply().await;
            }
            self.channel.close().await;
        };
        let _ = env.timeout(QUIT_LIMIT, good_bye).await;
    }

    async fn dot(&mut self) -> Result<Reply, Failure> {
        self.channel.queue(self.stuffing.end());
        let limit = self.settings.timeouts.dot;
        let reply = self.reply(Phase::DotSent, limit).await?;
        match reply.code {
            300..400 => return Err(no_place().at(Phase::DotSent)),
            // The server closes now (RFC 5321 §3.8).
            421 => {}
            _ => self.state = State::Idle,
        }
        Ok(reply)
    }

    pub(super) async fn reply(&mut self, phase: Phase, limit: Duration) -> Result<Reply, Failure> {
        let reply = self.settings.env.timeout(limit, self.channel.reply()).await;
        reply
            .unwrap_or(Err(FailureKind::Timeout))
            .map_err(|kind| kind.at(phase))
    }

    /// Begins a step that needs the session in `state`.
    pub(super) fn enter(&mut self, state: State, phase: Phase) -> Result<(), Failure> {
        if self.state != state {
            let text = format!("the session is {:?}, not {state:?}", self.state);
            return Err(FailureKind::Protocol(text).at(phase));
        }
        self.state = State::Busy;
        Ok(())
    }
}

impl<S> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?})", self.state)
    }
}

/// Times the steps of one envelope one after the other.
pub(super) struct StepClock(Duration);

impl StepClock {
    pub(super) fn start<S>(session: &Session<S>) -> Self {
        Self(session.settings.env.monotonic())
    }

    /// Time since the last step ended.
    pub(super) fn lap<S>(&mut self, session: &Session<S>) -> Duration {
        let now = session.settings.env.monotonic();
        now.saturating_sub(std::mem::replace(&mut self.0, now))
    }
}

pub(super) fn no_place() -> FailureKind {
    FailureKind::protocol("the server answered with a code that has no place here")
}
