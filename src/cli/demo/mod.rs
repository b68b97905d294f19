//! `mailwright demo`: the whole job in one process, against the sandbox, over real sockets. What it
//! shows it also checks: it ends well only if all of it happened.

mod browser;
mod fault;
mod letters;
mod show;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clap::Args;
use tonic::Streaming;

use super::Failed;
use crate::env::Env;
use crate::rpc::proto::v1;
use crate::sandbox::{CLIENT_ID, CLIENT_SECRET, TENANT_ID};
use letters::{MAILBOX, REFUSED, SERVICE, ensure};
use show::{Paper, Tone, bare, cut, print};
use stage::Stage;

const STEPS: usize = 7;

/// A demo that takes longer has failed; it takes about a second.
const TIME_MAX: Duration = Duration::from_secs(60);

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
        let env = Env::system();
        let paper = Paper::stdout();
        print("Mailwright sends email for your applications, through your own mailboxes.");
        print("This is the whole job against a stand-in for Microsoft, in this one process.");
        let stage = Stage::set(&env).await?;
        let play = Play {
            stage: &stage,
            paper,
        };
        let played = env.timeout(TIME_MAX, play.all()).await;
        let played =
            played.unwrap_or_else(|_| Err(Failed::new(1, "the demo took more than a minute")));
        if played.is_ok() {
            let took = env.monotonic().as_secs_f64();
            print(format_args!(
                "\n{} All of it happened, in {took:.1} s.",
                paper.tone(Tone::Good, "Done.")
            ));
            if self.keep {
                play.go_on();
                super::interrupted().await?;
            } else {
                print(
                    "Next: `demo --keep` stays up for you to play with, and README.md has a tour.",
                );
            }
        }
        let cleared = stage.clear().await;
        played.and(cleared)
    }
}

struct Play<'a> {
    stage: &'a Stage,
    paper: Paper,
}

