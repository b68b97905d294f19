//! The flags of a service's settings, as the paths and values that the API names.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::cli::remote::{pair, secret, secret_or_ask};
use crate::cli::{Failed, USAGE, print};
use crate::model::Secret;

const CLIENT_SECRET: &str = "MAILWRIGHT_CLIENT_SECRET";
const NEXT_CLIENT_SECRET: &str = "MAILWRIGHT_NEXT_CLIENT_SECRET";
const PASSWORD: &str = "MAILWRIGHT_PASSWORD";

/// Settings of a service. A provider of one's own takes a file: `services apply`.
#[derive(Args)]
pub struct Settings {
    /// The friendly name by which people choose it
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// The SMTP server [default: the provider's]
    #[arg(long)]
    host: Option<String>,
    /// Its port [default: 587, or as TLS has it]
    #[arg(long)]
    port: Option<u16>,
    /// How the connection is encrypted
    #[arg(long, value_enum)]
    tls: Option<Tls>,
    /// The address that mail is from
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// The name beside it
    #[arg(long, value_name = "NAME")]
    from_name: Option<String>,
    /// Where replies go
    #[arg(long, value_name = "ADDRESS")]
    reply_to: Option<String>,
    /// Further addresses that mail may be from
    #[arg(long, value_name = "ADDRESS")]
    allow_from: Vec<String>,
    /// Whose OAuth2 and limits apply
    #[arg(long, value_enum)]
    provider: Option<Provider>,
    /// The mailbox that logs in, by OAuth2
    #[arg(long, value_name = "ADDRESS")]
    login: Option<String>,
    /// Who must sign in and consent [default: the login]
    #[arg(long, value_name = "ADDRESS")]
    consent: Option<String>,
    /// The application's client ID
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A file with its client secret, or - for standard input [default at creation: MAILWRIGHT_CLIENT_SECRET, else asked for]
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// A file with the secret that follows it [default at creation: MAILWRIGHT_NEXT_CLIENT_SECRET]
    #[arg(long, value_name = "FILE")]
    next_client_secret_file: Option<PathBuf>,
    /// When the client secret expires: 2027-03-01
    #[arg(long, value_name = "TIME", value_parser = print::parse_time)]
    client_secret_expires: Option<prost_types::Timestamp>,
    /// The Microsoft tenant, for an application of a single one
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Which Microsoft cloud
    #[arg(long, value_enum)]
    cloud: Option<Cloud>,
    /// Who the application acts for: a person who consents, or itself
    #[arg(long, value_enum)]
    grant: Option<Grant>,
    /// The user of a login by name and password
    #[arg(long, value_name = "NAME", conflicts_with = "provider")]
    username: Option<String>,
    /// A file with the password, or - for standard input [default at creation: MAILWRIGHT_PASSWORD, else asked for]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// No login: a relay that knows the server's address
    #[arg(long, conflicts_with_all = ["provider", "username"])]
    no_login: bool,
    /// Simultaneous connections
    #[arg(long, value_name = "COUNT")]
    max_connections: Option<i32>,
    /// Messages a minute
    #[arg(long, value_name = "COUNT")]
    messages_per_minute: Option<i32>,
    /// Recipients in any 24 hours
    #[arg(long, value_name = "COUNT")]
    recipients_per_day: Option<i32>,
    /// What to do when it is unknown whether a message was taken
    #[arg(long, value_enum)]
    on_uncertain: Option<OnUncertain>,
    /// The admin's own marks; all of them together
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tls {
    Starttls,
    Implicit,
    Plaintext,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Provider {
    Microsoft,
    Google,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cloud {
    Global,
    UsGovHigh,
    UsGovDod,
    China,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Grant {
    AuthorizationCode,
    ClientCredentials,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OnUncertain {
    Resend,
    Hold,
}

/// What is to be set, by the API's paths.
type Changes = Vec<(&'static str, Value)>;

impl Settings {
    /// For a new service: defaults are filled in, and a secret that is needed is asked for.
    ///
    /// # Errors
    /// When a secret is missing.
    pub fn for_create(&self) -> Result<Changes, Failed> {
        let mut changes = self.plain();
        if self.host.is_none() {
            let host = match self.provider {
                Some(Provider::Microsoft) => Some("smtp.office365.com"),
                Some(Provider::Google) => Some("smtp.gmail.com"),
                None => None,
            };
            changes.extend(host.map(|host| ("smtp.host", json!(host))));
        }
        if self.provider.is_some() && self.login.is_none() {
            changes.extend(
                self.from
                    .as_ref()
                    .map(|from| ("oauth2.login_email", json!(from))),
            );
        }
        if self.provider.is_some() {
            let file = self.client_secret_file.as_deref();
            let secret = secret_or_ask(file, CLIENT_SECRET, "client secret")?;
            changes.push(("oauth2.client_secret", hidden(&secret)));
            let file = self.next_client_secret_file.as_deref();
            let next = secret_of(file, NEXT_CLIENT_SECRET)?;
            changes.extend(next.map(|next| ("oauth2.next_client_secret", next)));
        }
        if self.username.is_some() {
            let file = self.password_file.as_deref();
            let password = secret_or_ask(file, PASSWORD, "password")?;
            changes.push(("password.password", hidden(&password)));
        }
        Ok(changes)
    }

    /// For a service that is there: what is given. Secrets come by file.
    ///
    /// # Errors
    /// When nothing is given, or a secret can't be read.
    pub fn for_update(&self) -> Result<Changes, Failed> {
        let mut changes = self.plain();
        // A variable that is there for another service changes nothing here.
        let secrets = [
            ("oauth2.client_secret", &self.client_secret_file),
            ("oauth2.next_client_secret", &self.next_client_secret_file),
            ("password.password", &self.password_file),
        ];
        for (path, file) in secrets {
            if let Some(file) = file {
                let value = secret_of(Some(file), "")?;
                changes.extend(value.map(|value| (path, value)));
            }
        }
        match changes.is_empty() {
            true => Err(Failed::new(
                USAGE,
                "nothing to change: give at least one setting",
            )),
            false => Ok(changes),
        }
    }

    fn plain(&self) -> Changes {
        let mut changes = Changes::new();
        let mut set = |path: &'static str, value: Option<Value>| {
            changes.extend(value.map(|value| (path, value)));
        };
        let text = |value: &Option<String>| value.as_ref().map(|value| json!(value));
        let count = |value: Option<i32>| value.map(|value| json!(value));
        let time = |time: &prost_types::Timestamp| json!(time.to_string());
        set("display_name", text(&self.display_name));
        set("smtp.host", text(&self.host));
        set("smtp.port", self.port.map(|port| json!(port)));
        set("smtp.tls", name("TLS_MODE_", self.tls));
        set("sender.address", text(&self.from));
        set("sender.name", text(&self.from_name));
        set("sender.reply_to", text(&self.reply_to));
        let allowed = Some(&self.allow_from).filter(|all| !all.is_empty());
        set("sender.allowed_addresses", allowed.map(|all| json!(all)));
        set("oauth2.provider", name("PROVIDER_", self.provider));
        set("oauth2.login_email", text(&self.login));
        set("oauth2.consent_email", text(&self.consent));
        set("oauth2.client_id", text(&self.client_id));
        set(
            "oauth2.client_secret_expire_time",
            self.client_secret_expires.as_ref().map(time),
        );
        set("oauth2.tenant_id", text(&self.tenant));
        set("oauth2.cloud", name("CLOUD_", self.cloud));
        set("oauth2.grant", name("GRANT_", self.grant));
        set("password.username", text(&self.username));
        set("none", self.no_login.then(|| json!({})));
        set("delivery.max_connections", count(self.max_connections));
        set(
            "delivery.messages_per_minute",
            count(self.messages_per_minute),
        );
        set(
            "delivery.recipients_per_day",
            count(self.recipients_per_day),
        );
        set(
            "delivery.on_uncertain",
            name("ON_UNCERTAIN_", self.on_uncertain),
        );
        let labels: Map<_, _> = self
            .label
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect();
        set(
            "labels",
            (!labels.is_empty()).then_some(Value::Object(labels)),
        );
        changes
    }
}

/// The tree of these paths.
pub fn tree(changes: Changes) -> Value {
    let mut root = json!({});
    for (path, value) in changes {
        let mut at = &mut root;
        for part in path.split('.') {
            at = &mut at[part];
        }
        *at = value;
    }
    root
}

fn secret_of(file: Option<&std::path::Path>, variable: &str) -> Result<Option<Value>, Failed> {
    Ok(secret(file, variable)?.as_ref().map(hidden))
}

fn hidden(secret: &Secret) -> Value {
    json!(secret.expose())
}

/// The API's name of a choice.
fn name(prefix: &str, choice: Option<impl ValueEnum>) -> Option<Value> {
    let choice = choice?.to_possible_value()?;
    let name = choice.get_name().to_uppercase().replace('-', "_");
    Some(json!(format!("{prefix}{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_a_tree() {
        let changes = vec![
            ("smtp.host", json!("a")),
            ("smtp.port", json!(1)),
            ("labels", json!({})),
        ];
        let wanted = json!({"smtp": {"host": "a", "port": 1}, "labels": {}});
        assert_eq!(tree(changes), wanted);
    }
}
