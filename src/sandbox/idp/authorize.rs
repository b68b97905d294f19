//! The browser's side: the authorize and admin-consent pages and what the user decides on them.
//!
//! A wrong application, tenant or redirect URI is shown on a page and never redirected (RFC 6749
//! section 4.1.2.1); every other outcome goes back to the redirect URI.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::client::{
    Params, encode, find_app, optional, redirect_allowed, redirect_mismatch, required,
};
use super::errors::{Failure, known};
use super::{Authority, scopes};
use crate::sandbox::GOOGLE;
use crate::sandbox::pages;
use crate::sandbox::shared::Shared;
use crate::sandbox::web::Site;
use crate::sandbox::world::{Code, Ticket, World};

const TICKET_LIFETIME: Duration = Duration::from_secs(600);
const TICKETS_MAX: usize = 1_000;
const CODES_MAX: usize = 10_000;

/// Where a request ends: on a page, or back at the redirect URI.
enum End {
    Page(Failure),
    Back(Box<Ticket>, Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Page(failure)
    }
}

/// `GET /{tenant}/oauth2/v2.0/authorize`.
pub(super) async fn show(
    State(site): State<Arc<Site>>,
    Path(tenant): Path<String>,
    Query(params): Query<Params>,
) -> Response {
    present(&site, &tenant, &params, false)
}

/// `GET /{tenant}/v2.0/adminconsent`.
pub(super) async fn show_admin(
    State(site): State<Arc<Site>>,
    Path(tenant): Path<String>,
    Query(params): Query<Params>,
) -> Response {
    present(&site, &tenant, &params, true)
}

/// The form that both pages post.
pub(super) async fn decide(State(site): State<Arc<Site>>, Form(form): Form<Params>) -> Response {
    let shared = site.shared();
    match decided(shared, &form) {
        Ok(location) => found(&location),
        Err(End::Page(failure)) => failure.to_page(shared),
        Err(End::Back(ticket, failure)) => found(&error_location(shared, &ticket, &failure)),
    }
}

fn present(site: &Site, tenant: &str, params: &Params, admin: bool) -> Response {
    let shared = site.shared();
    let now = shared.now();
    let id = shared.random_hex::<24>();
    let checked = shared.update(|world| {
        let ticket = check(world, tenant, params, admin, now)?;
        let page = consent_page(world, &ticket, &id, params);
        make_room(&mut world.tickets, TICKETS_MAX, |ticket| ticket.issued);
        world.tickets.insert(id.clone(), ticket);
        Ok(page)
    });
    match checked {
        Ok(page) => pages::html(StatusCode::OK, &page),
        Err(End::Page(failure)) => failure.to_page(shared),
        Err(End::Back(ticket, failure)) => found(&error_location(shared, &ticket, &failure)),
    }
}

fn check(
    world: &World,
    tenant: &str,
    params: &Params,
    admin: bool,
    now: SystemTime,
) -> Result<Ticket, End> {
    let authority = Authority::parse(world, tenant)?;
    if admin && matches!(authority, Authority::Common | Authority::Consumers) {
        return Err(known(90130).into());
    }
    let app = find_app(world, &authority, required(params, "client_id")?)?;
    let redirect_uri = required(params, "redirect_uri")?;
    if !redirect_allowed(&app, redirect_uri) {
        return Err(redirect_mismatch(&app, redirect_uri).into());
    }
    let ticket = Ticket {
        tenant: authority.as_str().to_owned(),
        client_id: app.client_id,
        redirect_uri: redirect_uri.to_owned(),
        scopes: optional(params, "scope")
            .map(scopes::split)
            .unwrap_or_default(),
        state: optional(params, "state").map(str::to_owned),
        fragment: optional(params, "response_mode") == Some("fragment"),
        nonce: optional(params, "nonce").map(str::to_owned),
        challenge: optional(params, "code_challenge").map(|challenge| {
            let s256 = optional(params, "code_challenge_method") == Some("S256");
            (challenge.to_owned(), s256)
        }),
        admin,
        consent_anew: false,
        issued: now,
    };
    match check_request(&ticket, params) {
        Ok(()) => Ok(ticket),
        Err(failure) => Err(End::Back(Box::new(ticket), failure)),
    }
}