impl Play<'_> {
    async fn all(&self) -> Result<(), Failed> {
        self.create().await?;
        self.authorize().await?;
        self.test().await?;
        let feed = self.watch().await?;
        let sent = self.send().await?;
        self.follow(feed, &sent).await?;
        self.received()?;
        self.paper.heading(
            7,
            STEPS,
            "A failure, explained: the client secret has expired",
        );
        fault::expired_secret(self.stage, self.paper).await
    }

    async fn create(&self) -> Result<(), Failed> {
        let paper = self.paper;
        paper.heading(1, STEPS, "Create a service");
        let service = v1::Service {
            display_name: "Billing".into(),
            smtp: Some(v1::Smtp {
                host: "localhost".into(),
                port: self.stage.sandbox.smtp_addr().port().into(),
                ..v1::Smtp::default()
            }),
            sender: Some(v1::Sender {
                address: MAILBOX.into(),
                name: "Contoso Billing".into(),
                ..v1::Sender::default()
            }),
            auth: Some(v1::service::Auth::Oauth2(Box::new(v1::OAuth2 {
                provider: v1::Provider::Microsoft.into(),
                login_email: MAILBOX.into(),
                client_id: CLIENT_ID.into(),
                client_secret: CLIENT_SECRET.into(),
                tenant_id: TENANT_ID.into(),
                ..v1::OAuth2::default()
            }))),
            ..v1::Service::default()
        };
        let request = v1::CreateServiceRequest {
            service_id: SERVICE.into(),
            service: Some(service),
        };
        let created = self
            .stage
            .admin()
            .create_service(request)
            .await?
            .into_inner()
            .service;
        let created = created.unwrap_or_default();
        paper.fact(
            "service",
            format!("{} ({})", created.display_name, created.service_id),
        );
        paper.fact("redirect URI", &created.redirect_uri);
        paper.fact(
            "state",
            bare(created.state().as_str_name(), "SERVICE_STATE_"),
        );
        ensure(
            created.state() == v1::ServiceState::PendingAuthorization,
            "it waits for an authorization",
        )
    }

    async fn authorize(&self) -> Result<(), Failed> {
        let paper = self.paper;
        paper.heading(2, STEPS, "Authorize it, as a browser would");
        let request = v1::BeginAuthorizeRequest {
            service_id: SERVICE.into(),
            ..Default::default()
        };
        let begun = self
            .stage
            .admin()
            .begin_authorize(request)
            .await?
            .into_inner();
        let core = &self.stage.core;
        let back = browser::consent(core, paper, &begun.authorization_url, MAILBOX).await?;
        let page = browser::get(core, paper, &back, "Mailwright's page: authorized").await?;
        ensure(
            page.contains("<h1>Authorized</h1>"),
            "the callback page says that it is authorized",
        )?;
        let state = self.state().await?;
        paper.fact("state", bare(state.as_str_name(), "SERVICE_STATE_"));
        ensure(
            state == v1::ServiceState::PendingTest,
            "it waits for a test",
        )
    }

    async fn test(&self) -> Result<(), Failed> {
        let paper = self.paper;
        paper.heading(3, STEPS, "Send a test message");
        let request = v1::SendTestRequest {
            service_id: SERVICE.into(),
            to: "alex@contoso.com".into(),
        };
        let report = self.stage.admin().send_test(request).await?.into_inner();
        for step in &report.steps {
            let name = bare(step.step().as_str_name(), "TEST_STEP_");
            let (mark, tone) = match step.outcome() {
                v1::StepOutcome::Passed => ("ok", Tone::Good),
                v1::StepOutcome::Failed => ("failed", Tone::Bad),
                _ => ("skipped", Tone::Quiet),
            };
            let micros = step
                .duration
                .as_ref()
                .map_or(0, |duration| duration.nanos / 1_000);
            let reply = step
                .reply
                .as_ref()
                .map(|reply| format!("{} {} {}", reply.code, reply.enhanced_code, reply.text));
            let told = reply
                .unwrap_or_else(|| step.detail.clone())
                .replace('\n', " ")
                .replace("  ", " ");
            let outcome = paper.tone(tone, &format!("{mark:<7}"));
            paper.fact(
                name,
                format!(
                    "{outcome}{:>6.1} ms  {}",
                    f64::from(micros) / 1_000.0,
                    cut(&told, 48)
                ),
            );
        }
        let state = self.state().await?;
        paper.fact("state", bare(state.as_str_name(), "SERVICE_STATE_"));
        ensure(
            report.passed && state == v1::ServiceState::Ready,
            "the test passed, and the service is ready",
        )
    }

    async fn watch(&self) -> Result<Streaming<v1::WatchStatusResponse>, Failed> {
        let info = self
            .stage
            .admin()
            .get_server_info(v1::GetServerInfoRequest {})
            .await?
            .into_inner();
        let request = v1::WatchStatusRequest {
            start: Some(v1::watch_status_request::Start::Cursor(info.newest_cursor)),
            kinds: vec![v1::EventKind::Message.into()],
            ..Default::default()
        };
        Ok(self
            .stage
            .status()
            .watch_status(request)
            .await?
            .into_inner())
    }

    /// Sends the letters; returns their ids by message.
    async fn send(&self) -> Result<BTreeMap<String, String>, Failed> {
        let paper = self.paper;
        paper.heading(4, STEPS, "Send three messages, and one of them twice");
        let mut sent = BTreeMap::new();
        for request in letters::all() {
            let request_id = request.request_id.clone();
            let answer = self.stage.mail().send(request).await?.into_inner();
            paper.fact(
                &request_id,
                format!(
                    "{}  {}",
                    answer.message_id,
                    bare(answer.state().as_str_name(), "MESSAGE_STATE_")
                ),
            );
            sent.insert(answer.message_id, request_id);
        }
        let [again, ..] = letters::all();
        let request_id = again.request_id.clone();
        let repeated = self.stage.mail().send(again).await?.into_inner();
        paper.fact(
            &request_id,
            format!("{}  the same one: deduplicated", repeated.message_id),
        );
        let known = sent.get(&repeated.message_id) == Some(&request_id);
        ensure(
            sent.len() == 3 && repeated.deduplicated && known,
            "a repeated request sends nothing new",
        )?;
        Ok(sent)
    }

    /// Prints the feed until every message has ended.
    async fn follow(
        &self,
        mut feed: Streaming<v1::WatchStatusResponse>,
        sent: &BTreeMap<String, String>,
    ) -> Result<(), Failed> {
        let paper = self.paper;
        paper.heading(5, STEPS, "Follow them on the status feed");
        let mut open: BTreeSet<&String> = sent.keys().collect();
        let mut ended = BTreeMap::new();
        while !open.is_empty() {
            let event = feed
                .message()
                .await?
                .ok_or_else(|| Failed::new(1, "the feed has ended"))?;
            let Some(v1::watch_status_response::Event::Message(event)) = event.event else {
                continue;
            };
            let message = event.message.clone().unwrap_or_default();
            let Some(request_id) = sent.get(&message.message_id) else {
                continue;
            };
            let state = bare(message.state().as_str_name(), "MESSAGE_STATE_");
            paper.fact(request_id, state);
            for recipient in &event.changed_recipients {
                let outcome = bare(recipient.outcome().as_str_name(), "RECIPIENT_OUTCOME_");
                let reply = recipient.reply.clone().unwrap_or_default();
                let told = cut(
                    &format!("{} {} {}", reply.code, reply.enhanced_code, reply.text),
                    40,
                );
                paper.fact(
                    "",
                    paper.tone(
                        Tone::Quiet,
                        &format!("{:<22}{outcome}: {told}", recipient.address),
                    ),
                );
            }
            if message.end_time.is_some() {
                open.remove(&message.message_id);
                ended.insert(
                    request_id.as_str(),
                    (message.state(), event.changed_recipients.clone()),
                );
            }
        }
        let state = |id| ended.get(id).map(|(state, _)| *state);
        let refused = ended
            .get("invoice-1")
            .into_iter()
            .flat_map(|(_, recipients)| recipients);
        let refused: Vec<_> = refused
            .filter(|r| r.outcome() == v1::RecipientOutcome::Refused)
            .collect();
        ensure(
            state("welcome-1") == Some(v1::MessageState::Sent)
                && state("report-1") == Some(v1::MessageState::Sent)
                && state("invoice-1") == Some(v1::MessageState::Partial)
                && refused.len() == 1
                && refused[0].address == REFUSED,
            "two were sent, and one but for the recipient that the server refuses",
        )
    }

    fn received(&self) -> Result<(), Failed> {
        self.paper
            .heading(6, STEPS, "Look at what the mail server received");
        let mail = self.stage.sandbox.mail();
        let (_test, letters) = mail
            .split_first()
            .ok_or_else(|| Failed::new(1, "nothing arrived"))?;
        ensure(letters.len() == 3, "three messages arrived, each once")?;
        letters::check(self.paper, letters)
    }

    async fn state(&self) -> Result<v1::ServiceState, Failed> {
        let request = v1::GetServiceRequest {
            service_id: SERVICE.into(),
        };
        let answer = self.stage.admin().get_service(request).await?.into_inner();
        Ok(answer.service.unwrap_or_default().state())
    }

    /// What to type next.
    fn go_on(&self) {
        let (grpc, sandbox) = (self.stage.grpc, self.stage.sandbox.authority());
        print(format_args!(
            "\nThe server stays up at {grpc} until Ctrl-C. Go on with grpcurl:\n"
        ));
        print(format_args!("  grpcurl -plaintext {grpc} list"));
        print(format_args!(
            "  grpcurl -plaintext -d '{{\"service_id\": \"{SERVICE}\"}}' \\\n    {grpc} mailwright.v1.AdminAPI/GetService"
        ));
        print(format_args!(
            "  grpcurl -plaintext -d '{{\"position\": \"WATCH_POSITION_OLDEST\"}}' \\\n    {grpc} mailwright.v1.StatusAPI/WatchStatus"
        ));
        print(format_args!(
            "  grpcurl -plaintext -d '{{\"service_id\": \"{SERVICE}\", \"email\": {{\"to\": [{{\"address\": \
             \"alex@contoso.com\"}}],\n    \"subject\": \"Hello\", \"text_body\": \"Hello.\"}}}}' \\\n    {grpc} \
             mailwright.v1.MailAPI/Send"
        ));
        print(format_args!(
            "\nThe sandbox's page, with its mail and the faults it plays: {sandbox}/"
        ));
    }
}
