//! The configuration: one struct, whose defaults are the commented file `config.default.toml`.
//!
//! A file overrides the defaults, `MAILWRIGHT_*` variables override the file. What is not known is
//! an error, so that a typing error can't pass for a setting.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::{Table, Value};

/// The defaults, with a comment for each key.
pub const DEFAULTS: &str = include_str!("config.default.toml");

const PREFIX: &str = "MAILWRIGHT_";

mod limits;
mod tls;

pub use limits::Limits;
pub use tls::{ClientRule, Tls};

/// Everything that an operator can set. `config.default.toml` documents each key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub tls: Tls,
    pub data: Data,
    pub egress: Egress,
    pub oauth: OAuth,
    pub delivery: Delivery,
    pub outbox: Outbox,
    pub limits: Limits,
    pub log: Log,
    pub metrics: Metrics,
    pub trace: Trace,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub grpc_listen: SocketAddr,
    pub http_listen: SocketAddr,
    pub public_url: String,
    pub return_url_prefixes: Vec<String>,
    pub drain_grace_seconds: u32,
    pub max_request_bytes: u32,
    pub max_streams_per_connection: u32,
    pub max_connections: u32,
    pub max_connection_idle_seconds: u32,
    pub max_connection_age_seconds: u32,
    pub heartbeat_seconds: u32,
    pub allow_plaintext: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    pub folder: PathBuf,
    pub vault_key_file: PathBuf,
    pub vault_key_variable: String,
    pub vault_key_command: Vec<String>,
    pub retention_days: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    pub allow: Vec<String>,
    pub allow_plaintext_smtp: Vec<String>,
    pub extra_ca_file: PathBuf,
    pub local_address: String,
    pub hello_name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OAuth {
    pub microsoft_authority: String,
    pub google_authority: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    pub max_in_flight: u32,
    pub max_in_flight_bytes: u64,
    pub max_message_bytes: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbox {
    pub mailbox_messages: u64,
    pub mailbox_bytes: u64,
    pub total_messages: u64,
    pub total_bytes: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub level: String,
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Human,
    Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    pub otlp_endpoint: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    pub listen: String,
    pub services: u32,
}

/// A configuration that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// The defaults, overridden by the file and then by the variables.
    ///
    /// # Errors
    /// When the file can't be read, or a key, variable or value is not known or not valid.
    pub fn load(
        file: Option<&Path>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        Self::from_table(merged(file, variables)?)
    }

    /// As [`Config::load`], of a file's text.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        Self::from_table(merged_text(Some(("configuration", text)), variables)?)
    }

    fn from_table(table: Table) -> Result<Self, ConfigError> {
        table
            .try_into()
            .map_err(|error| invalid("configuration", error))
            .and_then(Self::checked)
    }

    /// The configuration in force as a TOML file. It has no key that holds a secret: secrets are in
    /// files that it names, or reach us by the API.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn print(
        file: Option<&Path>,
        variables: &BTreeMap<String, String>,
    ) -> Result<String, ConfigError> {
        Self::load(file, variables)?;
        toml::to_string(&merged(file, variables)?).map_err(|error| invalid("configuration", error))
    }

    /// The defaults alone.
    pub fn defaults() -> Self {
        Self::load(None, &BTreeMap::new())
            .expect("a test holds that the compiled-in defaults are valid")
    }

    fn checked(self) -> Result<Self, ConfigError> {
        let url = &self.server.public_url;
        if url
            .parse::<http::Uri>()
            .map_or(true, |uri| uri.host().is_none() || uri.query().is_some())
            || url.ends_with('/')
        {
            return Err(ConfigError(format!(
                "server.public_url {url:?} must be a URL without a trailing slash"
            )));
        }
        for prefix in &self.server.return_url_prefixes {
            let after_scheme = prefix
                .strip_prefix("https://")
                .or_else(|| prefix.strip_prefix("http://"));
            if after_scheme.is_none_or(|rest| !rest.contains('/')) {
                return Err(ConfigError(format!(
                    "server.return_url_prefixes: {prefix:?} must be an http or https URL with the slash after its host"
                )));
            }
        }
        for (key, value) in [
            (
                "server.max_streams_per_connection",
                self.server.max_streams_per_connection,
            ),
            ("server.max_connections", self.server.max_connections),
            ("limits.streams", self.limits.streams),
            ("limits.streams_per_key", self.limits.streams_per_key),
            ("server.heartbeat_seconds", self.server.heartbeat_seconds),
            ("delivery.max_in_flight", self.delivery.max_in_flight),
            ("data.retention_days", self.data.retention_days),
        ] {
            if value == 0 {
                return Err(ConfigError(format!("{key} must be at least 1")));
            }
        }
        if self.delivery.max_in_flight_bytes < 1024 * 1024 {
            let text = "delivery.max_in_flight_bytes must be at least 1048576";
            return Err(ConfigError(text.into()));
        }
        self.data.check()?;
        self.tls.check()?;
        let listen = self.server.grpc_listen;
        let is_plain = self.tls.certificate_file.as_os_str().is_empty();
        if is_plain && !listen.ip().is_loopback() && !self.server.allow_plaintext {
            return Err(ConfigError(format!(
                "server.grpc_listen {listen} is no loopback address, and keys and mail would cross the network unencrypted: set tls.certificate_file and tls.key_file, or server.allow_plaintext = true where a mesh encrypts"
            )));
        }
        self.outbox.check(self.delivery.max_message_bytes)?;
        self.limits.check(self.server.max_request_bytes)?;
        self.local_address()?;
        self.metrics_listen()?;
        let endpoint = &self.trace.otlp_endpoint;
        let is_url = |uri: http::Uri| uri.scheme().is_some() && uri.host().is_some();
        if !endpoint.is_empty() && !endpoint.parse().is_ok_and(is_url) {
            return Err(ConfigError(format!(
                "trace.otlp_endpoint {endpoint:?} must be a URL"
            )));
        }
        Ok(self)
    }

    /// The source address of outgoing connections, if one is set.
    ///
    /// # Errors
    /// When it is no IP address.
    pub fn local_address(&self) -> Result<Option<IpAddr>, ConfigError> {
        match self.egress.local_address.as_str() {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|error| invalid("egress.local_address", error)),
        }
    }

    /// Where metrics are served, if they are.
    ///
    /// # Errors
    /// When it is no address with a port.
    pub fn metrics_listen(&self) -> Result<Option<SocketAddr>, ConfigError> {
        match self.metrics.listen.as_str() {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|error| invalid("metrics.listen", error)),
        }
    }

    /// Where the vault's keys are, if they are in a file.
    pub fn vault_key_file(&self) -> PathBuf {
        if self.data.vault_key_file.as_os_str().is_empty() {
            self.data.folder.join("vault.key")
        } else {
            self.data.vault_key_file.clone()
        }
    }

    /// How long ended messages and events are kept.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.data.retention_days) * 24 * 60 * 60)
    }
}

