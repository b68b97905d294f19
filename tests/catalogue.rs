//! What follows from every reply that providers are known to give (facts 3.4, 3.5 and 6.2).

use mailwright::model::catalogue::Subject;
use mailwright::model::diagnosis::{Reason, Scope};
use mailwright::model::verdict::{PauseKind, PauseScope, Then, Verdict, judge};
use mailwright::model::{Phase, Reply};
use proptest::prelude::*;

const CONFIGURATION: Then = Then::Pause(PauseScope::Mailbox, PauseKind::Configuration);
const BLOCK: Then = Then::Pause(PauseScope::Mailbox, PauseKind::Block);
const DAILY: Then = Then::Pause(PauseScope::Mailbox, PauseKind::Daily);
const TENANT_BLOCK: Then = Then::Pause(PauseScope::Tenant, PauseKind::Block);
const TENANT_DAILY: Then = Then::Pause(PauseScope::Tenant, PauseKind::Daily);
const TENANT_CONFIGURATION: Then = Then::Pause(PauseScope::Tenant, PauseKind::Configuration);

fn subject() -> Subject {
    Subject {
        mailbox: "a@contoso.com".to_owned(),
        consent: "a@contoso.com".to_owned(),
        sender: "b@contoso.com".to_owned(),
        host: "smtp.office365.com".to_owned(),
        ..Subject::default()
    }
}

/// Judges `535 5.7.3 text`, as it stands in the facts.
fn judged(line: &str, phase: Phase) -> Verdict {
    let (code, text) = line.split_once(' ').unwrap_or((line, ""));
    let code = code.parse().expect("a reply begins with its code");
    judge(&Reply::new(code, text), phase, &subject())
}

fn hold(phase: Phase, table: &[(&str, Then, Reason)]) {
    for (line, then, reason) in table {
        let verdict = judged(line, phase);
        assert_eq!(
            (verdict.then, verdict.diagnosis.reason),
            (*then, *reason),
            "{line}"
        );
        let said = &verdict.diagnosis;
        assert!(
            !said.summary.contains('{') && !said.remedy.contains('{'),
            "{line}"
        );
        assert!(line.starts_with(&said.provider_code), "{line}");
        if let Some(kind) = verdict.then.pauses() {
            assert_eq!(said.retryable, kind.1 != PauseKind::Configuration, "{line}");
        }
    }
}

#[test]
#[rustfmt::skip] // one reply a line
fn exchange_refusals_of_authentication_are_told_apart() {
    use Reason::*;
    let table = [
        ("535 5.7.3 Authentication unsuccessful [HOST 2024-02-14T14:50:26.590Z 08DC2D372B4C3DED]", Then::Reauthenticate, SmtpAuthRefused),
        ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [HOST]", CONFIGURATION, SmtpAuthDisabledTenant),
        ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled", CONFIGURATION, SmtpAuthDisabledMailbox),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled", CONFIGURATION, BasicAuthDisabled),
        ("535 5.7.139 Authentication unsuccessful, the user credentials were incorrect", CONFIGURATION, SmtpAuthRefused),
        ("535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.", CONFIGURATION, ConditionalAccess),
        ("535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.", CONFIGURATION, ConditionalAccess),
        ("535 5.7.139 Authentication unsuccessful, the organization configuration does not allow this authentication", CONFIGURATION, SmtpAuthRefused),
        ("535 5.7.139 Authentication unsuccessful, federated STS service was unreachable", CONFIGURATION, SmtpAuthRefused),
        ("535 5.7.139 Authentication unsuccessful, the federated STS URL does not support HTTPS", CONFIGURATION, SmtpAuthRefused),
        ("535 5.7.139 Authentication unsuccessful, account is locked", CONFIGURATION, AccountLocked),
        ("535 5.7.139 Authentication unsuccessful, something new", CONFIGURATION, SmtpAuthRefused),
        ("535 5.7.3 Authentication unsuccessful Tenant locked out", TENANT_CONFIGURATION, TenantBlocked),
        ("535 5.7.3 Authentication unsuccessful User not found", CONFIGURATION, AccountUnknown),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", CONFIGURATION, BasicAuthDisabled),
        ("504 5.7.4 Unrecognized authentication type", CONFIGURATION, MechanismNotOffered),
        ("454 4.7.0 Temporary authentication failure", Then::Retry, SmtpTransient),
        ("451 4.7.3 Authentication unsuccessful due to temporary server error. Please try again later.", Then::Retry, SmtpTransient),
        ("535 5.7.142 token expires soon", Then::Reauthenticate, SmtpAuthRefused),
        ("535 5.7.143 token expired", Then::Reauthenticate, SmtpAuthRefused),
        ("535 5.7.144 wrong API permissions", CONFIGURATION, MissingScope),
        ("550 5.7.240 app not allowed for this account", CONFIGURATION, NotAssigned),
        ("535 denied", Then::Reauthenticate, SmtpAuthRefused),
        ("501 5.5.121 invalid XOAUTH2 data", CONFIGURATION, SmtpAuthRefused),
    ];
    hold(Phase::Authenticate, &table);
}

