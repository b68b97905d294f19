//! Two identity providers in memory that count what they are asked.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mailwright::egress::{Connection, Dialler};
use mailwright::env::Env;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use crate::world::http::{read, response, service_of};

pub const MAIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1)), 8025);
pub const BESIDE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), 8025);

/// How a refresh is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    /// An error page: to some with 503, to others with 200.
    Broken,
    /// Connections are taken, and nothing is said.
    Silent,
}

/// What a token is as long as, at Microsoft.
const ACCESS_TOKEN_BYTES: usize = 2_000;
const REFRESH_TOKEN_BYTES: usize = 1_200;

pub struct Provider(Mutex<State>);

struct State {
    /// The clock of the process that runs.
    env: Option<Env>,
    /// Time before that process began.
    before: Duration,
    main: Mood,
    beside: Mood,
    /// Refreshes asked for in each minute.
    minutes: Vec<u64>,
    /// Who waits for an answer.
    busy: BTreeSet<usize>,
    /// By service: who serves it, and when it got tokens.
    served: Vec<(SocketAddr, Vec<Duration>)>,
}

impl Provider {
    pub fn new(services: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            env: None,
            before: Duration::ZERO,
            main: Mood::Well,
            beside: Mood::Well,
            minutes: Vec::new(),
            busy: BTreeSet::new(),
            served: vec![(MAIN, Vec::new()); services],
        })))
    }

    pub fn set_mood(&self, provider: SocketAddr, mood: Mood) {
        let mut state = self.lock();
        match provider == MAIN {
            true => state.main = mood,
            false => state.beside = mood,
        }
    }

    /// A process begins.
    pub fn begin(&self, env: Env) {
        self.lock().env = Some(env);
    }

    /// The process is gone for so long, and with it what it waited for.
    pub fn end(&self, gone: Duration) {
        let mut state = self.lock();
        state.before = state.elapsed() + gone;
        state.env = None;
        state.busy.clear();
    }

    /// The clock of the process that runs.
    pub fn env(&self) -> Env {
        self.lock().env.clone().expect("a process runs")
    }

    /// Time since the first process began.
    pub fn elapsed(&self) -> Duration {
        self.lock().elapsed()
    }

    /// How many refreshes were asked for in each whole minute from `from` to `to`.
    pub fn minutes(&self, from: Duration, to: Duration) -> Vec<u64> {
        let state = self.lock();
        let minutes = from.as_secs().div_ceil(60)..to.as_secs() / 60;
        let asked = |minute| state.minutes.get(minute as usize).copied();
        minutes.map(|minute| asked(minute).unwrap_or(0)).collect()
    }

    /// How many services got no token between `since` and `until`.
    pub fn late(&self, since: Duration, until: Duration) -> usize {
        let state = self.lock();
        let times = state.served.iter().map(|(_, times)| times);
        times
            .filter(|times| !times.iter().any(|time| (since..=until).contains(time)))
            .count()
    }

    /// The longest time that a service of this provider went without a new token.
    pub fn longest_gap(&self, provider: SocketAddr) -> Duration {
        let state = self.lock();
        let now = state.elapsed();
        let of_it = state.served.iter().filter(|served| served.0 == provider);
        let gaps = of_it.flat_map(|(_, times)| {
            let ends = times.iter().skip(1).chain([&now]);
            times.iter().zip(ends).map(|(from, to)| *to - *from)
        });
        gaps.max().unwrap_or_default()
    }

    /// What processes dial with.
    pub fn dialler(self: &Arc<Self>) -> Dialler {
        let provider = self.clone();
        Arc::new(move |address| {
            let (near, far) = duplex(64 * 1024);
            tokio::spawn(provider.clone().serve(address, far));
            let connected: io::Result<Connection> = Ok(Connection::Other(Box::new(near)));
            Box::pin(async { connected })
        })
    }

    async fn serve(self: Arc<Self>, at: SocketAddr, mut stream: DuplexStream) {
        let Some(form) = read(&mut stream).await else {
            return;
        };
        let service = service_of(&form).expect("a request names its client");
        let env = self.env();
        if form
            .get("grant_type")
            .is_some_and(|of| of == "refresh_token")
        {
            let mood = self.begins(at, service);
            env.sleep(Duration::from_millis(100)).await;
            match mood {
                Mood::Well => {}
                Mood::Broken => {
                    let statuses = ["503 Busy", "200 OK"];
                    say(&mut stream, statuses[service % 2], "<html>").await;
                }
                Mood::Silent => {
                    // Until the client gives up.
                    let _ = stream.read(&mut [0]).await;
                }
            }
            self.lock().busy.remove(&service);
            if mood != Mood::Well {
                return;
            }
        }
        self.issue(at, service, &mut stream).await;
    }

    fn begins(&self, at: SocketAddr, service: usize) -> Mood {
        let mut state = self.lock();
        let minute = (state.elapsed().as_secs() / 60) as usize;
        if state.minutes.len() <= minute {
            state.minutes.resize(minute + 1, 0);
        }
        state.minutes[minute] += 1;
        assert!(state.busy.insert(service), "two at once of one mailbox");
        match at == MAIN {
            true => state.main,
            false => state.beside,
        }
    }

    async fn issue(&self, at: SocketAddr, service: usize, stream: &mut DuplexStream) {
        {
            let mut state = self.lock();
            let now = state.elapsed();
            let served = &mut state.served[service];
            served.0 = at;
            served.1.push(now);
        }
        let (access, refresh) = match crate::number("MAILBOXES") {
            Some(_) => (
                "a".repeat(ACCESS_TOKEN_BYTES),
                "r".repeat(REFRESH_TOKEN_BYTES),
            ),
            None => ("access".to_owned(), "refresh".to_owned()),
        };
        let body = format!(
            r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{access}","refresh_token":"{refresh}"}}"#
        );
        say(stream, "200 OK", &body).await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("what panics here fails the test")
    }
}

impl State {
    fn elapsed(&self) -> Duration {
        self.before + self.env.as_ref().map_or(Duration::ZERO, Env::monotonic)
    }
}

/// Whether anybody still listens is not for the provider to know.
async fn say(stream: &mut DuplexStream, status: &str, body: &str) {
    let _ = stream.write_all(response(status, body).as_bytes()).await;
}
