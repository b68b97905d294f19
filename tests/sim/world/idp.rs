//! The identity provider: who may have which token. It rotates refresh tokens, forgets none of its
//! answers, and notices a client that shows an old one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::World;

/// What every client has at first.
pub const FIRST_SECRET: &str = "a-client-secret";

pub struct Idp {
    /// By service.
    families: Vec<Family>,
}

/// Everything that one service was given.
#[derive(Default)]
pub struct Family {
    /// How often somebody consented.
    grants: u64,
    issued: u64,
    /// The newest refresh token.
    newest: String,
    /// The one that the process stored last.
    saved: String,
    /// The newest may never have reached the store, and that is nobody's fault.
    lost: bool,
    revoked: bool,
    code: Option<String>,
    /// Access tokens, and until when they are good.
    access: BTreeMap<String, Duration>,
    /// Requests under way.
    busy: u32,
    /// Those that the client may show; none so far means the first.
    secrets: Vec<String>,
}

/// What a token request came to.
pub enum Granted {
    Tokens {
        access_token: String,
        /// None: the old one stays.
        refresh_token: Option<String>,
        lifetime: Option<Duration>,
    },
    /// The grant is gone.
    Refused,
}

impl Idp {
    pub fn new(services: usize) -> Self {
        Self {
            families: (0..services).map(|_| Family::default()).collect(),
        }
    }

    /// What was issued and not yet stored is lost.
    pub fn process_died(&mut self) {
        for family in &mut self.families {
            family.lost |= family.newest != family.saved;
            family.busy = 0;
        }
    }
}

impl World {
    /// Somebody signs in for a service and consents; the code that the browser brings back.
    pub fn consents(&self, service: usize) -> String {
        let mut state = self.lock();
        let family = &mut state.idp.families[service];
        family.grants += 1;
        family.revoked = false;
        let code = format!("code-{service}-{}", family.grants);
        family.code = Some(code.clone());
        state.note("idp", &format!("consent for service {service}"));
        code
    }

    /// The provider takes everything back that it gave a service.
    pub fn revokes(&self, service: usize) {
        let mut state = self.lock();
        let family = &mut state.idp.families[service];
        family.revoked = true;
        family.access.clear();
        state.note("idp", &format!("revokes what service {service} has"));
    }

    /// The client of a service has one secret more.
    pub fn takes_secret(&self, service: usize, secret: &str) {
        let mut state = self.lock();
        let secrets = &mut state.idp.families[service].secrets;
        if secrets.is_empty() {
            secrets.push(FIRST_SECRET.to_owned());
        }
        secrets.push(secret.to_owned());
    }

    /// All others of its secrets expire.
    pub fn takes_only_secret(&self, service: usize, secret: &str) {
        let mut state = self.lock();
        state.idp.families[service].secrets = vec![secret.to_owned()];
        state.note("idp", &format!("service {service} needs {secret}"));
    }

    pub fn knows_secret(&self, service: usize, secret: &str) -> bool {
        let secrets = &self.lock().idp.families[service].secrets;
        secrets.iter().any(|known| known == secret)
            || (secrets.is_empty() && secret == FIRST_SECRET)
    }

    /// A refresh token is given back; with it goes what was bought with it, and no other grant.
    pub fn gets_back(&self, service: usize, token: &str) {
        let mut state = self.lock();
        let family = &mut state.idp.families[service];
        if token == family.newest || token == family.saved {
            family.revoked = true;
            family.access.clear();
        }
        state.note("idp", &format!("gets {token} back"));
    }

    /// The process has stored what it got.
    pub fn token_is_saved(&self, service: usize) {
        let mut state = self.lock();
        let family = &mut state.idp.families[service];
        family.saved = family.newest.clone();
        family.lost = false;
    }

    /// The answer to the newest request may not have arrived.
    pub fn answer_is_lost(&self, service: usize) {
        self.lock().idp.families[service].lost = true;
    }

    /// Whether a mail server lets this token in.
    pub fn knows_token(&self, mailbox: usize, token: &str) -> bool {
        let state = self.lock();
        let now = state.elapsed();
        let services = self.0.plan.services.iter().zip(&state.idp.families);
        services
            .filter(|(service, _)| service.mailbox == mailbox)
            .any(|(_, family)| family.access.get(token).is_some_and(|until| now < *until))
    }

    /// A token request of a mailbox begins; of each, one at a time.
    pub fn asks(&self, service: usize) {
        let mut state = self.lock();
        state.idp.families[service].busy += 1;
        let mailbox = self.0.plan.services[service].mailbox;
        let services = self.0.plan.services.iter().zip(&state.idp.families);
        let busy: u32 = services
            .filter(|(other, _)| other.mailbox == mailbox)
            .map(|(_, family)| family.busy)
            .sum();
        if busy > 1 {
            state.violated(format!(
                "{busy} token requests of mailbox {mailbox} at once"
            ));
        }
    }

    /// The request is answered, or its connection is gone.
    pub fn has_asked(&self, service: usize) {
        let family = &mut self.lock().idp.families[service];
        family.busy = family.busy.saturating_sub(1);
    }

    /// Redeems a code.
    pub fn redeem(&self, service: usize, code: &str, lifetime: Option<Duration>) -> Granted {
        let mut state = self.lock();
        let family = &mut state.idp.families[service];
        if family.revoked || family.code.take().as_deref() != Some(code) {
            return Granted::Refused;
        }
        state.issue(service, true, lifetime)
    }

    /// Renews by a refresh token.
    pub fn renew(
        &self,
        service: usize,
        token: &str,
        rotates: bool,
        lifetime: Option<Duration>,
    ) -> Granted {
        let mut state = self.lock();
        let family = &mut state.idp.families[service];
        let is_newest = token == family.newest;
        let may_be_old = family.lost && token == family.saved;
        if !is_newest && !may_be_old {
            let newest = family.newest.clone();
            state.violated(format!(
                "service {service} shows {token}, though it was given {newest}"
            ));
            return Granted::Refused;
        }
        if family.revoked {
            return Granted::Refused;
        }
        family.newest = token.to_owned();
        state.issue(service, rotates, lifetime)
    }
}

impl super::State {
    fn issue(&mut self, service: usize, rotates: bool, lifetime: Option<Duration>) -> Granted {
        let now = self.elapsed();
        let family = &mut self.idp.families[service];
        family.issued += 1;
        let (grants, issued) = (family.grants, family.issued);
        let access_token = format!("access-{service}-{grants}-{issued}");
        // Without a lifetime the client takes an hour for granted.
        let until = now + lifetime.unwrap_or(Duration::from_secs(3_600));
        family.access.insert(access_token.clone(), until);
        let refresh_token = rotates.then(|| format!("refresh-{service}-{grants}-{issued}"));
        if let Some(token) = &refresh_token {
            family.newest = token.clone();
        }
        self.note("idp", &format!("{access_token}, rotates: {rotates}"));
        Granted::Tokens {
            access_token,
            refresh_token,
            lifetime,
        }
    }
}