#[test]
#[rustfmt::skip] // one reply a line
fn sessions_that_fail_are_told_apart() {
    use Reason::*;
    let table = [
        ("530 5.7.57 Client not authenticated to send mail.", CONFIGURATION, SmtpAuthRefused),
        ("530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM [HOST]", CONFIGURATION, SmtpAuthRefused),
        ("530 5.7.0 Must issue a STARTTLS command first", CONFIGURATION, SmtpPermanent),
        ("451 5.7.3 STARTTLS is required to send mail", CONFIGURATION, SmtpPermanent),
        ("421 4.7.0 Too many errors on this connection, closing transmission channel", Then::Retry, SmtpTransient),
        ("421 4.3.2 Service not available", Then::Retry, SmtpTransient),
        ("421 4.3.2 Service not active", Then::Retry, SmtpTransient),
        ("421 4.3.2 System not accepting network messages", Then::Retry, SmtpTransient),
        ("421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel", Then::Retry, ConcurrencyLimited),
        ("421 4.4.1 Connection timed out. Total session duration: 00:20:55", Then::Retry, SmtpTransient),
        ("421 4.4.2 Connection dropped (due to SocketError)", Then::Retry, SmtpTransient),
        ("421 4.4.2 Message submission rate for this client has exceeded the configured limit", Then::Retry, RateLimited),
        ("451 4.7.0 Timeout waiting for client input", Then::Retry, SmtpTransient),
        ("451 4.7.0 Temporary server error. Please try again later. PRX2", Then::Retry, SmtpTransient),
        ("501 5.5.4 Invalid arguments", Then::Refuse, SmtpPermanent),
        ("501 5.5.4 Invalid domain name", Then::Refuse, SmtpPermanent),
        ("503 5.5.1 Bad sequence of commands", Then::Refuse, SmtpPermanent),
        ("503 5.5.2 Send hello first", Then::Refuse, SmtpPermanent),
        ("503 5.5.2 Need mail command", Then::Refuse, SmtpPermanent),
        ("503 5.5.2 Need rcpt command", Then::Refuse, SmtpPermanent),
        ("503 5.5.2 Sender already specified", Then::Refuse, SmtpPermanent),
        ("500 5.3.3 Unrecognized command 'X' [HOST]", Then::Refuse, SmtpPermanent),
        ("500 5.5.2 Command too long", Then::Refuse, SmtpPermanent),
    ];
    hold(Phase::MailFrom, &table);
    hold(
        Phase::Ehlo,
        &[("501 5.5.4 Invalid domain name", BLOCK, SmtpPermanent)],
    );
}

