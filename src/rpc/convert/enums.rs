//! Enums: each pair is one exhaustive match in each direction, so that a value added on one side
//! does not compile until the other has it.

use crate::model::message::{Outcome, Priority};
use crate::model::service::{
    ClientAuth, Cloud, GrantType, OnUncertain, SaslMechanism, ServiceState, TlsMode,
};
use crate::model::state::MessageState;
use crate::model::{Phase, Reason, Role, diagnosis};
use crate::ops::feed::Kind;
use crate::rpc::proto::v1;
use crate::store::Resolution;

macro_rules! to_proto {
    ($to:ident: $model:path, $proto:ident { $($m:ident = $p:ident),* $(,)? }) => {
        pub fn $to(value: $model) -> v1::$proto {
            use $model as Model;
            match value { $(Model::$m => v1::$proto::$p),* }
        }
    };
}

macro_rules! from_proto {
    ($from:ident: $model:ident, $proto:ident { $($m:ident = $p:ident),* $(,)? }) => {
        /// None for `UNSPECIFIED`.
        pub fn $from(value: v1::$proto) -> Option<$model> {
            match value {
                v1::$proto::Unspecified => None,
                $(v1::$proto::$p => Some($model::$m)),*
            }
        }
    };
}

macro_rules! both_ways {
    ($to:ident, $from:ident: $model:ident, $proto:ident { $($m:ident = $p:ident),* $(,)? }) => {
        to_proto!($to: $model, $proto { $($m = $p),* });
        from_proto!($from: $model, $proto { $($m = $p),* });
    };
}

both_ways!(tls, tls_from: TlsMode, TlsMode {
    Starttls = Starttls, Implicit = Implicit, Plaintext = Plaintext,
});
both_ways!(role, role_from: Role, Role {
    Admin = Admin, Sender = Sender, Watcher = Watcher,
});
both_ways!(cloud, cloud_from: Cloud, Cloud {
    Global = Global, UsGovHigh = UsGovHigh, UsGovDod = UsGovDod, China = China,
});
both_ways!(grant, grant_from: GrantType, Grant {
    AuthorizationCode = AuthorizationCode, ClientCredentials = ClientCredentials,
});
both_ways!(client_auth, client_auth_from: ClientAuth, ClientAuth {
    Post = Post, Basic = Basic, None = None,
});
both_ways!(sasl, sasl_from: SaslMechanism, SaslMechanism {
    Xoauth2 = Xoauth2, Oauthbearer = Oauthbearer,
});
both_ways!(on_uncertain, on_uncertain_from: OnUncertain, OnUncertain {
    Resend = Resend, Hold = Hold,
});
both_ways!(service_state, service_state_from: ServiceState, ServiceState {
    Suspended = Suspended, PendingAuthorization = PendingAuthorization,
    NeedsAuthorization = NeedsAuthorization, PendingTest = PendingTest, Blocked = Blocked,
    Ready = Ready,
});
both_ways!(priority, priority_from: Priority, Priority {
    High = High, Normal = Normal, Bulk = Bulk,
});
both_ways!(message_state, message_state_from: MessageState, MessageState {
    Queued = Queued, Sending = Sending, Held = Held, Sent = Sent, Partial = Partial,
    Failed = Failed, Expired = Expired, Cancelled = Cancelled, Uncertain = Uncertain,
});
from_proto!(resolution_from: Resolution, Resolution { Sent = Sent, Failed = Failed });
from_proto!(event_kind_from: Kind, EventKind { Message = Message, Service = Service });

to_proto!(outcome: Outcome, RecipientOutcome {
    Pending = Pending, Accepted = Accepted, Refused = Refused, Uncertain = Uncertain,
    Expired = Expired, Cancelled = Cancelled,
});
to_proto!(attempt_phase: Phase, AttemptPhase {
    Resolve = Connect, Connect = Connect, Tls = Tls, Ehlo = Ehlo, Authenticate = Authenticate,
    MailFrom = MailFrom, RcptTo = RcptTo, Data = Data, DotSent = DotSent, Finished = Finished,
});
to_proto!(test_step: Phase, TestStep {
    Resolve = Resolve, Connect = Connect, Tls = Tls, Ehlo = Ehlo, Authenticate = Authenticate,
    MailFrom = MailFrom, RcptTo = RcptTo, Data = Data, DotSent = FinalReply,
    Finished = FinalReply,
});
to_proto!(scope: diagnosis::Scope, Scope {
    Recipient = Recipient, Message = Message, Mailbox = Mailbox, Tenant = Tenant, Server = Server,
});
to_proto!(fixed_by: diagnosis::FixedBy, FixedBy {
    Caller = Caller, ServiceAdmin = ServiceAdmin, TenantAdmin = TenantAdmin,
    Recipient = Recipient, Provider = Provider, Nobody = Nobody,
});

/// The number on the wire as what it means; `UNSPECIFIED` is `default`, or a violation where there
/// is none. A number that this version doesn't know is always one.
pub fn known<P: TryFrom<i32>, M>(
    number: i32,
    from: impl FnOnce(P) -> Option<M>,
    default: Option<M>,
) -> Result<M, String> {
    let value =
        P::try_from(number).map_err(|_| format!("is {number}, which is no value of its enum"))?;
    from(value)
        .or(default)
        .ok_or_else(|| "is required".to_owned())
}

/// A reason by its name: both enums have the same names, which a test holds.
pub fn reason_to_proto(reason: Reason) -> v1::Reason {
    v1::Reason::from_str_name(&format!("REASON_{reason}")).unwrap_or(v1::Reason::Unspecified)
}
