//! Many mailboxes, the process that looks after them, and their providers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mailwright::config::Config;
use mailwright::egress::Egress;
use mailwright::env::Env;
use mailwright::metrics::Metrics;
use mailwright::model::secret::Secret;
use mailwright::model::service::{
    Auth, ClientAuth, Cloud, CustomProvider, Delivery, GrantType, OAuth2,
    Provider as OAuthProvider, SaslMechanism, Sender, ServiceConfig, SmtpEndpoint, TlsMode,
};
use mailwright::model::update::{SecretChange, SecretsChange};
use mailwright::model::{Labels, Timestamp};
use mailwright::oauth::Redirect;
use mailwright::ops::Core;
use mailwright::ops::authorize::{self, Door};
use mailwright::ops::services::{self, NewService};
use mailwright::smtp::{Pool, Timeouts};
use mailwright::store::memory::MemoryStore;
use mailwright::vault::{Key, KeyRing, Vault};
use mailwright::work::{self, Tasks};
use tokio::sync::watch;

use super::MEAN_INTERVAL;
use super::provider::Provider;

/// As in `app`.
const REFRESHES_AT_ONCE: usize = 128;

pub struct Town {
    pub provider: Arc<Provider>,
    mailboxes: usize,
    kept: Arc<MemoryStore>,
    wall: Timestamp,
    processes: u64,
}

impl Town {
    pub fn new(mailboxes: usize) -> Self {
        Self {
            provider: Provider::new(mailboxes),
            mailboxes,
            kept: Arc::new(MemoryStore::new(1)),
            wall: Timestamp::from_unix_seconds(1_700_000_000),
            processes: 0,
        }
    }

    /// Runs a process for as long as `life` takes, then kills it.
    pub fn process(&mut self, life: impl AsyncFnOnce(&Town, &Arc<Core>)) {
        self.processes += 1;
        // Dropped, it takes every task along, as a process that dies does.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        self.wall = runtime.block_on(async {
            let env = Env::simulated(self.wall, self.processes);
            self.provider.begin(env.clone());
            let core = self.build(env.clone());
            core.store.recover(env.now()).await.unwrap();
            let (_stop, stopping) = watch::channel(false);
            let refreshing = core.clone();
            tokio::spawn(async move {
                let mut tasks = Tasks::at_most(REFRESHES_AT_ONCE);
                work::refresh::run(&refreshing, stopping, &mut tasks).await;
            });
            life(self, &core).await;
            self.provider.end(Duration::ZERO);
            env.now()
        });
    }

    /// No process runs for so long.
    pub fn is_down(&mut self, time: Duration) {
        self.provider.end(time);
        self.wall = self.wall + time;
    }

    /// Time passes.
    pub async fn live(&self, time: Duration) {
        self.provider.env().sleep(time).await;
    }

    pub fn elapsed(&self) -> Duration {
        self.provider.elapsed()
    }

    /// Creates and authorizes all services at one instant, each at its provider.
    pub async fn import(&self, core: &Arc<Core>, provider: impl Fn(usize) -> SocketAddr) {
        let begun = core.env.now();
        for number in 0..self.mailboxes {
            let new = new_service(number, provider(number));
            let id = new.id.clone().unwrap();
            services::create(core, new).await.unwrap();
            let begun = authorize::begin(core, &id, "").await.unwrap();
            let redirect = Redirect {
                state: Some(begun.state),
                code: Some(Secret::new("code".to_owned())),
                ..Redirect::default()
            };
            let authorized = authorize::complete(core, Door::Platform(None), redirect).await;
            authorized.unwrap();
        }
        assert_eq!(core.env.now(), begun, "at one instant");
    }

    /// Requests in a minute, on average from `from` to `to`.
    pub fn mean_of(&self, from: Duration, to: Duration) -> f64 {
        let minutes = self.provider.minutes(from, to);
        minutes.iter().sum::<u64>() as f64 / minutes.len() as f64
    }

    /// No minute since `since` had more than twice the mean.
    pub fn is_even(&self, when: &str, since: Duration) {
        let minutes = self.provider.minutes(since, self.elapsed());
        let mean = self.mailboxes as f64 * 60.0 / MEAN_INTERVAL.as_secs_f64();
        let worst = minutes.iter().max().copied().unwrap_or(0) as f64;
        let of_mean = worst / mean;
        println!("{when}: at most {worst} a minute, {of_mean:.2} of the mean {mean:.0}");
        assert!(of_mean <= 2.0, "{when}: {minutes:?}");
    }

    /// Every mailbox got a token between `since` and so long after it.
    pub fn all_refreshed_within(&self, since: Duration, time: Duration) {
        assert!(self.elapsed() >= since + time, "it can be seen only then");
        let stragglers = self.provider.late(since, since + time);
        assert_eq!(stragglers, 0, "of {}", self.mailboxes);
    }

    fn build(&self, env: Env) -> Arc<Core> {
        let mut config = Config::defaults();
        config.oauth.microsoft_authority = "http://127.0.0.1:8025".to_owned();
        let allow = vec!["127.0.0.0/8".parse().unwrap()];
        let egress = Egress::new(env.clone(), allow, None, None).unwrap();
        let egress = egress.with_dialler(self.provider.dialler());
        let pool = Pool::new(
            env.clone(),
            egress.clone(),
            Timeouts::default(),
            "sim".into(),
        );
        let vault = Vault::new(KeyRing::of(Key::new([7; 32])), env.clone());
        let store = self.kept.clone();
        Arc::new(Core::new(
            store,
            pool,
            egress,
            vault,
            env,
            Metrics::new(),
            config,
        ))
    }
}

fn new_service(number: usize, provider: SocketAddr) -> NewService {
    let login = format!("box{number}@sim.example");
    let config = ServiceConfig {
        display_name: format!("Mailbox {number}"),
        smtp: SmtpEndpoint {
            host: "smtp.office365.com".to_owned(),
            port: 587,
            tls: TlsMode::Starttls,
        },
        sender: Sender {
            address: login.parse().unwrap(),
            name: String::new(),
            reply_to: None,
            allowed_addresses: Vec::new(),
        },
        auth: Auth::OAuth2(oauth2(number, &login, provider)),
        delivery: Delivery::default(),
        labels: Labels::default(),
    };
    NewService {
        id: Some(format!("box-{number}").parse().unwrap()),
        config,
        secrets: SecretsChange {
            client_secret: SecretChange::Set(Secret::new("a-client-secret".to_owned())),
            ..SecretsChange::default()
        },
    }
}

fn oauth2(number: usize, login: &str, provider: SocketAddr) -> OAuth2 {
    let provider = OAuthProvider::Custom(Box::new(CustomProvider {
        authorization_endpoint: format!("http://{provider}/authorize"),
        token_endpoint: format!("http://{provider}/token"),
        revocation_endpoint: String::new(),
        scope_separator: " ".to_owned(),
        client_auth: ClientAuth::Post,
        disable_pkce: false,
        extra_authorize_params: Default::default(),
        issuer: String::new(),
        sasl_mechanism: SaslMechanism::Xoauth2,
        disable_openid: false,
    }));
    OAuth2 {
        provider,
        login_email: login.parse().unwrap(),
        consent_email: None,
        client_id: format!("app-{number}"),
        client_secret_hint: String::new(),
        next_client_secret_hint: String::new(),
        client_secret_expire_time: None,
        tenant_id: String::new(),
        cloud: Cloud::Global,
        grant_type: GrantType::AuthorizationCode,
        scopes: Vec::new(),
    }
}
