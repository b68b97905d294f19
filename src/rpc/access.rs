//! The layer before all calls: who calls, and whether it may. It asks `keys`, which decides, hands
//! the caller on to the handler, and writes an admin's calls down.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use tonic::body::Body;
use tonic::{Request as Call, Status};
use tower::{Layer, Service};

use super::audit::{self, Record};
use super::listener::Peer;
use super::{Api, error};
use crate::keys::Caller;
use crate::model::{Error, ServiceId};
use crate::ops::Core;

/// The layer, to go around all gRPC services of a server.
#[derive(Clone)]
pub(super) struct Door {
    core: Arc<Core>,
}

impl Door {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}

impl<S> Layer<S> for Door {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            core: self.core.clone(),
            inner,
        }
    }
}

/// A service behind the door.
#[derive(Clone)]
pub(super) struct Guarded<S> {
    core: Arc<Core>,
    inner: S,
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

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let identified = identify(&self.core, &request);
        let caller = identified.as_ref().ok().and_then(Option::as_ref);
        let record = audit::is_audited(&path).then(|| Record::new(&path, caller));
        let allowed = self.core.keys.authorize(&path, caller);
        // A header that is no key is said to be none, except where none is needed.
        let refused = allowed
            .err()
            .map(|missing| identified.as_ref().err().cloned().unwrap_or(missing));
        if let Some(refused) = refused {
            let status = error::status(&refused, &self.core.env);
            if let Some(record) = record {
                record.end(status.code());
            }
            return Box::pin(async move { Ok(status.into_http()) });
        }
        if let Ok(Some(caller)) = identified {
            request.extensions_mut().insert(caller);
        }
        let Some(record) = record else {
            return Box::pin(self.inner.call(request));
        };
        request.extensions_mut().insert(record.subject());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            record.end(audit::code(&answer));
            Ok(answer)
        })
    }
}

impl Api {
    /// Who makes this call. The door let nobody else in; without a door, nobody is.
    pub(super) fn caller<T>(&self, call: &Call<T>) -> Result<Caller, Status> {
        let caller = call.extensions().get::<Caller>().cloned();
        caller.ok_or_else(|| self.status(Error::Internal("a call past the door".into())))
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

/// The header; where it is no text, or there are several, something that is no key.
fn authorization(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next()?;
    match values.next() {
        None => Some(first.to_str().unwrap_or_default()),
        Some(_) => Some(""),
    }
}