/// What is wrong with the request but may be told to the application.
fn check_request(ticket: &Ticket, params: &Params) -> Result<(), Failure> {
    if ticket.scopes.is_empty() {
        required(params, "scope")?;
    }
    scopes::permissions(&ticket.scopes)?;
    if ticket.admin {
        return Ok(());
    }
    if required(params, "response_type")? != "code" {
        return Err(Failure {
            error: "unsupported_response_type",
            ..Failure::new(70004, "The app returned an unsupported response type.")
        });
    }
    if !matches!(
        optional(params, "response_mode"),
        None | Some("query" | "fragment")
    ) {
        return Err(Failure::new(
            90023,
            "Invalid authentication request: the sandbox knows response_mode query and fragment.",
        ));
    }
    match optional(params, "code_challenge_method") {
        None | Some("S256" | "plain") => {}
        Some(_) => return Err(known(9_002_313)),
    }
    if let Some((challenge, _)) = &ticket.challenge
        && !(43..=128).contains(&challenge.len())
    {
        return Err(Failure::new(
            50147,
            "Invalid size of Code_Challenge parameter.",
        ));
    }
    match optional(params, "prompt") {
        Some("none") => Err(known(50058)),
        None | Some("login" | "consent" | "select_account") => Ok(()),
        Some(_) => Err(Failure::new(90023, "Unsupported 'prompt' value.")),
    }
}

fn consent_page(world: &World, ticket: &Ticket, id: &str, params: &Params) -> String {
    let hint = optional(params, "login_hint").map(str::to_lowercase);
    let accounts: Vec<_> = world
        .accounts
        .values()
        .filter(|account| !account.shared && account.tenant != GOOGLE)
        .map(|account| {
            let chosen = hint.as_deref() == Some(account.email.as_str());
            (account.email.clone(), chosen)
        })
        .collect();
    let path = if ticket.admin {
        "v2.0/adminconsent"
    } else {
        "oauth2/v2.0/authorize"
    };
    pages::consent(&pages::Consent {
        action: &format!("/{}/{path}", ticket.tenant),
        ticket: id,
        app: world
            .apps
            .get(&ticket.client_id)
            .map_or(ticket.client_id.as_str(), |app| app.name.as_str()),
        scopes: &ticket.scopes,
        accounts: &accounts,
        admin: ticket.admin,
    })
}

fn decided(shared: &Shared, form: &Params) -> Result<String, End> {
    let now = shared.now();
    let (code, session) = (authorization_code(shared), shared.random_guid());
    shared.update(|world| {
        let ticket = optional(form, "ticket")
            .and_then(|id| world.tickets.remove(id))
            .filter(|ticket| now < ticket.issued + TICKET_LIFETIME)
            .ok_or_else(|| {
                Failure::new(50089, "Authentication failed due to flow token expired.")
            })?;
        match optional(form, "decision") {
            Some("accept") => {}
            Some("cancel") if !ticket.admin => {
                let cancelled = [("error", "access_denied"), ("error_subcode", "cancel")];
                return Ok(location(&ticket, &cancelled));
            }
            Some("cancel" | "decline") => {
                return Err(End::Back(Box::new(ticket), known(65004)));
            }
            _ => return Err(known(9_002_313).into()),
        }
        let account = optional(form, "account").unwrap_or_default().to_lowercase();
        let tenant = check_account(world, &ticket, &account)?;
        if ticket.admin {
            if let Some(app) = world.apps.get_mut(&ticket.client_id) {
                app.admin_consent.insert(tenant.clone());
            }
            let scope = ticket.scopes.join(" ");
            let params = [
                ("admin_consent", "True"),
                ("tenant", tenant.as_str()),
                ("scope", scope.as_str()),
            ];
            return Ok(location(&ticket, &params));
        }
        let to = location(&ticket, &[("code", &code), ("session_state", &session)]);
        let consents = scopes::permissions(&ticket.scopes)?;
        let key = (ticket.client_id.clone(), account.clone());
        world.consents.entry(key).or_default().extend(consents);
        make_room(&mut world.codes, CODES_MAX, |code| code.issued);
        let issued = Code {
            ticket,
            user: account,
            issued: now,
            redeemed: false,
        };
        world.codes.insert(code, issued);
        Ok(to)
    })
}

