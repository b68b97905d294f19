//! What the process counts of itself, for whoever watches it: counters and histograms that the
//! operations add to, and the text in which a scrape reads them.
//!
//! There is one [`Metrics`], built by whoever builds the app and handed in; nothing here is a static.
//! It reads no clock, knows neither the store nor HTTP, and takes only labels that come from a fixed
//! list, or that its caller has bounded: a service's id, never an address, a login or a secret.

mod process;
mod snapshot;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

pub use snapshot::{Labels, Snapshot};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is counted. Cheap to clone; all clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Counts>);

/// A counter by labels whose values are from fixed lists.
type Counters<const N: usize> = Family<[(&'static str, &'static str); N], Counter>;

struct Counts {
    registry: Registry,
    accept: Histogram,
    accept_to_sent: Histogram,
    commit_transactions: Histogram,
    commit: Histogram,
    attempts: Counters<2>,
    recipients: Counters<1>,
    ended: Counters<1>,
    refreshes: Counters<1>,
    rpcs: Family<[(&'static str, String); 2], Counter>,
    spans: Counters<1>,
    refused: Counters<1>,
    connections: Gauge,
    watchers: Gauge,
    send_streams: Gauge,
}

/// Something that is open: counted until it is dropped.
#[derive(Debug)]
pub struct Open(Gauge);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Counts {
    /// What can be counted is told as 0 from the start, so that the first one is seen as a change.
    fn begin(&self) {
        for verdict in [
            "accepted",
            "partial",
            "refused",
            "deferred",
            "paused",
            "uncertain",
        ] {
            self.attempts
                .get_or_create(&[("verdict", verdict), ("reason", "")])
                .inc_by(0);
        }
        for outcome in ["accepted", "refused", "uncertain", "expired"] {
            self.recipients
                .get_or_create(&[("outcome", outcome)])
                .inc_by(0);
        }
        for state in ["SENT", "PARTIAL", "FAILED", "EXPIRED", "UNCERTAIN"] {
            self.ended.get_or_create(&[("state", state)]).inc_by(0);
        }
        for outcome in ["refreshed", "postponed", "refused", "grant_died"] {
            self.refreshes
                .get_or_create(&[("outcome", outcome)])
                .inc_by(0);
        }
        for what in [
            "connection",
            "rate",
            "stream",
            "receiving_bytes",
            "slow_request",
        ] {
            self.refused.get_or_create(&[("what", what)]).inc_by(0);
        }
        for outcome in ["exported", "dropped"] {
            self.spans.get_or_create(&[("outcome", outcome)]).inc_by(0);
        }
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        // From half a millisecond to 16 seconds.
        let quick = || Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        // From a tenth of a second to three days, which pauses and schedules may take.
        let slow = Histogram::new(exponential_buckets(0.1, 3.0, 14));
        let counts = Counts {
            accept: register(
                &mut registry,
                "accept_duration_seconds",
                "From a decoded Send to its message being durable",
                quick(),
            ),
            accept_to_sent: register(
                &mut registry,
                "accept_to_sent_seconds",
                "From acceptance, or from send_time where that is later, to SENT",
                slow,
            ),
            commit_transactions: register(
                &mut registry,
                "commit_transactions",
                "Transactions that one commit made durable together",
                Histogram::new(exponential_buckets(1.0, 2.0, 12)),
            ),
            commit: register(
                &mut registry,
                "commit_duration_seconds",
                "From a group of transactions taken up to its rows being synced",
                quick(),
            ),
            attempts: register(
                &mut registry,
                "attempts",
                "SMTP transactions that ended, by verdict and the reason of the diagnosis",
                Family::default(),
            ),
            recipients: register(
                &mut registry,
                "recipients",
                "Recipients that an SMTP transaction decided, by outcome",
                Family::default(),
            ),
            ended: register(
                &mut registry,
                "messages_ended",
                "Messages that ended by themselves, by state",
                Family::default(),
            ),
            refreshes: register(
                &mut registry,
                "refreshes",
                "Requests for a fresh access token, by outcome",
                Family::default(),
            ),
            rpcs: register(
                &mut registry,
                "rpcs",
                "gRPC calls that ended, by method and status code",
                Family::default(),
            ),
            spans: register(
                &mut registry,
                "spans",
                "Spans of traces, by what became of them",
                Family::default(),
            ),
            refused: register(
                &mut registry,
                "refused",
                "Connections and calls beyond a limit of the server, by what was full",
                Family::default(),
            ),
            connections: register(
                &mut registry,
                "connections",
                "gRPC connections that are open",
                Gauge::default(),
            ),
            watchers: register(
                &mut registry,
                "watchers",
                "WatchStatus streams that are open",
                Gauge::default(),
            ),
            send_streams: register(
                &mut registry,
                "send_streams",
                "SendStream streams that are open",
                Gauge::default(),
            ),
            registry,
        };
        counts.begin();
        Self(Arc::new(counts))
    }

    /// A message was accepted: durable after so long.
    pub fn accepted(&self, took: Duration) {
        self.0.accept.observe(took.as_secs_f64());
    }

    /// A message is SENT, so long after it could have been.
    pub fn sent(&self, after: Duration) {
        self.0.accept_to_sent.observe(after.as_secs_f64());
    }

    /// So many transactions were made durable together, in so long.
    pub fn committed(&self, transactions: usize, took: Duration) {
        // Exact up to 2^53.
        self.0.commit_transactions.observe(transactions as f64);
        self.0.commit.observe(took.as_secs_f64());
    }

    /// An SMTP transaction ended.
    pub fn attempt(&self, verdict: &'static str, reason: &'static str) {
        let labels = [("verdict", verdict), ("reason", reason)];
        self.0.attempts.get_or_create(&labels).inc();
    }

    /// A transaction decided about a recipient.
    pub fn recipient(&self, outcome: &'static str) {
        let labels = [("outcome", outcome)];
        self.0.recipients.get_or_create(&labels).inc();
    }

    /// Messages ended in this state.
    pub fn ended(&self, state: &'static str, count: u64) {
        let labels = [("state", state)];
        self.0.ended.get_or_create(&labels).inc_by(count);
    }

    /// A provider was asked for a token.
    pub fn refresh(&self, outcome: &'static str) {
        let labels = [("outcome", outcome)];
        self.0.refreshes.get_or_create(&labels).inc();
    }

    /// A call ended. `method` is one of a fixed list.
    pub fn rpc(&self, method: &str, code: &str) {
        let labels = [("method", method.to_owned()), ("code", code.to_owned())];
        self.0.rpcs.get_or_create(&labels).inc();
    }

    /// What became of spans.
    pub fn spans(&self, outcome: &'static str, count: u64) {
        let labels = [("outcome", outcome)];
        self.0.spans.get_or_create(&labels).inc_by(count);
    }

    /// A connection or call was beyond a limit.
    pub fn refused(&self, what: &'static str) {
        self.0.refused.get_or_create(&[("what", what)]).inc();
    }

    /// So many connections are open.
    pub fn connections(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.0.connections.set(count);
    }

    /// A watcher is there until what is returned is dropped.
    pub fn watcher(&self) -> Open {
        self.0.watchers.inc();
        Open(self.0.watchers.clone())
    }

    /// A stream of requests is open until what is returned is dropped.
    pub fn send_stream(&self) -> Open {
        self.0.send_streams.inc();
        Open(self.0.send_streams.clone())
    }

    /// Everything, with what was looked up for this scrape, in Prometheus's text format.
    pub fn text(&self, snapshot: &Snapshot) -> String {
        let mut text = String::new();
        for registry in [&self.0.registry, snapshot.registry()] {
            prometheus_text::encode(&mut text, registry)
                .expect("a String takes all that is written");
        }
        text
    }
}

/// Every name of ours begins alike; counters get their `_total` when they are written.
fn register<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(format!("mailwright_{name}"), help, metric.clone());
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told_under_names_of_ours() {
        let metrics = Metrics::new();
        metrics.accepted(Duration::from_millis(3));
        metrics.attempt("accepted", "");
        let watcher = metrics.watcher();
        let text = metrics.text(&Snapshot::default());
        for line in [
            "mailwright_accept_duration_seconds_count 1",
            "mailwright_accept_duration_seconds_bucket{le=\"0.004\"} 1",
            "mailwright_attempts_total{verdict=\"accepted\",reason=\"\"} 1",
            "mailwright_watchers 1",
            "mailwright_refreshes_total{outcome=\"grant_died\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        drop(watcher);
        assert!(
            metrics
                .text(&Snapshot::default())
                .contains("mailwright_watchers 0")
        );
    }

    #[test]
    fn a_label_can_not_break_out_of_its_quotes() {
        let mut snapshot = Snapshot::default();
        let label = vec![("service_id", "a\"b\\c\nd".to_owned())];
        snapshot.gauges("mailwright_x", "X", [(label, 1.0)]);
        let text = Metrics::new().text(&snapshot);
        assert!(
            text.contains(r#"mailwright_x{service_id="a\"b\\c\nd"} 1"#),
            "{text}"
        );
    }
}
