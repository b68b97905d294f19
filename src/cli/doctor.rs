//! `mailwright doctor`: looks into one service, with a verdict and a next step for each thing.
//!
//! It asks the server, from whose network and with whose token mail leaves; this machine's own view
//! would prove nothing. With `--to`, a test message is part of it.

use clap::Args;
use serde_json::json;

use super::print::{Cell, Ink, instant, reason, short, time};
use super::remote::{Remote, Session, answered};
use super::{ANSWER_IS_NO, Failed, test};
use crate::model::Timestamp;
use crate::rpc::proto::v1::{self, ServiceState, StepOutcome, TestStep, service::Auth};

const DAY_SECONDS: u64 = 86_400;

/// A secret that expires sooner is a matter for today.
const SECRET_DAYS: u64 = 30;

/// A test that is older proves little.
const TEST_DAYS: u64 = 30;

/// Options of `doctor`.
#[derive(Args)]
pub struct Doctor {
    /// The service's id
    service: String,
    /// Send a test message to this address: then DNS, TLS and login are seen as they are now
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
    Unknown,
}

struct Finding {
    what: &'static str,
    verdict: Verdict,
    found: String,
    next: String,
}

impl Doctor {
    /// Looks, and tells.
    ///
    /// # Errors
    /// What the server refused, or that something fails.
    pub async fn run(self) -> Result<(), Failed> {
        let session = self.remote.open().await?;
        let request = session.connected.request(v1::GetServerInfoRequest {});
        let info = answered(session.connected.admin().get_server_info(request).await)?;
        let report = match &self.to {
            Some(to) => Some(test::send(&session, &self.service, to).await?),
            None => None,
        };
        // Behind the test, so that it shows what that changed.
        let service = session.service(&self.service).await?;
        let now = session.env.now();
        let mut findings = vec![Finding::ok(
            "server",
            format!("version {} at {}", info.version, info.public_url),
        )];
        findings.push(state(&service));
        findings.extend(connection(&service, report.as_ref()));
        findings.extend(token(&service, now));
        findings.extend(scopes(&service));
        let failed = service.failed_authorization.as_ref();
        findings.extend(failed.map(|why| Finding::of("authorization", Verdict::Warn, why)));
        findings.extend(secret(&service, now));
        findings.push(budget(&service));
        findings.push(last_test(&service, now));
        show(&session, &findings);
        let failures = findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Fail);
        match failures.count() {
            0 => Ok(()),
            count => Err(Failed::new(ANSWER_IS_NO, format!("{count} of these fail"))),
        }
    }
}

impl Finding {
    fn new(what: &'static str, verdict: Verdict, found: String, next: String) -> Self {
        Self {
            what,
            verdict,
            found,
            next,
        }
    }

    fn ok(what: &'static str, found: String) -> Self {
        Self::new(what, Verdict::Ok, found, String::new())
    }

    /// What a diagnosis says, at its own advice.
    fn of(what: &'static str, verdict: Verdict, diagnosis: &v1::Diagnosis) -> Self {
        let code = match diagnosis.provider_code.as_str() {
            "" => reason(diagnosis),
            code => format!("{}, {code}", reason(diagnosis)),
        };
        let mut next = vec![diagnosis.remedy.clone()];
        next.extend(diagnosis.commands.clone());
        next.push(diagnosis.help_url.clone());
        next.retain(|text| !text.is_empty());
        Self::new(
            what,
            verdict,
            format!("{} ({code})", diagnosis.summary),
            next.join("  "),
        )
    }
}

fn state(service: &v1::Service) -> Finding {
    let id = &service.service_id;
    let name = short(service.state().as_str_name(), "SERVICE_STATE_").to_owned();
    let next = match service.state() {
        ServiceState::Ready => {
            return match &service.problem {
                Some(problem) => Finding::of("state", Verdict::Warn, problem),
                None => Finding::ok("state", name),
            };
        }
        ServiceState::PendingAuthorization => format!("mailwright authorize {id}"),
        ServiceState::PendingTest => format!("mailwright test {id} --to you@example.com"),
        ServiceState::Suspended => format!("mailwright services resume {id}"),
        _ => {
            return match &service.problem {
                Some(problem) => Finding::of("state", Verdict::Fail, problem),
                None => Finding::new(
                    "state",
                    Verdict::Fail,
                    name,
                    format!("mailwright authorize {id}"),
                ),
            };
        }
    };
    Finding::new("state", Verdict::Fail, name, next)
}

/// DNS, TLS and login, as a test saw them.
fn connection(service: &v1::Service, report: Option<&v1::SendTestResponse>) -> Vec<Finding> {
    let things = [
        ("DNS", TestStep::Resolve),
        ("connection", TestStep::Connect),
        ("TLS", TestStep::Tls),
        ("login", TestStep::Authenticate),
        ("message", TestStep::FinalReply),
    ];
    let Some(report) = report else {
        let smtp = service.smtp.clone().unwrap_or_default();
        let id = &service.service_id;
        return vec![Finding::new(
            "DNS, TLS, login",
            Verdict::Unknown,
            format!("{}:{} was not tried now", smtp.host, smtp.port),
            format!("mailwright doctor {id} --to you@example.com"),
        )];
    };
    let failed = report
        .steps
        .iter()
        .find(|step| step.outcome() == StepOutcome::Failed);
    let mut findings: Vec<_> = things
        .into_iter()
        .filter_map(|(what, step)| {
            let seen = report.steps.iter().find(|seen| seen.step() == step)?;
            (seen.outcome() == StepOutcome::Passed).then(|| Finding::ok(what, seen.detail.clone()))
        })
        .collect();
    if let (Some(step), Some(diagnosis)) = (failed, &report.diagnosis) {
        let what = things.iter().find(|(_, known)| *known == step.step());
        let what = what.map_or("message", |(what, _)| what);
        findings.push(Finding::of(what, Verdict::Fail, diagnosis));
    }
    findings
}

