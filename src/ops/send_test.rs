//! The test message: sent now, step by step, so that an admin sees what works and what does not.

use std::sync::Arc;
use std::time::Duration;

use super::token::{self, NoCredential};
use super::{Core, Result, failure, send, services, to_its_end};
use crate::env::Elapsed;
use crate::model::catalogue::{self, Subject};
use crate::model::content::Email;
use crate::model::diagnosis::Scope;
use crate::model::message::{Attempt, FullMessage, Message, Outcome, Priority, Recipient};
use crate::model::service::{LastTest, Service};
use crate::model::state::MessageState;
use crate::model::verdict::{Then, judge};
use crate::model::{
    Diagnosis, EmailAddress, Error, Labels, Mailbox, MessageId, Phase, Reason, Reply, ServiceId,
    Timestamp,
};
use crate::smtp::mime;
use crate::smtp::{Credential, Envelope, Failure, StepReport, Target, Transcript};
use crate::store::{Exhausted, StoreError, Turn};

/// A test that takes longer has failed.
const TEST_MAX: Duration = Duration::from_secs(120);

/// What a test found.
#[derive(Clone, Debug, PartialEq)]
pub struct TestReport {
    pub message_id: MessageId,
    /// Those that were taken, in order; what is missing was skipped.
    pub steps: Vec<StepReport>,
    /// Why it failed; none when it passed.
    pub diagnosis: Option<Diagnosis>,
}

/// Sends a test message past the queue, within the mailbox's connections, on a fresh connection.
///
/// # Errors
/// `NotFound`; `State` while the service is suspended. A failed test is no error.
pub async fn send_test(core: &Arc<Core>, id: &ServiceId, to: &EmailAddress) -> Result<TestReport> {
    let (core, id, to) = (core.clone(), id.clone(), to.clone());
    // A caller that gives up early must still find what became of it.
    to_its_end(async move { send_test_once(&core, &id, &to).await }).await
}

async fn send_test_once(core: &Arc<Core>, id: &ServiceId, to: &EmailAddress) -> Result<TestReport> {
    let service = services::get(core, id).await?.service;
    if service.suspended {
        let diagnosis =
            catalogue::local(Reason::ServiceSuspended, &Subject::of(&service.config), "");
        return Err(Error::state(format!("services/{id}"), diagnosis));
    }
    let turn = has_room(core, &service).await?;
    core.env.sleep_until(turn.time).await;
    let test = Test::render(core, &service, to, turn.max_connections)?;
    let mut transcript = Transcript::default();
    let ended = match core.env.timeout(TEST_MAX, test.run(&mut transcript)).await {
        Ok(ended) => ended?,
        Err(Elapsed) => test.out_of_time(transcript.reached()),
    };
    test.record(ended, transcript).await
}

/// Counts the test against what its mailbox may send, if there soon is room; when it is its turn.
async fn has_room(core: &Core, service: &Service) -> Result<Turn> {
    let now = core.env.now();
    let (reason, time, limit) = match core.store.begin_test(now, &service.id).await {
        Ok(Ok(turn)) => return Ok(turn),
        Ok(Err(Exhausted::Minute(time))) => (Reason::RateLimited, time, "messages of this minute"),
        Ok(Err(Exhausted::Day(time))) => (Reason::DailyLimit, time, "recipients of this day"),
        Err(StoreError::NotFound) => return Err(Error::service_not_found(&service.id)),
        Err(error) => return Err(error.into()),
    };
    Err(Error::Exhausted {
        reason,
        scope: Scope::Mailbox,
        subject: format!("services/{}", service.id),
        description: format!("the mailbox has sent the {limit}"),
        retry_after: time.since(now),
    })
}

struct Test<'a> {
    core: &'a Arc<Core>,
    service: &'a Service,
    to: EmailAddress,
    start_time: Timestamp,
    message_id: MessageId,
    message_id_header: String,
    body: Vec<u8>,
    max_connections: u32,
}

/// How the dialogue ended.
struct Ended {
    reply: Option<Reply>,
    diagnosis: Option<Diagnosis>,
    /// The login itself failed, before any connection.
    no_login: bool,
    /// The phase in which we stopped waiting.
    gave_up: Option<Phase>,
}

impl Ended {
    fn failed(diagnosis: Diagnosis) -> Self {
        Self {
            reply: None,
            diagnosis: Some(diagnosis),
            no_login: false,
            gave_up: None,
        }
    }
}

