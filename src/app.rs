//! The only wiring: configuration and sockets → [`Core`] → servers and loops → run until stopped,
//! then drain.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Config;
use crate::egress::{Egress, Network};
use crate::env::Env;
use crate::metrics::Metrics;
use crate::model::Error;
use crate::ops::{self, Core, vault_keys};
use crate::rpc::tls::Tls;
use crate::smtp::{Pool, Timeouts};
use crate::store::Store;
use crate::tracer::Tracer;
use crate::work::{self, Tasks};
use crate::{http, rpc};

/// Refreshes under way at once, over all mailboxes.
const REFRESHES_AT_ONCE: usize = 128;

/// Once deliveries have ended, calls and half-open connections get this long.
const LINGER: Duration = Duration::from_secs(5);

/// The sockets on which the servers listen, bound by whoever starts the app.
pub struct Listeners {
    pub grpc: TcpListener,
    pub http: TcpListener,
    /// None where nobody is to scrape.
    pub metrics: Option<TcpListener>,
}

/// Everything built and bound; nothing runs yet.
pub struct App {
    core: Arc<Core>,
    listeners: Listeners,
    tls: Option<Tls>,
}

/// Why the app can't start.
#[derive(Debug)]
pub struct StartError(String);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl StartError {
    fn new(what: &str, error: impl fmt::Display) -> Self {
        Self(format!("{what}: {error}"))
    }
}

impl Listeners {
    /// Binds what the configuration says.
    ///
    /// # Errors
    /// When an address is taken or not ours; the message names its key.
    pub async fn bind(config: &Config) -> Result<Self, StartError> {
        let (grpc, http) = (config.server.grpc_listen, config.server.http_listen);
        let metrics = match config
            .metrics_listen()
            .map_err(|e| StartError(e.to_string()))?
        {
            Some(address) => Some(bind("metrics.listen", address).await?),
            None => None,
        };
        Ok(Self {
            metrics,
            grpc: bind("server.grpc_listen", grpc).await?,
            http: bind("server.http_listen", http).await?,
        })
    }
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| StartError::new(&format!("can't listen on {address} ({key})"), error))
}

impl App {
    /// Builds everything on this store, and ends what an earlier process had claimed in it.
    ///
    /// # Errors
    /// When a file, the key or the store can't be used.
    pub async fn build(
        config: Config,
        listeners: Listeners,
        store: Arc<dyn Store>,
        env: Env,
        metrics: Metrics,
    ) -> Result<Self, StartError> {
        make_folder(&config.data.folder).map_err(|error| {
            StartError::new(
                &format!("the data folder {}", config.data.folder.display()),
                error,
            )
        })?;
        let from_store = |error| StartError::new("the store", Error::from(error));
        let vault = vault_keys::open_vault(store.as_ref(), &config, &env)
            .await
            .map_err(|error| StartError::new("can't open the vault", error))?;
        let tls = tls(&config, &env)?;
        let egress = egress(&config, &env)?;
        let hello_name = match config.egress.hello_name.as_str() {
            "" => "[127.0.0.1]".to_owned(),
            name => name.to_owned(),
        };
        let pool = Pool::new(env.clone(), egress.clone(), Timeouts::default(), hello_name);
        store.recover(env.now()).await.map_err(from_store)?;
        let tracer = tracer(&config, &env, &metrics)?;
        let core = Core::new(store, pool, egress, vault, env, metrics, config);
        let core = Arc::new(core.traced_by(tracer));
        let door = ops::access_keys::open_door(&core).await;
        let door = door.map_err(|error| StartError(error.to_string()))?;
        if let Some(file) = door {
            tracing::info!(file = %file.display(), "an admin's access key is in this file");
        }
        Ok(Self {
            core,
            listeners,
            tls,
        })
    }

