//! Google's endpoints, under `/google`, as far as they differ from Entra's: a refresh token only for
//! who asks for offline access, at the first consent or with `prompt=consent`; none in the answers to
//! refreshes; errors without numbers.
//!
//! It shares tickets, codes and tokens with Entra's side, under a tenant of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use serde_json::{Map, Value, json};

use super::authorize::{found, location, make_room};
use super::claims;
use super::client::{Params, optional, redirect_allowed};
use super::errors::no_store;
use super::{scopes, token::counted};
use crate::sandbox::pages;
use crate::sandbox::shared::Shared;
use crate::sandbox::web::Site;
use crate::sandbox::world::{AccessToken, App, Code, RefreshToken, Ticket, World};
use crate::sandbox::{GOOGLE, clock};

/// What mail is sent with; the audience of a token that allows it.
pub(in crate::sandbox) const MAIL: &str = "https://mail.google.com/";
/// Stands for offline access among the scopes that are kept; Google itself has no such scope.
const OFFLINE: &str = "offline_access";
const CODE_LIFETIME: Duration = Duration::from_secs(600);
const UNUSED_MAX: Duration = Duration::from_secs(183 * 86_400);
const ENTRIES_MAX: usize = 10_000;

/// An error of the token endpoint.
struct Refused(StatusCode, &'static str, &'static str);

const DEAD: Refused = Refused(
    StatusCode::BAD_REQUEST,
    "invalid_grant",
    "Token has been expired or revoked.",
);
const BAD_CODE: Refused = Refused(
    StatusCode::BAD_REQUEST,
    "invalid_grant",
    "Malformed auth code.",
);

/// `GET /google/o/oauth2/v2/auth`.
pub(super) async fn show(State(site): State<Arc<Site>>, Query(params): Query<Params>) -> Response {
    let shared = site.shared();
    let (now, id) = (shared.now(), shared.random_hex::<24>());
    let checked = shared.update(|world| {
        let ticket = check(world, &params, now)?;
        let page = consent_page(world, &ticket, &id, &params);
        make_room(&mut world.tickets, ENTRIES_MAX, |ticket| ticket.issued);
        world.tickets.insert(id.clone(), ticket);
        Ok::<_, &'static str>(page)
    });
    match checked {
        Ok(page) => pages::html(StatusCode::OK, &page),
        Err(text) => pages::html(StatusCode::BAD_REQUEST, &pages::failure(text)),
    }
}

/// The form that the page posts.
pub(super) async fn decide(State(site): State<Arc<Site>>, Form(form): Form<Params>) -> Response {
    let shared = site.shared();
    let code = format!("4/0A{}", shared.random_hex::<35>());
    let now = shared.now();
    let decided = shared.update(|world| {
        let ticket = optional(&form, "ticket").and_then(|id| world.tickets.remove(id))?;
        if optional(&form, "decision") != Some("accept") {
            return Some(location(&ticket, &[("error", "access_denied")]));
        }
        let account = optional(&form, "account")?.to_lowercase();
        let is_known = |account: &&crate::sandbox::Account| account.tenant == GOOGLE;
        world.accounts.get(&account).filter(is_known)?;
        Some(accept(world, ticket, account, &code, now))
    });
    match decided {
        Some(location) => found(&location),
        None => pages::html(
            StatusCode::BAD_REQUEST,
            &pages::failure("Error 400: invalid_request"),
        ),
    }
}

