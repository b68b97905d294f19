//! The page to which the provider sends the browser back.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

use super::{Site, page};
use crate::model::Error;
use crate::oauth::Redirect;
use crate::ops::authorize::{self, Door};

/// A query longer than this is none of a provider's.
const QUERY_MAX_BYTES: usize = 32 * 1024;

/// `/oauth2/callback`
pub(super) async fn shared(State(site): State<Site>, RawQuery(query): RawQuery) -> Response {
    complete(&site, Door::SharedCallback, query.as_deref()).await
}

/// `/oauth2/callback/{service_id}`
pub(super) async fn own(
    State(site): State<Site>,
    Path(service_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    complete(&site, Door::OwnCallback(service_id), query.as_deref()).await
}

async fn complete(site: &Site, door: Door, query: Option<&str>) -> Response {
    let query = query
        .filter(|query| query.len() <= QUERY_MAX_BYTES)
        .unwrap_or_default();
    let redirect = Redirect::from_pairs(url::form_urlencoded::parse(query.as_bytes()));
    let (status, body) = match authorize::complete(&site.core, door, redirect).await {
        Ok(completed) => (
            StatusCode::OK,
            page::authorized(&completed, site.core.config.server.grpc_listen),
        ),
        Err(Error::State { diagnosis, .. }) => (StatusCode::BAD_REQUEST, page::refused(&diagnosis)),
        Err(Error::NotFound { .. } | Error::Invalid(_)) => (StatusCode::NOT_FOUND, page::unknown()),
        Err(error @ Error::Conflict { .. }) => {
            (StatusCode::CONFLICT, page::unavailable(&error.to_string()))
        }
        Err(Error::Unavailable { description, .. }) => (
            StatusCode::SERVICE_UNAVAILABLE,
            page::unavailable(&description),
        ),
        Err(error) => {
            tracing::error!(?error, "an authorization failed");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                page::unavailable("An internal error occurred; the server's log tells more."),
            )
        }
    };
    (status, Html(body)).into_response()
}