#[test]
#[rustfmt::skip] // one reply a line
fn exchange_refusals_of_submission_are_told_apart() {
    use Reason::*;
    let table = [
        ("432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname=HOST]", Then::Retry, ConcurrencyLimited),
        ("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=HOST]", Then::Retry, ConcurrencyLimited),
        ("432 4.3.2 other words", Then::Retry, ConcurrencyLimited),
        ("430 4.2.0 STOREDRV; mailbox logon failure; x MapiExceptionLogonFailed y", CONFIGURATION, SmtpAuthRefused),
        ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", Then::Refuse, SendAsDenied),
        ("550 5.7.1 Client does not have permissions to send as this sender", Then::Refuse, SendAsDenied),
        ("554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message Cannot submit message. 0.35250:0A00 [Hostname=HOST]", Then::Refuse, SendAsDenied),
        ("554 5.2.252 SendAsDenied; a@contoso.com not allowed to send as b@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; x", Then::Refuse, SendAsDenied),
        ("550 5.2.251 Sender throttled due to continuous mailbox full errors", BLOCK, MailboxBlocked),
        ("550 5.2.252 Sender throttled due to continuous send as denied errors", BLOCK, MailboxBlocked),
        ("550 5.2.253 Sender throttled due to continuous invalid license errors", BLOCK, MailboxBlocked),
        ("550 5.2.254 Sender throttled due to continuous too many recipients errors", BLOCK, MailboxBlocked),
        ("550 5.2.255 Sender throttled due to continuous invalid recipients errors", BLOCK, MailboxBlocked),
        ("554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; x WASCL UserAction verdict is not None. Actual verdict is RefuseQuota [Hostname=HOST]", BLOCK, MailboxBlocked),
        ("554 5.2.0 WASCL UserAction verdict is not None. Actual verdict is HipNotify", BLOCK, MailboxBlocked),
        ("550 5.1.8 Access denied, bad outbound sender", BLOCK, MailboxBlocked),
        ("550 5.1.90 Your message can't be sent", DAILY, DailyLimit),
        ("550 5.2.2 Submission quota exceeded", DAILY, DailyLimit),
        ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException x", DAILY, DailyLimit),
        ("550 5.7.232 Your message can't be sent", TENANT_DAILY, DailyLimit),
        ("550 5.7.233 Your message can't be sent", TENANT_DAILY, DailyLimit),
        ("554 5.2.2 mailbox full", CONFIGURATION, MailboxFull),
        ("554 5.2.0 STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", CONFIGURATION, MailboxFull),
        ("550 5.7.501 Access denied, spam abuse detected", BLOCK, MailboxBlocked),
        ("550 5.7.502 Access denied, banned sender", BLOCK, MailboxBlocked),
        ("550 5.7.503 Access denied, banned sender", BLOCK, MailboxBlocked),
        ("550 5.7.511 Access denied, banned sender", BLOCK, MailboxBlocked),
        ("550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant", Then::Refuse, MessageRefused),
        ("550 5.7.703 Your message can't be delivered", Then::Refuse, MessageRefused),
        ("550 5.7.705 Access denied, tenant has exceeded threshold", TENANT_BLOCK, TenantBlocked),
        ("550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP", TENANT_BLOCK, TenantBlocked),
        ("550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains", TENANT_CONFIGURATION, TenantBlocked),
        ("550 5.7.64 TenantAttribution; Relay Access Denied", CONFIGURATION, SmtpPermanent),
        ("450 4.2.0 x", Then::Retry, SmtpTransient),
        ("451 4.3.0 x", Then::Retry, SmtpTransient),
        ("451 4.3.2 x", Then::Retry, SmtpTransient),
        ("451 4.4.0 x", Then::Retry, SmtpTransient),
        ("452 4.3.1 Insufficient system resources", Then::Retry, SmtpTransient),
        ("450 4.7.0 Organization queue quota exceeded", Then::Retry, SmtpTransient),
        ("450 4.7.3 Organization queue quota exceeded", Then::Retry, SmtpTransient),
        ("451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)", Then::RetryLater, RateLimited),
        ("451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited", Then::RetryLater, RateLimited),
        ("451 4.7.651 The mail server [192.0.2.1] has been temporarily rate limited", Then::RetryLater, RateLimited),
        ("451 4.7.699 Server busy.", Then::RetryLater, RateLimited),
        ("552 5.3.4 Message size exceeds fixed maximum message size", Then::Refuse, MessageTooLarge),
        ("550 5.2.3 RESOLVER.RST.RecipSizeLimit", Then::Refuse, MessageTooLarge),
        ("554 5.2.0 STOREDRV.Submission.Exception:MessageSubmissionExceededException.MapiExceptionMaxSubmissionExceeded", Then::Refuse, MessageTooLarge),
        ("552 5.3.4 Header size exceeds fixed maximum size", Then::Refuse, MessageTooLarge),
        ("452 4.5.3 Too many recipients", Then::Split, SmtpTransient),
        ("554 5.2.121 x", Then::RetryLater, RateLimited),
        ("554 5.2.122 x", Then::RetryLater, RateLimited),
        ("554 5.6.0 Invalid message content", Then::Refuse, MessageRefused),
        ("550 5.6.11 bare line feeds", Then::Refuse, MessageRefused),
        ("550 5.1.20 Multiple From addresses", Then::Refuse, MessageRefused),
        ("550 5.4.1 Recipient address rejected: Access denied", Then::Refuse, RecipientRefused),
        ("550 5.7.54 Unable to relay recipient in non-accepted domain", Then::Refuse, ExternalRecipientRefused),
    ];
    hold(Phase::DotSent, &table);
}

