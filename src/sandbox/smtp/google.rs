//! Gmail's words, in place of Exchange's, and its limits of what is said before TLS.

use std::net::IpAddr;

use super::replies;
use crate::sandbox::shared::Shared;

/// `SIZE` as Gmail announces it.
const SIZE_MAX: usize = 35_882_577;

/// EHLO's list, before or after TLS.
pub(super) fn hello(peer: IpAddr, tls: bool, pipelining: bool) -> String {
    let security = match tls {
        true => "AUTH LOGIN PLAIN XOAUTH2 PLAIN-CLIENTTOKEN OAUTHBEARER XOAUTH",
        false => "STARTTLS",
    };
    let pipelining = if pipelining { "250-PIPELINING\r\n" } else { "" };
    format!(
        "250-smtp.gmail.com at your service, [{peer}]\r\n250-SIZE {SIZE_MAX}\r\n250-8BITMIME\r\n\
         250-{security}\r\n250-ENHANCEDSTATUSCODES\r\n{pipelining}250-CHUNKING\r\n250 SMTPUTF8"
    )
}

/// What Gmail says where Exchange says this; what is Exchange's alone stays as it is.
pub(super) fn words(shared: &Shared, reply: &str) -> String {
    let id = format!(
        "{}-{} - gsmtp",
        shared.random_hex::<7>(),
        shared.random_hex::<4>()
    );
    match reply {
        replies::TLS_READY => "220 2.0.0 Ready to start TLS".to_owned(),
        replies::AUTHENTICATED => "235 2.7.0 Accepted".to_owned(),
        replies::SENDER_OK => format!("250 2.1.0 OK {id}"),
        replies::RECIPIENT_OK => format!("250 2.1.5 OK {id}"),
        replies::START_INPUT => format!("354  Go ahead {id}"),
        replies::RESET => format!("250 2.1.5 Flushed {id}"),
        replies::BYE => format!("221 2.0.0 closing connection {id}"),
        greeting if greeting.starts_with("220 ") => format!("220 smtp.gmail.com ESMTP {id}"),
        taken if taken.starts_with("250 2.0.0 OK <") => format!("250 2.0.0 OK {id}"),
        other => other.to_owned(),
    }
}
