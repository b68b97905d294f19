//! Each fault and limit strikes as often as it says, and then lets mail through.

use mailwright::sandbox::RateLimit;

use crate::support::{Smtp, World, message, xoauth2};

const ADELE: &str = "adele@contoso.com";

/// Up to the 354.
async fn until_data(smtp: &mut Smtp, to: &str) {
    smtp.ask("MAIL FROM:<adele@contoso.com>").await;
    smtp.ask(&format!("RCPT TO:<{to}>")).await;
    assert!(smtp.ask("DATA").await.starts_with("354"));
}

#[tokio::test]
async fn recipients_are_refused_and_greylisted() {
    let world = World::start().await;
    let mut smtp = world.login(ADELE).await;
    let reply = smtp.mail(ADELE, "refused@x.example").await;
    assert_eq!(
        reply,
        "550 5.4.1 Recipient address rejected: Access denied."
    );
    smtp.ask("RSET").await;
    let reply = smtp.mail(ADELE, "greylist@x.example").await;
    assert!(reply.starts_with("450 4.2.0 "));
    smtp.ask("RSET").await;
    let reply = smtp.mail(ADELE, "greylist@x.example").await;
    assert!(reply.starts_with("250 2.0.0 OK"));
    let reply = smtp.mail(ADELE, "greylist+2@x.example").await;
    assert!(reply.starts_with("450 4.2.0 "));
}

#[tokio::test]
async fn throttling_ends_after_its_times() {
    let world = World::start().await;
    world.sandbox.control().throttle_times(2);
    let mut smtp = world.login(ADELE).await;
    for _ in 0..2 {
        let reply = smtp.mail(ADELE, "throttle@x.example").await;
        assert!(reply.starts_with("432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname="));
    }
    let reply = smtp.mail(ADELE, "throttle@x.example").await;
    assert!(reply.starts_with("250 "));
}

#[tokio::test]
async fn refusals_after_the_dot_are_long() {
    let world = World::start().await;
    let mut smtp = world.login(ADELE).await;
    let reply = smtp.mail(ADELE, "long-refusal@x.example").await;
    assert!(reply.starts_with("554-5.2.0 ") && reply.lines().count() == 3);
    assert!(reply.lines().next().is_some_and(|line| line.len() > 4_096));
    let reply = smtp.mail(ADELE, "sendas-denied@x.example").await;
    assert!(reply.starts_with("554 5.2.252 SendAsDenied; "));
    assert!(world.sandbox.mail().is_empty());
}

#[tokio::test]
async fn a_connection_drops_before_the_dot_once() {
    let world = World::start().await;
    for to in ["drop-before-dot@x.example", "drop-mid-body@x.example"] {
        let mut smtp = world.login(ADELE).await;
        assert_eq!(smtp.mail(ADELE, to).await, "");
        let mut smtp = world.login(ADELE).await;
        assert!(smtp.mail(ADELE, to).await.starts_with("250 "));
    }
    assert_eq!(world.sandbox.mail().len(), 2);
}

#[tokio::test]
async fn a_message_lost_after_the_dot_was_taken_all_the_same() {
    let world = World::start().await;
    let mut smtp = world.login(ADELE).await;
    assert_eq!(smtp.mail(ADELE, "drop-after-dot@x.example").await, "");
    assert_eq!(world.sandbox.mail().len(), 1);
    let mut smtp = world.login(ADELE).await;
    let reply = smtp.mail(ADELE, "drop-after-dot@x.example").await;
    assert!(reply.starts_with("250 "));
    assert_eq!(world.sandbox.mail().len(), 2);
}

#[tokio::test]
async fn a_slow_reply_waits_for_its_release() {
    let world = World::start().await;
    let control = world.sandbox.control().clone();
    let mut smtp = world.login(ADELE).await;
    until_data(&mut smtp, "slow@x.example").await;
    smtp.send(message(ADELE).as_bytes()).await;
    control.wait_until(|stats| stats.held == 1).await;
    assert_eq!(world.sandbox.mail().len(), 1);
    control.release();
    assert!(smtp.read().await.starts_with("250 "));
    assert_eq!(control.stats().held, 0);
}

#[tokio::test]
async fn a_client_that_leaves_a_held_reply_is_noticed() {
    let world = World::start().await;
    let control = world.sandbox.control().clone();
    control.hold_data_reply(true);
    let mut smtp = world.login(ADELE).await;
    until_data(&mut smtp, "b@x.example").await;
    smtp.send(message(ADELE).as_bytes()).await;
    control.wait_until(|stats| stats.held == 1).await;
    drop(smtp);
    let stats = control
        .wait_until(|stats| stats.connections_open == 0)
        .await;
    assert_eq!((stats.held, stats.delivered), (0, 1));
    assert_eq!(stats.mailbox(ADELE).submissions_open, 0);
}

