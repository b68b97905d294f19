//! What keeps a service from sending, in words.

use super::catalogue::{self, Subject};
use super::service::{Grant, Pause, Service, ServiceState};
use super::{Diagnosis, Reason};

/// Why a service can't send now; none when it can.
pub fn problem(service: &Service, pause: Option<&Pause>) -> Option<Diagnosis> {
    let local = |reason| catalogue::local(reason, &Subject::of(&service.config), "");
    match service.state(pause) {
        ServiceState::Suspended => Some(local(Reason::ServiceSuspended)),
        ServiceState::PendingAuthorization => Some(local(Reason::ServiceNotAuthorized)),
        ServiceState::NeedsAuthorization => match &service.grant {
            Grant::Dead(diagnosis) => Some(diagnosis.clone()),
            Grant::None | Grant::Live => Some(local(Reason::ServiceNotAuthorized)),
        },
        ServiceState::PendingTest => {
            let failed = service
                .last_test
                .as_ref()
                .and_then(|test| test.diagnosis.clone());
            Some(failed.unwrap_or_else(|| local(Reason::ServiceNotTested)))
        }
        ServiceState::Blocked => pause.map(|pause| Diagnosis {
            since: Some(pause.since),
            ..pause.diagnosis.clone()
        }),
        ServiceState::Ready => None,
    }
}
