//! The token and revocation endpoints.
//!
//! A request is decided in one step under the world's lock, so two requests never see half of each
//! other. What a client sends is never shown in an error beyond what Entra shows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use serde_json::{Map, Value, json};

use super::authorize::make_room;
use super::claims::{self, Identity};
use super::client::{Params, authenticate, optional, required};
use super::errors::{Failure, known, no_store};
use super::{Authority, scopes};
use crate::sandbox::clock;
use crate::sandbox::shared::{Leave, Shared};
use crate::sandbox::web::Site;
use crate::sandbox::world::{AccessToken, App, RefreshToken, World};

const CODE_LIFETIME: Duration = Duration::from_secs(600);
const REFRESH_LIFETIME: Duration = Duration::from_secs(90 * 86_400);
const TOKENS_MAX: usize = 20_000;

/// One request while it is looked at.
struct Request<'a> {
    shared: &'a Shared,
    url: &'a str,
    authority: Authority,
    app: App,
    params: &'a Params,
    now: SystemTime,
}

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(super) async fn token(
    State(site): State<Arc<Site>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Params>, FormRejection>,
) -> Response {
    let (shared, url) = (site.shared(), site.authority());
    let params = form.map(|Form(params)| params).unwrap_or_default();
    let refusal = shared.update(|world| {
        let requests = &mut world.stats.token_requests;
        *requests.entry(counted(&params).to_owned()).or_default() += 1;
        world.stats.token_requests_held += 1;
        if let Some(verifier) = optional(&params, "code_verifier")
            && world.verifiers.len() < TOKENS_MAX
        {
            world.verifiers.insert(verifier.to_owned());
        }
        let refusal = world.refusals.pop_front();
        world.stats.token_errors += u64::from(refusal.is_some());
        refusal
    });
    let held = Leave::new(shared, |world| world.stats.token_requests_held -= 1);
    let free = || shared.read(|world| (!world.hold_tokens).then_some(()));
    shared.wait_for(free).await;
    drop(held);
    if let Some(refusal) = refusal {
        return refusal.respond(shared, &url);
    }
    match answer(shared, &url, &tenant, &headers, &params) {
        Ok(body) => (no_store(), Json(body)).into_response(),
        Err(failure) => {
            shared.update(|world| world.stats.token_errors += 1);
            failure.to_json(shared, &url)
        }
    }
}

/// `POST /{tenant}/oauth2/v2.0/revoke` (RFC 7009; Entra has none).
pub(super) async fn revoke(
    State(site): State<Arc<Site>>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    Form(params): Form<Params>,
) -> Response {
    let shared = site.shared();
    let now = shared.now();
    let revoked = shared.update(|world| {
        let authority = Authority::parse(world, &tenant)?;
        let app = authenticate(world, &authority, &headers, &params, now)?;
        let token = required(&params, "token")?;
        if let Some(known) = world.refresh_tokens.get(token)
            && known.client_id == app.client_id
        {
            let family = known.family.clone();
            revoke_family(world, &family, now);
        }
        if let Some(known) = world.access_tokens.get_mut(token) {
            known.expires = now;
        }
        Ok::<_, Failure>(())
    });
    match revoked {
        Ok(()) => StatusCode::OK.into_response(),
        Err(failure) => failure.to_json(shared, &site.authority()),
    }
}

pub(super) fn counted(params: &Params) -> &'static str {
    match optional(params, "grant_type") {
        Some("authorization_code") => "authorization_code",
        Some("refresh_token") => "refresh_token",
        Some("client_credentials") => "client_credentials",
        _ => "other",
    }
}

