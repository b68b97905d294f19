//! What a scrape tells: what was counted as it happened, and gauges that are looked up for it.
//!
//! Sums are single rows that the store keeps as they change; what is told by service comes from a
//! census, which bounds itself. A store that fails is told as such, and the rest all the same.

use super::Core;
use super::census::{self, Census};
use crate::metrics::{Labels, Snapshot};
use crate::model::service::ServiceState;
use crate::model::{ServiceId, Timestamp};
use crate::store::{StoreError, Usage};

/// Stands for all services that are not told by their ids; no id can look like this.
const OTHER: &str = "_other";

/// Everything, in Prometheus's text format.
pub async fn scrape(core: &Core) -> String {
    let mut snapshot = Snapshot::of_process(core.start_time);
    let (in_use, idle) = core.pool.sessions();
    let sessions = [("in_use", in_use), ("idle", idle)];
    snapshot.gauges(
        "mailwright_smtp_sessions",
        "Connections to mail servers, being opened included",
        sessions.map(|(state, count)| (label("state", state), count as f64)),
    );
    if let Some(usage) = core.store.usage() {
        disk(&mut snapshot, usage);
    }
    let up = match stored(core, &mut snapshot).await {
        Ok(()) => 1.0,
        Err(error) => {
            tracing::warn!(?error, "the store can't be counted");
            0.0
        }
    };
    snapshot.gauge("mailwright_store_up", "Whether the store answers", up);
    core.metrics.text(&snapshot)
}

fn disk(snapshot: &mut Snapshot, usage: Usage) {
    let parts = [("log", usage.log), ("segments", usage.segments)];
    snapshot.gauges(
        "mailwright_store_size_bytes",
        "What the store takes on its disk, by part",
        parts.map(|(part, bytes)| (label("part", part), bytes as f64)),
    );
    snapshot.gauge(
        "mailwright_store_free_bytes",
        "What may still be written to the store's disk",
        usage.free as f64,
    );
}

async fn stored(core: &Core, snapshot: &mut Snapshot) -> Result<(), StoreError> {
    let totals = core.store.totals().await?;
    let census = census::latest(core).await?;
    for (name, help, value) in [
        (
            "mailwright_outbox_messages",
            "Messages that have been accepted and have not ended",
            totals.waiting.messages,
        ),
        (
            "mailwright_outbox_bytes",
            "Their bytes, as sent",
            totals.waiting.bytes,
        ),
        (
            "mailwright_outbox_limit_messages",
            "How many may wait (outbox.total_messages)",
            core.config.outbox.total_messages,
        ),
        (
            "mailwright_outbox_limit_bytes",
            "How many of their bytes may (outbox.total_bytes)",
            core.config.outbox.total_bytes,
        ),
        (
            "mailwright_uncertain_messages",
            "UNCERTAIN messages that wait for a person",
            totals.uncertain,
        ),
    ] {
        snapshot.gauge(name, help, value as f64);
    }
    services(snapshot, &census);
    queues(snapshot, &census, core.env.now());
    Ok(())
}

fn services(snapshot: &mut Snapshot, census: &Census) {
    let count = |state| census.states.get(&state).copied().unwrap_or_default();
    snapshot.gauges(
        "mailwright_services",
        "Services by state",
        ServiceState::ALL.map(|state| (label("state", name(state)), count(state) as f64)),
    );
    let unusable = census.unusable.iter().map(|((_, state), id)| {
        let mut labels = of_service(id);
        labels.push(("state", name(*state).to_owned()));
        (labels, 1.0)
    });
    snapshot.gauges(
        "mailwright_service_unusable",
        "Services that can't send, by state: those with the most mail that waits",
        unusable,
    );
    let expiring = census.expiring.iter();
    snapshot.gauges(
        "mailwright_client_secret_expire_timestamp_seconds",
        "When the client secrets expire that expire first, in seconds since 1970",
        expiring.map(|(time, id)| (of_service(id), time.unix_micros() as f64 / 1e6)),
    );
}

fn queues(snapshot: &mut Snapshot, census: &Census, now: Timestamp) {
    let deepest = census.deepest.iter();
    let deepest = deepest.map(|(messages, id)| (of_service(id), messages.0 as f64));
    let others = (label("service_id", OTHER), census.other_messages as f64);
    snapshot.gauges(
        "mailwright_queue_messages",
        "Messages that have been accepted and have not ended, by service",
        deepest.chain([others]),
    );
    let age = |since: Timestamp| now.since(since).as_secs_f64();
    let oldest = census.oldest.iter();
    let oldest = oldest.map(|(since, id)| (of_service(id), age(*since)));
    let others = census.other_oldest.map_or(0.0, age);
    snapshot.gauges(
        "mailwright_queue_oldest_age_seconds",
        "How long ago the oldest of them could have been sent, by service",
        oldest.chain([(label("service_id", OTHER), others)]),
    );
}

fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

fn of_service(id: &ServiceId) -> Labels {
    label("service_id", id.as_str())
}

/// As the API writes it.
fn name(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Suspended => "SUSPENDED",
        ServiceState::PendingAuthorization => "PENDING_AUTHORIZATION",
        ServiceState::NeedsAuthorization => "NEEDS_AUTHORIZATION",
        ServiceState::PendingTest => "PENDING_TEST",
        ServiceState::Blocked => "BLOCKED",
        ServiceState::Ready => "READY",
    }
}
