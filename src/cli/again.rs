//! Whether what broke is tried again: where it may mend, until the server has been gone for a minute.

use std::time::Duration;

use tonic::{Code, Status};

use crate::env::Env;

/// Between a break and the next try.
pub const PAUSE: Duration = Duration::from_secs(1);

/// A drain takes half of it, and the start behind it seconds; a server that is gone for longer doesn't
/// come back by itself.
const GONE_MAX: Duration = Duration::from_secs(60);

/// Since when every try has failed.
pub struct Again {
    env: Env,
    since: Option<Duration>,
}

impl Again {
    /// None has failed yet.
    pub fn new(env: &Env) -> Self {
        Self {
            env: env.clone(),
            since: None,
        }
    }

    /// One worked.
    pub fn worked(&mut self) {
        self.since = None;
    }

    /// One failed so: whether another is of use.
    pub fn is_of_use(&mut self, status: &Status) -> bool {
        let now = self.env.monotonic();
        let since = *self.since.get_or_insert(now);
        may_mend(status) && now.saturating_sub(since) < GONE_MAX
    }
}

/// A connection that ends in the middle is UNKNOWN or CANCELLED to this client.
fn may_mend(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Cancelled
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    /// How long tries go on that all fail so.
    fn patience(code: Code, env: &Env, again: &mut Again) -> Duration {
        let begun = env.monotonic();
        while again.is_of_use(&Status::new(code, "")) {
            env.advance(PAUSE);
        }
        env.monotonic() - begun
    }

    #[test]
    fn a_server_may_be_gone_for_a_minute_each_time() {
        let env = Env::manual(Timestamp::from_unix_seconds(1_000), 1);
        let mut again = Again::new(&env);
        for code in [Code::Unavailable, Code::Unknown, Code::Cancelled] {
            assert_eq!(patience(code, &env, &mut again), GONE_MAX);
            again.worked();
        }
    }

    #[test]
    fn what_the_server_refuses_is_not_tried_again() {
        let env = Env::manual(Timestamp::from_unix_seconds(1_000), 1);
        for code in [
            Code::Internal,
            Code::InvalidArgument,
            Code::ResourceExhausted,
        ] {
            let waited = patience(code, &env, &mut Again::new(&env));
            assert_eq!(waited, Duration::ZERO, "{code:?}");
        }
    }
}