fn answer(
    shared: &Shared,
    url: &str,
    tenant: &str,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Map<String, Value>, Failure> {
    let now = shared.now();
    shared.update(|world| {
        let grant = required(params, "grant_type")?;
        let authority = Authority::parse(world, tenant)?;
        let request = Request {
            shared,
            url,
            app: authenticate(world, &authority, headers, params, now)?,
            authority,
            params,
            now,
        };
        match grant {
            "authorization_code" => redeem_code(world, &request),
            "refresh_token" => refresh(world, &request),
            "client_credentials" => app_only(world, &request),
            other => Err(Failure::new(
                70003,
                format!("The app requested an unsupported grant type '{other}'."),
            )),
        }
    })
}

fn redeem_code(world: &mut World, request: &Request<'_>) -> Result<Map<String, Value>, Failure> {
    let params = request.params;
    let presented = required(params, "code")?;
    let redirect_uri = required(params, "redirect_uri")?;
    let code = world
        .codes
        .get(presented)
        .cloned()
        .ok_or_else(|| known(9_002_313))?;
    let ticket = &code.ticket;
    if ticket.client_id != request.app.client_id {
        return Err(known(70000));
    }
    if code.redeemed {
        // RFC 6749 section 4.1.2: what a code bought that is used twice should be revoked.
        revoke_family(world, presented, request.now);
        return Err(known(54005));
    }
    if ticket.tenant != request.authority.as_str() {
        return Err(known(700_005));
    }
    if request.now >= code.issued + CODE_LIFETIME {
        return Err(known(70008));
    }
    if ticket.redirect_uri != redirect_uri {
        return Err(Failure::new(
            50011,
            "The reply URL specified in the request does not match the one the authorization code was issued for.",
        ));
    }
    let verifier = optional(params, "code_verifier");
    let proven = match (&ticket.challenge, verifier) {
        (None, None) => true,
        (Some((challenge, s256)), Some(v)) => claims::verifier_matches(challenge, *s256, v),
        _ => false,
    };
    if !proven {
        return Err(known(501_481));
    }
    if let Some(code) = world.codes.get_mut(presented) {
        code.redeemed = true;
    }
    let grant = RefreshToken {
        client_id: ticket.client_id.clone(),
        user: code.user.clone(),
        scopes: ticket.scopes.clone(),
        nonce: ticket.nonce.clone(),
        issued: request.now,
        revoked: None,
        family: presented.to_owned(),
    };
    issue(world, request, grant, true)
}

fn refresh(world: &mut World, request: &Request<'_>) -> Result<Map<String, Value>, Failure> {
    let presented = required(request.params, "refresh_token")?;
    let token = world
        .refresh_tokens
        .get(presented)
        .cloned()
        .ok_or_else(|| known(9_002_313))
        .map_err(|failure| Failure {
            error: "invalid_grant",
            ..failure
        })?;
    if token.client_id != request.app.client_id {
        return Err(known(70000));
    }
    if let Some(revoked) = token.revoked {
        if world.strict_rotation {
            revoke_family(world, &token.family, request.now);
        }
        return Err(Failure::new(
            50173,
            format!(
                "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '{}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{}'.",
                clock::exchange(token.issued),
                clock::exchange(revoked)
            ),
        ));
    }
    if request.now >= token.issued + REFRESH_LIFETIME {
        return Err(Failure::new(
            700_082,
            format!(
                "The refresh token has expired due to inactivity. The token was issued on {} and was inactive for 90.00:00:00.",
                clock::exchange(token.issued)
            ),
        ));
    }
    let rotate = !world.omit_rotated;
    let body = issue(world, request, token, rotate)?;
    if world.strict_rotation
        && let Some(used) = world.refresh_tokens.get_mut(presented)
    {
        used.revoked = Some(request.now);
    }
    Ok(body)
}

/// A user's tokens; `grant` is the refresh token to be, asked scopes aside.
fn issue(
    world: &mut World,
    request: &Request<'_>,
    grant: RefreshToken,
    with_refresh: bool,
) -> Result<Map<String, Value>, Failure> {
    let account = world
        .accounts
        .get(&grant.user)
        .ok_or_else(|| known(50034))?;
    if !account.enabled {
        return Err(known(50057));
    }
    let tenant = account.tenant.clone();
    let asked = optional(request.params, "scope")
        .map(scopes::split)
        .unwrap_or_else(|| grant.scopes.clone());
    let mut resolved = scopes::resolve(&asked)?;
    resolved.leave_out(&world.unticked);
    if world.graph_tokens {
        resolved.make_graph();
    }
    check_consent(world, request, &grant.user, &resolved)?;
    let token = AccessToken {
        audience: resolved.audience,
        scopes: resolved.permissions,
        user: Some(grant.user.clone()),
        client_id: grant.client_id.clone(),
        tenant: tenant.clone(),
        roles: Vec::new(),
        expires: request.now + world.token_lifetime,
    };
    let mut body = bearer(world, request, token);
    if !world.omit_scope {
        let named = match resolved.granted.is_empty() {
            true => scopes::sign_in(&asked),
            false => resolved.granted.join(" "),
        };
        body.insert("scope".to_owned(), json!(named));
    }
    if scopes::has(&asked, "openid") {
        let identity = Identity {
            altered: &world.id_claims,
            user: &grant.user,
            tenant: &tenant,
            client_id: &grant.client_id,
            nonce: grant.nonce.as_deref(),
            issued: request.now,
            authority: request.url,
        };
        body.insert("id_token".to_owned(), json!(claims::id_token(&identity)));
    }
    if with_refresh && !world.omit_refresh && scopes::has(&grant.scopes, "offline_access") {
        let value = claims::refresh_token(request.shared);
        body.insert("refresh_token".to_owned(), json!(value));
        make_room(&mut world.refresh_tokens, TOKENS_MAX, |token| token.issued);
        let issued = RefreshToken {
            issued: request.now,
            ..grant
        };
        world.refresh_tokens.insert(value, issued);
        world.stats.refresh_tokens_issued += 1;
    }
    Ok(body)
}

fn check_consent(
    world: &World,
    request: &Request<'_>,
    user: &str,
    resolved: &scopes::Resolved,
) -> Result<(), Failure> {
    let app = &request.app;
    let key = (app.client_id.clone(), user.to_owned());
    let consents = world.consents.get(&key);
    let missing = |wanted: &String| {
        !wanted.ends_with("/.default") && !consents.is_some_and(|given| given.contains(wanted))
    };
    if consents.is_none() || resolved.permissions.iter().any(missing) {
        return Err(Failure::new(
            65001,
            format!(
                "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource.",
                app.client_id, app.name
            ),
        ));
    }
    Ok(())
}

fn app_only(world: &mut World, request: &Request<'_>) -> Result<Map<String, Value>, Failure> {
    let Authority::Tenant(tenant) = &request.authority else {
        return Err(known(9_001_023));
    };
    if request.app.public {
        return Err(known(7_000_218));
    }
    let scope = required(request.params, "scope")?;
    let asked = scopes::split(scope);
    if asked.len() != 1 || !scope.ends_with("/.default") {
        return Err(Failure::new(
            1_002_012,
            format!(
                "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."
            ),
        ));
    }
    let audience = scopes::resolve(&asked)?.audience;
    // Without consent the request succeeds and the token lacks its roles, as at Microsoft.
    let consented = request.app.admin_consent.contains(tenant) && scopes::is_exchange(&audience);
    let token = AccessToken {
        audience,
        scopes: Vec::new(),
        user: None,
        client_id: request.app.client_id.clone(),
        tenant: tenant.clone(),
        roles: consented
            .then(|| "SMTP.SendAsApp".to_owned())
            .into_iter()
            .collect(),
        expires: request.now + world.token_lifetime,
    };
    Ok(bearer(world, request, token))
}

fn bearer(world: &mut World, request: &Request<'_>, token: AccessToken) -> Map<String, Value> {
    let value = claims::access_token(request.shared, &token);
    let seconds = world.token_lifetime.as_secs();
    make_room(&mut world.access_tokens, TOKENS_MAX, |token| token.expires);
    world.access_tokens.insert(value.clone(), token);
    world.stats.access_tokens_issued += 1;
    let mut body = Map::new();
    body.insert("token_type".to_owned(), json!("Bearer"));
    body.insert("expires_in".to_owned(), json!(seconds));
    body.insert("ext_expires_in".to_owned(), json!(seconds));
    body.insert("access_token".to_owned(), json!(value));
    body
}

fn revoke_family(world: &mut World, family: &str, now: SystemTime) {
    for token in world.refresh_tokens.values_mut() {
        if token.family == family {
            token.revoked.get_or_insert(now);
        }
    }
}
