//! The identity provider's door: one token request a connection, with whatever goes wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use url::form_urlencoded;

use super::World;
use super::idp::Granted;
use crate::dice::Dice;

pub type Form = BTreeMap<String, String>;

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// Not looked at: a status with further headers, and a body.
    Error(&'static str, &'static str),
    CutBefore,
    /// Looked at; the answer is lost.
    CutAfter,
    CutWithin,
    Garbled,
    TooSlow,
}

const SECRET_REFUSED: (&str, &str) = (
    "401 No",
    r#"{"error":"invalid_client","error_codes":[7000222]}"#,
);

/// Answers one request and hangs up.
pub async fn serve(world: World, number: u64, mut dice: Dice, mut stream: DuplexStream) {
    let Some(form) = read(&mut stream).await else {
        return;
    };
    let Some(service) = service_of(&form) else {
        return world.violated("a token request names no client");
    };
    let who = format!("idp {number}");
    if let Some(token) = form.get("token") {
        return take_back(&world, &who, &mut dice, (service, token), &mut stream).await;
    }
    world.asks(service);
    let (mut from, mut to) = tokio::io::split(stream);
    let mut end = [0];
    tokio::select! {
        biased;
        // The client hung up: whatever it was about to hear, it won't.
        _ = from.read(&mut end) => {
            world.note(&who, "the client hung up");
            world.answer_is_lost(service);
        }
        () = answer(&world, &who, &mut dice, service, &form, &mut to) => {}
    }
    world.has_asked(service);
}

/// RFC 7009: what is given back is taken, though the answer may be lost.
async fn take_back(
    world: &World,
    who: &str,
    dice: &mut Dice,
    (service, token): (usize, &str),
    to: &mut DuplexStream,
) {
    let fate = fate(world, dice);
    if fate == Fate::CutBefore {
        return world.note(who, "hangs up");
    }
    if let Fate::Error(status, body) = fate {
        // Whether it is heard changes nothing.
        let _ = to.write_all(response(status, body).as_bytes()).await;
        return;
    }
    world.gets_back(service, token);
    if fate == Fate::Answered {
        let _ = to.write_all(response("200 OK", "").as_bytes()).await;
    }
}

async fn answer(
    world: &World,
    who: &str,
    dice: &mut Dice,
    service: usize,
    form: &Form,
    to: &mut (impl AsyncWriteExt + Unpin),
) {
    let fate = fate(world, dice);
    if fate == Fate::CutBefore {
        return world.note(who, "hangs up");
    }
    if world.is_troubled() && dice.in_1000(200) {
        world.env().sleep(dice.seconds(0, 20)).await;
    }
    if let Fate::Error(status, body) = fate {
        world.note(who, status);
        // Gone or not, nothing was issued.
        let _ = to.write_all(response(status, body).as_bytes()).await;
        return;
    }
    let secret = form.get("client_secret").map(String::as_str);
    if !world.knows_secret(service, secret.unwrap_or_default()) {
        world.note(who, "the secret is refused");
        let (status, body) = SECRET_REFUSED;
        // Gone or not, nothing was issued.
        let _ = to.write_all(response(status, body).as_bytes()).await;
        return;
    }
    let granted = grant(world, dice, service, form);
    let text = render(granted);
    if fate == Fate::TooSlow {
        world.env().sleep(Duration::from_secs(45)).await;
    }
    world.note(who, text.lines().next().unwrap_or_default());
    let sent = match fate {
        Fate::CutAfter => String::new(),
        Fate::CutWithin => text[..text.len() / 2].to_owned(),
        Fate::Garbled => response("200 OK", "<html>"),
        _ => text,
    };
    let arrives = to.write_all(sent.as_bytes()).await.is_ok();
    if fate != Fate::Answered || !arrives {
        world.note(who, "the answer is lost");
        world.answer_is_lost(service);
    }
}

fn fate(world: &World, dice: &mut Dice) -> Fate {
    if !world.is_troubled() || !dice.in_1000(world.plan().idp_faults) {
        return Fate::Answered;
    }
    dice.pick(&[
        Fate::Error("500 Oops", "<html>"),
        Fate::Error("503 Busy\r\nRetry-After: 40", ""),
        Fate::Error("429 Slower\r\nRetry-After: 300", "no"),
        Fate::Error("400 No", r#"{"error":"temporarily_unavailable"}"#),
        Fate::Error(SECRET_REFUSED.0, SECRET_REFUSED.1),
        Fate::CutBefore,
        Fate::CutAfter,
        Fate::CutWithin,
        Fate::Garbled,
        Fate::TooSlow,
    ])
}

fn grant(world: &World, dice: &mut Dice, service: usize, form: &Form) -> Granted {
    let seconds = dice.pick(&[3_599, 3_599, 600, 120]);
    let lifetime = dice.in_1000(900).then(|| Duration::from_secs(seconds));
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    match field("grant_type") {
        "refresh_token" => {
            let rotates = dice.in_1000(700);
            world.renew(service, field("refresh_token"), rotates, lifetime)
        }
        _ => world.redeem(service, field("code"), lifetime),
    }
}

fn render(granted: Granted) -> String {
    let (status, body) = match granted {
        Granted::Refused => (
            "400 Bad Request",
            r#"{"error":"invalid_grant","error_codes":[50173]}"#.to_owned(),
        ),
        Granted::Tokens {
            access_token,
            refresh_token,
            lifetime,
        } => {
            let mut body = format!(r#"{{"token_type":"Bearer","access_token":"{access_token}""#);
            if let Some(token) = refresh_token {
                body.push_str(&format!(r#","refresh_token":"{token}""#));
            }
            if let Some(lifetime) = lifetime {
                body.push_str(&format!(r#","expires_in":{}"#, lifetime.as_secs()));
            }
            body.push('}');
            ("200 OK", body)
        }
    };
    response(status, &body)
}

/// An answer as it goes over the wire.
pub fn response(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// The form of a request, once all of it is there.
pub async fn read(stream: &mut DuplexStream) -> Option<Form> {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let lines = head.lines().map(str::to_ascii_lowercase);
        let length = lines
            .filter_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
            .next()
            .unwrap_or(0);
        if body.len() >= length {
            return Some(
                form_urlencoded::parse(body.as_bytes())
                    .into_owned()
                    .collect(),
            );
        }
    }
}

/// Which service asks: its client id ends with its number.
pub fn service_of(form: &Form) -> Option<usize> {
    form.get("client_id")?.rsplit('-').next()?.parse().ok()
}
