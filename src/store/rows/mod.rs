//! The transactions of every store, written once: rows in ordered tables of bytes.
//!
//! A [`State`] is typed tables over a [`Base`], whatever keeps ordered bytes. What a transaction
//! writes goes to a layer above the base, which its reads see; an error takes it back, and what
//! has been committed is handed to whoever owns the base, to be kept all at once. Nothing here
//! knows disks, threads or durability.

mod access_keys;
mod again;
mod authorizations;
pub(super) mod base;
mod census;
mod choose;
mod claims;
mod copy;
mod feed;
mod finish;
mod key;
mod mailboxes;
mod messages;
mod notices;
mod outbox;
mod parts;
mod progress;
mod sealing;
mod services;
mod state;
mod sweep;
pub(super) mod tables;
mod traffic;

pub(super) use state::State;
