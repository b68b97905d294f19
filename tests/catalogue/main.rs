//! What follows from every reply and error that providers are known to give.
//!
//! The expectations are the facts' and not the catalogue's: each line is a row of the providers'
//! documentation, or a reply that was seen.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod exchange;
mod google;
mod oauth;
mod sandbox;

use mailwright::model::catalogue::Subject;
use mailwright::model::diagnosis::{Diagnosis, FixedBy, Reason, Scope};
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
        client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        tenant: "contoso.com".to_owned(),
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

/// A reply as it stands in the facts, the command that it answers, and what must follow.
type Fact = (&'static str, Phase, Then, Reason, Scope, FixedBy);

/// Holds the facts, however their text is written: in capitals, cut into other lines, or with a
/// diagnostic tail of kilobytes.
fn hold(facts: &[Fact]) {
    let mut findings = Vec::new();
    for &(line, phase, then, reason, scope, fixed_by) in facts {
        let (head, text) = head_and_text(line);
        let texts = [
            text.to_owned(),
            text.to_uppercase(),
            text.to_lowercase(),
            text.replace(' ', "\n"),
            text.replace('\n', " "),
            format!("{text} 0.35250:{}", "0A00B488, ".repeat(800)),
        ];
        for text in texts {
            let verdict = judged(&format!("{head} {text}"), phase);
            let said = &verdict.diagnosis;
            let got = (verdict.then, said.reason, said.scope, said.fixed_by);
            if got != (then, reason, scope, fixed_by) {
                let text: String = text.chars().take(80).collect();
                findings.push(format!("{phase:?}: {head} {text:?}: {got:?}"));
                break;
            }
            assert_eq!(said.retryable, passes_by_itself(then), "{line}");
            assert_eq!(said.provider_code, head);
            assert_well_said(said);
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// `535 5.7.3 text` → `535 5.7.3` and `text`.
fn head_and_text(line: &str) -> (&str, &str) {
    let mut spaces = line.match_indices(' ');
    let end = spaces.nth(1).map_or(line.len(), |(at, _)| at);
    (&line[..end], line[end..].trim_start())
}

fn passes_by_itself(then: Then) -> bool {
    match then {
        Then::Accept | Then::Retry | Then::RetryLater | Then::Split => true,
        Then::Refuse | Then::Reauthenticate => false,
        Then::Pause(_, kind) => kind != PauseKind::Configuration,
    }
}

/// Whoever is shown it learns what happened and what to do, about their own mailbox.
fn assert_well_said(said: &Diagnosis) {
    for text in [&said.summary, &said.remedy] {
        assert!(text.ends_with('.') && !text.contains('{'), "{text}");
    }
    for command in &said.commands {
        let is_filled = !command.contains(['{', '<']);
        let is_about = command.contains("'a@contoso.com'") || command.starts_with("Get-");
        assert!(is_filled && is_about, "{command}");
    }
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
        ("554 4.9.9 x", Phase::RcptTo, Then::Retry, Reason::SmtpTransient, Scope::Recipient),
        ("535 4.9.9 x", Phase::Authenticate, Then::Reauthenticate, Reason::SmtpAuthRefused, Scope::Mailbox),
        ("451 5.9.9 x", Phase::DotSent, Then::Retry, Reason::SmtpTransient, Scope::Message),
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
#[rustfmt::skip] // one reply a line
fn a_text_is_known_without_its_enhanced_code() {
    for (line, phase, then, reason) in [
        ("535 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.", Phase::Authenticate, CONFIGURATION, Reason::SmtpAuthDisabledTenant),
        ("535 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.", Phase::Authenticate, CONFIGURATION, Reason::SmtpAuthDisabledMailbox),
        ("535 Authentication unsuccessful, SmtpClientAuthentication is disabled", Phase::Authenticate, CONFIGURATION, Reason::SmtpAuthDisabledMailbox),
        ("535 Authentication unsuccessful, account is locked", Phase::Authenticate, CONFIGURATION, Reason::AccountLocked),
        ("535 Authentication unsuccessful", Phase::Authenticate, Then::Reauthenticate, Reason::SmtpAuthRefused),
        ("535 Username and Password not accepted", Phase::Authenticate, Then::Reauthenticate, Reason::SmtpAuthRefused),
        ("454 Too many login attempts, please try again later", Phase::Authenticate, Then::RetryLater, Reason::RateLimited),
        ("530 Must issue a STARTTLS command first", Phase::MailFrom, CONFIGURATION, Reason::SmtpPermanent),
        ("451 STARTTLS is required to send mail", Phase::MailFrom, CONFIGURATION, Reason::SmtpPermanent),
        ("432 STOREDRV.ClientSubmit; sender thread limit exceeded", Phase::DotSent, Then::Retry, Reason::ConcurrencyLimited),
        ("550 SMTP; Client does not have permissions to send as this sender", Phase::DotSent, Then::Refuse, Reason::SendAsDenied),
        ("554 STOREDRV.Submission.Exception:SendAsDeniedException", Phase::DotSent, Then::Refuse, Reason::SendAsDenied),
        ("554 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", Phase::DotSent, DAILY, Reason::DailyLimit),
        ("550 Sender throttled due to continuous invalid license errors", Phase::DotSent, BLOCK, Reason::MailboxBlocked),
        ("550 Daily user sending limit exceeded.", Phase::Data, DAILY, Reason::DailyLimit),
        ("452 Too many recipients", Phase::RcptTo, Then::Split, Reason::SmtpTransient),
        // RFC 5321 section 4.5.3.1.10: the older code for the same.
        ("552 Too many recipients", Phase::RcptTo, Then::Split, Reason::SmtpTransient),
        ("452 Too many recipients", Phase::DotSent, Then::Retry, Reason::SmtpTransient),
        // What is said of a login is not meant where a recipient is refused.
        ("550 User not found", Phase::RcptTo, Then::Refuse, Reason::RecipientRefused),
        ("550 This account is locked", Phase::RcptTo, Then::Refuse, Reason::RecipientRefused),
    ] {
        let verdict = judged(line, phase);
        assert_eq!((verdict.then, verdict.diagnosis.reason), (then, reason), "{line}");
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
