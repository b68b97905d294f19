//! Step 7: one failure, and all that its error tells a program and a person; then that it took
//! nothing away.

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::feed::{self, Feed};
use super::letters::{ALEX, plain, request};
use super::screen::{self, Ink, Screen};
use super::stage::Stage;
use super::{LOGIN, answered, browser, expect, setup};
use crate::cli::Failed;
use crate::rpc::proto::v1::{CompleteAuthorizeRequest, MessageState, ServiceState};
use crate::sandbox::CLIENT_ID;

const REASON: &str = "CLIENT_SECRET_EXPIRED";
const PROVIDER_CODE: &str = "AADSTS7000222";

/// What the error says.
struct Explained {
    reason: String,
    provider_code: String,
    summary: String,
    remedy: String,
    link: String,
}

/// Step 7.
pub async fn show(stage: &Stage, screen: &Screen, feed: &mut Feed) -> Result<(), Failed> {
    screen.step(7, "Break it, and read why", "AdminAPI.CompleteAuthorize");
    stage.sandbox.control().expire_secret(CLIENT_ID);
    screen.row("at the sandbox", "the client secret expires");
    let begun = setup::begin_authorize(stage).await?;
    let consent = browser::consent(&stage.egress, &begun.authorization_url, LOGIN).await?;
    let head = screen.label("browser, 302");
    browser::print_redirect(screen, screen::VALUES, &head, &consent.location);
    let request = CompleteAuthorizeRequest {
        state: browser::parameter(&consent.location, "state"),
        code: browser::parameter(&consent.location, "code"),
        ..CompleteAuthorizeRequest::default()
    };
    let Err(status) = stage.admin().complete_authorize(request).await else {
        let what = "CompleteAuthorize succeeded with an expired client secret";
        return Err(Failed::new(1, what));
    };
    expect(
        "CompleteAuthorize's code",
        &status.code(),
        &Code::FailedPrecondition,
    )?;
    screen.row_in(Some(Ink::Bad), "answer", "FAILED_PRECONDITION");
    let explained = explained(&status);
    explained.print(screen);
    explained.check()?;
    renew_secret(stage);
    still_sends(stage, screen, feed).await
}

/// The details are what a program reads; the remedy is what follows the summary in the message.
fn explained(status: &Status) -> Explained {
    let details = status.get_error_details();
    let info = details.error_info();
    let provider_code = info.and_then(|info| info.metadata.get("provider_code"));
    let violation = details
        .precondition_failure()
        .and_then(|failure| failure.violations.first());
    let summary = violation
        .map(|violation| violation.description.clone())
        .unwrap_or_default();
    let link = details.help().and_then(|help| help.links.first());
    let remedy = status
        .message()
        .strip_prefix(&summary)
        .unwrap_or_default()
        .trim();
    Explained {
        reason: info.map(|info| info.reason.clone()).unwrap_or_default(),
        provider_code: provider_code.cloned().unwrap_or_default(),
        remedy: remedy.to_owned(),
        link: link.map(|link| link.url.clone()).unwrap_or_default(),
        summary,
    }
}

impl Explained {
    fn print(&self, screen: &Screen) {
        screen.row("reason", &self.reason);
        screen.row("provider code", &self.provider_code);
        screen.row("summary", &self.summary);
        screen.row("remedy", &self.remedy);
        screen.row("link", &self.link);
    }

    fn check(&self) -> Result<(), Failed> {
        expect("the reason", &self.reason.as_str(), &REASON)?;
        expect(
            "the provider's code",
            &self.provider_code.as_str(),
            &PROVIDER_CODE,
        )?;
        expect("a summary is there", &self.summary.is_empty(), &false)?;
        expect("a remedy is there", &self.remedy.is_empty(), &false)?;
        expect(
            "the link is https",
            &self.link.starts_with("https://"),
            &true,
        )
    }
}

/// So that whoever goes on from here can authorize again.
fn renew_secret(stage: &Stage) {
    stage.sandbox.control().alter_app(CLIENT_ID, |app| {
        for secret in &mut app.secrets {
            secret.expires = None;
        }
    });
}

/// The grant of step 2 is in use until a new one takes its place.
async fn still_sends(stage: &Stage, screen: &Screen, feed: &mut Feed) -> Result<(), Failed> {
    setup::expect_state(&setup::service(stage).await?, ServiceState::Ready)?;
    let email = plain(ALEX, "Still here", "The grant before it is still good.\n");
    let answer = answered("Send", stage.mail().send(request("demo-4", &email)).await)?;
    let state = feed.end_of(&answer.message_id).await?;
    screen.blank();
    screen.row(
        "meanwhile",
        "the service is READY: the grant of step 2 is untouched",
    );
    screen.row("one more Send", feed::name(state));
    expect("its state", &state, &MessageState::Sent)
}
