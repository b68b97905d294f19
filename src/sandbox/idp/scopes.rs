//! What a scope string means: which resource, which permission, and which resource a token is for.
//!
//! A permission without a prefix belongs to Microsoft Graph, and the first resource named decides the
//! audience of a token silently.

use std::collections::BTreeSet;

use super::errors::Failure;

const GRAPH: &str = "https://graph.microsoft.com";
const EXCHANGE: [&str; 6] = [
    "https://outlook.office.com",
    "https://outlook.office365.com",
    "https://outlook.office365.us",
    "https://partner.outlook.cn",
    "https://ps.outlook.com",
    "https://outlook.com",
];
const OIDC: [&str; 4] = ["openid", "profile", "email", "offline_access"];
const PERMISSIONS: [&str; 11] = [
    "SMTP.Send",
    "IMAP.AccessAsUser.All",
    "POP.AccessAsUser.All",
    "EWS.AccessAsUser.All",
    "User.Read",
    "Mail.Send",
    "Mail.Read",
    "Mail.ReadWrite",
    "Calendars.Read",
    "Contacts.Read",
    ".default",
];

/// What one token is for.
#[derive(Debug)]
pub(super) struct Resolved {
    pub audience: String,
    /// The resource's scopes as the answer's `scope` names them.
    pub granted: Vec<String>,
    /// The same by (resource kind, permission), for consent and for SMTP.
    pub permissions: Vec<String>,
}

impl Resolved {
    /// Without these permissions, of whatever resource.
    pub fn leave_out(&mut self, unticked: &BTreeSet<String>) {
        let ticked = |scope: &String| !unticked.contains(&last_part(scope));
        self.granted.retain(ticked);
        self.permissions.retain(ticked);
    }

    /// The same permissions, but of Microsoft Graph; consent is not looked at again.
    pub fn make_graph(&mut self) {
        GRAPH.clone_into(&mut self.audience);
        for scope in &mut self.granted {
            *scope = format!("{GRAPH}/{}", scope.rsplit('/').next().unwrap_or_default());
        }
    }
}

fn last_part(scope: &str) -> String {
    scope.rsplit('/').next().unwrap_or_default().to_lowercase()
}

/// Splits at spaces.
pub(super) fn split(scope: &str) -> Vec<String> {
    scope.split_whitespace().map(str::to_owned).collect()
}

pub(super) fn has(scopes: &[String], wanted: &str) -> bool {
    scopes.iter().any(|scope| scope == wanted)
}

/// Those that tell who signed in.
pub(super) fn sign_in(scopes: &[String]) -> String {
    let named = OIDC.into_iter().take(3).filter(|name| has(scopes, name));
    named.collect::<Vec<_>>().join(" ")
}

/// All permissions named, of whatever resource, as consent is recorded.
pub(super) fn permissions(scopes: &[String]) -> Result<Vec<String>, Failure> {
    scopes
        .iter()
        .filter(|scope| !OIDC.contains(&scope.as_str()))
        .map(|scope| parse(scope).map(|(audience, name)| permission(&audience, name)))
        .collect()
}

/// The token that these scopes buy: the first resource decides.
pub(super) fn resolve(scopes: &[String]) -> Result<Resolved, Failure> {
    let mut resolved = Resolved {
        audience: String::new(),
        granted: Vec::new(),
        permissions: Vec::new(),
    };
    for scope in scopes.iter().filter(|s| !OIDC.contains(&s.as_str())) {
        let (audience, name) = parse(scope)?;
        if resolved.audience.is_empty() {
            resolved.audience.clone_from(&audience);
        }
        if audience == resolved.audience {
            resolved.granted.push(format!("{audience}/{name}"));
            resolved.permissions.push(permission(&audience, name));
        }
    }
    if resolved.audience.is_empty() {
        GRAPH.clone_into(&mut resolved.audience);
    }
    Ok(resolved)
}

/// Whether Exchange takes a token of this audience.
pub(in crate::sandbox) fn is_exchange(audience: &str) -> bool {
    EXCHANGE.contains(&audience)
}

fn permission(audience: &str, name: &str) -> String {
    let kind = if is_exchange(audience) {
        "exchange"
    } else {
        "graph"
    };
    format!("{kind}/{}", name.to_lowercase())
}

fn parse(scope: &str) -> Result<(String, &str), Failure> {
    let (audience, name) = match scope.rsplit_once('/') {
        None => (GRAPH, scope),
        Some((resource, name)) => (resource.trim_end_matches('/'), name),
    };
    let audience = audience.to_lowercase();
    if audience != GRAPH && !is_exchange(&audience) {
        return Err(Failure::new(
            500_011,
            format!(
                "The resource principal named {audience} was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant."
            ),
        ));
    }
    if !PERMISSIONS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(name))
    {
        return Err(Failure::new(
            70011,
            format!(
                "The provided value for the input parameter 'scope' is not valid. The scope '{scope}' is not valid."
            ),
        ));
    }
    Ok((audience, name))
}
