//! Shows a credential to the server (RFC 4954).
//!
//! XOAUTH2 as Google and Microsoft describe it, OAUTHBEARER (RFC 7628), PLAIN (RFC 4616) and
//! LOGIN. The caller makes sure that the connection is encrypted.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::ehlo::Capabilities;
use super::failure::FailureKind;
use crate::model::Secret;
use crate::model::service::SmtpEndpoint;

/// RFC 4954 §4: a line that carries a response may have so many octets, line end included.
const AUTH_LINE_MAX_BYTES: usize = 12_288;

/// A secret that is shorter than this would blot out common words, and hides nothing.
const HIDDEN_MIN_BYTES: usize = 4;

/// What proves to the server who we are. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    Xoauth2 { user: String, token: Secret },
    Oauthbearer { user: String, token: Secret },
    Password { username: String, password: Secret },
    None,
}

/// The lines of one AUTH exchange, each to be sent when the server gives the word with 334.
pub(super) struct Script {
    pub mechanism: &'static str,
    pub lines: Vec<Zeroizing<String>>,
    /// What to answer a 334 that comes after the last line: the server then says in a 535 what it
    /// has against the token. None: it is a breach of the protocol.
    pub error_answer: Option<&'static str>,
    /// What no reply may show: the credential, as it is and as it is sent.
    pub hidden: Vec<Zeroizing<String>>,
}

impl Credential {
    /// Whether there is nothing to prove.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The exchange that fits the credential and the server; none if there is nothing to prove.
    pub(super) fn script(
        &self,
        capabilities: &Capabilities,
        endpoint: &SmtpEndpoint,
    ) -> Result<Option<Script>, FailureKind> {
        let wanted: &[&str] = match self {
            Self::Xoauth2 { .. } => &["XOAUTH2"],
            Self::Oauthbearer { .. } => &["OAUTHBEARER"],
            Self::Password { .. } => &["PLAIN", "LOGIN"],
            Self::None => return Ok(None),
        };
        let Some(mechanism) = wanted.iter().find(|name| capabilities.offers(name)) else {
            return Err(FailureKind::MechanismNotOffered {
                wanted: wanted.join(" or "),
                offered: capabilities.auth.clone(),
            });
        };
        let script = match self {
            Self::Xoauth2 { user, token } => {
                Some(initial_response("XOAUTH2", &xoauth2(user, token), Some("")))
            }
            Self::Oauthbearer { user, token } => {
                let response = oauthbearer(user, token, endpoint);
                Some(initial_response("OAUTHBEARER", &response, Some("AQ==")))
            }
            Self::Password { username, password } if *mechanism == "PLAIN" => {
                let response = Zeroizing::new(format!("\0{username}\0{}", password.expose()));
                Some(initial_response("PLAIN", &response, None))
            }
            Self::Password { username, password } => Some(Script {
                mechanism: "LOGIN",
                lines: vec![
                    Zeroizing::new("AUTH LOGIN\r\n".to_owned()),
                    base64_line("", username),
                    base64_line("", password.expose()),
                ],
                error_answer: None,
                hidden: Vec::new(),
            }),
            Self::None => None,
        };
        Ok(script.map(|script| script.hiding(self)))
    }

    fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Xoauth2 { token, .. } | Self::Oauthbearer { token, .. } => Some(token),
            Self::Password { password, .. } => Some(password),
            Self::None => None,
        }
    }
}

impl Script {
    fn hiding(mut self, credential: &Credential) -> Self {
        let sent = self.lines.iter().map(|line| {
            let response = line.trim_end().rsplit(' ').next().unwrap_or_default();
            Zeroizing::new(response.trim_end_matches('=').to_owned())
        });
        let secret = credential.secret();
        let plain = secret.map(|secret| Zeroizing::new(secret.expose().to_owned()));
        self.hidden = sent
            .chain(plain)
            // A mechanism's name is none, nor is what any text may hold.
            .filter(|text| text.len() >= HIDDEN_MIN_BYTES && **text != self.mechanism)
            .collect();
        self
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xoauth2 { .. } => "Xoauth2([hidden])",
            Self::Oauthbearer { .. } => "Oauthbearer([hidden])",
            Self::Password { .. } => "Password([hidden])",
            Self::None => "None",
        })
    }
}

/// The response in the AUTH line itself, or after the server's word when the line gets too long.
fn initial_response(
    mechanism: &'static str,
    response: &str,
    error_answer: Option<&'static str>,
) -> Script {
    let line = base64_line(&format!("AUTH {mechanism} "), response);
    let lines = if line.len() <= AUTH_LINE_MAX_BYTES {
        vec![line]
    } else {
        vec![
            Zeroizing::new(format!("AUTH {mechanism}\r\n")),
            base64_line("", response),
        ]
    };
    Script {
        mechanism,
        lines,
        error_answer,
        hidden: Vec::new(),
    }
}

