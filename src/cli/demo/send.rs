//! Step 4, an application's: hand over three messages, one of them twice.

use std::time::Duration;

use super::letters::{Letters, request};
use super::screen::{Ink, Screen};
use super::stage::Stage;
use super::{answered, expect, feed};
use crate::cli::Failed;
use crate::model::Timestamp;
use crate::rpc::proto::v1::{MessageState, SendResponse};

/// A shorter wait nobody notices.
const NOTICED: Duration = Duration::from_millis(500);

/// A message that was accepted.
pub struct Sent {
    /// 1 to 3.
    pub number: usize,
    pub message_id: String,
}

/// Sends all three, then the first once more with the same request_id.
pub async fn three(stage: &Stage, screen: &Screen, letters: &Letters) -> Result<Vec<Sent>, Failed> {
    screen.step(4, "Send three messages", "MailAPI.Send");
    let mut sent = Vec::new();
    for (number, letter) in (1..).zip(&letters.0) {
        let request = request(&request_id(number), &letter.email);
        let answer = answered("Send", stage.mail().send(request).await)?;
        print(screen, number, letter.what, &answer, &wait(stage, &answer));
        expect(
            "a new message is deduplicated",
            &answer.deduplicated,
            &false,
        )?;
        expect("its state", &answer.state(), &MessageState::Queued)?;
        sent.push(Sent {
            number,
            message_id: answer.message_id,
        });
    }
    repeat(stage, screen, letters, &sent).await?;
    Ok(sent)
}

async fn repeat(
    stage: &Stage,
    screen: &Screen,
    letters: &Letters,
    sent: &[Sent],
) -> Result<(), Failed> {
    let again = request(&request_id(1), &letters.0[0].email);
    let answer = answered("Send", stage.mail().send(again).await)?;
    let what = "again, with the same request_id";
    print(screen, 1, what, &answer, ", deduplicated");
    expect("the repeat is deduplicated", &answer.deduplicated, &true)?;
    expect(
        "the repeat's message",
        &answer.message_id,
        &sent[0].message_id,
    )
}

/// What the pace of the mailbox makes of it, where that is to be noticed.
fn wait(stage: &Stage, answer: &SendResponse) -> String {
    let Some(time) = &answer.estimated_send_time else {
        return String::new();
    };
    let micros = time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000;
    let wait = Timestamp::from_unix_micros(micros).since(stage.env.now());
    if wait < NOTICED {
        return String::new();
    }
    format!(", in {:.1} s: 30 a minute may go", wait.as_secs_f64())
}

fn request_id(number: usize) -> String {
    format!("demo-{number}")
}

fn print(screen: &Screen, number: usize, what: &str, answer: &SendResponse, remark: &str) {
    const AT: usize = 40;
    let number = screen.ink(Ink::Bold, &format!("#{number}"));
    let text = format!(
        "{} {}{remark}",
        answer.message_id,
        feed::name(answer.state())
    );
    screen.hanging(None, AT, &format!("{number}  {what:32} "), &text);
}
