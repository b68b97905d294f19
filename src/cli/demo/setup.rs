//! Steps 1 to 3, an admin's: create a service, authorize it, prove it.

use std::time::Duration;

use super::screen::{self, Ink, Screen};
use super::stage::Stage;
use super::{LOGIN, SERVICE_ID, SERVICE_NAME, answered, browser, expect};
use crate::cli::Failed;
use crate::rpc::proto::v1::{
    BeginAuthorizeRequest, BeginAuthorizeResponse, CreateServiceRequest, GetServiceRequest, OAuth2,
    Provider, SendTestRequest, Sender, Service, ServiceState, Smtp, StepOutcome, TestStepResult,
    TlsMode, service,
};
use crate::sandbox::{CLIENT_ID, CLIENT_SECRET, TENANT_ID};

const TEST_TO: &str = "alex@contoso.com";

/// Resolve, connect, TLS, EHLO, authenticate, MAIL, RCPT, DATA, final reply.
const TEST_STEPS: usize = 9;

/// Step 1.
pub async fn create(stage: &Stage, screen: &Screen) -> Result<(), Failed> {
    screen.step(1, "Create a service", "AdminAPI.CreateService");
    let request = CreateServiceRequest {
        service_id: SERVICE_ID.to_owned(),
        service: Some(settings(stage)),
    };
    let answer = answered("CreateService", stage.admin().create_service(request).await)?;
    let service = answer.service.unwrap_or_default();
    let smtp = service.smtp.clone().unwrap_or_default();
    screen.row(
        "service",
        &format!("{} ({:?})", service.service_id, service.display_name),
    );
    screen.row("SMTP", &format!("{}:{}, STARTTLS", smtp.host, smtp.port));
    screen.row("login", &format!("{LOGIN}, OAuth2 at Microsoft"));
    screen.row("tenant", TENANT_ID);
    screen.row("client ID", CLIENT_ID);
    screen.row("client secret", &secret_hint(&service));
    screen.row("redirect URI", &service.redirect_uri);
    state(screen, &service);
    expect_state(&service, ServiceState::PendingAuthorization)?;
    let callback = format!("{}/oauth2/callback", stage.public_url);
    expect("the redirect URI", &service.redirect_uri, &callback)
}

/// Step 2.
pub async fn authorize(stage: &Stage, screen: &Screen) -> Result<(), Failed> {
    screen.step(2, "Authorize it, in a browser", "AdminAPI.BeginAuthorize");
    let begun = begin_authorize(stage).await?;
    let consent = browser::consent(&stage.egress, &begun.authorization_url, LOGIN).await?;
    for exchange in &consent.exchanges {
        exchange.print(screen);
    }
    let state_back = browser::parameter(&consent.location, "state");
    expect(
        "the state that came back",
        &(state_back == begun.state),
        &true,
    )?;
    let callback = browser::follow(&stage.egress, &consent.location).await?;
    callback.print(screen);
    if !callback.title().starts_with("Authorized") {
        return Err(Failed::new(
            1,
            format!("the callback says {:?}", callback.title()),
        ));
    }
    let service = service(stage).await?;
    let authorization = service.authorization.clone().unwrap_or_default();
    screen.row("signed in", &authorization.login);
    screen.row("granted", &authorization.scopes.join(" "));
    state(screen, &service);
    expect("who signed in", &authorization.login.as_str(), &LOGIN)?;
    expect_state(&service, ServiceState::PendingTest)
}

/// Step 3.
pub async fn test(stage: &Stage, screen: &Screen) -> Result<(), Failed> {
    screen.step(3, "Send a test", "AdminAPI.SendTest");
    let request = SendTestRequest {
        service_id: SERVICE_ID.to_owned(),
        to: TEST_TO.to_owned(),
    };
    let report = answered("SendTest", stage.admin().send_test(request).await)?;
    for step in &report.steps {
        print_step(screen, step);
    }
    if let Some(diagnosis) = report.diagnosis {
        let (summary, remedy) = (diagnosis.summary, diagnosis.remedy);
        return Err(Failed::new(
            1,
            format!("the test failed: {summary} {remedy}"),
        ));
    }
    let passed = |step: &&TestStepResult| step.outcome() == StepOutcome::Passed;
    let count = report.steps.iter().filter(passed).count();
    expect("the steps that passed", &count, &TEST_STEPS)?;
    expect("the test passed", &report.passed, &true)?;
    let service = service(stage).await?;
    screen.blank();
    state(screen, &service);
    expect_state(&service, ServiceState::Ready)
}