impl<'a> Test<'a> {
    fn render(
        core: &'a Arc<Core>,
        service: &'a Service,
        to: &EmailAddress,
        max_connections: u32,
    ) -> Result<Self> {
        let now = core.env.now();
        let message_id = MessageId::generate(now, core.env.random());
        let sender = &service.config.sender;
        let from = Mailbox {
            address: sender.address.clone(),
            name: sender.name.clone(),
        };
        let stamp = send::stamp(core, &from.address, &message_id, now);
        let email = Email {
            to: vec![Mailbox {
                address: to.clone(),
                name: String::new(),
            }],
            cc: Vec::new(),
            bcc: Vec::new(),
            from: None,
            from_name: None,
            reply_to: None,
            subject: format!("Test of {}", service.config.display_name),
            text_body: format!(
                "This test message was sent by Mailwright through the service \"{}\" ({}).\n\nThe service can send.\n",
                service.config.display_name, service.id
            ),
            html_body: String::new(),
            attachments: Vec::new(),
            headers: Vec::new(),
        };
        let body = mime::render(&email, &from, sender.reply_to.as_ref(), &stamp)?;
        let message_id_header = stamp.message_id;
        Ok(Self {
            core,
            service,
            to: to.clone(),
            start_time: now,
            message_id,
            message_id_header,
            body,
            max_connections,
        })
    }

    /// Logs in and hands the message over; a refused token is refreshed once.
    async fn run(&self, transcript: &mut Transcript) -> Result<Ended> {
        let mut not_before = 0;
        loop {
            let (credential, generation) =
                match token::credential(self.core, self.service, not_before).await {
                    Ok(credential) => credential,
                    Err(
                        NoCredential::Stopped(diagnosis)
                        | NoCredential::Misconfigured(diagnosis)
                        | NoCredential::Later(diagnosis, _),
                    ) => {
                        return Ok(Ended {
                            no_login: true,
                            ..Ended::failed(diagnosis)
                        });
                    }
                    Err(NoCredential::Moved) => {
                        let name = format!("service {}", self.service.id);
                        return Err(Error::Conflict { name });
                    }
                    Err(NoCredential::Failed(error)) => return Err(error),
                };
            *transcript = Transcript::default();
            let failure = match self.converse((&credential, generation), transcript).await {
                Ok(ended) => return Ok(ended),
                Err(failure) => failure,
            };
            let diagnosis = self.diagnose(&failure);
            let may_refresh = self.service.config.oauth2().is_some() && not_before == 0;
            match diagnosis {
                (Then::Reauthenticate, _) if may_refresh => not_before = generation + 1,
                (_, diagnosis) => {
                    return Ok(Ended {
                        reply: failure.reply().cloned(),
                        ..Ended::failed(diagnosis)
                    });
                }
            }
        }
    }

    async fn converse(
        &self,
        (credential, generation): (&Credential, u64),
        transcript: &mut Transcript,
    ) -> std::result::Result<Ended, Failure> {
        let config = &self.service.config;
        let target = Target {
            service_id: self.service.id.clone(),
            mailbox: config.mailbox(),
            endpoint: config.smtp.clone(),
        };
        // A parked session would show nothing of connection, certificate and login.
        self.core.pool.retire(&target.mailbox).await;
        let limit = self.max_connections;
        let mut lease = self
            .core
            .pool
            .checkout(&target, generation, credential, limit, transcript)
            .await?;
        let to = [self.to.clone()];
        let replies = lease
            .begin(
                &Envelope::of(&config.sender.address, &to, &self.body),
                transcript,
            )
            .await?;
        if let Some(refused) = replies.iter().find(|recipient| !recipient.is_accepted()) {
            let reply = refused.reply.clone();
            lease.park().await;
            let verdict = judge(&reply, Phase::RcptTo, &self.subject());
            return Ok(Ended {
                reply: Some(reply),
                ..Ended::failed(verdict.diagnosis)
            });
        }
        lease.body(&self.body, transcript).await?;
        let reply = lease.finish(transcript).await?;
        lease.park().await;
        let verdict = judge(&reply, Phase::Finished, &self.subject());
        let diagnosis = (verdict.then != Then::Accept).then_some(verdict.diagnosis);
        Ok(Ended {
            reply: Some(reply),
            diagnosis,
            no_login: false,
            gave_up: None,
        })
    }

    /// We stopped waiting. Once the final dot is out, the server may have taken the message.
    fn out_of_time(&self, reached: Option<Phase>) -> Ended {
        let reason = match reached {
            Some(Phase::DotSent) => Reason::ReplyLost,
            _ => Reason::ConnectionLost,
        };
        Ended {
            gave_up: reached,
            ..Ended::failed(self.local(reason, "the test took more than two minutes"))
        }
    }

