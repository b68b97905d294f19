//! Entra's error codes, texts and the two shapes they are shown in: token-endpoint JSON and a page.
//!
//! The texts are Microsoft's as documented or observed; a code without a known text gets a neutral one.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::sandbox::shared::Shared;
use crate::sandbox::{clock, pages};

/// In which way a token request is refused before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRefusal {
    /// HTTP 429 with `Retry-After: 60` and a plain-text body.
    TooManyRequests,
    /// HTTP 503 with an HTML body and no `Retry-After`.
    Unavailable,
    /// `invalid_grant` with AADSTS50196, which is not a dead grant.
    ClientLoop,
    /// The JSON error of this AADSTS number.
    Code(u32),
}

/// One error of the identity provider.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub error: &'static str,
    pub code: u32,
    pub text: String,
}

impl Failure {
    pub fn new(code: u32, text: impl Into<String>) -> Self {
        Self {
            error: error_of(code),
            code,
            text: text.into(),
        }
    }

    /// `AADSTS<number>: <text>`.
    pub fn headline(&self) -> String {
        format!("AADSTS{}: {}", self.code, self.text)
    }

    /// The headline and Entra's three trailing lines.
    pub fn description(&self, shared: &Shared, trace: &str, correlation: &str) -> String {
        format!(
            "{}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {}",
            self.headline(),
            clock::entra(shared.now())
        )
    }

    /// The token endpoint's answer: 401 for `invalid_client`, otherwise 400.
    pub fn to_json(&self, shared: &Shared, authority: &str) -> Response {
        let (trace, correlation) = (shared.random_guid(), shared.random_guid());
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
        put("error", json!(self.error));
        put(
            "error_description",
            json!(self.description(shared, &trace, &correlation)),
        );
        put("error_codes", json!([self.code]));
        put("timestamp", json!(clock::entra(shared.now())));
        put("trace_id", json!(trace));
        put("correlation_id", json!(correlation));
        put(
            "error_uri",
            json!(format!("{authority}/error?code={}", self.code)),
        );
        if let Some(suberror) = suberror_of(self.code) {
            put("suberror", json!(suberror));
        }
        let status = match self.error {
            "invalid_client" => StatusCode::UNAUTHORIZED,
            _ => StatusCode::BAD_REQUEST,
        };
        (status, no_store(), Json(body)).into_response()
    }

    /// Shown to the user; never redirected.
    pub fn to_page(&self, shared: &Shared) -> Response {
        let description = self.description(shared, &shared.random_guid(), &shared.random_guid());
        pages::html(StatusCode::BAD_REQUEST, &pages::failure(&description))
    }
}

impl TokenRefusal {
    pub(super) fn respond(self, shared: &Shared, authority: &str) -> Response {
        match self {
            Self::TooManyRequests => (
                StatusCode::TOO_MANY_REQUESTS,
                [
                    (header::RETRY_AFTER, "60"),
                    (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
                ],
                "Too Many Requests",
            )
                .into_response(),
            Self::Unavailable => pages::html(
                StatusCode::SERVICE_UNAVAILABLE,
                "<!DOCTYPE html><html><head><title>503 Service Unavailable</title></head>\
                 <body><h2>Our services aren't available right now</h2></body></html>",
            ),
            Self::ClientLoop => known(50196).to_json(shared, authority),
            Self::Code(code) => known(code).to_json(shared, authority),
        }
    }
}

pub(super) fn no_store() -> [(header::HeaderName, &'static str); 2] {
    [
        (header::CACHE_CONTROL, "no-store, no-cache"),
        (header::PRAGMA, "no-cache"),
    ]
}

/// The error of a number whose text needs no details.
pub(super) fn known(code: u32) -> Failure {
    let text = match code {
        50034 => {
            "The user account does not exist in the directory. To sign into this application, the account must be added to the directory."
        }
        50053 => {
            "The account is locked, you've tried to sign in too many times with an incorrect user ID or password."
        }
        50055 => "The password is expired.",
        50057 => "The user account is disabled.",
        50058 => "A silent sign-in request was sent but no user is signed in.",
        50076 => {
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000002-0000-0ff1-ce00-000000000000'."
        }
        50079 => {
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access '00000002-0000-0ff1-ce00-000000000000'."
        }
        50196 => {
            "The server terminated an operation because it encountered a client request loop. Please contact your app vendor."
        }
        501_481 => {
            "The Code_Verifier does not match the code_challenge supplied in the authorization request."
        }
        53003 => {
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."
        }
        54005 => {
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."
        }
        65004 => "User declined to consent to access the app.",
        70000 => {
            "The provided value for the input parameter is not valid: the grant is invalid or malformed."
        }
        70008 => {
            "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource."
        }
        70043 => {
            "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access."
        }
        700_005 => {
            "The provided Authorization Code is intended to use against other tenant, thus rejected."
        }
        700_025 => {
            "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
        }
        7_000_218 => {
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        }
        90033 => "A transient error has occurred. Please try again.",
        90055 => "The tenant is throttled due to too many incoming requests.",
        90130 => {
            "Application is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint."
        }
        9_001_023 => {
            "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint."
        }
        9_002_313 => "Invalid request. Request is malformed or invalid.",
        _ => "The request was refused by the sandbox.",
    };
    Failure::new(code, text)
}

fn error_of(code: u32) -> &'static str {
    match code {
        50058 => "login_required",
        50072 | 50074 | 50076 | 50079 | 50158 | 53000 | 530_003 => "interaction_required",
        65004 => "access_denied",
        500_011 | 650_057 => "invalid_resource",
        70011 | 700_022 | 28_002 | 28_003 | 1_002_012 => "invalid_scope",
        70002 | 700_025 | 7_000_215 | 7_000_218 | 7_000_222 | 650_052 => "invalid_client",
        700_016 | 70001 | 7_000_112 | 700_011 => "unauthorized_client",
        70003 => "unsupported_grant_type",
        90033 | 90055 | 90006 | 90012 | 90024 => "temporarily_unavailable",
        50033 | 50087 | 90036 | 90090 | 70012 => "server_error",
        50059 | 50128 | 50147 | 50194 | 90002 | 90014 | 90023 | 90130 | 900_144 | 9_001_023
        | 9_002_313 | 28_000 | 50011 | 500_113 => "invalid_request",
        _ => "invalid_grant",
    }
}

fn suberror_of(code: u32) -> Option<&'static str> {
    match code {
        65001 => Some("consent_required"),
        50055 => Some("user_password_expired"),
        50076 | 50079 => Some("basic_action"),
        _ => None,
    }
}
