//! The requests of a stream and their answers.

use super::diagnosis::{cut, diagnosis, duration};
use super::{accepted, send};
use crate::env::Env;
use crate::model::Error;
use crate::model::send::SendInput;
use crate::ops::send::Accepted;
use crate::rpc::error;
use crate::rpc::proto::v1;
use crate::rpc::proto::v1::send_stream_response::Result as Outcome;

/// The longest tag, in bytes.
const TAG_MAX_BYTES: usize = 200;

/// A request of a stream, and the tag that its answer bears.
pub fn request(from: v1::SendStreamRequest) -> (String, Result<SendInput, Error>) {
    let input = if from.tag.len() > TAG_MAX_BYTES {
        let rule = format!("must be at most {TAG_MAX_BYTES} bytes");
        Err(Error::invalid("tag", rule))
    } else {
        match from.request {
            Some(request) => send::send(request),
            None => Err(Error::invalid("request", "is required")),
        }
    };
    (cut(from.tag, TAG_MAX_BYTES), input)
}

/// The answer to a request of a stream. A bug is logged here, as for a status.
pub fn answer(tag: String, outcome: Result<Accepted, Error>, env: &Env) -> v1::SendStreamResponse {
    let result = match outcome {
        Ok(from) => Outcome::Accepted(accepted(from)),
        Err(error) => Outcome::Error(send_error(&error, env)),
    };
    v1::SendStreamResponse {
        tag,
        result: Some(result),
    }
}

fn send_error(from: &Error, env: &Env) -> v1::SendError {
    let violations = error::violations(from).into_iter();
    v1::SendError {
        code: error::code(from).into(),
        diagnosis: Some(diagnosis(error::diagnosis(from, env))),
        violations: violations
            .map(|violation| v1::FieldViolation {
                field: violation.field,
                description: violation.description,
            })
            .collect(),
        retry_delay: error::retry_after(from).map(duration),
    }
}