    fn diagnose(&self, failure: &Failure) -> (Then, Diagnosis) {
        match failure.reply() {
            Some(reply) => {
                let verdict = judge(reply, failure.phase, &self.subject());
                (verdict.then, verdict.diagnosis)
            }
            None if failure.may_have_been_taken() => (
                Then::Retry,
                self.local(Reason::ReplyLost, &failure.kind.to_string()),
            ),
            None => (Then::Retry, failure::diagnose(failure, &self.subject())),
        }
    }

    /// Keeps the result and the ended message, and tells what was found.
    async fn record(self, ended: Ended, transcript: Transcript) -> Result<TestReport> {
        let now = self.core.env.now();
        let current = services::get(self.core, &self.service.id)
            .await?
            .service
            .config;
        let tested = &self.service.config;
        if (&current.smtp, &current.auth, &current.sender.address)
            != (&tested.smtp, &tested.auth, &tested.sender.address)
        {
            // It proves nothing of what the service is now.
            let name = format!("service {}", self.service.id);
            return Err(Error::Conflict { name });
        }
        let test = LastTest {
            time: now,
            to: self.to.clone(),
            passed: ended.diagnosis.is_none(),
            message_id: self.message_id.clone(),
            diagnosis: ended.diagnosis.clone(),
        };
        let reached = transcript.reached().unwrap_or(Phase::Resolve);
        let mut steps = transcript.into_steps();
        let unanswered = match ended.no_login {
            true => Some(Phase::Authenticate),
            false => ended
                .gave_up
                .filter(|phase| steps.iter().all(|step| step.phase != *phase)),
        };
        if let Some(phase) = unanswered {
            steps.push(StepReport {
                phase,
                outcome: Err(ended
                    .diagnosis
                    .as_ref()
                    .map_or_else(String::new, |d| d.summary.clone())),
                reply: None,
                duration: now.since(self.start_time),
                detail: String::new(),
            });
        }
        let phase = unanswered.unwrap_or(reached);
        let message = self.message(&ended, phase, now);
        self.core
            .store
            .record_test(now, &self.service.id, test, Some(message))
            .await
            .map_err(|error| match error {
                StoreError::NotFound => Error::service_not_found(&self.service.id),
                other => other.into(),
            })?;
        Ok(TestReport {
            message_id: self.message_id,
            steps,
            diagnosis: ended.diagnosis,
        })
    }

    fn message(&self, ended: &Ended, phase: Phase, now: Timestamp) -> FullMessage {
        let passed = ended.diagnosis.is_none();
        let config = &self.service.config;
        let message = Message {
            id: self.message_id.clone(),
            service_id: self.service.id.clone(),
            request_id: None,
            content_digest: [0; 32],
            from: config.sender.address.clone(),
            from_name: config.sender.name.clone(),
            state: if passed {
                MessageState::Sent
            } else {
                MessageState::Failed
            },
            priority: Priority::High,
            on_uncertain: config.delivery.on_uncertain,
            labels: Labels::default(),
            send_time: self.start_time,
            expire_time: now,
            next_attempt_time: self.start_time,
            create_time: self.start_time,
            update_time: now,
            end_time: Some(now),
            message_id_header: self.message_id_header.clone(),
            size_bytes: self.body.len() as u64,
            recipient_count: 1,
            attempts: 1,
            deferrals: 0,
            problem: ended.diagnosis.clone(),
            body_key: Vec::new(),
            trace: None,
        };
        let recipient = Recipient {
            address: self.to.clone(),
            outcome: if passed {
                Outcome::Accepted
            } else {
                Outcome::Refused
            },
            reply: ended.reply.clone(),
            diagnosis: ended.diagnosis.clone(),
            update_time: now,
        };
        let attempt = Attempt {
            start_time: self.start_time,
            end_time: Some(now),
            phase: if phase == Phase::DotSent && ended.reply.is_some() {
                Phase::Finished
            } else {
                phase
            },
            recipients: vec![0],
            reply: ended.reply.clone(),
            diagnosis: ended.diagnosis.clone(),
            uncertain: phase == Phase::DotSent && ended.reply.is_none(),
        };
        FullMessage {
            message,
            recipients: vec![recipient],
            attempts: vec![attempt],
        }
    }

    fn subject(&self) -> Subject {
        Subject::of(&self.service.config)
    }

    fn local(&self, reason: Reason, detail: &str) -> Diagnosis {
        catalogue::local(reason, &self.subject(), detail)
    }
}
