//! SendTest, step by step: what each shows, how long it took, and that a report ends where the test
//! did, with the diagnosis that fits.

use std::time::Duration;

use mailwright::rpc::proto::v1::{self, MessageState, Reason, ServiceState, StepOutcome, TestStep};
use mailwright::sandbox::RateLimit;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::harness::{House, run, sandbox};
use super::requests::{ADELE, ALEX, NOREPLY, oauth2};

const ALL: [TestStep; 9] = [
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

/// "adele", authorized and never tested, with another mail server where one is given.
async fn untested(house: &House, smtp: Option<(&str, u16)>) {
    let mut service = house.service(ADELE);
    if let Some((host, port)) = smtp {
        let endpoint = service.smtp.as_mut().unwrap();
        (endpoint.host, endpoint.port) = (host.into(), port.into());
    }
    house.create("adele", service).await;
    assert_eq!(house.authorize("adele", ADELE).await.status, 200);
}

/// Says each of these lines, the next whenever something came in, and then listens on.
async fn server(lines: &'static [&'static str]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            for line in lines {
                // A client may leave when it has heard enough.
                let _ = stream.write_all(line.as_bytes()).await;
                let _ = stream.read(&mut [0; 1024]).await;
            }
        }
    });
    port
}

/// Holds that the test of "adele" fails at this step for this reason, that the report ends there,
/// and that it left nothing but a failed message; the report.
async fn fails_at(house: &House, to: &str, at: TestStep, reason: Reason) -> v1::SendTestResponse {
    let test = house.test("adele", to).await;
    assert!(!test.passed);
    let steps: Vec<_> = test.steps.iter().map(|step| step.step()).collect();
    assert_eq!(steps, ALL);
    for step in &test.steps {
        let wanted = match step.step().cmp(&at) {
            std::cmp::Ordering::Less => StepOutcome::Passed,
            std::cmp::Ordering::Equal => StepOutcome::Failed,
            // EHLO is asked before STARTTLS, too.
            _ if at == TestStep::Tls && step.step() == TestStep::Ehlo => StepOutcome::Passed,
            _ => StepOutcome::Skipped,
        };
        assert_eq!(step.outcome(), wanted, "{test:?}");
        let is_skipped = wanted == StepOutcome::Skipped;
        assert_eq!(step.duration.is_none(), is_skipped, "{test:?}");
        assert!(!is_skipped || step.reply.is_none(), "{test:?}");
    }
    let failed = &test.steps[at as usize - 1];
    assert!(!failed.detail.is_empty(), "{failed:?}");
    let diagnosis = test.diagnosis.as_ref().unwrap();
    assert_eq!(diagnosis.reason(), reason, "{test:?}");
    assert!(!diagnosis.summary.is_empty() && !diagnosis.remedy.is_empty());
    let message = house.message(&test.message_id).await;
    assert_eq!(message.state(), MessageState::Failed);
    let service = house.get("adele").await;
    assert_eq!(service.state(), ServiceState::PendingTest);
    let last = service.last_test.unwrap();
    assert_eq!(
        (last.passed, last.message_id),
        (false, test.message_id.clone())
    );
    test
}

#[test]
fn each_step_shows_what_was_seen() {
    run(async {
        let house = House::start().await;
        untested(&house, None).await;
        let test = house.test("adele", ALEX).await;
        assert!(test.passed, "{test:?}");
        let step = |step: TestStep| &test.steps[step as usize - 1];
        let reply = |at| step(at).reply.clone().unwrap_or_default();
        assert!(step(TestStep::Resolve).detail.contains("127.0.0.1"));
        let peer = house.sandbox.smtp_addr().to_string();
        assert_eq!(step(TestStep::Connect).detail, peer);
        assert!(
            reply(TestStep::Connect)
                .text
                .contains("Microsoft ESMTP MAIL Service")
        );
        let tls = &step(TestStep::Tls).detail;
        assert!(tls.starts_with("TLSv1_3 TLS13_"), "{tls}");
        let print = tls.rsplit(' ').next().unwrap();
        assert!(tls.contains("certificate for localhost"), "{tls}");
        assert!(tls.contains("SHA-256"), "{tls}");
        assert!(print.len() == 64 && print.bytes().all(|b| b.is_ascii_hexdigit()));
        let ehlo = reply(TestStep::Ehlo).text;
        assert!(ehlo.contains("AUTH LOGIN XOAUTH2") && !ehlo.contains("STARTTLS"));
        assert_eq!(step(TestStep::Authenticate).detail, "XOAUTH2");
        for (at, code, enhanced) in [
            (TestStep::Authenticate, 235, "2.7.0"),
            (TestStep::MailFrom, 250, "2.1.0"),
            (TestStep::RcptTo, 250, "2.1.5"),
            (TestStep::Data, 354, ""),
            (TestStep::FinalReply, 250, "2.0.0"),
        ] {
            let reply = reply(at);
            assert_eq!((reply.code, reply.enhanced_code.as_str()), (code, enhanced));
        }
    });
}

