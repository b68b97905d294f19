//! The layer before all calls: who calls, and whether it may. It asks `keys`, which decides, hands
//! the caller on to the handler, and writes an admin's calls down. Who may call does so within the
//! limits of its key, which are taken here and given back when its answer has ended.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use tonic::body::Body;
use tonic::{Request as Call, Status};
use tower::{Layer, Service};

use super::audit::{self, Record};
use super::limits::{Held, Limits, Purse};
use super::lines::Busy;
use super::listener::Peer;
use super::receive::{Receiving, Shape};
use super::server::stopped;
use super::{Api, error};
use crate::env::Env;
use crate::keys::Caller;
use crate::model::{Error, ServiceId};
use crate::ops::Core;

/// The layer, to go around all gRPC services of a server.
#[derive(Clone)]
pub(super) struct Door {
    core: Arc<Core>,
    limits: Limits,
}

impl Door {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let (env, metrics) = (core.env.clone(), core.metrics.clone());
        let limits = Limits::new(&core.config.limits, env, metrics);
        Self { core, limits }
    }
}

impl<S> Layer<S> for Door {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            core: self.core.clone(),
            limits: self.limits.clone(),
            inner,
        }
    }
}

/// A service behind the door.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    core: Arc<Core>,
    limits: Limits,
    inner: S,
}

/// What a call holds until its answer has ended.
struct Taken {
    _receiving: Receiving,
    _stream: Option<Held>,
    _busy: Option<Busy>,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let identified = identify(&self.core, &request);
        let caller = identified.as_ref().ok().and_then(Option::as_ref);
        let audited = caller.filter(|_| audit::is_audited(&path));
        let record = audited.map(|caller| Record::new(&path, caller));
        let purse = self.limits.purse(caller.map(ToString::to_string));
        let admitted = self.core.keys.authorize(&path, &identified);
        let admitted = admitted.and_then(|()| purse.call());
        let admitted = admitted.and_then(|()| stream(&path, &purse));
        let stream = match admitted {
            Ok(stream) => stream,
            Err(refused) => {
                let status = error::status(&refused, &self.core.env);
                if let Some(record) = record {
                    record.end(status.code());
                }
                return Box::pin(async move { Ok(status.into_http()) });
            }
        };
        let peer = request.extensions().get::<Peer>();
        let busy = peer.map(|peer| peer.line().begin(caller.is_some()));
        let (mut request, receiving) = metered(request, &path, purse, self.core.env.clone());
        let taken = Taken {
            _receiving: receiving,
            _stream: stream,
            _busy: busy,
        };
        if let Ok(Some(caller)) = identified {
            request.extensions_mut().insert(caller);
        }
        if let Some(record) = &record {
            request.extensions_mut().insert(record.subject());
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if let Some(record) = record {
                record.end(audit::code(&answer));
            }
            Ok(answer.map(|body| held_by(body, taken)))
        })
    }
}

impl Api {
    /// Who makes this call. The door let nobody else in; without a door, nobody is.
    pub(super) fn caller<T>(&self, call: &Call<T>) -> Result<Caller, Status> {
        let caller = call.extensions().get::<Caller>().cloned();
        caller.ok_or_else(|| self.status(Error::Internal("a call past the door".into())))
    }

    /// Returns when the streams of this call's connection are to end: the server stops, or the
    /// connection is old.
    pub(super) fn over<T>(&self, call: &Call<T>) -> impl Future<Output = ()> + Send + use<T> {
        let line = call
            .extensions()
            .get::<Peer>()
            .map(|peer| peer.line().clone());
        let stopping = self.stopping.clone();
        async move {
            let aged = async {
                match line {
                    Some(line) => line.aged().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stopped(stopping) => {}
                () = aged => {}
            }
        }
    }

    /// Leaves of a filter's services those that the caller sees.
    pub(super) fn narrow(
        &self,
        caller: &Caller,
        service_ids: &mut Vec<ServiceId>,
    ) -> Result<(), Status> {
        if service_ids.is_empty() {
            service_ids.extend(caller.rights().service_ids.iter().cloned());
        }
        match service_ids.iter().find(|id| !caller.sees(id)) {
            None => Ok(()),
            Some(id) => Err(self.status(Error::not_for_service(id))),
        }
    }
}

fn identify(core: &Core, request: &Request<Body>) -> Result<Option<Caller>, Error> {
    let peer = request.extensions().get::<Peer>();
    let certificate = peer.and_then(Peer::certificate);
    let authorization = authorization(request.headers());
    core.keys.identify(authorization, certificate)
}

/// Room for a call that is a stream.
fn stream(path: &str, purse: &Purse) -> Result<Option<Held>, Error> {
    const STREAMS: [&str; 4] = [
        "/SendStream",
        "/WatchStatus",
        "/Watch",
        "/ServerReflectionInfo",
    ];
    match STREAMS.iter().any(|name| path.ends_with(name)) {
        true => purse.stream().map(Some),
        false => Ok(None),
    }
}

fn metered(
    request: Request<Body>,
    path: &str,
    purse: Purse,
    env: Env,
) -> (Request<Body>, Receiving) {
    let shape = match path {
        _ if path.ends_with("/SendStream") => Shape::Taken,
        _ if path.ends_with("/ServerReflectionInfo") => Shape::Passing,
        _ => Shape::One,
    };
    let (mut head, body) = request.into_parts();
    let (body, receiving) = Receiving::meter(body, shape, purse, env);
    head.extensions.insert(receiving.clone());
    (Request::from_parts(head, body), receiving)
}

/// Keeps what a call holds until its answer has ended.
fn held_by(body: Body, taken: Taken) -> Body {
    Body::new(body.map_frame(move |frame| {
        let _ = &taken;
        frame
    }))
}

/// The header; where it is no text, or there are several, something that is no key.
fn authorization(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next()?;
    match values.next() {
        None => Some(first.to_str().unwrap_or_default()),
        Some(_) => Some(""),
    }
}