fn xoauth2(user: &str, token: &Secret) -> Zeroizing<String> {
    Zeroizing::new(format!(
        "user={user}\x01auth=Bearer {}\x01\x01",
        token.expose()
    ))
}

/// RFC 7628 §3.1, with the GS2 header of RFC 5801.
fn oauthbearer(user: &str, token: &Secret, endpoint: &SmtpEndpoint) -> Zeroizing<String> {
    let user = user.replace('=', "=3D").replace(',', "=2C");
    Zeroizing::new(format!(
        "n,a={user},\x01host={}\x01port={}\x01auth=Bearer {}\x01\x01",
        endpoint.host,
        endpoint.port,
        token.expose()
    ))
}

/// `prefix`, the base 64 of `text`, and the line's end.
fn base64_line(prefix: &str, text: &str) -> Zeroizing<String> {
    // Reserved at once: growing would leave copies behind.
    let size = prefix.len() + text.len().div_ceil(3) * 4 + 2;
    let mut line = Zeroizing::new(String::with_capacity(size));
    line.push_str(prefix);
    STANDARD.encode_string(text, &mut line);
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::service::TlsMode;

    fn lines(credential: &Credential, offered: &[&str]) -> Vec<String> {
        let capabilities = Capabilities {
            auth: offered.iter().map(|name| (*name).to_owned()).collect(),
            ..Capabilities::default()
        };
        let endpoint = SmtpEndpoint {
            host: "server.example.com".to_owned(),
            port: 587,
            tls: TlsMode::Starttls,
        };
        let script = credential.script(&capabilities, &endpoint).unwrap();
        let lines = script.unwrap().lines;
        lines.iter().map(|line| (**line).clone()).collect()
    }

    #[test]
    fn xoauth2_has_the_bytes_that_microsoft_documents() {
        let credential = Credential::Xoauth2 {
            user: "test@contoso.onmicrosoft.com".to_owned(),
            token: Secret::new("EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA"),
        };
        assert_eq!(
            lines(&credential, &["LOGIN", "XOAUTH2"]),
            [
                "AUTH XOAUTH2 dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZw\
                 VUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==\r\n"
            ]
        );
    }

    #[test]
    fn oauthbearer_has_the_bytes_of_rfc_7628() {
        let credential = Credential::Oauthbearer {
            user: "user@example.com".to_owned(),
            token: Secret::new("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="),
        };
        assert_eq!(
            lines(&credential, &["OAUTHBEARER"]),
            [
                "AUTH OAUTHBEARER bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1\
                 dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB\r\n"
            ]
        );
    }

    #[test]
    fn a_name_can_not_leave_its_field_of_the_gs2_header() {
        let endpoint = SmtpEndpoint {
            host: "h".to_owned(),
            port: 1,
            tls: TlsMode::Implicit,
        };
        let response = oauthbearer("a=b,c", &Secret::new("t"), &endpoint);
        assert!(response.starts_with("n,a=a=3Db=2Cc,\x01"));
    }

    #[test]
    fn a_token_too_long_for_the_command_line_waits_for_the_servers_word() {
        let of = |length: usize| Credential::Xoauth2 {
            user: "u".to_owned(),
            token: Secret::new("t".repeat(length)),
        };
        let longest = (9_000..9_400)
            .map(|length| lines(&of(length), &["XOAUTH2"]))
            .filter(|lines| lines.len() == 1)
            .map(|lines| lines[0].len())
            .max();
        // Base 64 grows by four: 12,287 octets is the longest that fits.
        assert_eq!(longest, Some(12_287));
        let long = lines(&of(20_000), &["XOAUTH2"]);
        assert_eq!(long[0], "AUTH XOAUTH2\r\n");
        assert_eq!(long.len(), 2);
    }

    #[test]
    fn a_password_goes_by_plain_or_else_by_login() {
        let credential = Credential::Password {
            username: "tim".to_owned(),
            password: Secret::new("tanstaaftanstaaf"),
        };
        // RFC 4616 and RFC 4954 §4.
        assert_eq!(
            lines(&credential, &["LOGIN", "PLAIN"]),
            ["AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n"]
        );
        assert_eq!(
            lines(&credential, &["LOGIN"]),
            ["AUTH LOGIN\r\n", "dGlt\r\n", "dGFuc3RhYWZ0YW5zdGFhZg==\r\n"]
        );
        assert_eq!(format!("{credential:?}"), "Password([hidden])");
    }
}
