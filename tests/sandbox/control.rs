//! The HTTP layer over the control, the mail list and the index page.

use crate::support::{Smtp, World};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn switches_and_counters_are_reachable_over_http() {
    let world = World::start().await;
    let path = "/sandbox/control";
    for (command, status) in [
        (r#"{"action":"external_recipients_refused","on":true}"#, 200),
        (r#"{"action":"rate_limit","rate":{"rejected":5}}"#, 200),
        (r#"{"action":"rate_limit","rate":"off"}"#, 200),
        (
            r#"{"action":"refuse_next_token_requests","n":1,"kind":{"code":53003}}"#,
            200,
        ),
        (r#"{"action":"release"}"#, 200),
        (r#"{"action":"expire_secret","client_id":"nobody"}"#, 404),
        (r#"{"action":"nonsense"}"#, 422),
    ] {
        let answer = world.http("POST", path, &JSON, command).await;
        assert_eq!(answer.status, status, "{command}: {}", answer.body);
    }
    assert_eq!(world.refresh("x").await.failure().0, 53003);
    let stats = world.get(path).await.json();
    assert_eq!(stats["token_requests"]["refresh_token"], 1);
}

#[tokio::test]
async fn delivered_mail_can_be_listed_and_read() {
    let world = World::start().await;
    let mut smtp = Smtp::connect(world.sandbox.plain_addr()).await;
    smtp.read().await;
    smtp.ask("EHLO c").await;
    smtp.mail("a@x.example", "b@x.example").await;
    let list = world.get("/sandbox/mail").await.json();
    assert_eq!(list[0]["subject"], "Hello");
    assert_eq!(list[0]["rcpt_to"][0], "b@x.example");
    let raw = world.get("/sandbox/mail/0").await;
    assert_eq!(
        raw.body,
        "From: <a@x.example>\r\nSubject: Hello\r\n\r\nText\r\n"
    );
    assert!(raw.headers["content-type"].starts_with("text/plain"));
    assert_eq!(world.get("/sandbox/mail/1").await.status, 404);
}

#[tokio::test]
async fn the_index_page_tells_accounts_and_faults() {
    let world = World::start().await;
    let page = world.get("/").await;
    for part in ["adele@contoso.com", "drop-after-dot@", "Client secret"] {
        assert!(page.body.contains(part), "{part}");
    }
    let title = "<title>Mailwright sandbox</title>";
    assert!(page.body.contains(title), "{}", page.body);
    let ca = world.get("/sandbox/ca.pem").await;
    assert_eq!(ca.body, world.sandbox.ca_pem());
}

#[tokio::test]
async fn held_token_requests_wait() {
    let world = World::start().await;
    let control = world.sandbox.control().clone();
    control.hold_token_replies(true);
    let release = async {
        control.wait_until(|s| s.token_requests_held == 1).await;
        control.hold_token_replies(false);
    };
    let (answer, ()) = tokio::join!(world.refresh("x"), release);
    assert_eq!(answer.failure().0, 9_002_313);
}
