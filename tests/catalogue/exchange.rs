//! Exchange Online's replies, in its words (facts 3.4, 3.5 and 4).

use mailwright::model::Phase::{Authenticate, Connect, Data, DotSent, Ehlo, MailFrom, RcptTo};
use mailwright::model::diagnosis::FixedBy::{Caller, Nobody, Provider, ServiceAdmin, TenantAdmin};
use mailwright::model::diagnosis::{FixedBy, Reason, Scope};
use mailwright::model::verdict::Then::{Reauthenticate, Refuse, Retry, RetryLater, Split};

use super::{
    BLOCK, CONFIGURATION, DAILY, Fact, TENANT_BLOCK, TENANT_CONFIGURATION, TENANT_DAILY, hold,
};

#[test]
#[rustfmt::skip] // one reply a line
fn refusals_of_authentication_are_told_apart() {
    use {Reason::*, Scope::*};
    let facts: &[Fact] = &[
        ("535 5.7.3 Authentication unsuccessful [BE1P281CA0440.DEUP281.PROD.OUTLOOK.COM 2024-02-14T14:50:26.590Z 08DC2D372B4C3DED]", Authenticate, Reauthenticate, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [BE1P281CA0440.DEUP281.PROD.OUTLOOK.COM 2024-02-14T14:50:26.590Z 08DC2D372B4C3DED]", Authenticate, CONFIGURATION, SmtpAuthDisabledTenant, Tenant, TenantAdmin),
        ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for more information. [HOST]", Authenticate, CONFIGURATION, SmtpAuthDisabledMailbox, Mailbox, TenantAdmin),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [HOST]", Authenticate, CONFIGURATION, BasicAuthDisabled, Mailbox, ServiceAdmin),
        ("535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [HOST]", Authenticate, CONFIGURATION, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator. [HOST]", Authenticate, CONFIGURATION, ConditionalAccess, Mailbox, TenantAdmin),
        ("535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator. [HOST]", Authenticate, CONFIGURATION, ConditionalAccess, Mailbox, TenantAdmin),
        ("535 5.7.139 Authentication unsuccessful, the organization configuration does not allow this authentication request [HOST]", Authenticate, CONFIGURATION, SmtpAuthRefused, Mailbox, TenantAdmin),
        ("535 5.7.139 Authentication unsuccessful, federated STS service was unreachable", Authenticate, CONFIGURATION, SmtpAuthRefused, Mailbox, TenantAdmin),
        ("535 5.7.139 Authentication unsuccessful, the federated STS URL does not support HTTPS", Authenticate, CONFIGURATION, SmtpAuthRefused, Mailbox, TenantAdmin),
        ("535 5.7.139 Authentication unsuccessful, account is locked", Authenticate, CONFIGURATION, AccountLocked, Mailbox, TenantAdmin),
        ("535 5.7.139 Authentication unsuccessful, something new", Authenticate, CONFIGURATION, SmtpAuthRefused, Mailbox, TenantAdmin),
        ("535 5.7.3 Authentication unsuccessful Tenant locked out", Authenticate, TENANT_CONFIGURATION, TenantBlocked, Tenant, TenantAdmin),
        ("535 5.7.3 Authentication unsuccessful User not found", Authenticate, CONFIGURATION, AccountUnknown, Mailbox, ServiceAdmin),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", Authenticate, CONFIGURATION, BasicAuthDisabled, Mailbox, ServiceAdmin),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", DotSent, CONFIGURATION, BasicAuthDisabled, Mailbox, ServiceAdmin),
        ("504 5.7.4 Unrecognized authentication type", Authenticate, CONFIGURATION, MechanismNotOffered, Mailbox, ServiceAdmin),
        ("454 4.7.0 Temporary authentication failure", Authenticate, Retry, SmtpTransient, Server, Nobody),
        ("451 4.7.3 Authentication unsuccessful due to temporary server error. Please try again later.", Authenticate, Retry, SmtpTransient, Server, Nobody),
    ];
    hold(facts);
}

