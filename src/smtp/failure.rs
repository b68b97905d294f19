//! How a conversation failed, and in which phase. What follows from it is for `model::verdict`.

use std::fmt;

use super::envelope::RecipientReply;
use crate::egress::DialError;
use crate::model::{Phase, Reply};

/// The end of a conversation that did not go as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step that failed; [`Phase::DotSent`] once the final dot was on its way.
    pub phase: Phase,
    pub kind: FailureKind,
    /// What the server had said of the first recipients by then: whom it refused has its answer,
    /// whatever became of the others.
    pub recipients: Vec<RecipientReply>,
}

/// What went wrong. No text here holds what a peer said outside of a well-formed SMTP reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The server's refusal.
    Reply(Reply),
    /// No connection.
    Dial(DialError),
    /// The handshake failed, or the certificate is not to be trusted.
    Tls(String),
    /// The server offers no STARTTLS, and nothing is sent without it.
    StarttlsNotOffered,
    /// None of the mechanisms that fit the credential is among those the server offers.
    MechanismNotOffered {
        wanted: String,
        offered: Vec<String>,
    },
    /// The message has 8-bit bytes and the server takes none (RFC 6152); nothing was sent.
    EightBitNotOffered,
    /// No answer in the time of RFC 5321 §4.5.3.2.
    Timeout,
    /// The connection broke.
    Lost(String),
    /// What the server sent is not SMTP, or not in its turn.
    Protocol(String),
    /// A credential would have crossed an unencrypted connection; nothing was sent.
    PlaintextCredentials,
}

impl Failure {
    /// Whether the server may have taken the message: the final dot went out, or part of it, and no
    /// reply came back (RFC 1047).
    pub fn may_have_been_taken(&self) -> bool {
        self.phase == Phase::DotSent && !matches!(self.kind, FailureKind::Reply(_))
    }

    /// The server's reply, if the failure is one.
    pub fn reply(&self) -> Option<&Reply> {
        match &self.kind {
            FailureKind::Reply(reply) => Some(reply),
            _ => None,
        }
    }
}

impl FailureKind {
    /// The failure of this kind in `phase`.
    pub(super) fn at(self, phase: Phase) -> Failure {
        Failure {
            phase,
            kind: self,
            recipients: Vec::new(),
        }
    }

    pub(super) fn protocol(text: &str) -> Self {
        Self::Protocol(text.to_owned())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.phase, self.kind)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(reply) => write!(f, "the server answered {reply}"),
            Self::Dial(error) => error.fmt(f),
            Self::Tls(text) => write!(f, "no secure connection: {text}"),
            Self::StarttlsNotOffered => f.write_str("the server does not offer STARTTLS"),
            Self::MechanismNotOffered { wanted, offered } => write!(
                f,
                "the server does not offer {wanted}; it offers {}",
                if offered.is_empty() {
                    "no authentication".to_owned()
                } else {
                    offered.join(", ")
                }
            ),
            Self::EightBitNotOffered => {
                f.write_str("the message has 8-bit bytes and the server does not offer 8BITMIME")
            }
            Self::Timeout => f.write_str("the server did not answer in time"),
            Self::Lost(text) => write!(f, "the connection was lost: {text}"),
            Self::Protocol(text) => f.write_str(text),
            Self::PlaintextCredentials => {
                f.write_str("credentials are never sent over an unencrypted connection")
            }
        }
    }
}

impl std::error::Error for Failure {}
