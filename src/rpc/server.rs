//! The gRPC server: the three APIs with health and reflection, and its limits.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::server::NamedService;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::HealthReporter;

use super::access::Door;
use super::deadline::Deadline;
use super::health::AllHealth;
use super::lines::Lines;
use super::listener::connections;
use super::observe::Observe;
use super::proto::FILE_DESCRIPTOR_SET;
use super::proto::v1::admin_api_server::AdminApiServer;
use super::proto::v1::mail_api_server::MailApiServer;
use super::proto::v1::status_api_server::StatusApiServer;
use super::tls::Tls;
use super::{Api, codec};
use crate::ops::Core;

/// The largest request on AdminAPI and StatusAPI.
const SMALL_REQUEST_MAX: usize = 1024 * 1024;

/// A peer that answers no ping for so long is gone, and its streams with it.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// What a stream may send ahead of being read.
const STREAM_WINDOW: u32 = 512 * 1024;

/// What all streams of a connection may send ahead. A stream that is not read keeps its share of
/// this, so it must hold several of them: else one that waits would stop its neighbours.
const CONNECTION_WINDOW: u32 = 16 * STREAM_WINDOW;

/// What the headers of a call may take, in bytes, as HPACK counts them. A key, a trace and what proxies add
/// take a tenth of it.
const HEADERS_MAX: u32 = 16 * 1024;

/// Streams that a client has taken back before they were looked at, and those that broke a rule: more in
/// a row end the connection (CVE-2023-44487, "rapid reset", and CVE-2025-8671, "made you reset").
const RESETS_MAX: usize = 20;
const ERRORS_MAX: usize = 256;

/// Serves until `stopping` is set, and then until what is under way has ended.
///
/// # Errors
/// When the listener fails.
pub fn serve(
    core: Arc<Core>,
    listener: TcpListener,
    tls: Option<Tls>,
    stopping: watch::Receiver<bool>,
) -> impl Future<Output = io::Result<()>> {
    let server = &core.config.server;
    let (max_request, max_streams) = (
        server.max_request_bytes as usize,
        server.max_streams_per_connection,
    );
    let max_age = match server.max_connection_age_seconds {
        0 => None,
        seconds => Some(Duration::from_secs(seconds.into())),
    };
    let observe = Observe::new(
        core.metrics.clone(),
        &[FILE_DESCRIPTOR_SET, tonic_health::pb::FILE_DESCRIPTOR_SET],
    );
    let api = Api {
        core,
        stopping: stopping.clone(),
    };
    async move {
        let mut health = HealthReporter::new();
        let all_health = HealthServer::new(AllHealth::new(api.clone(), health.clone()));
        set_health(&health, ServingStatus::Serving).await;
        let stop = async {
            stopped(stopping).await;
            set_health(&health, ServingStatus::NotServing).await;
            // Ends the streams of those who watch it, after they have seen that.
            for name in NAMES {
                health.clear_service_status(name).await;
            }
        };
        let (env, metrics) = (api.core.env.clone(), api.core.metrics.clone());
        let deadline = Deadline::new(env.clone());
        let lines = Lines::new(&api.core.config, env.clone(), metrics);
        let incoming = connections(listener, tls.as_ref(), lines, env);
        let mut server = Server::builder();
        if let Some(age) = max_age {
            server = server.max_connection_age(age);
        }
        let served = server
            .http2_max_header_list_size(HEADERS_MAX)
            .http2_max_pending_accept_reset_streams(Some(RESETS_MAX))
            .http2_max_local_error_reset_streams(Some(ERRORS_MAX))
            .max_concurrent_streams(Some(max_streams))
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .layer(observe)
            .layer(deadline)
            .layer(codec::layer())
            .layer(Door::new(api.core.clone()))
            .add_service(all_health)
            .add_service(reflection().build_v1().map_err(io::Error::other)?)
            .add_service(reflection().build_v1alpha().map_err(io::Error::other)?)
            .add_service(
                AdminApiServer::new(api.clone()).max_decoding_message_size(SMALL_REQUEST_MAX),
            )
            .add_service(MailApiServer::new(api.clone()).max_decoding_message_size(max_request))
            .add_service(StatusApiServer::new(api).max_decoding_message_size(SMALL_REQUEST_MAX))
            .serve_with_incoming_shutdown(incoming, stop);
        let current = async {
            match tls {
                Some(tls) => tls.keep_current().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            served = served => served.map_err(io::Error::other),
            () = current => Ok(()),
        }
    }
}

/// Ends once `stopping` is set.
pub(super) async fn stopped(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone has stopped, too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// What health answers for beside mailboxes: the process, and each API.
const NAMES: [&str; 4] = [
    "",
    AdminApiServer::<Api>::NAME,
    MailApiServer::<Api>::NAME,
    StatusApiServer::<Api>::NAME,
];

async fn set_health(health: &HealthReporter, status: ServingStatus) {
    for name in NAMES {
        health.set_service_status(name, status).await;
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // For grpcurl, which shows error details only if it can look them up.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}