#[test]
#[rustfmt::skip] // one reply a line
fn high_volume_email_says_what_is_wrong_with_a_token() {
    use {Reason::*, Scope::*};
    let facts: &[Fact] = &[
        ("501 5.5.121 Invalid XOAUTH2 data", Authenticate, CONFIGURATION, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("501 5.5.126 Invalid XOAUTH2 data", Authenticate, CONFIGURATION, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("535 5.7.142 Token expires soon", Authenticate, Reauthenticate, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("535 5.7.143 Token expired", Authenticate, Reauthenticate, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("535 5.7.144 Wrong API permissions", Authenticate, CONFIGURATION, MissingScope, Mailbox, ServiceAdmin),
        ("550 5.7.240 App not allowed for this account", Authenticate, CONFIGURATION, NotAssigned, Mailbox, TenantAdmin),
        ("550 5.7.240 App not allowed for this account", DotSent, CONFIGURATION, NotAssigned, Mailbox, TenantAdmin),
    ];
    hold(facts);
}

#[test]
#[rustfmt::skip] // one reply a line
fn sessions_that_fail_are_told_apart() {
    use {Reason::*, Scope::*};
    let facts: &[Fact] = &[
        ("530 5.7.57 Client not authenticated to send mail.", MailFrom, CONFIGURATION, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM [HOST]", MailFrom, CONFIGURATION, SmtpAuthRefused, Mailbox, ServiceAdmin),
        ("530 5.7.0 Must issue a STARTTLS command first", MailFrom, CONFIGURATION, SmtpPermanent, Server, ServiceAdmin),
        // 4xx, and waiting never helps.
        ("451 5.7.3 STARTTLS is required to send mail", MailFrom, CONFIGURATION, SmtpPermanent, Server, ServiceAdmin),
        ("421 4.7.0 Too many errors on this connection, closing transmission channel", MailFrom, Retry, SmtpTransient, Server, Nobody),
        ("421 4.3.2 Service not available", Connect, Retry, SmtpTransient, Server, Nobody),
        ("421 4.3.2 Service not active", Ehlo, Retry, SmtpTransient, Server, Nobody),
        ("421 4.3.2 System not accepting network messages", MailFrom, Retry, SmtpTransient, Server, Nobody),
        ("421 4.3.2 The maximum number of concurrent connections has exceeded a limit, closing transmission channel", Connect, Retry, ConcurrencyLimited, Server, Nobody),
        ("421 4.4.1 Connection timed out. Total session duration: 00:20:55.1234567", MailFrom, Retry, SmtpTransient, Server, Nobody),
        ("421 4.4.2 Connection dropped (due to SocketError)", Data, Retry, SmtpTransient, Server, Nobody),
        ("421 4.4.2 Message submission rate for this client has exceeded the configured limit", MailFrom, Retry, RateLimited, Mailbox, Nobody),
        ("451 4.7.0 Timeout waiting for client input", Data, Retry, SmtpTransient, Message, Nobody),
        ("451 4.7.0 Temporary server error. Please try again later. PRX2", MailFrom, Retry, SmtpTransient, Message, Nobody),
        ("451 4.7.0 Temporary server error. Please try again later. CPRX1 [HOST]", DotSent, Retry, SmtpTransient, Message, Nobody),
        // A command of ours that is wrong: the message that needs it fails, and the mailbox goes on.
        ("501 5.5.4 Invalid arguments", MailFrom, Refuse, SmtpPermanent, Message, Nobody),
        ("501 5.5.4 Invalid domain name", RcptTo, Refuse, SmtpPermanent, Recipient, Nobody),
        ("503 5.5.1 Bad sequence of commands", Data, Refuse, SmtpPermanent, Message, Nobody),
        ("503 5.5.2 Send hello first", MailFrom, Refuse, SmtpPermanent, Message, Nobody),
        ("503 5.5.2 Need mail command", RcptTo, Refuse, SmtpPermanent, Recipient, Nobody),
        ("503 5.5.2 Need rcpt command", Data, Refuse, SmtpPermanent, Message, Nobody),
        ("503 5.5.2 Sender already specified", MailFrom, Refuse, SmtpPermanent, Message, Nobody),
        ("500 5.3.3 Unrecognized command 'BDAT' [HOST]", MailFrom, Refuse, SmtpPermanent, Message, Nobody),
        ("500 5.5.2 Command too long", MailFrom, Refuse, SmtpPermanent, Message, Nobody),
        // Before a message is named, it can't be at fault.
        ("501 5.5.4 Invalid domain name", Ehlo, BLOCK, SmtpPermanent, Server, Nobody),
    ];
    hold(facts);
}

#[test]
#[rustfmt::skip] // one reply a line
fn what_passes_by_itself_is_tried_again_whatever_its_class() {
    use {Reason::*, Scope::*};
    let facts: &[Fact] = &[
        ("432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [Hostname=HOST.prod.outlook.com]", DotSent, Retry, ConcurrencyLimited, Mailbox, Nobody),
        ("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname=HOST.prod.outlook.com]", DotSent, Retry, ConcurrencyLimited, Mailbox, Nobody),
        ("432 4.3.2 Concurrent connections limit exceeded.", Authenticate, Retry, ConcurrencyLimited, Mailbox, Nobody),
        ("450 4.2.0 Mailbox busy", DotSent, Retry, SmtpTransient, Message, Nobody),
        ("451 4.3.0 Try again later", DotSent, Retry, SmtpTransient, Message, Nobody),
        ("451 4.3.2 Try again later", DotSent, Retry, SmtpTransient, Message, Nobody),
        ("451 4.4.0 Try again later", DotSent, Retry, SmtpTransient, Message, Nobody),
        ("452 4.3.1 Insufficient system resources", MailFrom, Retry, SmtpTransient, Message, Nobody),
        ("450 4.7.0 Organization queue quota exceeded", DotSent, Retry, SmtpTransient, Message, Nobody),
        ("450 4.7.3 Organization queue quota exceeded", DotSent, Retry, SmtpTransient, Message, Nobody),
        ("451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS761)", MailFrom, RetryLater, RateLimited, Server, Provider),
        ("451 4.7.699 Server busy. Please try again later from [192.0.2.1]. (AS843)", MailFrom, RetryLater, RateLimited, Server, Provider),
        ("451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.", MailFrom, RetryLater, RateLimited, Server, Provider),
        ("451 4.7.651 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.", RcptTo, RetryLater, RateLimited, Server, Provider),
        ("452 4.5.3 Too many recipients", RcptTo, Split, SmtpTransient, Message, Nobody),
        ("554 5.2.121 The recipient has exceeded their limit for the number of messages they can receive per hour", DotSent, RetryLater, RateLimited, Recipient, Nobody),
        ("554 5.2.122 The recipient has exceeded their limit for the number of messages they can receive per hour", RcptTo, RetryLater, RateLimited, Recipient, Nobody),
        // Exchange's classes need not agree (facts 8): what either calls temporary is tried again.
        ("554 4.3.2 mailbox database offline", DotSent, Retry, SmtpTransient, Message, Nobody),
    ];
    hold(facts);
}

#[test]
#[rustfmt::skip] // one reply a line
fn a_mailbox_or_tenant_that_cannot_send_holds_its_mail() {
    use {Reason::*, Scope::*};
    let facts: &[Fact] = &[
        // 4xx, and it never passes.
        ("430 4.2.0 STOREDRV; mailbox logon failure; Failed to process message due to a transient exception with message The Microsoft Exchange Information Store service reported an error. MapiExceptionLogonFailed: Unable to open message store. [Hostname=HOST.prod.outlook.com]", DotSent, CONFIGURATION, SmtpAuthRefused, Mailbox, TenantAdmin),
        ("550 5.2.251 Sender throttled due to continuous mailbox full errors", DotSent, BLOCK, MailboxBlocked, Mailbox, ServiceAdmin),
        ("550 5.2.252 Sender throttled due to continuous send as denied errors; STOREDRV.Submission.Exception:SendAsDeniedException", DotSent, BLOCK, MailboxBlocked, Mailbox, ServiceAdmin),
        ("550 5.2.253 Sender throttled due to continuous invalid license errors", DotSent, BLOCK, MailboxBlocked, Mailbox, ServiceAdmin),
        ("550 5.2.254 Sender throttled due to continuous too many recipients errors", RcptTo, BLOCK, MailboxBlocked, Mailbox, ServiceAdmin),
        ("550 5.2.254 Sender throttled due to continuous invalid recipients errors", DotSent, BLOCK, MailboxBlocked, Mailbox, ServiceAdmin),
        ("550 5.2.255 Sender throttled due to continuous invalid recipients errors", MailFrom, BLOCK, MailboxBlocked, Mailbox, ServiceAdmin),
        ("554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception with message WASCL UserAction verdict is not None. Actual verdict is RefuseQuota, ShowTierUpgrade. OutboundSpamException: WASCL UserAction verdict is not None. [Hostname=HOST.prod.outlook.com]", DotSent, BLOCK, MailboxBlocked, Mailbox, ServiceAdmin),
        ("554 5.2.0 WASCL UserAction verdict is not None. Actual verdict is HipNotify", DotSent, BLOCK, MailboxBlocked, Mailbox, ServiceAdmin),
        ("554 5.2.0 WASCL UserAction verdict is not None. Actual verdict is Suspend", DotSent, BLOCK, MailboxBlocked, Mailbox, ServiceAdmin),
        ("550 5.1.8 Access denied, bad outbound sender", DotSent, BLOCK, MailboxBlocked, Mailbox, TenantAdmin),
        ("550 5.1.8 Access denied, bad outbound sender", RcptTo, BLOCK, MailboxBlocked, Mailbox, TenantAdmin),
        ("550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", DotSent, DAILY, DailyLimit, Mailbox, Nobody),
        ("550 5.2.2 Submission quota exceeded", DotSent, DAILY, DailyLimit, Mailbox, Nobody),
        ("550 5.2.2 Submission quota exceeded", RcptTo, DAILY, DailyLimit, Mailbox, Nobody),
        ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception", DotSent, DAILY, DailyLimit, Mailbox, Nobody),
        ("550 5.7.232 Your message can't be sent because your trial tenant has exceeded its daily limit", DotSent, TENANT_DAILY, DailyLimit, Tenant, Nobody),
        ("550 5.7.233 Your message can't be sent because your tenant exceeded its daily limit for sending to external recipients", RcptTo, TENANT_DAILY, DailyLimit, Tenant, Nobody),
        ("554 5.2.2 mailbox full", DotSent, CONFIGURATION, MailboxFull, Mailbox, ServiceAdmin),
        ("554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", DotSent, CONFIGURATION, MailboxFull, Mailbox, ServiceAdmin),
        ("554 5.2.0 STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded", DotSent, CONFIGURATION, MailboxFull, Mailbox, ServiceAdmin),
        ("550 5.7.501 Access denied, spam abuse detected", DotSent, BLOCK, MailboxBlocked, Mailbox, TenantAdmin),
        ("550 5.7.502 Access denied, banned sender", DotSent, BLOCK, MailboxBlocked, Mailbox, TenantAdmin),
        ("550 5.7.503 Access denied, banned sender", MailFrom, BLOCK, MailboxBlocked, Mailbox, TenantAdmin),
        ("550 5.7.511 Access denied, banned sender[192.0.2.1]", RcptTo, BLOCK, MailboxBlocked, Server, ServiceAdmin),
        ("550 5.7.705 Access denied, tenant has exceeded threshold", DotSent, TENANT_BLOCK, TenantBlocked, Tenant, TenantAdmin),
        ("550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP", DotSent, TENANT_BLOCK, TenantBlocked, Tenant, TenantAdmin),
        ("550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains", DotSent, TENANT_CONFIGURATION, TenantBlocked, Tenant, TenantAdmin),
        ("550 5.7.64 TenantAttribution; Relay Access Denied", RcptTo, CONFIGURATION, SmtpPermanent, Server, ServiceAdmin),
    ];
    hold(facts);
}

#[test]
#[rustfmt::skip] // one reply a line
fn a_refused_message_or_recipient_stops_nobody_else() {
    use {Reason::*, Scope::*};
    let facts: &[Fact] = &[
        ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", DotSent, Refuse, SendAsDenied, Message, TenantAdmin),
        ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", MailFrom, Refuse, SendAsDenied, Message, TenantAdmin),
        ("550 5.7.1 Client does not have permissions to send as this sender", RcptTo, Refuse, SendAsDenied, Message, TenantAdmin),
        ("554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message Cannot submit message. 0.35250:0A00B488, 1.36674:0A000000 [Hostname=HOST.prod.outlook.com]", DotSent, Refuse, SendAsDenied, Message, TenantAdmin),
        ("554 5.2.252 SendAsDenied; a@contoso.com not allowed to send as b@contoso.com; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message", DotSent, Refuse, SendAsDenied, Message, TenantAdmin),
        ("550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant and include a valid From address", DotSent, Refuse, MessageRefused, Message, Caller),
        ("550 5.7.703 Your message can't be delivered because messages to or from it are blocked by your organization using Tenant Allow Block List", DotSent, Refuse, MessageRefused, Message, TenantAdmin),
        ("552 5.3.4 Message size exceeds fixed maximum message size", MailFrom, Refuse, MessageTooLarge, Message, Caller),
        ("552 5.3.4 Message size exceeds fixed maximum message size", DotSent, Refuse, MessageTooLarge, Message, Caller),
        ("550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient", DotSent, Refuse, MessageTooLarge, Message, Caller),
        ("554 5.2.0 STOREDRV.Submission.Exception:MessageSubmissionExceededException.MapiExceptionMaxSubmissionExceeded; Failed to process message", DotSent, Refuse, MessageTooLarge, Message, Caller),
        ("552 5.3.4 Header size exceeds fixed maximum size", DotSent, Refuse, MessageTooLarge, Message, Caller),
        ("554 5.6.0 Invalid message content", DotSent, Refuse, MessageRefused, Message, Caller),
        ("550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds", DotSent, Refuse, MessageRefused, Message, Caller),
        ("550 5.1.20 Multiple From addresses are not allowed without Sender address", DotSent, Refuse, MessageRefused, Message, Caller),
        ("550 5.4.1 Recipient address rejected: Access denied", RcptTo, Refuse, RecipientRefused, Recipient, Caller),
        ("550 5.4.1 Recipient address rejected: Access denied", DotSent, Refuse, RecipientRefused, Recipient, Caller),
        ("550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", RcptTo, Refuse, ExternalRecipientRefused, Recipient, ServiceAdmin),
        ("550 5.7.1 Unable to relay", RcptTo, Refuse, ExternalRecipientRefused, Recipient, ServiceAdmin),
        // Not Exchange, but the same: a relay that is asked for more than it does.
        ("554 5.7.1 <ann@example.com>: Relay access denied", RcptTo, Refuse, ExternalRecipientRefused, Recipient, ServiceAdmin),
        ("550 5.2.2 mailbox full", RcptTo, Refuse, MailboxFull, Recipient, FixedBy::Recipient),
        ("554 5.2.2 mailbox full", RcptTo, Refuse, MailboxFull, Recipient, FixedBy::Recipient),
    ];
    hold(facts);
}