fn token(service: &v1::Service, now: Timestamp) -> Option<Finding> {
    if !matches!(service.auth, Some(Auth::Oauth2(_))) {
        return None;
    }
    let id = &service.service_id;
    let authorize = format!("mailwright authorize {id}");
    let Some(grant) = &service.authorization else {
        let found = "nobody has authorized it".to_owned();
        return Some(Finding::new("token", Verdict::Fail, found, authorize));
    };
    let next = time(grant.next_refresh_time.as_ref());
    if next.is_empty() {
        let found = "the grant is dead".to_owned();
        return Some(Finding::new("token", Verdict::Fail, found, authorize));
    }
    let expired = grant
        .access_token_expire_time
        .as_ref()
        .is_some_and(|at| instant(at) <= now);
    Some(match expired {
        true => Finding::new(
            "token",
            Verdict::Warn,
            format!("the access token has expired, and is fetched anew at {next}"),
            "see the server's log, if this stays".to_owned(),
        ),
        false => Finding::ok("token", format!("live, refreshed next at {next}")),
    })
}

fn scopes(service: &v1::Service) -> Option<Finding> {
    let Some(Auth::Oauth2(oauth2)) = &service.auth else {
        return None;
    };
    let grant = service.authorization.as_ref()?;
    let wanted = match oauth2.provider() {
        v1::Provider::Microsoft => "SMTP.Send",
        v1::Provider::Google => "https://mail.google.com/",
        _ => "",
    };
    let granted = grant.scopes.join(" ");
    let itself = oauth2.grant() == v1::Grant::ClientCredentials;
    let enough = itself || wanted.is_empty() || granted.contains(wanted);
    Some(match enough {
        true => Finding::ok("scopes", granted),
        false => Finding::new(
            "scopes",
            Verdict::Fail,
            format!("{wanted} was not granted: {granted}"),
            format!(
                "mailwright authorize {}, and leave every box ticked",
                service.service_id
            ),
        ),
    })
}

fn secret(service: &v1::Service, now: Timestamp) -> Option<Finding> {
    let Some(Auth::Oauth2(oauth2)) = &service.auth else {
        return None;
    };
    let id = &service.service_id;
    let renew = format!("mailwright services update {id} --next-client-secret-file FILE");
    let Some(expires) = &oauth2.client_secret_expire_time else {
        return Some(Finding::new(
            "client secret",
            Verdict::Warn,
            "nobody has said when it expires".to_owned(),
            format!("mailwright services update {id} --client-secret-expires DATE"),
        ));
    };
    let days = instant(expires).since(now).as_secs() / DAY_SECONDS;
    let found = format!("it expires {}, in {days} days", time(Some(expires)));
    Some(match (days, oauth2.next_client_secret_hint.is_empty()) {
        (0, true) => Finding::new("client secret", Verdict::Fail, found, renew),
        (1..SECRET_DAYS, true) => Finding::new("client secret", Verdict::Warn, found, renew),
        _ => Finding::ok("client secret", found),
    })
}

fn budget(service: &v1::Service) -> Finding {
    let budget = service.budget.unwrap_or_default();
    let queued = budget.queued_messages;
    let day = budget
        .day_remaining
        .map_or("any number of".to_owned(), |left| left.to_string());
    let found = format!("{day} recipients left these 24 hours, {queued} messages wait");
    match budget.day_remaining {
        Some(..=0) => Finding::new(
            "budget",
            Verdict::Fail,
            found,
            "wait: the oldest hour frees its share, and what waits leaves by itself".to_owned(),
        ),
        _ => Finding::ok("budget", found),
    }
}

fn last_test(service: &v1::Service, now: Timestamp) -> Finding {
    let next = format!(
        "mailwright test {} --to you@example.com",
        service.service_id
    );
    let Some(test) = &service.last_test else {
        return Finding::new(
            "last test",
            Verdict::Fail,
            "there was none".to_owned(),
            next,
        );
    };
    if let Some(diagnosis) = &test.diagnosis {
        return Finding::of("last test", Verdict::Fail, diagnosis);
    }
    let when = test.test_time.as_ref().map(instant).unwrap_or_default();
    let days = now.since(when).as_secs() / DAY_SECONDS;
    let found = format!("passed {when}, to {}", test.to);
    match days > TEST_DAYS {
        true => Finding::new("last test", Verdict::Warn, found, next),
        false => Finding::ok("last test", found),
    }
}

fn show(session: &Session, findings: &[Finding]) {
    let printer = &session.printer;
    let name = |verdict| match verdict {
        Verdict::Ok => ("ok", Ink::Good),
        Verdict::Warn => ("WARN", Ink::Warn),
        Verdict::Fail => ("FAIL", Ink::Bad),
        Verdict::Unknown => ("?", Ink::Dim),
    };
    if printer.is_json() {
        let all = findings.iter().map(|finding| {
            json!({
                "what": finding.what,
                "verdict": name(finding.verdict).0,
                "found": finding.found,
                "next": finding.next,
            })
        });
        printer.json_value(&json!({ "findings": all.collect::<Vec<_>>() }));
        return;
    }
    for finding in findings {
        let (verdict, ink) = name(finding.verdict);
        let verdict = printer.ink(ink, &format!("{verdict:4}"));
        let found = printer.inline(&[Cell::from(finding.found.as_str())]);
        printer.line(&format!("{verdict}  {}: {found}", finding.what));
        if !finding.next.is_empty() {
            let next = printer.inline(&[Cell::from(finding.next.as_str())]);
            printer.line(&format!("      -> {next}"));
        }
    }
}
