//! Tonic's own failures in this API's words.
//!
//! Before a handler runs, or while it reads a stream, tonic itself refuses what it can't decode and
//! calls it INTERNAL or OUT_OF_RANGE, without details; a method it doesn't know gets a bare
//! UNIMPLEMENTED. This layer rewrites exactly those into INVALID_ARGUMENT (UNDECODABLE_REQUEST),
//! RESOURCE_EXHAUSTED (REQUEST_TOO_LARGE) and UNIMPLEMENTED with an ErrorInfo. A status with details
//! is one of ours (`rpc::error`) and passes untouched, as does everything else that tonic says.
//! A handler that reads a stream hands on the stream's own error as it is.

use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::Frame;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::util::MapResponseLayer;

use super::error;

/// How the layer turns one response into another.
pub type Rewrite = fn(Response<Body>) -> Response<Body>;

/// The layer, to go around all gRPC services of a server.
pub fn layer() -> MapResponseLayer<Rewrite> {
    MapResponseLayer::new(rewrite)
}

/// A status comes in the head of a response without messages, or else in the body's trailers.
fn rewrite(response: Response<Body>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    if head.headers.contains_key(Status::GRPC_STATUS) {
        rewrite_status(&mut head.headers);
        return Response::from_parts(head, body);
    }
    let body = body.map_frame(|frame| match frame.into_trailers() {
        Ok(mut trailers) => {
            rewrite_status(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(frame) => frame,
    });
    Response::from_parts(head, Body::new(body))
}

fn rewrite_status(headers: &mut HeaderMap) {
    if headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return;
    }
    let rewritten = Status::from_header_map(headers).and_then(|status| ours(&status));
    if let Some(status) = rewritten {
        headers.remove(Status::GRPC_MESSAGE);
        // Fails only for a message that is no header value; ours are percent-encoded.
        let _ = status.add_header(headers);
    }
}

/// Our status for one that tonic made; none where it is to stay. The texts are those of tonic and
/// prost 0.14: a test over a real socket notices when they change.
fn ours(status: &Status) -> Option<Status> {
    /// `prost::DecodeError`; a body that ends within a message, or without one; a broken prefix.
    const UNDECODABLE: [&str; 4] = [
        "failed to decode Protobuf message",
        "Unexpected EOF decoding stream",
        "Missing request message",
        "protocol error: received message with",
    ];
    const TOO_LARGE: &str = "Error, decoded message length too large";

    let text = status.message();
    match status.code() {
        Code::Internal if UNDECODABLE.iter().any(|begin| text.starts_with(begin)) => {
            Some(error::undecodable_request(text))
        }
        Code::OutOfRange if text.starts_with(TOO_LARGE) => Some(error::request_too_large(text)),
        Code::Unimplemented if text.is_empty() => {
            Some(error::unimplemented("this server does not know the method"))
        }
        Code::Unimplemented => Some(error::unimplemented(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
