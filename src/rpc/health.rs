//! `grpc.health.v1`: for the process and each API what it reports of itself, and for each mailbox,
//! as `services/{service_id}`, whether it can send: SERVING while its service is READY.
//!
//! Whoever may not see a service, by its access key or for want of one, is told that there is none. The
//! rest is open, for probes have no key.
//!
//! The two are apart: a process with a blocked mailbox serves, and a mailbox is no worse for a
//! process that drains.

use std::pin::Pin;

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::{HealthReporter, HealthService};

use super::{Answer, Api, status};
use crate::keys::Caller;
use crate::model::service::ServiceState;
use crate::model::{Error, ServiceId};
use crate::ops::feed::{self, Filter, Kind, Start};
use crate::ops::services;

/// What the process reports of itself, and what is known of mailboxes.
pub(super) struct AllHealth {
    api: Api,
    process: HealthService,
}

type Sender = mpsc::Sender<Result<HealthCheckResponse, Status>>;

impl AllHealth {
    pub(super) fn new(api: Api, process: HealthReporter) -> Self {
        Self {
            api,
            process: HealthService::from_health_reporter(process),
        }
    }
}

impl AllHealth {
    async fn seen_serving<T>(
        &self,
        request: &Request<T>,
        id: &ServiceId,
    ) -> Result<ServingStatus, Status> {
        match request.extensions().get::<Caller>() {
            Some(caller) if caller.sees(id) => self.api.serving(id).await,
            _ => Ok(ServingStatus::ServiceUnknown),
        }
    }
}

#[tonic::async_trait]
impl Health for AllHealth {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Answer<HealthCheckResponse> {
        let Some(id) = mailbox(request.get_ref()) else {
            return self.process.check(request).await;
        };
        match self.seen_serving(&request, &id).await? {
            ServingStatus::ServiceUnknown => Err(self.api.status(Error::service_not_found(&id))),
            serving => Ok(Response::new(response(serving))),
        }
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Answer<Self::WatchStream> {
        let Some(id) = mailbox(request.get_ref()) else {
            let own = self.process.watch(request).await?.into_inner();
            return Ok(Response::new(Box::pin(own)));
        };
        let (sender, receiver) = mpsc::channel(1);
        let api = self.api.clone();
        let over = self.api.over(&request);
        let caller = request.extensions().get::<Caller>().cloned();
        tokio::spawn(async move {
            let ended = tokio::select! {
                biased;
                () = sender.closed() => Ok(()),
                () = over => Err(api.status(status::draining())),
                ended = api.tell_serving_to(caller.as_ref(), &id, &sender) => ended,
            };
            if let Err(error) = ended {
                // A watcher that is gone needs no word.
                let _ = sender.send(Err(error)).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

impl Api {
    async fn serving(&self, id: &ServiceId) -> Result<ServingStatus, Status> {
        match services::get(&self.core, id).await {
            Ok(row) if row.state() == ServiceState::Ready => Ok(ServingStatus::Serving),
            Ok(_) => Ok(ServingStatus::NotServing),
            Err(Error::NotFound { .. }) => Ok(ServingStatus::ServiceUnknown),
            Err(error) => Err(self.status(error)),
        }
    }

    /// As [`Api::tell_serving`], while the caller's key is live. For whoever may not see the service,
    /// there is none and never will be.
    async fn tell_serving_to(
        &self,
        caller: Option<&Caller>,
        id: &ServiceId,
        sender: &Sender,
    ) -> Result<(), Status> {
        let Some(caller) = caller.filter(|caller| caller.sees(id)) else {
            let unknown = response(ServingStatus::ServiceUnknown);
            // Whoever watches and is gone ends this.
            let _ = sender.send(Ok(unknown)).await;
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            ended = caller.ended(&self.core.env) => Err(self.status(ended)),
            told = self.tell_serving(id, sender) => told,
        }
    }

    /// Tells what a mailbox has come to, each time it differs, until the watcher is gone. A slow one
    /// is told the newest, not all there was.
    async fn tell_serving(&self, id: &ServiceId, sender: &Sender) -> Result<(), Status> {
        let filter = Filter {
            service_ids: vec![id.clone()],
            kinds: vec![Kind::Service],
            ..Filter::default()
        };
        let mut told = None;
        while let Ok(room) = sender.reserve().await {
            // It begins before the state is read, so no change falls between.
            let mut changes = feed::watch(&self.core, Start::Now, filter.clone())
                .await
                .map_err(|error| self.status(error))?;
            let serving = self.serving(id).await?;
            if told != Some(serving) {
                told = Some(serving);
                room.send(Ok(response(serving)));
            }
            // Whoever fell behind the log, too, looks at what is true now.
            while changes.next(1, |_| ()).await.is_ok_and(|s| s.told == 0) {}
        }
        Ok(())
    }
}

/// The service whose mailbox is asked for.
fn mailbox(request: &HealthCheckRequest) -> Option<ServiceId> {
    request.service.strip_prefix("services/")?.parse().ok()
}

fn response(serving: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: serving.into(),
    }
}
