//! `mailwright demo`: the whole job in one process, over real sockets, with the sandbox in
//! Microsoft's place.
//!
//! It promises to check all that it shows, to end by itself, and to leave nothing behind. Server
//! and demo speak only by gRPC and HTTP, as two programs would.

mod browser;
mod explain;
mod feed;
mod keep;
mod letters;
mod received;
mod screen;
mod send;
mod setup;
mod stage;

use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use tokio::sync::oneshot;
use tonic::{Response, Status};

use super::{Failed, interrupted};
use crate::env::Env;
use feed::Feed;
use letters::Letters;
use screen::{Ink, Screen};
use stage::Stage;

/// On an idle machine it takes about a second.
const SHOW_MAX: Duration = Duration::from_secs(60);

/// The service that the demo creates, and its mailbox at the sandbox.
const SERVICE_ID: &str = "contoso-mail";
const SERVICE_NAME: &str = "Contoso mail";
const LOGIN: &str = "adele@contoso.com";

/// Options of `demo`.
#[derive(Args)]
pub struct Demo {
    /// Stay up afterwards, and print the grpcurl commands to go on with
    #[arg(long)]
    keep: bool,
}

impl Demo {
    /// Runs the demo.
    ///
    /// # Errors
    /// When any of it did not happen.
    pub async fn run(self) -> Result<(), Failed> {
        let (stage, app) = Stage::build(&Env::system()).await?;
        let (stop, stopped) = oneshot::channel();
        let mut server = pin!(app.run_until(async {
            // A sender that is gone has stopped, too.
            let _ = stopped.await;
        }));
        let outcome = tokio::select! {
            biased;
            ended = &mut server => {
                ended?;
                return Err(Failed::new(1, "the server ended by itself"));
            }
            outcome = self.perform(&stage) => outcome,
        };
        // Before the server drains, so that it has nobody to wait for.
        let data = stage.strike();
        // The receiver is polled by the server, which runs.
        let _ = stop.send(());
        server.await?;
        data.remove()?;
        outcome
    }

    async fn perform(&self, stage: &Stage) -> Result<(), Failed> {
        let screen = Screen::stdout();
        let mut interrupted = pin!(interrupted()?);
        tokio::select! {
            biased;
            () = &mut interrupted => {
                return Err(Failed::new(1, "the demo was interrupted"));
            }
            shown = stage.env.timeout(SHOW_MAX, show(stage, &screen)) => {
                shown.unwrap_or_else(|_| Err(Failed::new(1, format!(
                    "the demo did not end within {} s",
                    SHOW_MAX.as_secs()
                ))))?;
            }
        }
        if self.keep {
            keep::print(stage, &screen);
            interrupted.await;
        } else {
            ending(&screen);
        }
        Ok(())
    }
}

async fn show(stage: &Stage, screen: &Screen) -> Result<(), Failed> {
    let started = stage.env.monotonic();
    opening(stage, screen);
    setup::create(stage, screen).await?;
    setup::authorize(stage, screen).await?;
    setup::test(stage, screen).await?;
    let letters = Letters::write(&stage.env);
    let mut feed = Feed::open(stage).await?;
    let sent = send::three(stage, screen, &letters).await?;
    feed.show(stage, screen, &sent).await?;
    received::show(stage, screen, &letters, &sent).await?;
    explain::show(stage, screen, &mut feed).await?;
    let took = stage.env.monotonic().saturating_sub(started);
    screen.blank();
    let all = format!("All of it happened, in {:.1} s.", took.as_secs_f64());
    screen.line(screen.ink(Ink::Good, &all));
    Ok(())
}

fn opening(stage: &Stage, screen: &Screen) {
    screen.blank();
    screen.line(screen.ink(Ink::Bold, "Mailwright, the whole job once"));
    screen.blank();
    screen.paragraph(
        "One process, real sockets, and nothing leaves this machine: a sandbox stands in for \
         Microsoft Entra and Exchange Online. Each step is checked as it is shown.",
    );
    screen.blank();
    screen.row("gRPC", &stage.grpc.to_string());
    screen.row("callback", &stage.public_url);
    screen.row("sandbox sign-in", &stage.sandbox.authority());
    screen.row("sandbox SMTP", &stage.sandbox.smtp_addr().to_string());
}

fn ending(screen: &Screen) {
    screen.blank();
    screen.line("Go on with");
    screen.line("  mailwright demo --keep   the same, then stays up for your grpcurl");
    screen.line("  README.md                five minutes by hand, then your own mailbox");
    screen.blank();
}

/// The answer of a call, or what it failed with, for a person.
fn answered<T>(rpc: &str, answer: Result<Response<T>, Status>) -> Result<T, Failed> {
    answer.map(Response::into_inner).map_err(|status| {
        let code = status.code();
        Failed::new(
            1,
            format!("{rpc} failed with {code:?}: {}", status.message()),
        )
    })
}

/// Holds what was found against what it must be.
fn expect<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<(), Failed> {
    if found == wanted {
        return Ok(());
    }
    Err(Failed::new(
        1,
        format!("{what}: expected {wanted:?}, found {found:?}"),
    ))
}