#[test]
fn each_step_tells_how_long_it_took() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.authorize("adele", ADELE).await;
        // What is still to be asked has not been read past when the clock moves.
        house.control().pipelining(false);
        for (to, at) in [
            ("slow-rcpt@contoso.com", TestStep::RcptTo),
            ("slow-data@contoso.com", TestStep::Data),
            ("slow@contoso.com", TestStep::FinalReply),
        ] {
            let clock = async {
                house.control().wait_until(|stats| stats.held == 1).await;
                house.advance(Duration::from_millis(7_250));
                house.control().release();
            };
            let (test, ()) = tokio::join!(house.test("adele", to), clock);
            assert!(test.passed, "{test:?}");
            for step in &test.steps {
                let spent = step.duration.unwrap();
                let wanted = if step.step() == at {
                    (7, 250_000_000)
                } else {
                    (0, 0)
                };
                assert_eq!((spent.seconds, spent.nanos), wanted, "{to}: {step:?}");
            }
        }
    });
}

#[test]
fn an_address_that_may_not_be_dialled_ends_it_at_resolve() {
    run(async {
        let house = House::start().await;
        untested(&house, Some(("192.0.2.1", 587))).await;
        let test = fails_at(&house, ALEX, TestStep::Resolve, Reason::EgressDenied).await;
        assert!(test.steps[0].detail.contains("192.0.2.1"));
    });
}

#[test]
fn nobody_there_and_a_greeting_that_refuses_end_it_at_connect() {
    run(async {
        let house = House::start().await;
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        untested(&house, Some(("127.0.0.1", port))).await;
        fails_at(&house, ALEX, TestStep::Connect, Reason::ConnectionFailed).await;

        let house = House::start().await;
        let port = server(&["554 5.7.1 no mail from you\r\n"]).await;
        untested(&house, Some(("127.0.0.1", port))).await;
        let test = house.test("adele", ALEX).await;
        assert_eq!(test.steps[1].outcome(), StepOutcome::Failed);
        assert_eq!(test.steps[1].reply.as_ref().unwrap().code, 554);
    });
}

/// Whoever may test a service could otherwise read what any port of the inside says.
#[test]
fn what_speaks_no_smtp_is_not_echoed() {
    run(async {
        let house = House::start().await;
        let port = server(&["HTTP/1.1 400 secret-of-the-inside\r\n\r\n"]).await;
        untested(&house, Some(("127.0.0.1", port))).await;
        let at = TestStep::Connect;
        let test = fails_at(&house, ALEX, at, Reason::SmtpProtocol).await;
        assert_eq!(test.steps[1].reply, None);
        let everything = [
            format!("{test:?}"),
            format!("{:?}", house.message(&test.message_id).await),
            format!("{:?}", house.get("adele").await),
        ];
        for shown in everything {
            for part in ["secret", "inside", "HTTP"] {
                assert!(!shown.contains(part), "{shown}");
            }
        }
    });
}

#[test]
fn no_starttls_and_a_certificate_that_nobody_trusts_end_it_at_tls() {
    run(async {
        let house = House::start().await;
        let port = server(&["220 here\r\n", "250 here\r\n"]).await;
        untested(&house, Some(("127.0.0.1", port))).await;
        fails_at(&house, ALEX, TestStep::Tls, Reason::StarttlsNotOffered).await;

        let house = House::start().await;
        let stranger = sandbox(&house.env).await;
        untested(&house, Some(("localhost", stranger.smtp_addr().port()))).await;
        let test = fails_at(&house, ALEX, TestStep::Tls, Reason::TlsFailed).await;
        assert!(test.steps[2].detail.contains("certificate"), "{test:?}");
        assert_eq!(stranger.control().stats().auths, 0);
    });
}

