//! What mail servers refuse with, phase by phase: texts from the providers' pages, as far as the
//! catalogue knows them, and some that it doesn't.

use mailwright::model::Phase;

use crate::dice::Dice;

/// A refusal in place of the step's own reply.
pub fn refusal(phase: Phase, dice: &mut Dice) -> &'static str {
    match phase {
        Phase::Connect => dice.pick(&[
            "421 4.3.2 Service not available",
            "421 4.7.0 Try again later",
            "554 5.7.1 No SMTP service here",
        ]),
        Phase::Ehlo => dice.pick(&["421 4.3.2 Shutting down", "550 5.7.1 Not you"]),
        Phase::Authenticate => dice.pick(&[
            "535 5.7.3 Authentication unsuccessful",
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
            "454 4.7.0 Temporary authentication failure",
            "432 4.3.2 Concurrent connections limit exceeded",
            "421 4.7.0 Too many login attempts, please try again later",
        ]),
        Phase::MailFrom => dice.pick(&[
            "451 4.7.500 Server busy. Please try again later",
            "432 4.3.2 STOREDRV; sender thread limit exceeded",
            "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            "550 5.1.8 Access denied, bad outbound sender",
            "452 4.2.2 Try later",
        ]),
        Phase::RcptTo => recipient(dice),
        Phase::Data => dice.pick(&[
            "451 4.3.0 Temporary server error",
            "421 4.3.2 Shutting down",
            "554 5.5.1 No",
        ]),
        _ => dice.pick(&[
            "451 4.3.0 Temporary server error",
            "432 4.3.2 Concurrent connections limit exceeded",
            "421 4.3.2 Shutting down",
            "554 5.2.252 SendAsDenied",
            "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP",
            "550 5.4.5 Daily sending limit exceeded",
            "552 5.3.4 Message size exceeds fixed limit",
            "554 5.7.1 Message refused as spam",
        ]),
    }
}

/// What one recipient is refused with.
pub fn recipient(dice: &mut Dice) -> &'static str {
    dice.pick(&[
        "550 5.1.1 User unknown",
        "550 5.7.1 Not allowed to send to this recipient",
        "450 4.2.1 Mailbox busy",
        "451 4.7.1 Greylisted, please try again",
        "452 4.5.3 Too many recipients",
        "452 4.2.2 Mailbox full",
        "550 5.2.122 The recipient gets more mail than it may",
    ])
}
