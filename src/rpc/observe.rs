//! Counts calls by method and status code, whoever makes the status: a layer around all services.
//!
//! A method that this server doesn't have is counted as `other`, so that no caller can make labels. A
//! call that its client gave up, or whose connection broke, has the code CANCELLED.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::metrics::Metrics;

/// The layer, to go outside of all that may change a status.
#[derive(Clone)]
pub struct Observe {
    metrics: Metrics,
    methods: Arc<BTreeSet<String>>,
}

/// A service that is counted.
#[derive(Clone)]
pub struct Observed<S> {
    inner: S,
    observe: Observe,
}

impl Observe {
    /// Counts in `metrics` by the methods of these encoded descriptors.
    pub fn new(metrics: Metrics, descriptors: &[&[u8]]) -> Self {
        let files = descriptors
            .iter()
            .filter_map(|set| FileDescriptorSet::decode(*set).ok())
            .flat_map(|set| set.file);
        let mut methods = BTreeSet::new();
        for file in files {
            for service in &file.service {
                let name = |method| format!("{}.{}/{method}", file.package(), service.name());
                methods.extend(service.method.iter().map(|method| name(method.name())));
            }
        }
        Self {
            metrics,
            methods: Arc::new(methods),
        }
    }

    /// The method of a path, which begins with a slash.
    fn method(&self, path: &str) -> String {
        match self.methods.get(path.trim_start_matches('/')) {
            Some(method) => method.clone(),
            None => "other".to_owned(),
        }
    }
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed {
            inner,
            observe: self.clone(),
        }
    }
}

impl<S, B> Service<Request<B>> for Observed<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send + 'static>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let call = Call {
            metrics: self.observe.metrics.clone(),
            method: self.observe.method(request.uri().path()),
            code: Code::Cancelled,
        };
        let answered = self.inner.call(request);
        Box::pin(async move { Ok(watched(answered.await?, call)) })
    }
}

/// A call that has not ended; counted when it is dropped.
struct Call {
    metrics: Metrics,
    method: String,
    code: Code,
}

impl Call {
    fn take(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.code = status.code();
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.metrics.rpc(&self.method, name(self.code));
    }
}

/// The status comes in the head of a response without messages, or else behind its body.
fn watched(response: Response<Body>, mut call: Call) -> Response<Body> {
    call.take(response.headers());
    if response.headers().contains_key(Status::GRPC_STATUS) {
        return response;
    }
    response.map(|body| {
        let body = body.map_frame(move |frame| {
            if let Some(trailers) = frame.trailers_ref() {
                call.take(trailers);
            }
            frame
        });
        Body::new(body)
    })
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