#[test]
#[rustfmt::skip] // one reply a line
fn google_replies_are_told_apart() {
    use Reason::*;
    hold(
        Phase::Authenticate,
        &[
            ("535 5.7.8 Username and Password not accepted. Learn more at\n5.7.8  https://support.google.com/mail/?p=BadCredentials id - gsmtp", Then::Reauthenticate, SmtpAuthRefused),
            ("534 5.7.9 Application-specific password required", CONFIGURATION, BasicAuthDisabled),
            ("534 5.7.14 Please log in via your web browser", CONFIGURATION, SmtpAuthRefused),
            ("454 4.7.0 Too many login attempts, please try again later", Then::RetryLater, RateLimited),
            ("454 4.7.0 Cannot authenticate due to a temporary system problem", Then::Retry, SmtpTransient),
        ],
    );
    hold(
        Phase::Data,
        &[
            ("421 4.3.0 Temporary System Problem", Then::Retry, SmtpTransient),
            ("421 4.4.5 Server busy", Then::Retry, SmtpTransient),
            ("421 4.7.0 Try again later, closing connection", Then::Retry, SmtpTransient),
            ("421 4.7.28 Our system has detected an unusual rate of unsolicited mail", Then::RetryLater, RateLimited),
            ("421 4.7.32 From header not aligned", Then::Refuse, MessageRefused),
            ("450 4.2.1 The user is receiving mail too quickly", Then::Retry, RateLimited),
            ("451 4.4.2 Timeout - closing connection", Then::Retry, SmtpTransient),
            ("452 4.2.2 The recipient is over quota", Then::Retry, MailboxFull),
            ("452 4.5.3 Too many recipients", Then::Split, SmtpTransient),
            ("550 5.4.5 Daily user sending limit exceeded. For more information on Gmail\n5.4.5 sending limits go to\n5.4.5  https://support.google.com/a/answer/166852 id - gsmtp", DAILY, DailyLimit),
            ("550 5.4.5 Daily SMTP relay limit exceeded for user", DAILY, DailyLimit),
            ("550 5.7.1 Our system has detected that this message is likely unsolicited", Then::Refuse, MessageRefused),
            ("552 5.2.3 Your message exceeded Google's message size limits", Then::Refuse, MessageTooLarge),
            ("552 5.7.0 This message was blocked because its content presents a potential security issue", Then::Refuse, MessageRefused),
        ],
    );
}

