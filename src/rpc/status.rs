//! StatusAPI: the feed as a stream.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::convert::{message, requests};
use super::proto::v1::{self, status_api_server::StatusApi};
use super::{Answer, Api};
use crate::model::event::Event;
use crate::model::{Error, Reason, Timestamp};
use crate::ops::feed::{self, Watch};

/// Events that wait for a slow watcher; the log keeps the rest.
const WAITING_MAX: usize = 16;

/// How long a watcher that is sent away should wait.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

type Sender = mpsc::Sender<Result<v1::WatchStatusResponse, Status>>;

#[tonic::async_trait]
impl StatusApi for Api {
    type WatchStatusStream = ReceiverStream<Result<v1::WatchStatusResponse, Status>>;

    async fn watch_status(
        &self,
        request: Request<v1::WatchStatusRequest>,
    ) -> Answer<Self::WatchStatusStream> {
        let caller = self.caller(&request)?;
        let over = self.over(&request);
        let (start, mut filter) =
            requests::watch_status(request.into_inner()).map_err(|error| self.status(error))?;
        self.narrow(&caller, &mut filter.service_ids)?;
        let watch = feed::watch(&self.core, start, filter)
            .await
            .map_err(|error| self.status(error))?;
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let api = self.clone();
        let open = self.core.metrics.watcher();
        tokio::spawn(async move {
            let _open = open;
            tokio::select! {
                biased;
                () = sender.closed() => {}
                () = over => {
                    // A watcher that is gone needs no word.
                    let _ = sender.send(Err(api.status(draining()))).await;
                }
                ended = caller.ended(&api.core.env) => {
                    let _ = sender.send(Err(api.status(ended))).await;
                }
                ended = api.tell(watch, &sender) => {
                    if let Err(error) = ended {
                        let _ = sender.send(Err(error)).await;
                    }
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

impl Api {
    /// Tells what happened, in order, until the watcher is gone.
    async fn tell(&self, mut watch: Watch, sender: &Sender) -> Result<(), Status> {
        let core = &self.core;
        let interval = Duration::from_secs(u64::from(core.config.server.heartbeat_seconds));
        // The first heartbeat says that all that was kept has been told.
        let mut heartbeat_due = None;
        let mut asked = false;
        let mut caught_up_to = core.env.now() + interval;
        // A client that is slow is waited for here, and holds nothing but its own queue.
        while sender.reserve().await.is_ok() {
            let epoch = watch.epoch();
            // There is room: nobody else fills the queue. A client that is gone ends the loop.
            let tell = |event: Event| {
                let time = event.time;
                let told = message::watch_event(event, epoch, |row| self.view(row, time));
                let _ = sender.try_send(Ok(told));
            };
            let stretch = tokio::select! {
                biased;
                stretch = watch.next(sender.capacity(), tell) => stretch,
                () = core.env.sleep_until(heartbeat_due.unwrap_or(Timestamp::MAX)), if !asked => {
                    asked = true;
                    watch.ask().await.map_err(|error| self.status(error))?;
                    continue;
                }
            };
            let stretch = stretch.map_err(|error| self.status(error))?;
            let now = core.env.now();
            if stretch.told > 0 {
                heartbeat_due = heartbeat_due.map(|_| now + interval);
            }
            // Whoever catches up is told how far it came, so that it need not begin anew.
            let is_due = match heartbeat_due {
                Some(due) => now >= due,
                None => !stretch.more || now >= caught_up_to,
            };
            if is_due {
                if !stretch.more || heartbeat_due.is_some() {
                    heartbeat_due = Some(now + interval);
                }
                caught_up_to = now + interval;
                if sender
                    .send(Ok(message::heartbeat(stretch.cursor, now)))
                    .await
                    .is_err()
                {
                    break;
                }
            }
            asked &= stretch.more;
        }
        Ok(())
    }
}

/// Why a stream ends when the server is about to stop, or its connection to.
pub(super) fn draining() -> Error {
    Error::Unavailable {
        reason: Reason::Draining,
        description: "the server is stopping, or the connection is old: reconnect and go on from your newest cursor".into(),
        retry_after: RECONNECT_AFTER,
    }
}
