//! A call whose deadline passes before its answer begins ends with DEADLINE_EXCEEDED, in this API's words.
//!
//! tonic ends it as well, outside of all layers, and calls it CANCELLED, without details. The timer here
//! begins first, for the same time, and is looked at first. What the call was about may be done or not:
//! operations that must come to their end do. It knows nothing of streams that have begun.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tower::{Layer, Service};

use super::error;
use crate::env::Env;

/// The layer, to go within what counts answers.
#[derive(Clone)]
pub struct Deadline {
    env: Env,
}

/// A service whose calls end in time.
#[derive(Clone)]
pub struct InTime<S> {
    inner: S,
    env: Env,
}

impl Deadline {
    /// By this clock.
    pub fn new(env: Env) -> Self {
        Self { env }
    }
}

impl<S> Layer<S> for Deadline {
    type Service = InTime<S>;

    fn layer(&self, inner: S) -> InTime<S> {
        InTime {
            inner,
            env: self.env.clone(),
        }
    }
}

impl<S, B> Service<Request<B>> for InTime<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send + 'static>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let over = within(request.headers()).map(|within| self.env.sleep(within));
        let answered = self.inner.call(request);
        Box::pin(async move {
            let Some(over) = over else {
                return answered.await;
            };
            tokio::select! {
                biased;
                answered = answered => answered,
                () = over => Ok(error::deadline_exceeded().into_http()),
            }
        })
    }
}

/// The time that the caller gives: at most eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn within(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_grpc_writes_it() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            within(&headers)
        };
        assert_eq!(read("2H"), Some(Duration::from_secs(7_200)));
        assert_eq!(read("99999999M"), Some(Duration::from_secs(5_999_999_940)));
        assert_eq!(read("10S"), Some(Duration::from_secs(10)));
        assert_eq!(read("250m"), Some(Duration::from_millis(250)));
        assert_eq!(read("7u"), Some(Duration::from_micros(7)));
        assert_eq!(read("7n"), Some(Duration::from_nanos(7)));
        for wrong in [
            "",
            "S",
            "1",
            "1s",
            "-1S",
            "+1S",
            "1.5S",
            "123456789S",
            "1\u{e9}",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(within(&HeaderMap::new()), None);
    }
}
