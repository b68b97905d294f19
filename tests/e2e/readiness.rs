//! S5 and S6: a test proves a service or says what is wrong, and only a proven one sends.

use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState, StepOutcome, TestStep};
use tonic::Code;

use super::fault::refused;
use super::harness::{House, run};
use super::requests::{ADELE, ALEX, text_to};

#[test]
fn s5_a_passed_test_shows_all_nine_steps_and_the_mail_that_came() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.authorize("adele", ADELE).await;
        let test = house.test("adele", ALEX).await;
        assert!(test.passed && test.diagnosis.is_none(), "{test:?}");
        let steps: Vec<_> = test.steps.iter().map(|step| step.step()).collect();
        let all = [
            TestStep::Resolve,
            TestStep::Connect,
            TestStep::Tls,
            TestStep::Ehlo,
            TestStep::Authenticate,
            TestStep::MailFrom,
            TestStep::RcptTo,
            TestStep::Data,
            TestStep::FinalReply,
        ];
        assert_eq!(steps, all);
        for step in &test.steps {
            assert_eq!(step.outcome(), StepOutcome::Passed, "{step:?}");
            assert!(!step.detail.contains("Bearer"), "{step:?}");
        }
        assert_eq!(test.steps[8].reply.as_ref().unwrap().code, 250);

        let mail = house.sandbox.mail();
        assert_eq!(mail.len(), 1);
        assert_eq!(mail[0].rcpt_to, [ALEX]);
        assert!(mail[0].tls);
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::Ready);
        let last = service.last_test.unwrap();
        assert!(last.passed && last.to == ALEX && last.message_id == test.message_id);
        let message = house.message(&test.message_id).await;
        assert_eq!(message.state(), MessageState::Sent);
    });
}

#[test]
fn s5_smtp_auth_disabled_for_the_mailbox_comes_with_its_commands() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.authorize("adele", ADELE).await;
        house.control().smtp_auth_disabled_mailbox(ADELE, true);
        let test = house.test("adele", ALEX).await;
        assert!(!test.passed);
        let diagnosis = test.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::SmtpAuthDisabledMailbox);
        assert_eq!(diagnosis.provider_code, "535 5.7.139");
        let commands = diagnosis.commands.join("\n");
        assert!(commands.contains("Set-CASMailbox"), "{commands}");
        assert!(commands.contains(ADELE), "{commands}");
        assert!(diagnosis.help_url.starts_with("https://"), "{diagnosis:?}");
        assert!(!diagnosis.remedy.is_empty());
        let failed = test
            .steps
            .iter()
            .find(|step| step.outcome() == StepOutcome::Failed);
        assert_eq!(failed.unwrap().step(), TestStep::Authenticate);
        let after = &test.steps[5..];
        assert!(
            after
                .iter()
                .all(|step| step.outcome() == StepOutcome::Skipped)
        );

        house.control().smtp_auth_disabled_mailbox(ADELE, false);
        assert!(house.test("adele", ALEX).await.passed);
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn s5_smtp_auth_disabled_for_the_tenant_is_told_apart() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.authorize("adele", ADELE).await;
        house.control().smtp_auth_disabled_tenant(true);
        let diagnosis = house.test("adele", ALEX).await.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::SmtpAuthDisabledTenant);
        assert!(!diagnosis.commands.is_empty());
    });
}