/// `POST /google/token`.
pub(super) async fn token(State(site): State<Arc<Site>>, Form(params): Form<Params>) -> Response {
    let shared = site.shared();
    let answer = shared.update(|world| {
        let requests = &mut world.stats.token_requests;
        *requests.entry(counted(&params).to_owned()).or_default() += 1;
        let answer = answer(world, shared, &params);
        world.stats.token_errors += u64::from(answer.is_err());
        answer
    });
    match answer {
        Ok(body) => (no_store(), Json(body)).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// `POST /google/revoke`: by an access or a refresh token, and it ends both.
pub(super) async fn revoke(State(site): State<Arc<Site>>, Form(params): Form<Params>) -> Response {
    let now = site.shared().now();
    let revoked = site.shared().update(|world| {
        let presented = optional(&params, "token")?;
        let token = world.refresh_tokens.get_mut(presented)?;
        let is_live = token.revoked.replace(now).is_none();
        let user = Some(token.user.clone());
        for access in world.access_tokens.values_mut() {
            if access.user == user && access.audience == MAIL {
                access.expires = now;
            }
        }
        is_live.then_some(())
    });
    match revoked {
        Some(()) => Json(json!({})).into_response(),
        None => Refused(
            StatusCode::BAD_REQUEST,
            "invalid_token",
            "Token expired or revoked",
        )
        .into_response(),
    }
}

fn check(world: &World, params: &Params, now: SystemTime) -> Result<Ticket, &'static str> {
    let app = optional(params, "client_id")
        .and_then(|id| app(world, id))
        .ok_or("Access blocked: Authorization Error\nThe OAuth client was not found.\nError 401: invalid_client")?;
    let redirect_uri = optional(params, "redirect_uri")
        .filter(|uri| redirect_allowed(app, uri))
        .ok_or("Access blocked: This app's request is invalid\nError 400: redirect_uri_mismatch")?;
    if optional(params, "response_type") != Some("code") {
        return Err("Access blocked: Authorization Error\nError 400: unsupported_response_type");
    }
    let mut scopes = optional(params, "scope")
        .map(scopes::split)
        .unwrap_or_default();
    if scopes.is_empty() {
        return Err(
            "Access blocked: Authorization Error\nMissing required parameter: scope\nError 400: invalid_request",
        );
    }
    if optional(params, "access_type") == Some("offline") {
        scopes.push(OFFLINE.to_owned());
    }
    Ok(Ticket {
        tenant: GOOGLE.to_owned(),
        client_id: app.client_id.clone(),
        redirect_uri: redirect_uri.to_owned(),
        scopes,
        state: optional(params, "state").map(str::to_owned),
        fragment: false,
        nonce: optional(params, "nonce").map(str::to_owned),
        challenge: optional(params, "code_challenge").map(|challenge| {
            let s256 = optional(params, "code_challenge_method") == Some("S256");
            (challenge.to_owned(), s256)
        }),
        admin: false,
        consent_anew: optional(params, "prompt") == Some("consent"),
        issued: now,
    })
}

fn consent_page(world: &World, ticket: &Ticket, id: &str, params: &Params) -> String {
    let hint = optional(params, "login_hint").map(str::to_lowercase);
    let accounts: Vec<_> = world
        .accounts
        .values()
        .filter(|account| account.tenant == GOOGLE)
        .map(|account| {
            let chosen = hint.as_deref() == Some(account.email.as_str());
            (account.email.clone(), chosen)
        })
        .collect();
    let shown: Vec<String> = asked(&ticket.scopes).cloned().collect();
    pages::consent(&pages::Consent {
        action: "/google/o/oauth2/v2/auth",
        ticket: id,
        app: &ticket.client_id,
        scopes: &shown,
        accounts: &accounts,
        admin: false,
    })
}

/// Notes the consent and makes a code; where the browser goes with it.
fn accept(
    world: &mut World,
    mut ticket: Ticket,
    account: String,
    code: &str,
    now: SystemTime,
) -> String {
    let key = (ticket.client_id.clone(), account.clone());
    let before = world.consents.entry(key).or_default();
    let is_first = before.is_empty();
    before.extend(asked(&ticket.scopes).cloned());
    let unticked = world.unticked.clone();
    let offline = scopes::has(&ticket.scopes, OFFLINE) && (is_first || ticket.consent_anew);
    ticket.scopes.retain(|scope| match scope.as_str() {
        OFFLINE => offline,
        scope => !unticked.contains(&scope.to_lowercase()),
    });
    let scope = granted(&ticket.scopes);
    let to = location(
        &ticket,
        &[("code", code), ("scope", &scope), ("authuser", "0")],
    );
    make_room(&mut world.codes, ENTRIES_MAX, |code| code.issued);
    let issued = Code {
        ticket,
        user: account,
        issued: now,
        redeemed: false,
    };
    world.codes.insert(code.to_owned(), issued);
    to
}

fn answer(world: &mut World, shared: &Shared, params: &Params) -> Result<Value, Refused> {
    let now = shared.now();
    let bad = |error, text| Refused(StatusCode::BAD_REQUEST, error, text);
    let not_found = Refused(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "The OAuth client was not found.",
    );
    let app = optional(params, "client_id")
        .and_then(|id| app(world, id))
        .ok_or(not_found)?;
    let secret = optional(params, "client_secret")
        .ok_or_else(|| bad("invalid_request", "client_secret is missing."))?;
    let is_good = |known: &crate::sandbox::Secret| {
        known.value == secret && known.expires.is_none_or(|at| now < at)
    };
    if !app.secrets.iter().any(is_good) {
        let text = "The provided client secret is invalid.";
        return Err(Refused(StatusCode::UNAUTHORIZED, "invalid_client", text));
    }
    let client_id = app.client_id.clone();
    match optional(params, "grant_type") {
        Some("authorization_code") => {
            let grant = redeem(world, &client_id, params, now)?;
            let offline = scopes::has(&grant.scopes, OFFLINE);
            let body = bearer(world, shared, &grant);
            Ok(with_refresh_token(world, shared, grant, body, offline))
        }
        Some("refresh_token") => {
            let presented = optional(params, "refresh_token").unwrap_or_default();
            let known = world.refresh_tokens.get_mut(presented).ok_or(DEAD)?;
            let is_unused = now >= known.issued + UNUSED_MAX;
            if known.client_id != client_id || known.revoked.is_some() || is_unused {
                return Err(DEAD);
            }
            known.issued = now;
            let grant = known.clone();
            Ok(Value::Object(bearer(world, shared, &grant)))
        }
        _ => Err(bad("unsupported_grant_type", "Invalid grant_type")),
    }
}

fn redeem(
    world: &mut World,
    client_id: &str,
    params: &Params,
    now: SystemTime,
) -> Result<RefreshToken, Refused> {
    let presented = optional(params, "code").ok_or(BAD_CODE)?;
    let code = world.codes.get_mut(presented).ok_or(BAD_CODE)?;
    let ticket = &code.ticket;
    let is_over = code.redeemed || now >= code.issued + CODE_LIFETIME;
    if ticket.tenant != GOOGLE || ticket.client_id != client_id || is_over {
        return Err(BAD_CODE);
    }
    if optional(params, "redirect_uri") != Some(ticket.redirect_uri.as_str()) {
        return Err(Refused(
            StatusCode::BAD_REQUEST,
            "redirect_uri_mismatch",
            "Bad Request",
        ));
    }
    let is_proven = match (&ticket.challenge, optional(params, "code_verifier")) {
        (None, None) => true,
        (Some((challenge, s256)), Some(v)) => claims::verifier_matches(challenge, *s256, v),
        _ => false,
    };
    if !is_proven {
        return Err(Refused(
            StatusCode::BAD_REQUEST,
            "invalid_grant",
            "Invalid code verifier.",
        ));
    }
    code.redeemed = true;
    Ok(RefreshToken {
        client_id: client_id.to_owned(),
        user: code.user.clone(),
        scopes: ticket.scopes.clone(),
        nonce: ticket.nonce.clone(),
        issued: now,
        revoked: None,
        family: presented.to_owned(),
    })
}

fn bearer(world: &mut World, shared: &Shared, grant: &RefreshToken) -> Map<String, Value> {
    let now = shared.now();
    let value = format!("ya29.a0{}", shared.random_hex::<100>());
    let mail = scopes::has(&grant.scopes, MAIL);
    let token = AccessToken {
        audience: if mail { MAIL } else { "" }.to_owned(),
        scopes: grant.scopes.clone(),
        user: Some(grant.user.clone()),
        client_id: grant.client_id.clone(),
        tenant: GOOGLE.to_owned(),
        roles: Vec::new(),
        expires: now + world.token_lifetime,
    };
    make_room(&mut world.access_tokens, ENTRIES_MAX, |token| token.expires);
    world.access_tokens.insert(value.clone(), token);
    world.stats.access_tokens_issued += 1;
    let mut body = Map::new();
    body.insert("access_token".to_owned(), json!(value));
    body.insert(
        "expires_in".to_owned(),
        json!(world.token_lifetime.as_secs()),
    );
    body.insert("scope".to_owned(), json!(granted(&grant.scopes)));
    body.insert("token_type".to_owned(), json!("Bearer"));
    if scopes::has(&grant.scopes, "openid") {
        let claims = id_claims(&world.id_claims, grant, now);
        body.insert("id_token".to_owned(), json!(claims::unsigned(&claims)));
    }
    body
}

fn with_refresh_token(
    world: &mut World,
    shared: &Shared,
    grant: RefreshToken,
    mut body: Map<String, Value>,
    offline: bool,
) -> Value {
    if offline && !world.omit_refresh {
        let value = format!("1//0{}", shared.random_hex::<48>());
        body.insert("refresh_token".to_owned(), json!(value));
        make_room(&mut world.refresh_tokens, ENTRIES_MAX, |token| token.issued);
        world.refresh_tokens.insert(value, grant);
        world.stats.refresh_tokens_issued += 1;
    }
    Value::Object(body)
}

/// Google names the account by `email` alone.
fn id_claims(altered: &BTreeMap<String, Value>, grant: &RefreshToken, now: SystemTime) -> Value {
    let issued = clock::unix(now);
    let mut claims = json!({
        "iss": "https://accounts.google.com",
        "azp": grant.client_id,
        "aud": grant.client_id,
        "sub": claims::number(&grant.user),
        "hd": grant.user.rsplit('@').next(),
        "email": grant.user,
        "email_verified": true,
        "iat": issued,
        "exp": issued + 3_600,
    });
    for (name, value) in altered {
        claims[name] = value.clone();
    }
    claims
}

/// As the answer names them.
fn granted(scopes: &[String]) -> String {
    let name = |scope: &String| match scope.as_str() {
        "email" => "https://www.googleapis.com/auth/userinfo.email".to_owned(),
        "profile" => "https://www.googleapis.com/auth/userinfo.profile".to_owned(),
        scope => scope.to_owned(),
    };
    asked(scopes).map(name).collect::<Vec<_>>().join(" ")
}

fn asked(scopes: &[String]) -> impl Iterator<Item = &String> {
    scopes.iter().filter(|scope| *scope != OFFLINE)
}

fn app<'a>(world: &'a World, client_id: &str) -> Option<&'a App> {
    let app = world.apps.get(client_id)?;
    (app.home_tenant == GOOGLE).then_some(app)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, error, description) = self;
        let body = json!({"error": error, "error_description": description});
        (status, no_store(), Json(body)).into_response()
    }
}
