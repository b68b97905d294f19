//! Exchange Online's reply texts, as documented or observed.

use std::net::IpAddr;

use crate::sandbox::clock;
use crate::sandbox::shared::Shared;

/// The server's name in diagnostic suffixes.
pub(super) const HOST: &str = "SB0P0001CA0001.SBXP001.PROD.OUTLOOK.COM";
/// The mailbox server's name in final replies.
pub(super) const STORE: &str = "SB0P0001MB0001.sbxp001.prod.outlook.com";

pub(super) const RESET: &str = "250 2.0.0 Resetting";
pub(super) const BYE: &str = "221 2.0.0 Service closing transmission channel";
pub(super) const TLS_READY: &str = "220 2.0.0 SMTP server ready";
pub(super) const SENDER_OK: &str = "250 2.1.0 Sender OK";
pub(super) const RECIPIENT_OK: &str = "250 2.1.5 Recipient OK";
pub(super) const START_INPUT: &str = "354 Start mail input; end with <CRLF>.<CRLF>";
pub(super) const AUTHENTICATED: &str = "235 2.7.0 Authentication successful";
pub(super) const UNKNOWN_AUTH: &str = "504 5.7.4 Unrecognized authentication type";
pub(super) const TOO_LARGE: &str = "552 5.3.4 Message size exceeds fixed maximum message size";
pub(super) const BAD_SEQUENCE: &str = "503 5.5.1 Bad sequence of commands";
pub(super) const HELLO_FIRST: &str = "503 5.5.2 Send hello first";
pub(super) const NEED_MAIL: &str = "503 5.5.2 Need mail command";
pub(super) const NEED_RCPT: &str = "503 5.5.2 Need rcpt command";
pub(super) const SENDER_GIVEN: &str = "503 5.5.2 Sender already specified";
pub(super) const INVALID_ARGUMENTS: &str = "501 5.5.4 Invalid arguments";
pub(super) const COMMAND_TOO_LONG: &str = "500 5.5.2 Command too long";
pub(super) const NOT_AUTHENTICATED: &str = "530 5.7.57 Client not authenticated to send mail.";
pub(super) const TOO_MANY_ERRORS: &str =
    "421 4.7.0 Too many errors on this connection, closing transmission channel";
pub(super) const TOO_FAST: &str =
    "421 4.4.2 Message submission rate for this client has exceeded the configured limit";
pub(super) const TOO_MANY_RECIPIENTS: &str = "452 4.5.3 Too many recipients";
pub(super) const RECIPIENT_REFUSED: &str = "550 5.4.1 Recipient address rejected: Access denied.";
pub(super) const DATA_REFUSED: &str = "554 5.7.1 Message can't be submitted";
pub(super) const GREYLISTED: &str = "450 4.2.0 Recipient deferred, please try again later";
pub(super) const EXTERNAL_REFUSED: &str =
    "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain";
pub(super) const BARE_LF: &str = "550 5.6.11 Message contains bare line feeds";
pub(super) const NO_FROM: &str = "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant and include a valid From address";

pub(super) fn greeting(shared: &Shared) -> String {
    format!(
        "220 {HOST}.outlook.office365.com Microsoft ESMTP MAIL Service ready at {} [{}]",
        clock::mail(shared.now()),
        session_id(shared)
    )
}

/// EHLO's list; `security` is the line that TLS and AUTH put in the middle.
pub(super) fn hello(peer: IpAddr, pipelining: bool, security: Option<&str>) -> String {
    let mut reply = format!(
        "250-{HOST}.outlook.office365.com Hello [{peer}]\r\n250-SIZE {}\r\n",
        super::wire::MESSAGE_MAX
    );
    if pipelining {
        reply.push_str("250-PIPELINING\r\n");
    }
    reply.push_str("250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n");
    if let Some(security) = security {
        reply.push_str(&format!("250-{security}\r\n"));
    }
    reply.push_str("250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250 SMTPUTF8");
    reply
}

/// `[HOST date id]`, the suffix of replies about the session.
pub(super) fn suffix(shared: &Shared) -> String {
    format!(
        "[{HOST} {} {}]",
        clock::exchange(shared.now()),
        session_id(shared)
    )
}

/// 535 with Exchange's wording after "Authentication unsuccessful".
pub(super) fn unauthenticated(shared: &Shared, why: AuthRefusal) -> String {
    let suffix = suffix(shared);
    let text = match why {
        AuthRefusal::Token => return format!("535 5.7.3 Authentication unsuccessful {suffix}"),
        AuthRefusal::Tenant => {
            "SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information."
        }
        AuthRefusal::Mailbox => {
            "SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information."
        }
        AuthRefusal::Basic => "basic authentication is disabled.",
        AuthRefusal::Password => "the user credentials were incorrect.",
    };
    format!("535 5.7.139 Authentication unsuccessful, {text} {suffix}")
}

/// Why AUTH fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthRefusal {
    Token,
    Tenant,
    Mailbox,
    Basic,
    Password,
}

pub(super) fn starttls_required(shared: &Shared) -> String {
    format!(
        "451 5.7.3 STARTTLS is required to send mail {}",
        suffix(shared)
    )
}

pub(super) fn unrecognized(shared: &Shared, command: &str) -> String {
    format!(
        "500 5.3.3 Unrecognized command '{command}' {}",
        suffix(shared)
    )
}

pub(super) fn accepted(shared: &Shared) -> String {
    format!(
        "250 2.0.0 OK <{}@{STORE}> [Hostname={STORE}]",
        shared.random_hex::<16>()
    )
}

pub(super) fn too_concurrent() -> String {
    format!(
        "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname={STORE}]"
    )
}

pub(super) fn logon_failure() -> String {
    format!(
        "430 4.2.0 STOREDRV; mailbox logon failure; MapiExceptionLogonFailed: Unable to make connection to the server. [Hostname={STORE}]"
    )
}

pub(super) fn send_as_denied(mailbox: &str, from: &str) -> String {
    format!(
        "554 5.2.252 SendAsDenied; {mailbox} not allowed to send as {from}; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message. {}[EndDiagnosticData] [Hostname={STORE}]",
        diagnostics(1_200)
    )
}

/// A refusal whose first line alone is longer than many clients read, and which has several lines.
pub(super) fn long_refusal() -> String {
    let head = "STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is not None. Actual verdict is RefuseQuota";
    format!(
        "554-5.2.0 {head}. {}\r\n554-5.2.0 {}\r\n554 5.2.0 [EndDiagnosticData] [Hostname={STORE}]",
        diagnostics(4_200),
        diagnostics(900)
    )
}

/// Exchange's tail of stack positions, at least so long.
fn diagnostics(length: usize) -> String {
    let mut tail = String::with_capacity(length + 32);
    let mut position = 35_250;
    while tail.len() < length {
        tail.push_str(&format!("0.{position}:0A00{:04X}, ", position % 65_536));
        position += 1_184;
    }
    tail
}

fn session_id(shared: &Shared) -> String {
    shared.random_hex::<8>().to_uppercase()
}
