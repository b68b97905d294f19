//! What can go wrong in an operation, in terms that know no transport.
//!
//! A variant exists where a program must tell it apart; `rpc::error` maps each once.

use std::fmt;
use std::time::Duration;

use super::diagnosis::Scope;
use super::{Diagnosis, Reason};

/// One field that is wrong, by its path in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path in the request: `service.smtp.host`, `email.to[2].address`.
    pub field: String,
    /// What is wrong with it, beginning with a verb: "must be …", "is empty".
    pub description: String,
}

impl Violation {
    /// A violation of one field.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            description: description.into(),
        }
    }
}

/// The failure of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Error {
    /// The request can never be right as it is; every wrong field is named.
    Invalid(Vec<Violation>),
    /// The message is larger than the service takes.
    TooLarge {
        field: &'static str,
        description: String,
    },
    /// The cursor is none that this API gave.
    BadCursor { description: String },
    /// The caller shows no access key, or none that opens anything.
    Unauthenticated { description: String },
    /// The caller's rights don't reach so far.
    PermissionDenied { description: String },
    /// There is no such thing, or not for this caller.
    NotFound {
        reason: Reason,
        kind: &'static str,
        name: String,
    },
    /// There is one already.
    Exists {
        reason: Reason,
        kind: &'static str,
        name: String,
    },
    /// The caller's etag is not the newest: somebody else changed it first.
    Conflict { name: String },
    /// The thing is in a state in which this can't be done.
    State {
        subject: String,
        diagnosis: Box<Diagnosis>,
    },
    /// A queue or quota is full.
    Exhausted {
        reason: Reason,
        /// How far it reaches.
        scope: Scope,
        /// Whose it is.
        subject: String,
        description: String,
        retry_after: Duration,
    },
    /// Somebody that we need does not answer; try again.
    Unavailable {
        reason: Reason,
        description: String,
        retry_after: Duration,
    },
    /// A cursor older than what is kept, from another store, or from the future.
    OutOfRange { description: String },
    /// A bug of ours. The text is for the log, never for the caller.
    Internal(String),
}

impl Error {
    /// One wrong field.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self::Invalid(vec![Violation::new(field, description)])
    }

    /// No service of this id.
    pub fn service_not_found(id: impl fmt::Display) -> Self {
        Self::NotFound {
            reason: Reason::ServiceNotFound,
            kind: "service",
            name: id.to_string(),
        }
    }

    /// No message of this id.
    pub fn message_not_found(id: impl fmt::Display) -> Self {
        Self::NotFound {
            reason: Reason::MessageNotFound,
            kind: "message",
            name: id.to_string(),
        }
    }

    /// No access key of this id.
    pub fn access_key_not_found(id: impl fmt::Display) -> Self {
        Self::NotFound {
            reason: Reason::AccessKeyNotFound,
            kind: "access key",
            name: id.to_string(),
        }
    }

    /// A service that the caller may not use. It says nothing about whether there is one.
    pub fn not_for_service(id: impl fmt::Display) -> Self {
        Self::PermissionDenied {
            description: format!("the service {:?} is none of the key's", id.to_string()),
        }
    }

    /// A state that forbids the operation.
    pub fn state(subject: impl fmt::Display, diagnosis: Diagnosis) -> Self {
        Self::State {
            subject: subject.to_string(),
            diagnosis: Box::new(diagnosis),
        }
    }
}

impl Error {
    /// The machine's name for it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Invalid(_) => Reason::InvalidField,
            Self::TooLarge { .. } => Reason::MessageTooLarge,
            Self::BadCursor { .. } => Reason::CursorInvalid,
            Self::Conflict { .. } => Reason::EtagMismatch,
            Self::State { diagnosis, .. } => diagnosis.reason,
            Self::NotFound { reason, .. }
            | Self::Exists { reason, .. }
            | Self::Exhausted { reason, .. }
            | Self::Unavailable { reason, .. } => *reason,
            Self::OutOfRange { .. } => Reason::CursorOutOfRange,
            Self::Unauthenticated { .. } => Reason::Unauthenticated,
            Self::PermissionDenied { .. } => Reason::PermissionDenied,
            Self::Internal(_) => Reason::Internal,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(violations) => {
                let all: Vec<_> = violations
                    .iter()
                    .map(|v| format!("{} {}", v.field, v.description))
                    .collect();
                write!(f, "{}", all.join("; "))
            }
            Self::TooLarge { field, description } => write!(f, "{field} {description}"),
            Self::BadCursor { description } => write!(f, "cursor {description}"),
            Self::NotFound { kind, name, .. } => write!(f, "there is no {kind} {name:?}"),
            Self::Exists {
                reason: Reason::RequestIdReused,
                name,
                ..
            } => {
                write!(
                    f,
                    "the request_id was used already, by message {name:?} of other content"
                )
            }
            Self::Exists { kind, name, .. } => write!(f, "there is a {kind} {name:?} already"),
            Self::Conflict { name } => {
                write!(f, "{name} was changed meanwhile: read it again and repeat")
            }
            Self::State { diagnosis, .. } => write!(f, "{}", diagnosis.summary),
            Self::Exhausted { description, .. }
            | Self::Unavailable { description, .. }
            | Self::Unauthenticated { description }
            | Self::PermissionDenied { description }
            | Self::OutOfRange { description } => f.write_str(description),
            Self::Internal(_) => {
                f.write_str("an internal error occurred; the server's log tells more")
            }
        }
    }
}

impl std::error::Error for Error {}