/// The account's tenant, if the account may sign in here.
fn check_account(world: &World, ticket: &Ticket, email: &str) -> Result<String, Failure> {
    let account = world.accounts.get(email);
    let account = account.filter(|account| account.tenant != GOOGLE);
    let account = account.ok_or_else(|| known(50034))?;
    if account.shared || !account.enabled {
        return Err(known(50057));
    }
    let multi = matches!(ticket.tenant.as_str(), "common" | "organizations");
    if !multi && account.tenant != ticket.tenant {
        let directory = world
            .tenant(&ticket.tenant)
            .map_or(ticket.tenant.as_str(), |tenant| tenant.name.as_str());
        return Err(Failure::new(
            50020,
            format!(
                "User account '{email}' from identity provider 'https://sts.windows.net/{}/' does not exist in tenant '{directory}' and cannot access the application '{}' in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Azure Active Directory user account.",
                account.tenant, ticket.client_id
            ),
        ));
    }
    Ok(account.tenant.clone())
}

fn error_location(shared: &Shared, ticket: &Ticket, failure: &Failure) -> String {
    let description = failure.description(shared, &shared.random_guid(), &shared.random_guid());
    let uri = format!(
        "https://login.microsoftonline.com/error?code={}",
        failure.code
    );
    if ticket.admin {
        let error = match failure.code {
            65004 => "consent_required",
            _ => failure.error,
        };
        let params = [
            ("error", error),
            ("error_description", description.as_str()),
            // Microsoft sends this on errors too.
            ("admin_consent", "True"),
            ("tenant", ticket.tenant.as_str()),
        ];
        return location(ticket, &params);
    }
    let params = [
        ("error", failure.error),
        ("error_description", description.as_str()),
        ("error_uri", uri.as_str()),
    ];
    location(ticket, &params)
}

/// The redirect URI with parameters and the request's state.
pub(super) fn location(ticket: &Ticket, params: &[(&str, &str)]) -> String {
    let state = ticket.state.as_deref().map(|state| ("state", state));
    let query: Vec<_> = params
        .iter()
        .copied()
        .chain(state)
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    let separator = match (ticket.fragment, ticket.redirect_uri.contains('?')) {
        (true, _) => '#',
        (false, true) => '&',
        (false, false) => '?',
    };
    format!("{}{separator}{}", ticket.redirect_uri, query.join("&"))
}

pub(super) fn found(location: &str) -> Response {
    match HeaderValue::from_str(location) {
        Ok(value) => (
            StatusCode::FOUND,
            [
                (header::LOCATION, value),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ],
        )
            .into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// Long and opaque, as Microsoft's.
fn authorization_code(shared: &Shared) -> String {
    format!(
        "1.AX{}.AgABBAIAAAA{}",
        shared.random_hex::<24>(),
        shared.random_hex::<240>()
    )
}

/// Drops the oldest entries of a map that reached its bound.
pub(super) fn make_room<T>(
    map: &mut std::collections::BTreeMap<String, T>,
    max: usize,
    age: impl Fn(&T) -> SystemTime,
) {
    while map.len() >= max {
        let oldest = map.iter().min_by_key(|(_, value)| age(value));
        match oldest.map(|(key, _)| key.clone()) {
            Some(key) => map.remove(&key),
            None => break,
        };
    }
}
