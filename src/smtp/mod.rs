//! Our own SMTP client: one conversation over any stream, and sessions kept per mailbox.
//!
//! It promises that lines, replies and waits are bounded, that credentials never cross an
//! unencrypted connection, that the final dot is a step of its own ([`Session::finish`]) for which
//! the caller makes the phase durable first, and that a half-done conversation is never reused.
//! What a reply means for a message or a mailbox, it doesn't know.

mod auth;
mod channel;
mod ehlo;
mod envelope;
mod failure;
pub mod mime;
mod open;
mod pool;
pub mod reply;
mod stuffing;
mod tls;
mod transcript;
mod wire;

pub use auth::Credential;
pub use ehlo::Capabilities;
pub use envelope::{Envelope, RecipientReply};
pub use failure::{Failure, FailureKind};
pub use open::{Settings, Timeouts, connect};
pub use pool::{Lease, Pool, Target};
pub use tls::{TlsInfo, Transport};
pub use transcript::{StepReport, Transcript};
pub use wire::Session;
