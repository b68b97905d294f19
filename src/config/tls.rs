//! The `[tls]` section: files, and what a client's certificate gives.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use crate::model::{Rights, Role};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
    pub client_ca_file: PathBuf,
    pub clients: Vec<String>,
}

/// The rights of whoever has a certificate with this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRule {
    /// A DNS name or a URI.
    pub name: String,
    pub rights: Rights,
}

impl Tls {
    /// What `clients` says, entry by entry.
    ///
    /// # Errors
    /// For an entry that is no rule.
    pub fn rules(&self) -> Result<Vec<ClientRule>, ConfigError> {
        self.clients
            .iter()
            .map(|text| {
                parse(text).map_err(|why| ConfigError(format!("tls.clients: {text:?} {why}")))
            })
            .collect()
    }

    /// Files come together: a certificate with its key, clients with who vouches for them.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
        let missing = if is_set(&self.certificate_file) != is_set(&self.key_file) {
            "tls.certificate_file and tls.key_file need one another"
        } else if is_set(&self.client_ca_file) && !is_set(&self.certificate_file) {
            "tls.client_ca_file needs tls.certificate_file"
        } else if !self.clients.is_empty() && !is_set(&self.client_ca_file) {
            "tls.clients needs tls.client_ca_file"
        } else {
            return self.rules().map(|_| ());
        };
        Err(ConfigError(missing.into()))
    }
}

/// A name, then roles in upper case, then services, all with spaces between.
fn parse(text: &str) -> Result<ClientRule, String> {
    let mut words = text.split_whitespace();
    let name = words.next().ok_or("is empty")?.to_owned();
    let (mut roles, mut service_ids) = (BTreeSet::new(), BTreeSet::new());
    for word in words {
        match [Role::Admin, Role::Sender, Role::Watcher]
            .into_iter()
            .find(|role| role.as_str() == word)
        {
            Some(role) => {
                roles.insert(role);
            }
            None => {
                let id = word.parse().map_err(|_| {
                    format!(
                        "has {word:?}, which is neither ADMIN, SENDER or WATCHER nor a service's id"
                    )
                })?;
                service_ids.insert(id);
            }
        }
    }
    if roles.is_empty() {
        return Err("names no role: ADMIN, SENDER or WATCHER".into());
    }
    if roles.contains(&Role::Admin) && !service_ids.is_empty() {
        return Err("has services, which ADMIN is not bound to".into());
    }
    let rights = Rights { roles, service_ids };
    Ok(ClientRule { name, rights })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_name_its_roles_and_its_services() {
        let rule = parse("spiffe://mesh/billing SENDER WATCHER billing invoices").unwrap();
        assert_eq!(rule.name, "spiffe://mesh/billing");
        assert_eq!(rule.rights.roles, [Role::Sender, Role::Watcher].into());
        assert_eq!(rule.rights.service_ids.len(), 2);
        let rule = parse("ops.example.com ADMIN").unwrap();
        assert_eq!(rule.rights, Rights::admin());
        for bad in [
            "",
            "x",
            "x billing",
            "x admin",
            "x OWNER",
            "x ADMIN billing",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
