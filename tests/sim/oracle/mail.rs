//! What is recorded of a message against what the mail servers took.

use std::collections::BTreeMap;
use std::time::Duration;

use mailwright::model::message::{FullMessage, Outcome, Recipient, UNCERTAIN_ATTEMPTS_MAX};
use mailwright::model::service::OnUncertain;
use mailwright::model::state::{MessageState, settled};

use crate::world::World;
use crate::world::records::{Reply, Taken};

/// Takes by Message-ID.
type Takes = BTreeMap<String, Vec<Taken>>;

pub fn check(world: &World, messages: &[(FullMessage, u64)]) {
    let (mut takes, replies) = (Takes::new(), world.records(|r| r.replies.clone()));
    for taken in world.records(|records| records.taken.clone()) {
        takes
            .entry(taken.message_id.clone())
            .or_default()
            .push(taken);
    }
    let mut broken = Vec::new();
    for (full, _) in messages {
        let taken = takes.remove(&full.message.message_id_header);
        let taken = taken.unwrap_or_default();
        let id = &full.message.id;
        let found = Case {
            world,
            full,
            taken: &taken,
            replies: &replies,
        }
        .check();
        broken.extend(found.into_iter().map(|text| format!("{id}: {text}")));
    }
    broken.extend(
        takes
            .keys()
            .map(|id| format!("nobody sent {id}, and a server took it")),
    );
    for text in broken {
        world.violated(text);
    }
}

/// One message, and what servers took of it.
struct Case<'a> {
    world: &'a World,
    full: &'a FullMessage,
    taken: &'a [Taken],
    replies: &'a [Reply],
}

impl Case<'_> {
    fn check(&self) -> Vec<String> {
        let message = &self.full.message;
        let mut broken = Vec::new();
        let mut must = |holds: bool, text: String| {
            if !holds {
                broken.push(text);
            }
        };
        let ended = settled(&self.full.recipients);
        let fits = match (message.state, ended) {
            (MessageState::Expired, Some(ended)) => {
                ended != MessageState::Uncertain && self.any(Outcome::Expired)
            }
            (MessageState::Cancelled, Some(ended)) => {
                ended != MessageState::Uncertain && self.any(Outcome::Cancelled)
            }
            (state, ended) => ended.is_none_or(|ended| ended == state),
        };
        must(
            fits,
            format!("is {}, and its recipients say {ended:?}", message.state),
        );
        let expired = message.state == MessageState::Expired;
        let in_time = message
            .end_time
            .is_some_and(|end| end >= message.expire_time);
        must(in_time || !expired, "expired before its time".to_owned());
        let mut digests: Vec<_> = self.taken.iter().map(|taken| &taken.digest).collect();
        digests.dedup();
        must(digests.len() <= 1, format!("went out as {digests:?}"));
        for attempt in &self.full.attempts {
            let (start, text) = (attempt.start_time, "an attempt began");
            must(
                message.send_time.since(start) <= self.set_back(),
                format!("{text} before its send time"),
            );
            must(
                start <= message.expire_time,
                format!("{text} after its expire time"),
            );
            must(
                attempt.end_time.is_some(),
                "an attempt has no end".to_owned(),
            );
        }
        for taken in self.taken {
            let (wall, expiry) = (taken.wall, message.expire_time);
            must(
                wall <= expiry,
                format!("taken at {wall:?}, expired at {expiry:?}"),
            );
            let early = message.send_time.since(wall) > self.set_back();
            must(!early, format!("taken at {wall:?}, before its send time"));
        }
        for (index, recipient) in (0..).zip(&self.full.recipients) {
            if let Err(text) = self.check_recipient(index, recipient) {
                let (address, outcome) = (&recipient.address, recipient.outcome);
                must(false, format!("{address} ({outcome:?}): {text}"));
            }
        }
        broken
    }

    /// By how much the wall clock was set back in all. What was due once stays due: a retry may
    /// come before the send time that had been reached already.
    fn set_back(&self) -> Duration {
        let jumps = self.world.plan().jumps.iter();
        let back: u64 = jumps
            .map(|(_, seconds)| seconds.min(&0).unsigned_abs())
            .sum();
        Duration::from_secs(back)
    }

    fn any(&self, outcome: Outcome) -> bool {
        let mut recipients = self.full.recipients.iter();
        recipients.any(|recipient| recipient.outcome == outcome)
    }

    fn check_recipient(&self, index: u32, recipient: &Recipient) -> Result<(), String> {
        let address = recipient.address.to_string();
        let mine: Vec<_> = self
            .taken
            .iter()
            .filter(|taken| taken.recipients.contains(&address))
            .collect();
        let lost = self
            .full
            .attempts
            .iter()
            .filter(|attempt| attempt.uncertain && attempt.recipients.contains(&index));
        let lost = lost.count();
        let holds = self.full.message.on_uncertain == OnUncertain::Hold;
        if holds && mine.len() > 1 {
            return Err(format!(
                "taken {} times, though it is to be held",
                mine.len()
            ));
        }
        let sure = usize::from(recipient.outcome == Outcome::Accepted);
        if lost > UNCERTAIN_ATTEMPTS_MAX {
            return Err(format!("{lost} replies were lost, and it was sent again"));
        }
        if mine.len() > lost + sure {
            return Err(format!(
                "taken {} times, {lost} replies were lost",
                mine.len()
            ));
        }
        let number = recipient
            .reply
            .as_ref()
            .and_then(|reply| number_in(&reply.text));
        match recipient.outcome {
            Outcome::Accepted => {
                let by_reply = mine
                    .iter()
                    .any(|taken| taken.reply.is_some() && taken.reply == number);
                by_reply
                    .then_some(())
                    .ok_or(format!("no server said so: {number:?}"))
            }
            Outcome::Refused => {
                let reply = number.and_then(|number| self.replies.get(number));
                let reply = reply.ok_or("no server refused it")?;
                let is_meant = reply.recipients.is_empty() || reply.recipients.contains(&address);
                let is_refusal = reply.code >= 500 && is_meant;
                is_refusal
                    .then_some(())
                    .ok_or(format!("refused by {reply:?}"))
            }
            // With RESEND it ends so after a few, or when it expires or is cancelled in doubt.
            Outcome::Uncertain if lost == 0 => Err("no reply was lost".to_owned()),
            Outcome::Pending if self.full.message.state.has_ended() => {
                Err("pending, though the message has ended".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// The number that a server put behind its reply.
fn number_in(text: &str) -> Option<usize> {
    text.rsplit_once("(#")?.1.strip_suffix(')')?.parse().ok()
}
