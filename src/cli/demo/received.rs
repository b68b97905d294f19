//! Step 6: the mail as the sandbox received it, read by a parser that didn't write it and held
//! against what was sent.

use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use sha2::{Digest, Sha256};

use super::letters::{Letter, Letters, REFUSED};
use super::screen::{Ink, Screen};
use super::send::Sent;
use super::stage::Stage;
use super::{LOGIN, expect, feed};
use crate::cli::Failed;
use crate::sandbox::Delivered;

/// Step 6.
pub async fn show(
    stage: &Stage,
    screen: &Screen,
    letters: &Letters,
    sent: &[Sent],
) -> Result<(), Failed> {
    screen.step(6, "Read it where it arrived", "at the sandbox");
    let mail = stage.sandbox.mail();
    for (sent, letter) in sent.iter().zip(&letters.0) {
        let header = feed::message(stage, &sent.message_id)
            .await?
            .message_id_header;
        let mut arrived = mail.iter().filter_map(|delivered| {
            let message = MessageParser::default().parse(&delivered.content)?;
            let id = format!("<{}>", message.message_id()?);
            (id == header).then_some((delivered, message))
        });
        let (delivered, message) = arrived
            .next()
            .ok_or_else(|| Failed::new(1, format!("#{} did not arrive", sent.number)))?;
        expect("further copies", &arrived.count(), &0)?;
        check(letter, delivered, &message)?;
        if sent.number > 1 {
            screen.blank();
        }
        print(screen, sent.number, delivered, &message);
    }
    Ok(())
}

fn print(screen: &Screen, number: usize, delivered: &Delivered, message: &Message<'_>) {
    const AT: usize = 18;
    let mut head = screen.ink(Ink::Bold, &format!("#{number}"));
    head += "  ";
    let mut row = |label: &str, value: &str| {
        let label = screen.ink(Ink::Dim, &format!("{label:11}"));
        screen.hanging(None, AT, &format!("{head}{label}"), value);
        head = "    ".to_owned();
    };
    row("From", &addresses(message.from()).join(", "));
    row("To", &addresses(message.to()).join(", "));
    row("Subject", message.subject().unwrap_or_default());
    let leaves = message.parts.iter().filter(|part| !part.is_multipart());
    for (index, part) in leaves.enumerate() {
        row(if index == 0 { "parts" } else { "" }, &describe(part));
    }
    let how = if delivered.tls { "TLS" } else { "no TLS" };
    row(
        "came",
        &format!("over {how}, authenticated as {}", delivered.mailbox),
    );
    row("for", &delivered.rcpt_to.join(", "));
}

fn check(letter: &Letter, delivered: &Delivered, message: &Message<'_>) -> Result<(), Failed> {
    let email = &letter.email;
    expect("came over TLS", &delivered.tls, &true)?;
    expect("who authenticated", &delivered.mailbox.as_str(), &LOGIN)?;
    expect("MAIL FROM", &delivered.mail_from.as_str(), &LOGIN)?;
    let from = format!("Adele Vance <{LOGIN}>");
    expect("From", &addresses(message.from()), &vec![from])?;
    let to: Vec<_> = email
        .to
        .iter()
        .map(|to| named(&to.name, &to.address))
        .collect();
    expect("To", &addresses(message.to()), &to)?;
    let taken = email.to.iter().map(|to| to.address.clone());
    let taken: Vec<_> = taken.filter(|to| to != REFUSED).collect();
    expect("RCPT TO", &delivered.rcpt_to, &taken)?;
    expect("Subject", &message.subject(), &Some(email.subject.as_str()))?;
    let text = message.body_text(0).unwrap_or_default();
    expect(
        "the text",
        &unix(&text),
        &email.text_body.trim_end().to_owned(),
    )?;
    if !email.html_body.is_empty() {
        let html = message.body_html(0).unwrap_or_default();
        expect(
            "the html",
            &unix(&html),
            &email.html_body.trim_end().to_owned(),
        )?;
    }
    check_files(letter, message)
}

fn check_files(letter: &Letter, message: &Message<'_>) -> Result<(), Failed> {
    expect(
        "attachments",
        &message.attachment_count(),
        &letter.email.attachments.len(),
    )?;
    for (sent, found) in letter.email.attachments.iter().zip(message.attachments()) {
        let what = |what: &str| format!("{what} of {:?}", sent.filename);
        expect(
            "a file's name",
            &found.attachment_name(),
            &Some(sent.filename.as_str()),
        )?;
        expect(&what("type"), &content_type(found), &sent.content_type)?;
        let id = found.content_id().unwrap_or_default();
        expect(&what("Content-ID"), &id, &sent.content_id.as_str())?;
        let hashes = (
            Sha256::digest(found.contents()),
            Sha256::digest(&sent.content),
        );
        expect(&what("SHA-256"), &hashes.0, &hashes.1)?;
    }
    Ok(())
}

fn addresses(header: Option<&Address<'_>>) -> Vec<String> {
    let each = header.into_iter().flat_map(Address::iter);
    each.map(|found| {
        named(
            found.name().unwrap_or_default(),
            found.address().unwrap_or_default(),
        )
    })
    .collect()
}

fn named(name: &str, address: &str) -> String {
    match name {
        "" => address.to_owned(),
        name => format!("{name} <{address}>"),
    }
}

/// `image/png, 234 bytes, "envelope.png", cid:envelope, SHA-256 as sent`
fn describe(part: &MessagePart<'_>) -> String {
    let bytes = part.contents().len();
    let mut text = format!("{}, {} bytes", content_type(part), thousands(bytes));
    if let Some(name) = part.attachment_name() {
        text += &format!(", {name:?}");
    }
    if let Some(id) = part.content_id() {
        text += &format!(", cid:{id}");
    }
    if matches!(part.body, PartType::Binary(_) | PartType::InlineBinary(_)) {
        text += ", SHA-256 as sent";
    }
    text
}

fn content_type(part: &MessagePart<'_>) -> String {
    part.content_type().map_or_else(String::new, |found| {
        format!("{}/{}", found.ctype(), found.subtype().unwrap_or_default())
    })
}

/// 5000000 → 5,000,000
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// With the line ends that the demo writes, and without the last, which a part's boundary owns.
fn unix(text: &str) -> String {
    text.replace("\r\n", "\n").trim_end().to_owned()
}