/// Begins an authorization of the demo's service.
pub async fn begin_authorize(stage: &Stage) -> Result<BeginAuthorizeResponse, Failed> {
    let request = BeginAuthorizeRequest {
        service_id: SERVICE_ID.to_owned(),
        return_url: String::new(),
    };
    answered(
        "BeginAuthorize",
        stage.admin().begin_authorize(request).await,
    )
}

/// The demo's service as it stands.
pub async fn service(stage: &Stage) -> Result<Service, Failed> {
    let request = GetServiceRequest {
        service_id: SERVICE_ID.to_owned(),
    };
    let answer = answered("GetService", stage.admin().get_service(request).await)?;
    Ok(answer.service.unwrap_or_default())
}

/// Prints where the service stands.
pub fn state(screen: &Screen, service: &Service) {
    let ink = match service.state() {
        ServiceState::Ready => Ink::Good,
        _ => Ink::Warn,
    };
    screen.row_in(Some(ink), "state", name(service.state()));
}

/// Holds a service's state against what it must be.
pub fn expect_state(service: &Service, wanted: ServiceState) -> Result<(), Failed> {
    expect("the service's state", &name(service.state()), &name(wanted))
}

fn settings(stage: &Stage) -> Service {
    Service {
        display_name: SERVICE_NAME.to_owned(),
        smtp: Some(Smtp {
            host: "localhost".to_owned(),
            port: i32::from(stage.sandbox.smtp_addr().port()),
            tls: TlsMode::Starttls.into(),
        }),
        sender: Some(Sender {
            address: LOGIN.to_owned(),
            name: "Adele Vance".to_owned(),
            ..Sender::default()
        }),
        auth: Some(service::Auth::Oauth2(Box::new(OAuth2 {
            provider: Provider::Microsoft.into(),
            login_email: LOGIN.to_owned(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.to_owned(),
            tenant_id: TENANT_ID.to_owned(),
            ..OAuth2::default()
        }))),
        ..Service::default()
    }
}

fn secret_hint(service: &Service) -> String {
    match &service.auth {
        Some(service::Auth::Oauth2(oauth2)) => {
            format!(
                "…{} (kept sealed, never shown again)",
                oauth2.client_secret_hint
            )
        }
        _ => String::new(),
    }
}

fn name(state: ServiceState) -> &'static str {
    state.as_str_name().trim_start_matches("SERVICE_STATE_")
}

/// One line a step; the server's reply comes before what was seen.
fn print_step(screen: &Screen, step: &TestStepResult) {
    const AT: usize = 38;
    let (ink, outcome) = match step.outcome() {
        StepOutcome::Passed => (Ink::Good, "passed"),
        StepOutcome::Failed => (Ink::Bad, "FAILED"),
        _ => (Ink::Dim, "skipped"),
    };
    let step_name = step.step().as_str_name().trim_start_matches("TEST_STEP_");
    let took = step.duration.and_then(|took| Duration::try_from(took).ok());
    let took = took.map_or_else(String::new, |took| {
        format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
    });
    let outcome = screen.ink(ink, &format!("{outcome:7}"));
    let mut head = format!("{step_name:14} {outcome} {took:>9}   ");
    let reply = step.reply.as_ref().map(super::feed::reply_text);
    let texts = [reply.unwrap_or_default(), step.detail.clone()].map(|text| brief(&text));
    for text in texts.iter().filter(|text| !text.is_empty()) {
        screen.hanging(None, AT, &head, text);
        head = " ".repeat(AT - 3);
    }
    if texts.iter().all(String::is_empty) {
        screen.line(head);
    }
}

/// Host names and hashes as long as Exchange's would fill the screen.
fn brief(text: &str) -> String {
    const WORD_MAX: usize = 28;
    const SHOWN_CHARS: usize = 18;
    let words = text.split_whitespace().map(|word| match word.len() {
        0..=WORD_MAX => word.to_owned(),
        _ => screen::shorten(word, SHOWN_CHARS),
    });
    words.collect::<Vec<_>>().join(" ")
}