impl Data {
    /// The keys come from one place. What is wrong is not shown: it may be a key, set by mistake.
    fn check(&self) -> Result<(), ConfigError> {
        let name = &self.vault_key_variable;
        if name
            .bytes()
            .any(|byte| !byte.is_ascii_alphanumeric() && byte != b'_')
        {
            let text =
                "data.vault_key_variable must be the name of a variable: letters, digits and _";
            return Err(ConfigError(text.into()));
        }
        let set = [
            !self.vault_key_file.as_os_str().is_empty(),
            !name.is_empty(),
            !self.vault_key_command.is_empty(),
        ];
        if set.into_iter().filter(|set| *set).count() > 1 {
            let text = "only one of data.vault_key_file, data.vault_key_variable and data.vault_key_command may be set";
            return Err(ConfigError(text.into()));
        }
        Ok(())
    }
}

impl Outbox {
    /// An empty outbox takes every message, however large.
    fn check(&self, max_message_bytes: u64) -> Result<(), ConfigError> {
        for (key, value, least) in [
            ("mailbox_messages", self.mailbox_messages, 1),
            ("mailbox_bytes", self.mailbox_bytes, max_message_bytes),
            ("total_messages", self.total_messages, 1),
            ("total_bytes", self.total_bytes, max_message_bytes),
        ] {
            if value < least {
                return Err(ConfigError(format!(
                    "outbox.{key} must be at least {least}, which one message may need"
                )));
            }
        }
        Ok(())
    }
}

