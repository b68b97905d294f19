//! What the writer was told, and whether a store still knows all of it.
//!
//! The writer tells one fact a line: `accepted` once it is acknowledged, `ending` before it asks for
//! an end and `finished` once that is acknowledged, and so on. What was asked for and not
//! acknowledged may have happened or not.

use std::collections::BTreeMap;

use mailwright::model::RequestId;
use mailwright::model::message::FullMessage;
use mailwright::model::state::MessageState;

use super::super::*;

/// Where the writer's lines begin.
pub const MARK: &str = "told: ";

#[derive(Default)]
pub struct Ledger {
    mails: BTreeMap<u32, Mail>,
    token: u64,
    newest: u64,
    clock: i64,
    /// Events and ended mail from before may be gone.
    trimmed: i64,
    /// Ids of messages held against a store so far.
    pub checked: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Mail {
    /// The size of its body; none where nobody was told that it is accepted.
    bytes: Option<usize>,
    /// When its end was asked for.
    ending: Option<i64>,
    /// Whether its end was acknowledged.
    finished: bool,
    /// Whether its dot was, of a claim that nobody asked to end.
    dotted: bool,
}

impl Ledger {
    /// Takes in a line without its mark.
    pub fn note(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let n = u32::try_from(number(1)).unwrap_or(u32::MAX);
        let time = || i64::try_from(number(2)).unwrap();
        match words[0] {
            "token" => return self.token = self.token.max(number(1)),
            "newest" => return self.newest = self.newest.max(number(1)),
            "clock" => return self.clock = self.clock.max(i64::from(n)),
            "trimming" => return self.trimmed = self.trimmed.max(i64::from(n)),
            _ => {}
        }
        // A delivery may tell before the sender does.
        let mail = self.mails.entry(n).or_default();
        match words[0] {
            "accepted" => mail.bytes = Some(usize::try_from(number(2)).unwrap()),
            "dotted" => mail.dotted = true,
            "deferring" => mail.dotted = false,
            "ending" => (mail.ending, mail.dotted) = (Some(time()), false),
            "finished" => mail.finished = true,
            other => panic!("what is {other}?"),
        }
    }

    /// The latest time that the writer lived in.
    pub fn clock(&self) -> i64 {
        self.clock
    }

    /// Holds everything against a store that has just been opened.
    pub async fn check(&mut self, store: &Shared) {
        store.recover(at(self.clock)).await.unwrap();
        let bounds = store.bounds().await.unwrap();
        assert!(bounds.newest >= self.newest, "the log went back");
        let last = events(store, bounds.newest.saturating_sub(500).max(bounds.oldest)).await;
        let sequences: Vec<u64> = last.iter().map(|event| event.sequence).collect();
        let expected = bounds.newest + 1 - last.len() as u64..=bounds.newest;
        assert!(sequences.into_iter().eq(expected), "the log has a hole");
        let token = store.token(&svc("oauth")).await.unwrap();
        let generation = token.map_or(0, |token| token.generation);
        assert!(generation >= self.token, "a token went back");
        // Messages of the lives before are looked at again: what was whole must stay so.
        for (n, mail) in std::mem::take(&mut self.mails) {
            let Some(bytes) = mail.bytes else {
                continue;
            };
            self.checked += 1;
            match store.message(&mid(n)).await.unwrap() {
                Some((full, _)) => {
                    let mail = mail.check(store, n, bytes, full).await;
                    self.mails.insert(n, mail);
                }
                None => {
                    let gone = mail.ending.is_some_and(|time| time < self.trimmed);
                    assert!(gone, "{n} is lost: {mail:?}");
                }
            }
        }
    }
}

impl Mail {
    /// Holds one against what the store has of it; what is known from now on.
    async fn check(self, store: &Shared, n: u32, bytes: usize, full: FullMessage) -> Self {
        let state = full.message.state;
        let sent = state == MessageState::Sent;
        let expected = match (self.ending, self.finished) {
            (Some(_), true) => sent,
            (Some(_), false) => true,
            (None, _) => !state.has_ended(),
        };
        assert!(expected, "{n} is {state:?}: {self:?}");
        let kept = store.body(&mid(n)).await;
        let whole = (!sent).then(|| body(n, bytes));
        assert!(kept == Ok(whole), "the body of {n} is another: {self:?}");
        if self.dotted {
            let last = full.attempts.last().unwrap();
            assert!(last.uncertain, "{n} forgot its dot: {last:?}");
        }
        let service = full.message.service_id;
        let known = store.request(&service, &request(n)).await.unwrap();
        let known = known.map(|(message, _)| message.id);
        assert!(sent || known == Some(mid(n)), "{n} lost its request id");
        Self {
            ending: self.ending.filter(|_| sent),
            finished: sent,
            dotted: false,
            ..self
        }
    }
}

pub fn request(n: u32) -> RequestId {
    parse(&format!("request-{n}"))
}
