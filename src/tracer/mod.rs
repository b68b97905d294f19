//! Spans of traces: what the operations did for which message, told to a collector by OTLP where one
//! is configured.
//!
//! Telling never holds anybody up: an ended span goes into a bounded queue, and where that is full it
//! is thrown away and counted. Nothing here knows what a span means, or when the queue is emptied.
//! Ids and times come from [`Env`]; without a collector no id is drawn, and a caller's context is
//! passed on as it came.

mod otlp;
mod span;

use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode, header};
use tokio::sync::{Mutex, mpsc};

use crate::egress::Egress;
use crate::env::Env;
use crate::metrics::Metrics;
use crate::model::trace::{Id, TraceContext};

use span::Ended;
pub use span::{Kind, Span};

/// Spans that wait to be told: some 2 MiB.
const QUEUE_MAX: usize = 4_096;

/// Spans of one request to the collector.
const BATCH_MAX: usize = 512;

/// What a collector didn't take is tried so often, with this wait before each further time.
const TRIES: u32 = 3;
const WAIT: Duration = Duration::from_secs(2);

/// Begins spans and tells those that ended. Cheap to clone.
#[derive(Clone)]
pub struct Tracer(Arc<Shared>);

struct Shared {
    env: Env,
    metrics: Metrics,
    collector: Option<Collector>,
}

/// Where spans go.
struct Collector {
    egress: Egress,
    url: String,
    queue: mpsc::Sender<Ended>,
    /// Taken by whoever tells them.
    waiting: Mutex<mpsc::Receiver<Ended>>,
}

impl Tracer {
    /// Tells no spans.
    pub fn off(env: Env, metrics: Metrics) -> Self {
        Self(Arc::new(Shared {
            env,
            metrics,
            collector: None,
        }))
    }

    /// Tells spans to the collector at this base URL, by OTLP over HTTP.
    pub fn to(env: Env, metrics: Metrics, egress: Egress, endpoint: &str) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        let collector = Collector {
            egress,
            url: format!("{}/v1/traces", endpoint.trim_end_matches('/')),
            queue,
            waiting: Mutex::new(waiting),
        };
        Self(Arc::new(Shared {
            env,
            metrics,
            collector: Some(collector),
        }))
    }

    /// Begins a span below `parent`, which decides whether it is recorded; without one it begins a
    /// trace, if anybody is there to hear of it. It ends when it is dropped.
    pub fn begin(&self, name: &'static str, kind: Kind, parent: Option<TraceContext>) -> Span {
        let records = self.0.collector.is_some() && parent.as_ref().is_none_or(|p| p.sampled);
        if !records {
            return Span::passing(parent);
        }
        let (span_id, above) = (self.id(), parent.as_ref().map(|parent| parent.span_id));
        let context = match parent {
            Some(parent) => parent.child(span_id),
            None => TraceContext::root(self.id(), span_id),
        };
        Span::recording(self.clone(), name, kind, context, above)
    }

    /// Tells what waits; without anything, waits for it. Returns at once where there is no collector.
    pub async fn tell_some(&self) {
        let Some(collector) = &self.0.collector else {
            return;
        };
        let mut batch = Vec::new();
        collector
            .waiting
            .lock()
            .await
            .recv_many(&mut batch, BATCH_MAX)
            .await;
        self.tell(collector, batch).await;
    }

    /// Tells what waits now, once, before the process ends.
    pub async fn flush(&self) {
        let Some(collector) = &self.0.collector else {
            return;
        };
        let mut waiting = collector.waiting.lock().await;
        loop {
            let mut batch = Vec::new();
            while batch.len() < BATCH_MAX
                && let Ok(span) = waiting.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                return;
            }
            self.tell(collector, batch).await;
        }
    }

    /// Whether there is a collector.
    pub fn is_on(&self) -> bool {
        self.0.collector.is_some()
    }

    async fn tell(&self, collector: &Collector, batch: Vec<Ended>) {
        let (env, metrics) = (&self.0.env, &self.0.metrics);
        let count = batch.len() as u64;
        let body = otlp::encode(&batch);
        for again in 1..=TRIES {
            match collector.post(body.clone()).await {
                Ok(()) => return metrics.spans("exported", count),
                Err((why, passes)) => {
                    tracing::warn!(why, spans = count, "the collector did not take spans");
                    if !passes || again == TRIES {
                        break;
                    }
                    env.sleep(WAIT).await;
                }
            }
        }
        metrics.spans("dropped", count);
    }

    fn ended(&self, span: Ended) {
        let Some(collector) = &self.0.collector else {
            return;
        };
        if collector.queue.try_send(span).is_err() {
            self.0.metrics.spans("dropped", 1);
        }
    }

    fn id<const N: usize>(&self) -> Id<N> {
        loop {
            if let Some(id) = Id::new(self.0.env.random()) {
                return id;
            }
        }
    }
}

impl Collector {
    /// Why not, and whether it may pass.
    async fn post(&self, body: Vec<u8>) -> Result<(), (String, bool)> {
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .body(body)
            .map_err(|error| (error.to_string(), false))?;
        let answer = self.egress.http(request).await;
        let status = answer.map_err(|error| (error.to_string(), true))?.status();
        // OTLP 1.0, "Retryable Response Codes".
        let passes = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        match status.is_success() {
            true => Ok(()),
            false => Err((format!("it answered {status}"), passes.contains(&status))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Snapshot;
    use crate::model::Timestamp;

    #[test]
    fn a_queue_that_is_full_throws_spans_away_and_counts_them() {
        let env = Env::manual(Timestamp::from_unix_seconds(0), 1);
        let metrics = Metrics::new();
        let egress = Egress::new(env.clone(), Vec::new(), None, None).unwrap();
        let tracer = Tracer::to(env, metrics.clone(), egress, "http://127.0.0.1:9/");
        for _ in 0..QUEUE_MAX + 7 {
            drop(tracer.begin("send", Kind::Server, None));
        }
        let text = metrics.text(&Snapshot::default());
        let line = "mailwright_spans_total{outcome=\"dropped\"} 7";
        assert!(text.lines().any(|told| told == line), "{text}");
    }

    #[test]
    fn without_a_collector_a_callers_context_is_handed_on_as_it_came() {
        let env = Env::manual(Timestamp::from_unix_seconds(0), 1);
        let tracer = Tracer::off(env, Metrics::new());
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent = TraceContext::parse(parent, std::iter::empty());
        let span = tracer.begin("send", Kind::Server, parent.clone());
        assert_eq!(span.context(), parent.as_ref());
        assert!(tracer.begin("send", Kind::Server, None).context().is_none());
    }
}
