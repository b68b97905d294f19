//! What browsers and probes reach: the OAuth callback page, `/livez` and `/readyz`; and, on a listener
//! of its own, `/metrics`.
//!
//! It turns a query into the same operation that CompleteAuthorize calls, and its outcome into a
//! page. It keeps nothing.

mod callback;
mod listener;
pub mod metrics;
mod page;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, extract::Request};
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::listener::Bounded;
use crate::ops::Core;

/// A store that doesn't answer within this time is not ready.
const READY_WITHIN: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct Site {
    core: Arc<Core>,
    stopping: watch::Receiver<bool>,
}

/// Serves until `ending` is set, and then until what is under way has ended. From when `stopping` is
/// set, it is alive and not ready.
///
/// # Errors
/// When the listener fails.
pub fn serve(
    core: Arc<Core>,
    listener: TcpListener,
    stopping: watch::Receiver<bool>,
    mut ending: watch::Receiver<bool>,
) -> impl Future<Output = io::Result<()>> {
    let site = Site { core, stopping };
    // A HEAD must not use an authorization up.
    let router = Router::new()
        .route("/oauth2/callback", get(callback::shared).head(async || ()))
        .route(
            "/oauth2/callback/{service_id}",
            get(callback::own).head(async || ()),
        )
        .route("/oauth2/page.css", get(page::style))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing here.\n"))
        .layer(middleware::from_fn(harden))
        .with_state(site);
    async move {
        let stop = async move {
            // A sender that is gone has stopped, too.
            let _ = ending.wait_for(|ending| *ending).await;
        };
        axum::serve(Bounded::new(listener), router)
            .with_graceful_shutdown(stop)
            .await
    }
}

/// Ready: not draining, and the store answers.
async fn ready(State(site): State<Site>) -> Response {
    if *site.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response();
    }
    match site
        .core
        .env
        .timeout(READY_WITHIN, site.core.store.bounds())
        .await
    {
        Ok(Ok(_)) => "ok\n".into_response(),
        Ok(Err(_)) | Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store does not answer\n",
        )
            .into_response(),
    }
}

/// Nothing here may be framed, cached, scripted, sniffed or told to other sites.
async fn harden(request: Request, next: Next) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
