//! SendStream: many requests over one stream, each answered by its tag once it is durable.
//!
//! Requests of one stream are processed at the same time, so that they share syncs. One that is not
//! answered holds a slot of the answers' channel until its answer has gone to the connection, and
//! its bytes until it is done; without a slot nothing more is read, and HTTP/2 stops the sender. A
//! stream therefore holds, whatever its client does, at most
//!
//! - [`UNANSWERED_MAX`] requests and answers together,
//! - [`UNANSWERED_MAX_BYTES`] of requests, or a single larger one, and one more that waits for that
//!   room; each up to `server.max_request_bytes`,
//! - what of its next request has come (`receive`, which bounds that over all streams),
//! - what the connection's windows hold (`server`).
//!
//! Bytes are counted as they came; a request that is rendered and sealed has a few copies of itself
//! for that while. What a message may be is decided by the same operation as for Send.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};

use super::Api;
use super::convert::stream::{answer, request};
use super::proto::v1;
use super::receive::Receiving;
use crate::keys::Caller;
use crate::model::send::SendInput;
use crate::model::trace::TraceContext;
use crate::model::{Error, Reason};

/// Requests of one stream that are not answered yet.
const UNANSWERED_MAX: usize = 256;

/// The bytes of these requests: enough to fill a group of the store's while the one before syncs.
const UNANSWERED_MAX_BYTES: u32 = 16 * 1024 * 1024;

/// How long a client that is sent away should wait.
const RECONNECT_AFTER: Duration = Duration::from_secs(1);

/// How long a client may take to stop sending once it has been told that the stream is over.
const LISTEN_ON: Duration = Duration::from_secs(2);

type Answer = Result<v1::SendStreamResponse, Status>;

/// The answers of one stream.
pub(super) type Answers = ReceiverStream<Answer>;

impl Api {
    /// Answers what the stream brings, all of it below the span of the call, until it ends, the
    /// server stops or the client is gone.
    pub(super) fn answer_all(
        &self,
        caller: Caller,
        trace: Option<TraceContext>,
        call: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Answers {
        let over = self.over(&call);
        let receiving = call.extensions().get::<Receiving>().cloned();
        let receiving = receiving.unwrap_or_default();
        let mut requests = call.into_inner();
        let (answers, receiver) = mpsc::channel(UNANSWERED_MAX);
        let api = self.clone();
        let open = self.core.metrics.send_stream();
        tokio::spawn(async move {
            let _open = open;
            // Dropped with this task, it ends what nobody waits for any more. What the store has
            // taken over by then is kept all the same.
            let mut under_way = JoinSet::new();
            let mut end = tokio::select! {
                biased;
                () = answers.closed() => return,
                end = api.read(&caller, trace, over, (&mut requests, &receiving), &answers, &mut under_way) => end,
            };
            while let Some(done) = under_way.join_next().await {
                end = end.and(api.judge(done));
            }
            if let Err(status) = end {
                // A client that is gone needs no word.
                let _ = answers.send(Err(status)).await;
                drop(answers);
                // A connection that closes over requests in flight takes answers with it that the
                // client has not read yet.
                let rest = async { while let Ok(Some(_)) = requests.message().await {} };
                let _ = api.core.env.timeout(LISTEN_ON, rest).await;
            }
        });
        ReceiverStream::new(receiver)
    }

    /// Reads requests and sets them going, until there are no more: then `Ok`. A stream that can't
    /// be read ends with the stream's own status, which `codec` puts in this API's words.
    async fn read(
        &self,
        caller: &Caller,
        trace: Option<TraceContext>,
        over: impl Future<Output = ()>,
        (requests, receiving): (&mut Streaming<v1::SendStreamRequest>, &Receiving),
        answers: &mpsc::Sender<Answer>,
        under_way: &mut JoinSet<()>,
    ) -> Result<(), Status> {
        let room = Arc::new(Semaphore::new(UNANSWERED_MAX_BYTES as usize));
        let over = async {
            tokio::select! {
                biased;
                () = over => draining(),
                ended = caller.ended(&self.core.env) => ended,
            }
        };
        tokio::pin!(over);
        loop {
            let next = async {
                let slot = answers.clone().reserve_owned().await.ok()?;
                Some((slot, requests.message().await.transpose()?))
            };
            let next = tokio::select! {
                biased;
                why = &mut over => return Err(self.status(why)),
                next = next => next,
            };
            let Some((slot, request)) = next else {
                return Ok(());
            };
            let request = request?;
            let bytes = u32::try_from(request.encoded_len())
                .map_or(UNANSWERED_MAX_BYTES, |len| len.min(UNANSWERED_MAX_BYTES));
            let received = receiving.take();
            let held = room.clone().acquire_many_owned(bytes).await;
            let (api, caller, trace) = (self.clone(), caller.clone(), trace.clone());
            under_way.spawn(async move {
                let answer = api.answer(&caller, trace, request).await;
                drop((held, received));
                slot.send(Ok(answer));
            });
            while let Some(done) = under_way.try_join_next() {
                self.judge(done)?;
            }
        }
    }

    async fn answer(
        &self,
        caller: &Caller,
        trace: Option<TraceContext>,
        from: v1::SendStreamRequest,
    ) -> v1::SendStreamResponse {
        let (tag, input) = request(from);
        let outcome = match input {
            Ok(input) => self.send_as(caller, SendInput { trace, ..input }).await,
            Err(error) => Err(error),
        };
        answer(tag, outcome, &self.core.env)
    }

    /// A request that panicked has lost its tag, so that nothing less than the stream can say so.
    fn judge(&self, done: Result<(), JoinError>) -> Result<(), Status> {
        done.map_err(|error| {
            self.status(Error::Internal(format!("a request of a stream: {error}")))
        })
    }
}

fn draining() -> Error {
    Error::Unavailable {
        reason: Reason::Draining,
        description: "the server is stopping, or the connection is old: repeat on a new stream what was not answered".into(),
        retry_after: RECONNECT_AFTER,
    }
}
