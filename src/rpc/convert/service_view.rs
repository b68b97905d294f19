//! A service as callers see it.

use super::diagnosis::{diagnosis, size, timestamp};
use super::enums;
use crate::model::service::{
    Auth, Authorization, CustomProvider, Delivery, LastTest, OAuth2, Provider, Sender,
    ServiceConfig, ServiceState, SmtpEndpoint,
};
use crate::model::{Diagnosis, Error};
use crate::rpc::proto::v1;
use crate::store::{Budget, ServiceRow};

/// A service and what is known of it elsewhere.
#[derive(Clone, Debug)]
pub struct ServiceView {
    pub row: ServiceRow,
    /// What to register at the provider; empty without OAuth2.
    pub redirect_uri: String,
    /// What keeps it from sending, or will soon.
    pub problem: Option<Diagnosis>,
    /// What its mailbox may still send, where that is shown.
    pub budget: Option<Budget>,
}

/// A service with its output-only fields, without secrets.
pub fn service(view: ServiceView) -> v1::Service {
    let row = &view.row;
    let state = enums::service_state(row.state()).into();
    let budget = view.budget.map(|from| budget(row, from));
    let service = view.row.service;
    v1::Service {
        service_id: service.id.to_string(),
        state,
        redirect_uri: view.redirect_uri,
        authorization: service.authorization.map(authorization),
        failed_authorization: service.failed_authorization.map(diagnosis),
        problem: view.problem.map(diagnosis),
        last_test: service.last_test.map(last_test),
        budget,
        create_time: Some(timestamp(service.create_time)),
        update_time: Some(timestamp(service.update_time)),
        etag: etag(service.revision),
        ..settings(service.config)
    }
}

fn budget(row: &ServiceRow, from: Budget) -> v1::Budget {
    let drains = row.pending_messages > 0 && row.state() == ServiceState::Ready;
    v1::Budget {
        minute_remaining: Some(count(from.minute_remaining)),
        day_remaining: Some(count(from.day_remaining)),
        queued_messages: size(row.pending_messages),
        estimated_drain_time: drains.then(|| timestamp(from.drain_time)),
    }
}

/// The etag of a revision.
pub fn etag(revision: u64) -> String {
    format!("r{revision}")
}

/// The revision that an etag names; none where the caller gave none.
///
/// # Errors
/// [`Error::Conflict`] about `name` where it is no etag of ours: then it can't be the current one.
pub fn parse_etag(etag: &str, name: &str) -> Result<Option<u64>, Error> {
    if etag.is_empty() {
        return Ok(None);
    }
    let revision = etag
        .strip_prefix('r')
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok());
    match revision {
        Some(revision) => Ok(Some(revision)),
        None => Err(Error::Conflict {
            name: name.to_owned(),
        }),
    }
}

/// The fields that an admin sets.
pub fn settings(config: ServiceConfig) -> v1::Service {
    v1::Service {
        display_name: config.display_name,
        smtp: Some(smtp(config.smtp)),
        sender: Some(sender(config.sender)),
        auth: Some(auth(config.auth)),
        delivery: Some(delivery(config.delivery)),
        labels: config.labels.0,
        ..v1::Service::default()
    }
}

fn smtp(smtp: SmtpEndpoint) -> v1::Smtp {
    v1::Smtp {
        host: smtp.host,
        port: smtp.port.into(),
        tls: enums::tls(smtp.tls).into(),
    }
}

fn sender(sender: Sender) -> v1::Sender {
    v1::Sender {
        address: sender.address.to_string(),
        name: sender.name,
        reply_to: sender.reply_to.map_or_else(String::new, |a| a.to_string()),
        allowed_addresses: sender
            .allowed_addresses
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

fn auth(auth: Auth) -> v1::service::Auth {
    match auth {
        Auth::OAuth2(from) => v1::service::Auth::Oauth2(Box::new(oauth2(from))),
        Auth::Password { username } => v1::service::Auth::Password(v1::PasswordAuth {
            username,
            password: String::new(),
        }),
        Auth::None => v1::service::Auth::None(v1::NoAuth {}),
    }
}

fn oauth2(from: OAuth2) -> v1::OAuth2 {
    let (provider, custom) = match from.provider {
        Provider::Microsoft => (v1::Provider::Microsoft, None),
        Provider::Google => (v1::Provider::Google, None),
        Provider::Custom(custom) => (v1::Provider::Custom, Some(custom_provider(*custom))),
    };
    v1::OAuth2 {
        provider: provider.into(),
        login_email: from.login_email.to_string(),
        consent_email: from
            .consent_email
            .map_or_else(String::new, |a| a.to_string()),
        client_id: from.client_id,
        client_secret: String::new(),
        next_client_secret: String::new(),
        client_secret_hint: from.client_secret_hint,
        client_secret_expire_time: from.client_secret_expire_time.map(timestamp),
        tenant_id: from.tenant_id,
        cloud: enums::cloud(from.cloud).into(),
        grant: enums::grant(from.grant_type).into(),
        scopes: from.scopes,
        custom,
        next_client_secret_hint: from.next_client_secret_hint,
    }
}

fn custom_provider(from: CustomProvider) -> v1::CustomProvider {
    v1::CustomProvider {
        authorization_endpoint: from.authorization_endpoint,
        token_endpoint: from.token_endpoint,
        revocation_endpoint: from.revocation_endpoint,
        scope_separator: from.scope_separator,
        client_auth: enums::client_auth(from.client_auth).into(),
        disable_pkce: from.disable_pkce,
        extra_authorize_params: from.extra_authorize_params,
        issuer: from.issuer,
        sasl_mechanism: enums::sasl(from.sasl_mechanism).into(),
        disable_openid: from.disable_openid,
    }
}

fn delivery(from: Delivery) -> v1::Delivery {
    v1::Delivery {
        max_connections: from.max_connections.map(count),
        messages_per_minute: from.messages_per_minute.map(count),
        recipients_per_day: from.recipients_per_day.map(count),
        recipients_per_message: from.recipients_per_message.map(count),
        max_message_bytes: from.max_message_bytes.map(size),
        on_uncertain: enums::on_uncertain(from.on_uncertain).into(),
    }
}

fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn authorization(from: Authorization) -> v1::Authorization {
    v1::Authorization {
        login: from.login,
        scopes: from.scopes,
        authorize_time: Some(timestamp(from.authorize_time)),
        access_token_expire_time: Some(timestamp(from.access_token_expire_time)),
        last_refresh_time: from.last_refresh_time.map(timestamp),
        next_refresh_time: from.next_refresh_time.map(timestamp),
    }
}

fn last_test(from: LastTest) -> v1::TestSummary {
    v1::TestSummary {
        passed: from.passed,
        test_time: Some(timestamp(from.time)),
        to: from.to.to_string(),
        message_id: from.message_id.to_string(),
        diagnosis: from.diagnosis.map(diagnosis),
    }
}
