//! `mailwright authorize`: shows the page to open, and waits until whoever opens it has consented.

use std::io::{self, IsTerminal};
use std::process::{Command, Stdio};

use clap::Args;

use super::follow::{Follow, newest_cursor};
use super::print::{Ink, instant, time};
use super::remote::{Remote, Session, answered};
use super::{ANSWER_IS_NO, Failed};
use crate::rpc::proto::v1::{self, watch_status_request::Start, watch_status_response::Event};

/// Options of `authorize`.
#[derive(Args)]
pub struct Authorize {
    /// The service's id
    service: String,
    /// Open the page in this machine's browser, without asking
    #[arg(long)]
    open: bool,
    /// Print the URL and don't wait
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Authorize {
    /// Begins an authorization and waits for its end.
    ///
    /// # Errors
    /// What the server refused, or that nobody consented in time.
    pub async fn run(self) -> Result<(), Failed> {
        let session = self.remote.open().await?;
        // Before the page is known, so that its end can't be missed.
        let cursor = newest_cursor(&session).await?;
        let before = session.service(&self.service).await?;
        let request = v1::BeginAuthorizeRequest {
            service_id: self.service.clone(),
            ..Default::default()
        };
        let request = session.connected.request(request);
        let begun = answered(session.connected.admin().begin_authorize(request).await)?;
        self.show(&session, &begun);
        if self.no_wait {
            return Ok(());
        }
        let request = v1::WatchStatusRequest {
            start: Some(Start::Cursor(cursor)),
            service_ids: vec![self.service.clone()],
            kinds: vec![v1::EventKind::Service as i32],
            ..Default::default()
        };
        let over = begun.expire_time.as_ref().map(instant).unwrap_or_default();
        let mut feed = Follow::new(&session, request);
        tokio::select! {
            biased;
            service = ended(&mut feed, &before) => {
                report(&session, &service?)
            }
            () = session.env.sleep_until(over) => Err(expired(&self.service)),
        }
    }

    fn show(&self, session: &Session, begun: &v1::BeginAuthorizeResponse) {
        let printer = &session.printer;
        if printer.is_json() && self.no_wait {
            printer.json("BeginAuthorizeResponse", begun);
            return;
        }
        // Standard output is the answer's where a program reads it.
        let url = &begun.authorization_url;
        if printer.is_json() {
            eprintln!("Open this page: {url}");
        } else {
            printer.line("Open this page in the browser of whoever consents:\n");
            printer.line(&format!("  {}\n", printer.ink(Ink::Bold, url)));
            let until = time(begun.expire_time.as_ref());
            printer.line(&format!(
                "It is good until {until}. The page says whether it worked."
            ));
        }
        if self.open {
            open(url);
        } else if !self.no_wait && io::stdin().is_terminal() && !printer.is_json() {
            printer.line("Press Enter to open it here. Waiting ...");
            let url = url.clone();
            // A thread of its own, so that nobody has to press a key before this command can end.
            std::thread::spawn(move || {
                if matches!(io::stdin().read_line(&mut String::new()), Ok(1..)) {
                    open(&url);
                }
            });
        }
    }
}

/// The service, once there is a grant or a failure that wasn't there before.
async fn ended(feed: &mut Follow<'_>, before: &v1::Service) -> Result<v1::Service, Failed> {
    let failed_before = failure_time(before);
    let time_of = |service: &v1::Service| {
        let grant = service.authorization.as_ref();
        grant.and_then(|grant| grant.authorize_time)
    };
    loop {
        if let Some(Event::Service(event)) = feed.next().await?.event
            && let Some(service) = event.service
        {
            if service.state() == v1::ServiceState::Unspecified {
                return Err(Failed::new(ANSWER_IS_NO, "the service was deleted"));
            }
            let is_granted = time_of(&service).is_some() && time_of(&service) != time_of(before);
            let failed = failure_time(&service);
            if is_granted || (failed.is_some() && failed != failed_before) {
                return Ok(service);
            }
        }
    }
}

fn failure_time(service: &v1::Service) -> Option<prost_types::Timestamp> {
    let failure = service.failed_authorization.as_ref();
    failure.and_then(|failure| failure.since_time)
}

fn report(session: &Session, service: &v1::Service) -> Result<(), Failed> {
    let printer = &session.printer;
    if printer.is_json() {
        let answer = v1::GetServiceResponse {
            service: Some(service.clone()),
        };
        printer.json("GetServiceResponse", &answer);
    }
    // A grant that comes ends what failed before it.
    if let Some(failure) = &service.failed_authorization {
        if !printer.is_json() {
            printer.line(&printer.ink(Ink::Bad, "Not authorized."));
            printer.diagnosis(failure);
        }
        let id = &service.service_id;
        let again =
            format!("the authorization failed; mend that, then `mailwright authorize {id}` again");
        return Err(Failed::new(ANSWER_IS_NO, again));
    }
    if !printer.is_json() {
        authorized(session, service);
    }
    Ok(())
}

fn authorized(session: &Session, service: &v1::Service) {
    let printer = &session.printer;
    let grant = service.authorization.clone().unwrap_or_default();
    printer.line(&printer.ink(Ink::Good, "Authorized."));
    printer.rows(&[("by", grant.login), ("granted", grant.scopes.join(" "))]);
    if let Some(problem) = &service.problem {
        printer.diagnosis(problem);
    }
    if service.state() == v1::ServiceState::PendingTest {
        let id = &service.service_id;
        printer.line(&format!(
            "\nNext: mailwright test {id} --to you@example.com"
        ));
    }
}

fn expired(service: &str) -> Failed {
    Failed::new(
        ANSWER_IS_NO,
        format!(
            "nobody authorized {service} in time\n  remedy    `mailwright authorize {service}` again, and open its page within ten minutes"
        ),
    )
}

/// Asks the desktop to show a page. Where there is none, the URL has been printed.
fn open(url: &str) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let started = Command::new(program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        eprintln!("{program}: {error}");
    }
}
