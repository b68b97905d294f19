//! What the mail servers saw: connections, replies they gave, mail they took.

use std::time::Duration;

use mailwright::model::Timestamp;

use super::World;

/// A delivery that began before its service's limits changed may still follow the old ones.
const LIMITS_LINGER: Duration = Duration::from_secs(20 * 60);

pub struct Records {
    open: Vec<u32>,
    /// By mailbox: when its strictest service came to allow so many connections.
    limits: Vec<Vec<(Duration, u32)>>,
    pub replies: Vec<Reply>,
    pub taken: Vec<Taken>,
}

/// A reply, by its place in the list, which its text names.
#[derive(Clone, Debug)]
pub struct Reply {
    pub code: u16,
    /// The recipients that it was the last word for.
    pub recipients: Vec<String>,
}

/// A message that a server took.
#[derive(Clone, Debug)]
pub struct Taken {
    pub message_id: String,
    pub recipients: Vec<String>,
    pub digest: String,
    /// When the dot came, on the process's wall clock.
    pub wall: Timestamp,
    /// The reply that said so, if it was given.
    pub reply: Option<usize>,
}

impl Records {
    pub fn new(mailboxes: usize) -> Self {
        Self {
            open: vec![0; mailboxes],
            limits: vec![Vec::new(); mailboxes],
            replies: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// The most connections that any limit of late allows.
    fn allowed(&self, mailbox: usize, now: Duration) -> u32 {
        let limits = &self.limits[mailbox];
        let ends = limits.iter().skip(1).map(|(since, _)| *since);
        let ends = ends.chain([Duration::MAX]);
        let lately = limits
            .iter()
            .zip(ends)
            .filter(|(_, end)| end.saturating_add(LIMITS_LINGER) >= now)
            .map(|((_, limit), _)| *limit);
        lately.max().unwrap_or(1)
    }
}

impl World {
    /// The strictest of a mailbox's services allows so many connections from now on.
    pub fn limit_is(&self, mailbox: usize, limit: u32) {
        let mut state = self.lock();
        let now = state.elapsed();
        state.records.limits[mailbox].push((now, limit));
    }

    /// Counts a connection to a mailbox until the guard is dropped.
    pub fn opened(&self, mailbox: usize) -> Open {
        let mut state = self.lock();
        state.records.open[mailbox] += 1;
        let (open, now) = (state.records.open[mailbox], state.elapsed());
        let allowed = state.records.allowed(mailbox, now);
        if open > allowed {
            state.violated(format!(
                "mailbox {mailbox} has {open} connections where {allowed} are allowed"
            ));
        }
        Open {
            world: self.clone(),
            mailbox,
        }
    }

    /// Gives a reply its number.
    pub fn replied(&self, code: u16, recipients: &[String]) -> usize {
        let replies = &mut self.lock().records.replies;
        replies.push(Reply {
            code,
            recipients: recipients.to_vec(),
        });
        replies.len() - 1
    }

    /// The newest mail was confirmed by this reply.
    pub fn confirmed(&self, taken: usize, reply: usize) {
        self.lock().records.taken[taken].reply = Some(reply);
    }

    pub fn records<T>(&self, read: impl FnOnce(&mut Records) -> T) -> T {
        read(&mut self.lock().records)
    }
}

/// A connection that the process holds open.
pub struct Open {
    world: World,
    mailbox: usize,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.world.lock().records.open[self.mailbox] -= 1;
    }
}
