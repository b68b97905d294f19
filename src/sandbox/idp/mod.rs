//! The identity providers: Entra's v2 endpoints under `/{tenant}/`, and Google's under `/google`.
//!
//! It promises Entra's checks in Entra's order and its error codes. It keeps no sign-in session: every
//! authorization asks for the account again, and no password is ever asked for.

mod authorize;
mod claims;
mod client;
mod errors;
pub(super) mod google;
mod scopes;
mod token;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use super::web::Site;
use super::world::World;
use errors::Failure;
pub use errors::TokenRefusal;
pub(super) use scopes::is_exchange;

/// The routes of the identity provider.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route(
            "/{tenant}/oauth2/v2.0/authorize",
            get(authorize::show).post(authorize::decide),
        )
        .route(
            "/{tenant}/v2.0/adminconsent",
            get(authorize::show_admin).post(authorize::decide),
        )
        .route("/{tenant}/oauth2/v2.0/token", post(token::token))
        .route("/{tenant}/oauth2/v2.0/revoke", post(token::revoke))
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(configuration),
        )
        .route(
            "/google/o/oauth2/v2/auth",
            get(google::show).post(google::decide),
        )
        .route("/google/token", post(google::token))
        .route("/google/revoke", post(google::revoke))
}

/// Which directory a request addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Authority {
    Common,
    Organizations,
    Consumers,
    /// A tenant's GUID.
    Tenant(String),
}

impl Authority {
    fn parse(world: &World, segment: &str) -> Result<Self, Failure> {
        match segment.to_lowercase().as_str() {
            "common" => Ok(Self::Common),
            "organizations" => Ok(Self::Organizations),
            "consumers" => Ok(Self::Consumers),
            other => match world.tenant(other) {
                Some(tenant) => Ok(Self::Tenant(tenant.id.clone())),
                None => Err(Failure::new(
                    90002,
                    format!(
                        "Tenant '{segment}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
                    ),
                )),
            },
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Common => "common",
            Self::Organizations => "organizations",
            Self::Consumers => "consumers",
            Self::Tenant(id) => id,
        }
    }
}

async fn configuration(State(site): State<Arc<Site>>, Path(tenant): Path<String>) -> Response {
    let authority = site.authority();
    let parsed = site.shared().read(|world| Authority::parse(world, &tenant));
    let directory = match parsed {
        Ok(parsed) => parsed,
        Err(failure) => return failure.to_json(site.shared(), &authority),
    };
    let issuer = match &directory {
        Authority::Tenant(id) => id.as_str(),
        _ => "{tenantid}",
    };
    let base = format!("{authority}/{}", directory.as_str());
    Json(json!({
        "issuer": format!("{authority}/{issuer}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "revocation_endpoint": format!("{base}/oauth2/v2.0/revoke"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "id_token_signing_alg_values_supported": ["none"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "upn", "email", "tid", "oid"],
    }))
    .into_response()
}