#[test]
fn s5_a_recipient_outside_the_organization_is_told_as_such() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.authorize("adele", ADELE).await;
        house.control().external_recipients_refused(true);
        let test = house.test("adele", "ada@example.com").await;
        assert!(!test.passed);
        let diagnosis = test.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::ExternalRecipientRefused);
        assert_eq!(diagnosis.provider_code, "550 5.7.54");
        assert!(!diagnosis.remedy.is_empty());
        assert_eq!(test.steps[6].outcome(), StepOutcome::Failed);
        assert_eq!(house.get("adele").await.state(), ServiceState::PendingTest);
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn s5_a_revoked_grant_says_to_authorize_again() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.authorize("adele", ADELE).await;
        house.control().revoke_refresh_tokens(ADELE);
        house.control().expire_access_tokens(ADELE);
        let test = house.test("adele", ALEX).await;
        assert!(!test.passed);
        let diagnosis = test.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::GrantDead);
        assert_eq!(diagnosis.provider_code, "AADSTS50173");
        assert!(
            diagnosis.remedy.to_lowercase().contains("authorize"),
            "{diagnosis:?}"
        );
        assert_eq!(test.steps[4].outcome(), StepOutcome::Failed);
        let service = house.get("adele").await;
        assert_eq!(service.state(), ServiceState::NeedsAuthorization);

        assert_eq!(house.authorize("adele", ADELE).await.status, 200);
        assert!(house.test("adele", ALEX).await.passed);
    });
}

#[test]
fn s5_a_test_without_any_grant_is_an_answer_too() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let test = house.test("adele", ALEX).await;
        assert!(!test.passed);
        let diagnosis = test.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), Reason::ServiceNotAuthorized);
        assert_eq!(house.control().stats().connections, 0);
        let last = house.get("adele").await.last_test.unwrap();
        assert!(!last.passed);
    });
}

#[test]
fn s6_a_service_sends_only_once_a_test_has_passed() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        let early = house.try_send(text_to(&[ALEX])).await;
        refused(early, Code::FailedPrecondition, "SERVICE_NOT_AUTHORIZED");
        house.authorize("adele", ADELE).await;
        let untested = house.try_send(text_to(&[ALEX])).await;
        refused(untested, Code::FailedPrecondition, "SERVICE_NOT_TESTED");
        assert!(!house.test("adele", "refused@contoso.com").await.passed);
        let failed = house.try_send(text_to(&[ALEX])).await;
        refused(failed, Code::FailedPrecondition, "SERVICE_NOT_TESTED");
        assert!(house.sandbox.mail().is_empty());

        assert!(house.test("adele", ALEX).await.passed);
        let sent = house.mail_to(&[ALEX]).await;
        assert_eq!(sent.state(), MessageState::Queued);
        assert!(sent.estimated_send_time.is_some());
        house.message_in(&sent.message_id, MessageState::Sent).await;
        assert_eq!(house.sandbox.mail().len(), 2);
    });
}

#[test]
fn s6_implicit_tls_and_a_relay_without_login_send_as_well() {
    run(async {
        let house = House::start().await;
        let mut implicit = house.service(ADELE);
        implicit.smtp = Some(v1::Smtp {
            host: "localhost".into(),
            port: house.sandbox.smtps_addr().port().into(),
            tls: v1::TlsMode::Implicit.into(),
        });
        house.ready("implicit", implicit).await;
        let relay = v1::Service {
            smtp: Some(v1::Smtp {
                host: "localhost".into(),
                port: house.sandbox.plain_addr().port().into(),
                tls: v1::TlsMode::Plaintext.into(),
            }),
            auth: Some(v1::service::Auth::None(v1::NoAuth {})),
            ..house.service(ADELE)
        };
        house.create("relay", relay).await;
        let test = house.test("relay", ALEX).await;
        assert!(test.passed, "{test:?}");
        assert_eq!(test.steps[2].outcome(), StepOutcome::Skipped);
        assert_eq!(test.steps[4].outcome(), StepOutcome::Skipped);
        assert_eq!(house.get("relay").await.state(), ServiceState::Ready);
    });
}

#[test]
fn s6_the_whole_way_is_the_same_on_the_systems_clock() {
    run(async {
        let house = House::on_system_time().await;
        house.ready_service().await;
        let sent = house.mail_to(&[ALEX]).await;
        let message = house.message_in(&sent.message_id, MessageState::Sent).await;
        assert!(message.end_time.is_some());
        assert_eq!(house.sandbox.mail().len(), 2);
    });
}