    /// What operations work with, for a process that also calls them itself.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Serves until `stopped` ends, then drains: health says NOT_SERVING, nothing new is claimed,
    /// watchers are told to reconnect, and what is under way gets the grace period to end.
    ///
    /// # Errors
    /// When a listener fails.
    pub async fn run_until(self, stopped: impl Future<Output = ()>) -> io::Result<()> {
        let (stop, stopping) = watch::channel(false);
        let (end, ending) = watch::channel(false);
        let core = &self.core;
        let (mut deliveries, mut refreshes) = (
            Tasks::at_most(core.config.delivery.max_in_flight as usize),
            Tasks::at_most(REFRESHES_AT_ONCE),
        );
        let grpc = rpc::server::serve(
            core.clone(),
            self.listeners.grpc,
            self.tls,
            stopping.clone(),
        );
        let http = http::serve(core.clone(), self.listeners.http, stopping.clone(), ending);
        let metrics = async {
            match self.listeners.metrics {
                Some(listener) => {
                    http::metrics::serve(core.clone(), listener, stopping.clone()).await
                }
                None => Ok(()),
            }
        };
        let work = async {
            tokio::join!(
                work::deliver::run(core, stopping.clone(), &mut deliveries),
                work::refresh::run(core, stopping.clone(), &mut refreshes),
                work::feed::run(core, stopping.clone()),
                work::sweep::run(core, stopping.clone()),
                work::trace::run(core, stopping.clone()),
            );
            tokio::join!(deliveries.drain(), refreshes.drain());
        };
        // One that fails ends all: half a server helps nobody.
        let servers = async { tokio::try_join!(grpc, metrics).map(|_| ()) };
        tokio::pin!(servers, http, work);
        tokio::select! {
            biased;
            ended = &mut servers => return ended,
            ended = &mut http => return ended,
            // The loops end only when they are told to.
            () = &mut work => return Ok(()),
            () = stopped => {}
        }
        tracing::info!("draining");
        let drained = async {
            // The receivers live in the futures above.
            let _ = stop.send(true);
            tokio::select! {
                biased;
                ended = &mut servers => {
                    work.await;
                    ended
                }
                () = &mut work => core.env.timeout(LINGER, servers).await.unwrap_or(Ok(())),
            }
        };
        let drained = async {
            // Probes are answered as long as anything is under way.
            tokio::select! {
                biased;
                ended = &mut http => return ended,
                ended = drained => ended?,
            }
            // The receiver lives in the future above.
            let _ = end.send(true);
            core.env.timeout(LINGER, http).await.unwrap_or(Ok(()))
        };
        let drained = async {
            let ended = drained.await;
            // A collector that is down must not keep the process for long.
            let _ = core.env.timeout(LINGER, core.tracer.flush()).await;
            ended
        };
        let grace = Duration::from_secs(u64::from(core.config.server.drain_grace_seconds));
        core.env.timeout(grace, drained).await.unwrap_or_else(|_| {
            tracing::warn!(
                "the grace period is over; what is still under way is taken up at the next start"
            );
            Ok(())
        })
    }
}

fn tls(config: &Config, env: &Env) -> Result<Option<Tls>, StartError> {
    let failed = |error: &dyn fmt::Display| StartError(error.to_string());
    let rules = config.tls.rules().map_err(|error| failed(&error))?;
    Tls::load(&config.tls, rules, env.clone()).map_err(|error| failed(&error))
}

/// The way out that the configuration describes.
///
/// # Errors
/// What is wrong in `[egress]`.
pub fn egress(config: &Config, env: &Env) -> Result<Egress, StartError> {
    let allow = networks("egress.allow", &config.egress.allow)?;
    let plaintext = &config.egress.allow_plaintext_smtp;
    let plaintext = networks("egress.allow_plaintext_smtp", plaintext)?;
    let extra_ca = match &config.egress.extra_ca_file {
        path if path.as_os_str().is_empty() => None,
        path => Some(std::fs::read(path).map_err(|error| {
            StartError::new(&format!("egress.extra_ca_file {}", path.display()), error)
        })?),
    };
    let local_address = config
        .local_address()
        .map_err(|error| StartError(error.to_string()))?;
    if let Some(local) = local_address {
        // Else every connection would fail, one by one.
        std::net::TcpListener::bind((local, 0)).map_err(|error| {
            StartError::new(
                &format!("egress.local_address {local}: connections can't leave from it"),
                error,
            )
        })?;
    }
    Egress::new(env.clone(), allow, extra_ca.as_deref(), local_address)
        .map(|egress| egress.with_plaintext(plaintext))
        .map_err(|error| StartError::new("egress.extra_ca_file", error))
}

fn networks(key: &str, texts: &[String]) -> Result<Vec<Network>, StartError> {
    let parse = |text: &String| {
        let network = text.parse();
        network.map_err(|error: String| StartError::new(&format!("{key}: {text:?}"), error))
    };
    texts.iter().map(parse).collect()
}

/// The collector's address comes from whoever runs the process, so that no network is closed to it;
/// it gets nothing but spans.
fn tracer(config: &Config, env: &Env, metrics: &Metrics) -> Result<Tracer, StartError> {
    let endpoint = &config.trace.otlp_endpoint;
    if endpoint.is_empty() {
        return Ok(Tracer::off(env.clone(), metrics.clone()));
    }
    let mut open = config.clone();
    open.egress.allow = vec!["0.0.0.0/0".into(), "::/0".into()];
    let egress = egress(&open, env)?;
    Ok(Tracer::to(env.clone(), metrics.clone(), egress, endpoint))
}

/// Makes the folder, for its owner alone, where there is none yet.
fn make_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}
