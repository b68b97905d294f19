//! What the messages say. Every recipient belongs to one message, so that what the world sees of a
//! recipient tells of its message.

use mailwright::model::content::{Content, Email};
use mailwright::model::send::SendInput;
use mailwright::model::{Labels, Mailbox, Timestamp};

use crate::plan::Plan;

/// The request of a letter that is written now.
pub fn write(plan: &Plan, number: usize, now: Timestamp) -> SendInput {
    let letter = &plan.sends[number];
    let to = (0..letter.recipients).map(|recipient| Mailbox {
        address: format!("letter{number}-{recipient}@recipients.example")
            .parse()
            .unwrap(),
        name: String::new(),
    });
    let email = Email {
        to: to.collect(),
        cc: Vec::new(),
        bcc: Vec::new(),
        from: None,
        from_name: None,
        reply_to: None,
        subject: format!("Letter {number}"),
        // Lines that begin with a dot are the ones that get lost.
        text_body: ".dots and words\n".repeat(letter.body_bytes / 16 + 1),
        html_body: String::new(),
        attachments: Vec::new(),
        headers: Vec::new(),
    };
    SendInput {
        service_id: plan.services[letter.service].id.parse().unwrap(),
        request_id: letter.request_id.as_ref().map(|id| id.parse().unwrap()),
        content: Content::Email(Box::new(email)),
        priority: letter.priority,
        send_time: letter.send_in.map(|after| now + after),
        expire_time: letter.expire_in.map(|after| now + after),
        on_uncertain: letter.on_uncertain,
        labels: Labels::default(),
        trace: None,
    }
}
