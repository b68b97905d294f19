//! `/metrics`, on a listener of its own: what it tells is for operators, and the other listener faces
//! browsers.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::listener::Bounded;
use crate::metrics::CONTENT_TYPE;
use crate::ops::{Core, scrape};

/// Scrapes at once; one more is told to come again.
const AT_ONCE: usize = 4;

#[derive(Clone)]
struct Site {
    core: Arc<Core>,
    room: Arc<Semaphore>,
}

/// Serves until `stopping` is set, and then until what is under way has ended.
///
/// # Errors
/// When the listener fails.
pub fn serve(
    core: Arc<Core>,
    listener: TcpListener,
    mut stopping: watch::Receiver<bool>,
) -> impl Future<Output = io::Result<()>> {
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let router = Router::new()
        .route("/metrics", get(metrics))
        .fallback(async || {
            (
                StatusCode::NOT_FOUND,
                "There is /metrics here, and nothing else.\n",
            )
        })
        .with_state(Site { core, room });
    async move {
        let stop = async move {
            // A sender that is gone has stopped, too.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        axum::serve(Bounded::new(listener), router)
            .with_graceful_shutdown(stop)
            .await
    }
}

async fn metrics(State(site): State<Site>) -> impl IntoResponse {
    match site.room.try_acquire() {
        Ok(_room) => {
            let text = scrape::scrape(&site.core).await;
            ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
        }
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "other scrapes are under way\n",
        )
            .into_response(),
    }
}
