//! How far one SMTP transaction has come.

use serde::{Deserialize, Serialize};

/// The step that a transaction is in, or ended in. Order is the order of the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    Resolve,
    Connect,
    Tls,
    Ehlo,
    Authenticate,
    MailFrom,
    RcptTo,
    /// DATA and the body, before the final dot.
    Data,
    /// The final dot is out, or may be: from here on a lost reply is uncertain. Durable before the dot.
    DotSent,
    Finished,
}
