//! The thread that takes new mail in: it keeps bodies, while the writer keeps what refers to them.
//!
//! Both sync at the same time, and the writer waits for both before anybody sees a row.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::disk::{Disk, Sight};
use super::failpoint;
use super::record::Reference;
use super::space::is_full;
use super::writer::{Health, Job, fail};
use crate::model::Timestamp;
use crate::store::rows::tables::BODIES;
use crate::store::{Enqueued, NewMessage, Result, StoreError};

/// Bodies are synced once so much of them is there, or nothing more waits.
const GROUP_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The name of its transactions, for failpoints.
const NAME: &str = "accept";

/// A message to take in.
pub struct Mail {
    pub now: Timestamp,
    /// Without its body.
    pub message: NewMessage,
    /// The row of its body.
    pub body: Vec<u8>,
    pub waiter: oneshot::Sender<Result<Enqueued>>,
    /// Held until it is answered: so many bytes wait at most.
    pub permit: OwnedSemaphorePermit,
}

/// What the thread owns.
pub struct Bodies {
    pub disk: Arc<Disk>,
    pub mails: Receiver<Mail>,
    pub jobs: Sender<Job>,
    pub health: Arc<Health>,
}

impl Drop for Bodies {
    /// Also after a panic: the writer would wait for good for what it was given.
    fn drop(&mut self) {
        self.disk.segments.give_up();
    }
}

impl Bodies {
    /// Takes in until nobody can send any more, or until the disk fails.
    pub fn run(self) {
        while let Ok(first) = self.mails.recv() {
            let mut bytes = first.body.len();
            let mut group = vec![first];
            while bytes < GROUP_MAX_BYTES
                && let Ok(mail) = self.mails.try_recv()
            {
                bytes += mail.body.len();
                group.push(mail);
            }
            if !self.disk.space.has_room(bytes as u64) {
                group.into_iter().for_each(refuse);
                continue;
            }
            if let Err(error) = self.take_in(group) {
                return fail(&self.health, &format!("keep bodies: {error}"));
            }
        }
    }

    fn take_in(&self, group: Vec<Mail>) -> io::Result<()> {
        failpoint::pass(NAME, "append");
        let mut kept = Vec::with_capacity(group.len());
        for mail in group {
            let key = BODIES.key(&mail.message.message.id);
            match self.disk.segments.append(&key, &mail.body) {
                Ok(reference) => kept.push((mail, reference)),
                Err(error) if is_full(&error) => refuse(mail),
                Err(error) => return Err(error),
            }
        }
        failpoint::pass(NAME, "appended");
        if kept.is_empty() {
            return Ok(());
        }
        for (mail, reference) in kept {
            // A writer that is gone answers by dropping it.
            let _ = self.jobs.send(accept(mail, reference));
        }
        self.disk.segments.sync()?;
        failpoint::pass(NAME, "body_synced");
        Ok(())
    }
}

fn accept(mail: Mail, reference: Reference) -> Job {
    let Mail {
        now,
        message,
        body,
        waiter,
        permit,
    } = mail;
    let transact = move |state: &mut crate::store::rows::State<Sight<'_>>| {
        let outcome = state.enqueue(now, message, reference.to_row());
        drop(permit);
        outcome
    };
    Job::new(NAME, body.len(), Some(reference), transact, waiter)
}

fn refuse(mail: Mail) {
    let why = "the disk is full: no mail is accepted before the server's operator makes room on it";
    // Whoever waited may have gone away.
    let _ = mail.waiter.send(Err(StoreError::Unavailable(why.into())));
}