#[test]
#[rustfmt::skip] // one reply a line
fn an_unknown_reply_is_judged_by_its_class_and_phase() {
    for (line, phase, then, reason, scope) in [
        ("250 2.1.5 Recipient OK", Phase::RcptTo, Then::Accept, Reason::Internal, Scope::Recipient),
        ("451 4.9.9 x", Phase::RcptTo, Then::Retry, Reason::SmtpTransient, Scope::Recipient),
        ("451 4.9.9 x", Phase::DotSent, Then::Retry, Reason::SmtpTransient, Scope::Message),
        ("421 4.9.9 x", Phase::RcptTo, Then::Retry, Reason::SmtpTransient, Scope::Server),
        ("550 5.9.9 x", Phase::RcptTo, Then::Refuse, Reason::RecipientRefused, Scope::Recipient),
        ("550 5.7.1 x", Phase::RcptTo, Then::Refuse, Reason::RecipientRefused, Scope::Recipient),
        ("554 5.2.2 full", Phase::RcptTo, Then::Refuse, Reason::MailboxFull, Scope::Recipient),
        ("550 5.9.9 x", Phase::DotSent, Then::Refuse, Reason::SmtpPermanent, Scope::Message),
        ("550 5.9.9 x", Phase::MailFrom, Then::Refuse, Reason::SmtpPermanent, Scope::Message),
        ("550 5.9.9 x", Phase::Authenticate, CONFIGURATION, Reason::SmtpAuthRefused, Scope::Mailbox),
        ("554 no service here", Phase::Connect, BLOCK, Reason::SmtpPermanent, Scope::Server),
        ("399 odd", Phase::MailFrom, Then::Retry, Reason::SmtpProtocol, Scope::Message),
    ] {
        let verdict = judged(line, phase);
        let got = (
            verdict.then,
            verdict.diagnosis.reason,
            verdict.diagnosis.scope,
        );
        assert_eq!(got, (then, reason, scope), "{line} in {phase:?}");
    }
}

#[test]
fn a_disabled_mailbox_comes_with_the_command_that_enables_it() {
    let line = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.";
    let said = judged(line, Phase::Authenticate).diagnosis;
    assert_eq!(said.provider_code, "535 5.7.139");
    assert_eq!(
        said.commands.first().map(String::as_str),
        Some("Set-CASMailbox -Identity 'a@contoso.com' -SmtpClientAuthenticationDisabled $false")
    );
    assert_eq!(said.help_url, "https://aka.ms/smtp_auth_disabled");
}

#[test]
fn a_long_reply_is_judged_whole_and_kept_short() {
    let long = format!(
        "554 5.2.0 {} MapiExceptionSendAsDenied",
        "0.35250:0A00 ".repeat(800)
    );
    let said = judged(&long, Phase::DotSent).diagnosis;
    assert_eq!(said.reason, Reason::SendAsDenied);
    assert!(said.provider_text.len() <= 2048);
}

fn phases() -> impl Strategy<Value = Phase> {
    proptest::sample::select(vec![
        Phase::Resolve,
        Phase::Connect,
        Phase::Tls,
        Phase::Ehlo,
        Phase::Authenticate,
        Phase::MailFrom,
        Phase::RcptTo,
        Phase::Data,
        Phase::DotSent,
        Phase::Finished,
    ])
}

proptest! {
    #[test]
    fn judging_never_panics_and_refuses_nothing_before_the_envelope(
        code in 0u16..1000,
        text in "([245]\\.[0-9]{1,2}\\.[0-9]{1,3} )?.{0,200}",
        phase in phases(),
    ) {
        let verdict = judge(&Reply::new(code, &text), phase, &subject());
        prop_assert_eq!(verdict.then == Then::Accept, (200..300).contains(&code));
        if phase < Phase::MailFrom {
            prop_assert!(!matches!(verdict.then, Then::Refuse | Then::Split));
        }
        prop_assert!(verdict.diagnosis.provider_text.len() <= 2048);
    }
}
