//! `mailwright test`: sends a test message and shows each step.

use clap::Args;

use super::print::{Cell, Ink, short};
use super::remote::{Remote, Session, answered};
use super::{ANSWER_IS_NO, Failed};
use crate::rpc::proto::v1::{self, StepOutcome};

/// Options of `test`.
#[derive(Args)]
pub struct Test {
    /// The service's id
    service: String,
    /// Who gets the test message; an address outside the organization proves more
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    #[command(flatten)]
    remote: Remote,
}

impl Test {
    /// Sends it and shows what happened.
    ///
    /// # Errors
    /// What the server refused, or that the test failed.
    pub async fn run(self) -> Result<(), Failed> {
        let session = self.remote.open().await?;
        let report = send(&session, &self.service, &self.to).await?;
        if session.printer.is_json() {
            session.printer.json("SendTestResponse", &report);
        } else {
            show(&session, &report);
        }
        match report.passed {
            true => Ok(()),
            false => Err(Failed::new(ANSWER_IS_NO, "the test failed")),
        }
    }
}

/// Has the server send a test.
///
/// # Errors
/// What the server refused.
pub async fn send(
    session: &Session,
    service: &str,
    to: &str,
) -> Result<v1::SendTestResponse, Failed> {
    let request = v1::SendTestRequest {
        service_id: service.to_owned(),
        to: to.to_owned(),
    };
    let request = session.connected.request(request);
    answered(session.connected.admin().send_test(request).await)
}

fn show(session: &Session, report: &v1::SendTestResponse) {
    let printer = &session.printer;
    let rows: Vec<_> = report.steps.iter().map(row).collect();
    printer.table(&["STEP", "OUTCOME", "TOOK", "SEEN"], &rows);
    printer.line("");
    match &report.diagnosis {
        Some(diagnosis) => printer.diagnosis(diagnosis),
        None => printer.line(&printer.ink(Ink::Good, "Passed: the mail server took the message.")),
    }
}

fn row(step: &v1::TestStepResult) -> Vec<Cell> {
    let ink = match step.outcome() {
        StepOutcome::Passed => Ink::Good,
        StepOutcome::Failed => Ink::Bad,
        _ => Ink::Dim,
    };
    let took = step.duration.as_ref().map(|took| {
        let millis = took.seconds * 1_000 + i64::from(took.nanos) / 1_000_000;
        format!("{millis} ms")
    });
    let reply = step.reply.as_ref().map(|reply| {
        let parts = [
            reply.code.to_string(),
            reply.enhanced_code.clone(),
            reply.text.clone(),
        ];
        parts.join(" ").replace("  ", " ")
    });
    let seen: Vec<_> = [
        reply,
        Some(step.detail.clone()).filter(|text| !text.is_empty()),
    ]
    .into_iter()
    .flatten()
    .collect();
    vec![
        Cell::from(short(step.step().as_str_name(), "TEST_STEP_")),
        Cell::inked(short(step.outcome().as_str_name(), "STEP_OUTCOME_"), ink),
        Cell::from(took.unwrap_or_default()),
        Cell::from(seen.join("; ")),
    ]
}
