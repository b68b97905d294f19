//! What a broken conversation means, where the server itself said nothing.

use crate::egress::DialError;
use crate::model::catalogue::{self, Subject};
use crate::model::verdict::PauseKind;
use crate::model::{Diagnosis, Reason};
use crate::smtp::{Failure, FailureKind};

/// The diagnosis of a failure that is no reply.
pub(super) fn diagnose(failure: &Failure, subject: &Subject) -> Diagnosis {
    let detail = match &failure.kind {
        // The catalogue's sentence begins with what the kind would say.
        FailureKind::Tls(why) => why.clone(),
        kind => kind.to_string(),
    };
    catalogue::local(reason(&failure.kind), subject, &detail)
}

/// How the mailbox pauses when no session can be opened for this; none when each message tries on
/// its own.
pub(super) fn pauses(kind: &FailureKind) -> Option<PauseKind> {
    match reason(kind) {
        Reason::EgressDenied
        | Reason::StarttlsNotOffered
        | Reason::MechanismNotOffered
        | Reason::AppConfiguration => Some(PauseKind::Configuration),
        Reason::TlsFailed => Some(PauseKind::Block),
        _ => None,
    }
}

fn reason(kind: &FailureKind) -> Reason {
    match kind {
        FailureKind::Reply(reply) if reply.is_permanent() => Reason::SmtpPermanent,
        FailureKind::Reply(_) => Reason::SmtpTransient,
        FailureKind::Dial(DialError::Denied { .. } | DialError::Plaintext { .. }) => {
            Reason::EgressDenied
        }
        FailureKind::Dial(DialError::Resolve(_)) => Reason::ResolveFailed,
        FailureKind::Dial(_) => Reason::ConnectionFailed,
        FailureKind::Tls(_) => Reason::TlsFailed,
        FailureKind::StarttlsNotOffered => Reason::StarttlsNotOffered,
        FailureKind::MechanismNotOffered { .. } => Reason::MechanismNotOffered,
        FailureKind::EightBitNotOffered => Reason::MessageRefused,
        FailureKind::Timeout | FailureKind::Lost(_) => Reason::ConnectionLost,
        FailureKind::Protocol(_) => Reason::SmtpProtocol,
        FailureKind::PlaintextCredentials => Reason::AppConfiguration,
    }
}