fn invalid(what: &str, error: impl fmt::Display) -> ConfigError {
    ConfigError(format!("{what}: {error}"))
}

fn merged(file: Option<&Path>, variables: &BTreeMap<String, String>) -> Result<Table, ConfigError> {
    let Some(path) = file else {
        return merged_text(None, variables);
    };
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| invalid(&name, error))?;
    merged_text(Some((&name, &text)), variables)
}

fn merged_text(
    file: Option<(&str, &str)>,
    variables: &BTreeMap<String, String>,
) -> Result<Table, ConfigError> {
    let mut table: Table = DEFAULTS
        .parse()
        .expect("a test holds that the compiled-in defaults parse");
    if let Some((name, text)) = file {
        let given: Table = text.parse().map_err(|error| invalid(name, error))?;
        overlay(&mut table, given, "").map_err(|error| invalid(name, error))?;
    }
    for (name, text) in variables
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
    {
        set_from_variable(&mut table, name, text)?;
    }
    Ok(table)
}

fn overlay(base: &mut Table, given: Table, path: &str) -> Result<(), ConfigError> {
    for (key, value) in given {
        let at = format!("{path}{key}");
        match (base.get_mut(&key), value) {
            (None, _) => return Err(ConfigError(format!("{at} is not a known key"))),
            (Some(Value::Table(base)), Value::Table(given)) => {
                overlay(base, given, &format!("{at}."))?
            }
            (Some(base), value) if base.type_str() == value.type_str() => *base = value,
            (Some(base), value) => {
                return Err(ConfigError(format!(
                    "{at} must be of type {}, not {}",
                    base.type_str(),
                    value.type_str()
                )));
            }
        }
    }
    Ok(())
}

fn set_from_variable(table: &mut Table, name: &str, text: &str) -> Result<(), ConfigError> {
    let wanted = name[PREFIX.len()..].to_ascii_lowercase();
    for (section, keys) in table.iter_mut() {
        let Value::Table(keys) = keys else { continue };
        for (key, value) in keys.iter_mut() {
            if wanted == format!("{section}_{key}") {
                *value = parse_as(value, text).map_err(|error| invalid(name, error))?;
                return Ok(());
            }
        }
    }
    if table
        .keys()
        .any(|section| wanted.starts_with(&format!("{section}_")))
    {
        return Err(ConfigError(format!(
            "{name} is not a known variable; see --print-config for the keys"
        )));
    }
    // Kubernetes sets MAILWRIGHT_PORT and the like for a Service that is named mailwright.
    tracing::warn!("{name} is none of our variables");
    Ok(())
}

/// Reads a variable's text as what the default's type is.
fn parse_as(default: &Value, text: &str) -> Result<Value, String> {
    match default {
        Value::Integer(_) => text
            .trim()
            .parse()
            .map(Value::Integer)
            .map_err(|_| format!("{text:?} is not a whole number")),
        Value::Boolean(_) => text
            .trim()
            .parse()
            .map(Value::Boolean)
            .map_err(|_| format!("{text:?} is neither true nor false")),
        Value::Array(_) => {
            let items = text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Ok(Value::Array(
                items.map(|item| Value::String(item.to_owned())).collect(),
            ))
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

#[cfg(test)]
mod tests;
