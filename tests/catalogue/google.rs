//! Google's replies, in its words (facts 6.2). A line feed stands where its reply has another line.

use mailwright::model::Phase::{Authenticate, Connect, Data, DotSent, MailFrom, RcptTo};
use mailwright::model::diagnosis::FixedBy::{Caller, Nobody, ServiceAdmin};
use mailwright::model::diagnosis::{FixedBy, Reason, Scope};
use mailwright::model::verdict::Then::{Reauthenticate, Refuse, Retry, RetryLater, Split};

use super::{CONFIGURATION, DAILY, Fact, hold};

#[test]
#[rustfmt::skip] // one reply a line
fn refusals_of_authentication_are_told_apart() {
    use {Reason::*, Scope::*};
    let facts: &[Fact] = &[
        ("535 5.7.8 Username and Password not accepted. Learn more at\nhttps://support.google.com/mail/?p=BadCredentials 4fb4d7f45d1cf-5c7 - gsmtp", Authenticate, Reauthenticate, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("534 5.7.9 Application-specific password required. Learn more at\nhttps://support.google.com/mail/?p=InvalidSecondFactor 4fb4d7f45d1cf-5c7 - gsmtp", Authenticate, CONFIGURATION, BasicAuthDisabled, Mailbox, ServiceAdmin),
        ("534 5.7.14 Please log in via your web browser and then try again.", Authenticate, CONFIGURATION, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("454 4.7.0 Too many login attempts, please try again later", Authenticate, RetryLater, RateLimited, Mailbox, Nobody),
        ("454 4.7.0 Cannot authenticate due to a temporary system problem", Authenticate, Retry, SmtpTransient, Server, Nobody),
    ];
    hold(facts);
}

#[test]
#[rustfmt::skip] // one reply a line
fn refusals_of_mail_are_told_apart() {
    use {Reason::*, Scope::*};
    let facts: &[Fact] = &[
        ("421 4.3.0 Temporary System Problem.  Try again later. 4fb4d7f45d1cf-5c7 - gsmtp", Connect, Retry, SmtpTransient, Server, Nobody),
        ("421 4.4.5 Server busy, try again later. 4fb4d7f45d1cf-5c7 - gsmtp", MailFrom, Retry, SmtpTransient, Server, Nobody),
        ("421 4.7.0 Try again later, closing connection. (EHLO)\nFor more information, go to\nhttps://support.google.com/a/answer/3221692 4fb4d7f45d1cf-5c7 - gsmtp", MailFrom, Retry, SmtpTransient, Server, Nobody),
        ("421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating\nfrom your IP address.", DotSent, RetryLater, RateLimited, Mailbox, Nobody),
        // 4xx, and the same message never passes.
        ("421 4.7.32 Your email has been rate limited because the From: header isn't aligned with either the authenticated SPF or DKIM organizational domain.", DotSent, Refuse, MessageRefused, Message, ServiceAdmin),
        ("450 4.2.1 The user you are trying to contact is receiving mail too quickly.", RcptTo, Retry, RateLimited, Recipient, Nobody),
        ("451 4.4.2 Timeout - closing connection. 4fb4d7f45d1cf-5c7 - gsmtp", Data, Retry, SmtpTransient, Message, Nobody),
        ("452 4.2.2 The recipient's inbox is out of storage space", RcptTo, Retry, MailboxFull, Recipient, FixedBy::Recipient),
        ("452 4.5.3 Your message has too many recipients.", RcptTo, Split, SmtpTransient, Message, Nobody),
        ("550 5.4.5 Daily user sending limit exceeded. For more information on Gmail\nsending limits go to\nhttps://support.google.com/a/answer/166852 4fb4d7f45d1cf-5c7 - gsmtp", Data, DAILY, DailyLimit, Mailbox, Nobody),
        ("550 5.4.5 Daily SMTP relay limit exceeded for user. For more", RcptTo, DAILY, DailyLimit, Mailbox, Nobody),
        ("550 5.7.1 Our system has detected that this message is likely unsolicited mail.", DotSent, Refuse, MessageRefused, Message, Caller),
        ("550 5.7.1 The user or domain that you are sending to (or from) has a policy that prohibited the mail", RcptTo, Refuse, RecipientRefused, Recipient, Caller),
        ("552 5.2.3 Your message exceeded Google's message size limits.", DotSent, Refuse, MessageTooLarge, Message, Caller),
        ("552 5.7.0 This message was blocked because its content presents a potential security issue.", DotSent, Refuse, MessageRefused, Message, Caller),
    ];
    hold(facts);
}
