//! The state that callers see, by what it is computed from.

use ServiceState::{
    Blocked, NeedsAuthorization, PendingAuthorization, PendingTest, Ready, Suspended,
};

use super::*;
use crate::model::catalogue::{Subject, local};
use crate::model::diagnosis::Reason;

fn oauth2() -> Auth {
    Auth::OAuth2(OAuth2 {
        provider: Provider::Microsoft,
        login_email: "a@contoso.com".parse().unwrap(),
        consent_email: None,
        client_id: "app".into(),
        client_secret_hint: String::new(),
        next_client_secret_hint: String::new(),
        client_secret_expire_time: None,
        tenant_id: String::new(),
        cloud: Cloud::Global,
        grant_type: GrantType::AuthorizationCode,
        scopes: Vec::new(),
    })
}

fn service(auth: Auth) -> Service {
    let config = ServiceConfig {
        display_name: "Billing".into(),
        smtp: SmtpEndpoint {
            host: "smtp.office365.com".into(),
            port: 587,
            tls: TlsMode::Starttls,
        },
        sender: Sender {
            address: "a@contoso.com".parse().unwrap(),
            name: String::new(),
            reply_to: None,
            allowed_addresses: Vec::new(),
        },
        auth,
        delivery: Delivery::default(),
        labels: Labels::default(),
    };
    Service::new(ServiceId::generate([1; 10]), config, Timestamp::default())
}

fn pause() -> Pause {
    Pause {
        scope: PauseScope::Mailbox,
        diagnosis: local(Reason::MailboxBlocked, &Subject::default(), ""),
        phase: Phase::Authenticate,
        since: Timestamp::default(),
        probe_time: Timestamp::default(),
        probes: 0,
        end_time: None,
    }
}

/// Suspended, the grant, tested, paused; then the state with OAuth2, and without a grant to wait
/// for.
#[test]
fn every_combination_of_facts_has_its_state() {
    let dead = Grant::Dead(local(Reason::GrantDead, &Subject::default(), ""));
    let grants = [Grant::None, Grant::Live, dead];
    // Not tested, tested; each without a pause and with one.
    let with_grant = [
        [PendingAuthorization; 4],
        [PendingTest, PendingTest, Ready, Blocked],
        [NeedsAuthorization; 4],
    ];
    let without = [PendingTest, PendingTest, Ready, Blocked];
    let password = Auth::Password {
        username: "a".into(),
    };
    for auth in [oauth2(), password, Auth::None] {
        for (grant, with_grant) in grants.iter().zip(with_grant) {
            let expected = match auth {
                Auth::OAuth2(_) => with_grant,
                Auth::Password { .. } | Auth::None => without,
            };
            for (at, expected) in expected.into_iter().enumerate() {
                let service = Service {
                    grant: grant.clone(),
                    tested: at >= 2,
                    ..service(auth.clone())
                };
                let pause = (at % 2 == 1).then(pause);
                let facts = format!("{auth:?} {grant:?} {at}");
                assert_eq!(service.state(pause.as_ref()), expected, "{facts}");
                let suspended = Service {
                    suspended: true,
                    ..service
                };
                assert_eq!(suspended.state(pause.as_ref()), Suspended, "{facts}");
            }
        }
    }
}
