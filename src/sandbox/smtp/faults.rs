//! Faults chosen by a recipient's local part, up to a `+`.

use crate::sandbox::world::World;

/// Name and effect, for the index page; the names are the local parts.
pub(in crate::sandbox) const FAULTS: [(&str, &str); 13] = [
    ("refused", "RCPT: 550 5.4.1, always"),
    (
        "greylist",
        "RCPT: 450 4.2.0 the first time for a mailbox and recipient, then accepted",
    ),
    (
        "throttle",
        "after the dot: 432 4.3.2 the first time (see throttle_times), then accepted",
    ),
    (
        "long-refusal",
        "after the dot: a refusal of more than 4 KiB in several lines",
    ),
    ("sendas-denied", "after the dot: 554 5.2.252 SendAsDenied"),
    (
        "drop-before-dot",
        "the connection closes in place of the 354, the first time only",
    ),
    (
        "drop-mid-body",
        "the connection closes once the body's first bytes arrive, the first time only",
    ),
    (
        "drop-after-dot",
        "the message is taken and the connection closes without a reply, the first time only (see drop_after_dot_times)",
    ),
    ("data-refused", "554 5.7.1 in place of the 354, always"),
    ("slow-rcpt", "RCPT: accepted, after a release"),
    ("slow-data", "the 354 waits for a release"),
    (
        "slow",
        "the message is taken, the final reply waits for a release",
    ),
    (
        "(external)",
        "RCPT: 550 5.7.54 outside the accepted domains, while external_recipients_refused is on",
    ),
];

/// A fault that strikes when or after the message is transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Throttle,
    LongRefusal,
    SendAsDenied,
    DropBeforeDot,
    DropMidBody,
    DropAfterDot,
    DataRefused,
    SlowData,
    Slow,
}

/// A fault that strikes at RCPT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RcptFault {
    Refused,
    Greylisted,
}

/// What an address asks for at RCPT; counts the strike.
pub(super) fn at_rcpt(world: &mut World, mailbox: &str, recipient: &str) -> Option<RcptFault> {
    match name(recipient).as_str() {
        "refused" => Some(RcptFault::Refused),
        "greylist" => world
            .strikes("greylist", mailbox, recipient, 1)
            .then_some(RcptFault::Greylisted),
        _ => None,
    }
}

/// Whether the reply to RCPT waits for a release.
pub(super) fn waits_at_rcpt(recipient: &str) -> bool {
    name(recipient) == "slow-rcpt"
}

/// Whether one of the recipients asks for this fault now; counts the strike.
pub(super) fn strikes(
    world: &mut World,
    fault: Fault,
    mailbox: &str,
    recipients: &[String],
) -> bool {
    let times = match fault {
        Fault::Throttle => world.throttle_times,
        Fault::DropBeforeDot | Fault::DropMidBody => 1,
        Fault::DropAfterDot => world.drop_after_dot_times,
        Fault::LongRefusal
        | Fault::SendAsDenied
        | Fault::DataRefused
        | Fault::SlowData
        | Fault::Slow => u32::MAX,
    };
    recipients
        .iter()
        .filter(|recipient| name(recipient) == fault.name())
        .any(|recipient| world.strikes(fault.name(), mailbox, recipient, times))
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::LongRefusal => "long-refusal",
            Self::SendAsDenied => "sendas-denied",
            Self::DropBeforeDot => "drop-before-dot",
            Self::DropMidBody => "drop-mid-body",
            Self::DropAfterDot => "drop-after-dot",
            Self::DataRefused => "data-refused",
            Self::SlowData => "slow-data",
            Self::Slow => "slow",
        }
    }
}

fn name(recipient: &str) -> String {
    let local = recipient.rsplit_once('@').map_or("", |(local, _)| local);
    local.split('+').next().unwrap_or_default().to_lowercase()
}
