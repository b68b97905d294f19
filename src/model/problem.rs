//! What keeps a service from sending, or will soon, in words.

use std::time::Duration;

use super::catalogue::{self, Subject};
use super::service::{Grant, Pause, Service, ServiceState};
use super::{Diagnosis, Reason, Timestamp};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How long ahead of its client secret's expiry a service gives notice, the first time first.
const AHEAD: [Duration; 3] = [DAY.saturating_mul(30), DAY.saturating_mul(7), DAY];

/// Why a service can't send now; none when it can.
pub fn problem(service: &Service, pause: Option<&Pause>) -> Option<Diagnosis> {
    let local = |reason| catalogue::local(reason, &Subject::of(&service.config), "");
    match service.state(pause) {
        ServiceState::Suspended => Some(suspended(service)),
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

/// Why a suspended service doesn't send.
fn suspended(service: &Service) -> Diagnosis {
    let subject = Subject::of(&service.config);
    let Some(time) = service.restore_time else {
        return catalogue::local(Reason::ServiceSuspended, &subject, "");
    };
    let detail = format!("it was restored from a backup of {time}");
    Diagnosis {
        remedy: format!(
            "Mail that had not ended at {time} may have been sent since: list what is HELD, cancel what the recipients have, then call ResumeService."
        ),
        ..catalogue::local(Reason::ServiceSuspended, &subject, &detail)
    }
}

/// What will keep a service from sending that can send now: its client secret is about to expire,
/// and none is known to follow. A secret that is too short to be hinted at isn't known.
pub fn forecast(service: &Service, pause: Option<&Pause>, now: Timestamp) -> Option<Diagnosis> {
    let oauth2 = service.config.oauth2()?;
    let since = notices(service).next()?;
    let follows = !oauth2.next_client_secret_hint.is_empty();
    if follows || now < since || service.state(pause) != ServiceState::Ready {
        return None;
    }
    let time = oauth2.client_secret_expire_time?;
    let detail = match now < time {
        true => format!("on {time}"),
        false => format!("the date set was {time}, which has passed"),
    };
    let subject = Subject::of(&service.config);
    Some(Diagnosis {
        since: Some(since),
        ..catalogue::local(Reason::ClientSecretExpiresSoon, &subject, &detail)
    })
}

/// When a service gives notice of its client secret's expiry, the earliest first.
pub fn notices(service: &Service) -> impl Iterator<Item = Timestamp> {
    let oauth2 = service.config.oauth2();
    let time = oauth2.and_then(|oauth2| oauth2.client_secret_expire_time);
    time.into_iter()
        .flat_map(|time| AHEAD.map(|ahead| time.before(ahead)))
}
