//! A mail server takes mail, or doesn't: envelope, body and final dot.

use std::sync::atomic::Ordering;

use mailwright::model::Phase;
use sha2::{Digest, Sha256};

use super::records::Taken;
use super::smtp::{Conversation, Gone, Step};

/// A message as it came in.
struct Received {
    message_id: String,
    digest: String,
}

/// What becomes of a message at its final dot.
enum Fate {
    /// The server dies of it, or hears no dot.
    Vanishes,
    Silence,
    Refused,
    Taken,
    /// It is taken, and the reply never comes.
    TakenThenCut,
    TakenThenSilence,
    TakenThenNonsense,
    /// It is taken, and the process panics when it hears so.
    TakenThenPanic,
}

impl Conversation {
    /// MAIL, and what follows until the transaction ends.
    pub async fn mail(&mut self) -> Step<()> {
        if !self.may_send() {
            return self
                .refuse("530 5.7.57 Client not authenticated", &[])
                .await;
        }
        if let Some(refusal) = self.hitch(Phase::MailFrom).await? {
            self.refuse(refusal, &[]).await?;
            return self.turn_down_the_rest().await;
        }
        self.say("250 2.1.0 fine").await?;
        let mut recipients = Vec::new();
        loop {
            let line = self.line().await?;
            match line.get(..4) {
                Some("RCPT") => self.recipient(&line, &mut recipients).await?,
                Some("DATA") if recipients.is_empty() => {
                    return self.refuse("554 5.5.1 no valid recipients", &[]).await;
                }
                Some("DATA") => return self.data(recipients).await,
                Some("RSET") => return self.say("250 forgotten").await,
                _ => return self.say("503 5.5.1 out of order").await,
            }
        }
    }

    /// Where the client pipelines, the rest of a refused envelope comes all the same.
    async fn turn_down_the_rest(&mut self) -> Step<()> {
        if !self.plan().character.pipelining {
            return Ok(());
        }
        loop {
            let line = self.line().await?;
            self.say("503 5.5.1 no sender").await?;
            if !line.starts_with("RCPT") {
                return Ok(());
            }
        }
    }

    async fn recipient(&mut self, line: &str, recipients: &mut Vec<String>) -> Step<()> {
        let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        match self.hitch(Phase::RcptTo).await? {
            Some(refusal) => self.refuse(refusal, &[address]).await,
            None => {
                recipients.push(address);
                self.say("250 2.1.5 fine").await
            }
        }
    }

    async fn data(&mut self, recipients: Vec<String>) -> Step<()> {
        if let Some(refusal) = self.hitch(Phase::Data).await? {
            return self.refuse(refusal, &recipients).await;
        }
        self.say("354 go on").await?;
        let troubled = self.world.is_troubled();
        let cut = self.plan().character.cut;
        let hangs_up_after = (troubled && self.dice.in_1000(cut)).then(|| self.dice.between(0, 20));
        let received = match self.body(hangs_up_after).await {
            Err(Gone) if self.dice.in_1000(500) => {
                // What it has heard is enough: it says why, and listens no more.
                let refusal = super::replies::refusal(Phase::Data, &mut self.dice);
                self.refuse(refusal, &recipients).await?;
                return Err(Gone);
            }
            received => received?,
        };
        self.dot(recipients, received).await
    }

    /// Reads the body to its dot, or hangs up after so many lines.
    async fn body(&mut self, hangs_up_after: Option<u64>) -> Step<Received> {
        let (mut hash, mut message_id, mut lines) = (Sha256::new(), String::new(), 0);
        loop {
            let line = self.bytes().await?;
            if hangs_up_after == Some(lines) {
                self.note("hangs up in the body");
                return Err(Gone);
            }
            if line == b".\r\n" {
                break;
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            let text = String::from_utf8_lossy(line);
            if message_id.is_empty()
                && let Some(id) = text.strip_prefix("Message-ID:")
            {
                message_id = id.trim().to_owned();
            }
            hash.update(line);
            lines += 1;
        }
        let digest = hash.finalize();
        let digest = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
        Ok(Received { message_id, digest })
    }

    async fn dot(&mut self, recipients: Vec<String>, received: Received) -> Step<()> {
        let id = received.message_id.clone();
        self.note(&format!("the dot of {id} for {}", recipients.join(", ")));
        let fate = self.fate();
        match fate {
            Fate::Vanishes => return Err(Gone),
            Fate::Silence => return Err(self.silence().await),
            Fate::Refused => {
                let refusal = super::replies::refusal(Phase::DotSent, &mut self.dice);
                return self.refuse(refusal, &recipients).await;
            }
            _ => {}
        }
        let taken = self.take(&recipients, received);
        match fate {
            Fate::TakenThenCut => return Err(Gone),
            Fate::TakenThenSilence => return Err(self.silence().await),
            Fate::TakenThenNonsense => {
                self.say("what a nice message").await?;
                return Err(self.silence().await);
            }
            _ => {}
        }
        self.mine
            .store(matches!(fate, Fate::TakenThenPanic), Ordering::Relaxed);
        let slow = self.plan().character.slow;
        if self.world.is_troubled() && self.dice.in_1000(slow) {
            let wait = self.dice.seconds(0, 300);
            self.world.env().sleep(wait).await;
        }
        // Confirmed before it is said: the process may hear it in the same instant.
        let number = self.world.replied(250, &recipients);
        self.world.confirmed(taken, number);
        self.say(&format!("250 2.0.0 taken (#{number})")).await
    }

    fn fate(&mut self) -> Fate {
        if self.world.mines_dots() {
            return Fate::TakenThenPanic;
        }
        if !self.world.is_troubled() {
            return Fate::Taken;
        }
        let character = self.plan().character;
        let dice = &mut self.dice;
        if dice.in_1000(character.silent) {
            Fate::Silence
        } else if dice.in_1000(character.cut) {
            Fate::Vanishes
        } else if dice.in_1000(character.refuse) {
            Fate::Refused
        } else if dice.in_1000(character.lose_reply) {
            match dice.between(1, 4) {
                1 => Fate::TakenThenSilence,
                2 => Fate::TakenThenNonsense,
                _ => Fate::TakenThenCut,
            }
        } else {
            Fate::Taken
        }
    }

    fn take(&self, recipients: &[String], received: Received) -> usize {
        self.note(&format!("takes {}", received.message_id));
        let wall = self.world.wall();
        self.world.records(|records| {
            records.taken.push(Taken {
                message_id: received.message_id,
                recipients: recipients.to_vec(),
                digest: received.digest,
                wall,
                reply: None,
            });
            records.taken.len() - 1
        })
    }
}