#[test]
fn a_refused_ehlo_ends_it_there() {
    run(async {
        let house = House::start().await;
        let port = server(&["220 here\r\n", "550 5.7.1 not you\r\n"]).await;
        untested(&house, Some(("127.0.0.1", port))).await;
        let test = house.test("adele", ALEX).await;
        let outcomes: Vec<_> = test.steps.iter().map(|step| step.outcome()).collect();
        // Neither TLS nor what follows.
        assert_eq!(outcomes[2], StepOutcome::Skipped);
        assert_eq!(outcomes[3], StepOutcome::Failed);
        assert!(outcomes[4..].iter().all(|one| *one == StepOutcome::Skipped));
        assert_eq!(test.diagnosis.unwrap().provider_text, "not you");
    });
}

#[test]
fn a_refused_login_ends_it_at_authenticate_with_the_mailboxs_own_commands() {
    run(async {
        let house = House::start().await;
        let mut service = house.service(NOREPLY);
        oauth2(&mut service).consent_email = ADELE.into();
        house.create("adele", service).await;
        house.authorize("adele", ADELE).await;
        house.control().smtp_auth_disabled_mailbox(NOREPLY, true);
        let at = TestStep::Authenticate;
        let test = fails_at(&house, ALEX, at, Reason::SmtpAuthDisabledMailbox).await;
        let diagnosis = test.diagnosis.unwrap();
        assert_eq!(
            diagnosis.commands[0],
            format!(
                "Set-CASMailbox -Identity '{NOREPLY}' -SmtpClientAuthenticationDisabled $false"
            )
        );
        assert_eq!(diagnosis.help_url, "https://aka.ms/smtp_auth_disabled");
        assert_eq!(
            test.steps[4].reply.as_ref().unwrap().enhanced_code,
            "5.7.139"
        );
    });
}

#[test]
fn every_refusal_behind_the_login_ends_it_at_its_own_step() {
    run(async {
        let house = House::start().await;
        untested(&house, None).await;
        house.control().rate_limit(RateLimit::Rejected(0));
        fails_at(&house, ALEX, TestStep::MailFrom, Reason::RateLimited).await;
        house.control().rate_limit(RateLimit::Off);
        let to = "refused@contoso.com";
        fails_at(&house, to, TestStep::RcptTo, Reason::RecipientRefused).await;
        let to = "data-refused@contoso.com";
        fails_at(&house, to, TestStep::Data, Reason::MessageRefused).await;
        let to = "sendas-denied@contoso.com";
        let test = fails_at(&house, to, TestStep::FinalReply, Reason::SendAsDenied).await;
        let commands = test.diagnosis.unwrap().commands;
        assert_eq!(
            commands,
            [format!(
                "Add-RecipientPermission -Identity '{ADELE}' -Trustee '{ADELE}' -AccessRights SendAs"
            )]
        );
        let to = "drop-before-dot@contoso.com";
        fails_at(&house, to, TestStep::Data, Reason::ConnectionLost).await;
        let to = "drop-after-dot@contoso.com";
        fails_at(&house, to, TestStep::FinalReply, Reason::ReplyLost).await;

        assert!(house.test("adele", ALEX).await.passed);
        assert_eq!(house.get("adele").await.state(), ServiceState::Ready);
    });
}

#[test]
fn what_a_server_repeats_of_a_credential_is_shown_to_nobody() {
    run(async {
        let house = House::start().await;
        let echo = "535 5.7.3 you said {line}, that is, {secret}";
        house.control().auth_reply(ADELE, Some(echo));
        untested(&house, None).await;
        let test = house.test("adele", ALEX).await;
        let text = &test.steps[4].reply.as_ref().unwrap().text;
        let hidden = "you said AUTH XOAUTH2 [redacted], that is, [redacted]";
        // Base 64 may end with its signs for nothing.
        assert_eq!(text.replace('=', ""), hidden);
        let shown = format!("{test:?} {:?}", house.message(&test.message_id).await);
        assert!(
            !shown.contains("eyJ") && !shown.contains("dXNlcj"),
            "{shown}"
        );

        // So short that nothing but knowing it tells it from a word.
        let mut password = house.service(ALEX);
        password.auth = Some(v1::service::Auth::Password(v1::PasswordAuth {
            username: ALEX.into(),
            password: "autumn".into(),
        }));
        house.create("alex", password).await;
        house
            .control()
            .alter_account(ALEX, |alex| alex.password = Some("autumn".into()));
        house.control().auth_reply(ALEX, Some(echo));
        let test = house.test("alex", ADELE).await;
        let shown = format!("{test:?} {:?}", house.message(&test.message_id).await);
        assert!(shown.contains("you said AUTH PLAIN [redacted]"), "{shown}");
        // base64 of "\0alex@contoso.com\0autumn"
        assert!(
            !shown.contains("AGFsZXhA") && !shown.contains("autumn"),
            "{shown}"
        );
    });
}
