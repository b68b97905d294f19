//! The audit log: who called what that only an admin may, about what, and what came of it. Each call
//! is one record of target `mailwright::audit`, also one that was refused, or whose client left.
//!
//! A record holds names that callers chose, quoted and cut; never a body or a secret.

use std::sync::{Arc, Mutex};

use http::Response;
use tonic::body::Body;
use tonic::{Code, Request, Status};

use crate::keys::{Caller, Need, need};
use crate::model::Role;

/// The longest name of a subject that is written down, in characters.
const SUBJECT_MAX_CHARS: usize = 80;

/// A call that is under way.
pub(super) struct Record {
    rpc: String,
    caller: String,
    subject: Subject,
    outcome: &'static str,
}

/// What a call is about, told by its handler.
#[derive(Clone, Default)]
pub(super) struct Subject(Arc<Mutex<String>>);

/// Whether calls of this path are written down: those that only admins may make.
pub(super) fn is_audited(path: &str) -> bool {
    matches!(need(path), Need::Roles([Role::Admin]))
}

/// Where the handler of this call writes what it is about: the id of a service or an access key.
pub(super) fn subject<T>(request: &Request<T>) -> Subject {
    let subject = request.extensions().get::<Subject>();
    subject.cloned().unwrap_or_default()
}

/// The code of an answer that holds no stream.
pub(super) fn code(answer: &Response<Body>) -> Code {
    Status::from_header_map(answer.headers()).map_or(Code::Ok, |status| status.code())
}

impl Record {
    pub(super) fn new(path: &str, caller: Option<&Caller>) -> Self {
        let rpc = path.rsplit('/').next().unwrap_or_default();
        Self {
            rpc: rpc.to_owned(),
            caller: caller.map_or_else(|| "nobody".to_owned(), Caller::to_string),
            subject: Subject::default(),
            outcome: "ABANDONED",
        }
    }

    /// Where the handler writes what the call is about.
    pub(super) fn subject(&self) -> Subject {
        self.subject.clone()
    }

    /// Writes it down.
    pub(super) fn end(mut self, code: Code) {
        self.outcome = name(code);
    }
}

impl Drop for Record {
    /// A client that leaves drops the call, which may have happened all the same.
    fn drop(&mut self) {
        let subject = self.subject.0.lock().expect("setting does not panic");
        tracing::info!(
            target: "mailwright::audit",
            rpc = self.rpc,
            caller = self.caller,
            subject = ?*subject,
            outcome = self.outcome,
            "admin call"
        );
    }
}

impl Subject {
    pub(super) fn set(&self, id: &str) {
        let mut subject = self.0.lock().expect("setting does not panic");
        *subject = id.chars().take(SUBJECT_MAX_CHARS).collect();
    }
}

/// As gRPC writes it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