#[tokio::test]
async fn a_fourth_concurrent_submission_is_refused() {
    let world = World::start().await;
    let control = world.sandbox.control().clone();
    let token = world.access_token(ADELE).await;
    control.hold_data_reply(true);
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut smtp = world.secure().await;
        smtp.ask(&xoauth2(ADELE, &token)).await;
        until_data(&mut smtp, "b@x.example").await;
        held.push(smtp);
    }
    for smtp in &mut held {
        smtp.send(message(ADELE).as_bytes()).await;
    }
    let mut fourth = held.pop().expect("there are four");
    assert!(fourth.read().await.starts_with("432 4.3.2 "));
    control.wait_until(|stats| stats.held == 3).await;
    control.hold_data_reply(false);
    for smtp in &mut held {
        assert!(smtp.read().await.starts_with("250 "));
    }
    let mailbox = control.stats().mailbox(ADELE);
    assert_eq!((mailbox.connections_max, mailbox.submissions_max), (4, 4));
    assert_eq!(control.stats().concurrency_refused, 1);
    assert!(fourth.mail(ADELE, "b@x.example").await.starts_with("250 "));
}

#[tokio::test]
async fn the_minutes_rate_is_carried_over_or_rejected() {
    let world = World::start().await;
    let control = world.sandbox.control();
    control.rate_limit(RateLimit::CarriedOver(2));
    let mut smtp = world.login(ADELE).await;
    for _ in 0..3 {
        assert!(smtp.mail(ADELE, "b@x.example").await.starts_with("250 "));
    }
    assert_eq!(control.stats().carried_over, 1);
    control.rate_limit(RateLimit::Rejected(2));
    let reply = smtp.mail(ADELE, "b@x.example").await;
    assert_eq!(
        reply,
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit"
    );
    assert_eq!(smtp.read().await, "");
    world.pass(60);
    let mut smtp = world.login(ADELE).await;
    assert!(smtp.mail(ADELE, "b@x.example").await.starts_with("250 "));
}

#[tokio::test]
async fn external_recipients_are_refused_on_demand() {
    let world = World::start().await;
    let control = world.sandbox.control();
    control.external_recipients_refused(true);
    control.recipients_per_message(1);
    let mut smtp = world.login(ADELE).await;
    let reply = smtp.mail(ADELE, "b@x.example").await;
    assert_eq!(
        reply,
        "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain"
    );
    let reply = smtp.ask("RCPT TO:<alex@contoso.com>").await;
    assert!(reply.starts_with("250 "));
    let reply = smtp.ask("RCPT TO:<adele@contoso.com>").await;
    assert_eq!(reply, "452 4.5.3 Too many recipients");
}

#[tokio::test]
async fn disabled_smtp_auth_hits_oauth_clients() {
    let world = World::start().await;
    let control = world.sandbox.control();
    let token = world.access_token(ADELE).await;
    let mut smtp = world.secure().await;
    control.smtp_auth_disabled_tenant(true);
    let reply = smtp.ask(&xoauth2(ADELE, &token)).await;
    assert!(reply.starts_with("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. ["), "{reply}");
    control.smtp_auth_disabled_mailbox(ADELE, true);
    let reply = smtp.ask(&xoauth2(ADELE, &token)).await;
    assert!(
        reply.contains("is disabled for the Mailbox. Visit"),
        "{reply}"
    );
    control.smtp_auth_disabled_mailbox(ADELE, false);
    assert!(smtp.ask(&xoauth2(ADELE, &token)).await.starts_with("235"));
}

#[tokio::test]
async fn any_reply_can_be_put_on_a_mailbox() {
    let world = World::start().await;
    let control = world.sandbox.control();
    let mut smtp = world.login(ADELE).await;
    control.submission_reply(ADELE, Some("550 5.1.90 Daily limit"));
    assert_eq!(
        smtp.mail(ADELE, "b@x.example").await,
        "550 5.1.90 Daily limit"
    );
    control.submission_reply(ADELE, None);
    assert!(smtp.mail(ADELE, "b@x.example").await.starts_with("250"));
    control.auth_reply(ADELE, Some("454 4.7.0 Temporary authentication failure"));
    let mut smtp = world.secure().await;
    assert!(
        smtp.ask(&xoauth2(ADELE, "x"))
            .await
            .starts_with("454 4.7.0")
    );
}
