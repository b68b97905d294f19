//! The one way out: resolves a name, checks the policy on the addresses found, dials one of them.
//!
//! Whatever leaves the process, SMTP or HTTP, is dialled here and secured with [`Egress::tls`].
//! The address that was checked is the address that is dialled, so a name that answers
//! differently the second time gains nothing. What is said over a connection, this module
//! doesn't know. There is no way to turn the verification of certificates off.

mod connection;
pub mod http;
mod policy;
mod tls;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, lookup_host};
use tokio_rustls::rustls::ClientConfig;

use crate::env::Env;

pub use self::http::HttpError;
pub use connection::{Connection, Transport};
pub use policy::Network;
use policy::Policy;
pub use tls::{Clock, client_config};

/// Together the 30 seconds that [`Egress::dial`] may take.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// A name with more addresses than this is tried at these first ones, each with its share of time.
const ADDRESSES_MAX: usize = 4;

/// Dials what the policy allows. Cheap to clone.
#[derive(Clone)]
pub struct Egress {
    env: Env,
    policy: Arc<Policy>,
    tls: Arc<ClientConfig>,
    local_address: Option<IpAddr>,
    dialler: Option<Dialler>,
    resolver: Option<Resolver>,
    /// Where mail may travel unencrypted.
    plaintext: Arc<Vec<Network>>,
}

/// What connects to an address that has been checked.
pub type Dialler = Arc<
    dyn Fn(SocketAddr) -> Pin<Box<dyn Future<Output = io::Result<Connection>> + Send>>
        + Send
        + Sync,
>;

/// What looks a name up: its addresses, with the port that is asked for.
pub type Resolver = Arc<
    dyn Fn(String, u16) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>
        + Send
        + Sync,
>;

/// Addresses that the policy allows; only [`Egress::resolve`] makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved(Vec<SocketAddr>);

/// Why nothing could be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialError {
    /// The name has no address, or the resolver failed; what it said.
    Resolve(String),
    /// Every address of the name is one that the policy forbids; the first of them.
    Denied { address: IpAddr },
    /// No address of the name is one to which mail may travel unencrypted; the first of them.
    Plaintext { address: IpAddr },
    /// No address accepted the connection; what the last one answered.
    Connect(String),
    /// Neither an answer nor a refusal in time.
    Timeout,
}

impl Egress {
    /// `allow` opens networks that are closed by default (see [`Network`]); `extra_ca_pem` is
    /// trusted besides the public certificate authorities; `local_address` is the source address
    /// of connections of its family.
    ///
    /// # Errors
    /// What is wrong with the certificates.
    pub fn new(
        env: Env,
        allow: Vec<Network>,
        extra_ca_pem: Option<&[u8]>,
        local_address: Option<IpAddr>,
    ) -> Result<Self, String> {
        let tls = tls::client_config(env.clone(), extra_ca_pem)?;
        Ok(Self {
            env,
            policy: Arc::new(Policy::new(allow)),
            tls: Arc::new(tls),
            local_address,
            dialler: None,
            resolver: None,
            plaintext: Arc::default(),
        })
    }

    /// Lets unencrypted mail go to these networks; none otherwise. They must be allowed, too.
    pub fn with_plaintext(self, networks: Vec<Network>) -> Self {
        Self {
            plaintext: Arc::new(networks),
            ..self
        }
    }

    /// Looks names up by `resolver` instead of the system's.
    pub fn with_resolver(self, resolver: Resolver) -> Self {
        Self {
            resolver: Some(resolver),
            ..self
        }
    }

    /// Connects by `dialler` instead of sockets, for a world that is simulated. Policy, time limits
    /// and TLS stay as they are.
    pub fn with_dialler(self, dialler: Dialler) -> Self {
        Self {
            dialler: Some(dialler),
            ..self
        }
    }

    /// How every connection is secured: public authorities and the extra one, the time from `Env`.
    pub fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// [`Egress::resolve`] and [`Egress::connect`]; at most 30 seconds.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn dial(&self, host: &str, port: u16) -> Result<Connection, DialError> {
        let addresses = self.resolve(host, port).await?;
        self.connect(&addresses).await
    }

    /// The allowed addresses of a DNS name or an address literal (`[::1]` too); at most 10 seconds.
    ///
    /// # Errors
    /// [`DialError::Resolve`], [`DialError::Denied`] when all are forbidden, [`DialError::Timeout`].
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Resolved, DialError> {
        let found: Vec<SocketAddr> = match parse_literal(host) {
            Some(address) => vec![SocketAddr::new(address, port)],
            None => self
                .env
                .timeout(RESOLVE_LIMIT, self.look_up(host, port))
                .await
                .map_err(|_| DialError::Timeout)?
                .map_err(|error| DialError::Resolve(error.to_string()))?,
        };
        let (allowed, denied): (Vec<SocketAddr>, Vec<SocketAddr>) = found
            .into_iter()
            .partition(|address| self.policy.permits(address.ip()));
        match denied.first() {
            _ if !allowed.is_empty() => Ok(Resolved(allowed)),
            Some(first) => Err(DialError::Denied {
                address: first.ip(),
            }),
            None => Err(DialError::Resolve("the name has no address".to_owned())),
        }
    }

    /// As [`Egress::resolve`], for mail that travels unencrypted: what leads where that may not go is
    /// forbidden.
    ///
    /// # Errors
    /// As [`Egress::resolve`], and [`DialError::Plaintext`].
    pub async fn resolve_plaintext(&self, host: &str, port: u16) -> Result<Resolved, DialError> {
        let Resolved(mut addresses) = self.resolve(host, port).await?;
        let first = addresses.first().map(SocketAddr::ip);
        addresses.retain(|address| {
            let plain = address.ip().to_canonical();
            self.plaintext.iter().any(|network| network.contains(plain))
        });
        match first {
            Some(address) if addresses.is_empty() => Err(DialError::Plaintext { address }),
            _ => Ok(Resolved(addresses)),
        }
    }

    async fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match &self.resolver {
            Some(resolver) => resolver(host.to_owned(), port).await,
            None => Ok(lookup_host((host, port)).await?.collect()),
        }
    }

    /// Connects to the first address that accepts; at most 20 seconds for all.
    ///
    /// # Errors
    /// [`DialError::Connect`] or [`DialError::Timeout`], whichever the last address gave.
    pub async fn connect(&self, addresses: &Resolved) -> Result<Connection, DialError> {
        let tried = addresses.0.len().min(ADDRESSES_MAX);
        let mut last = DialError::Timeout;
        for address in &addresses.0[..tried] {
            let share = CONNECT_LIMIT / u32::try_from(tried).unwrap_or(1);
            match self.env.timeout(share, self.connect_to(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                // Only the kind: it says the same in every language.
                Ok(Err(error)) => last = DialError::Connect(error.kind().to_string()),
                Err(_) => last = DialError::Timeout,
            }
        }
        Err(last)
    }

    async fn connect_to(&self, address: SocketAddr) -> io::Result<Connection> {
        if let Some(dialler) = &self.dialler {
            return dialler(address).await;
        }
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(local) = self
            .local_address
            .filter(|local| local.is_ipv4() == address.is_ipv4())
        {
            socket.bind(SocketAddr::new(local, 0))?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection::Socket(stream))
    }
}

impl Resolved {
    /// The addresses in the order in which they are tried.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.0
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(text) => write!(f, "the name could not be resolved: {text}"),
            Self::Denied { address } => write!(
                f,
                "the address {address} is not allowed by the egress policy"
            ),
            Self::Plaintext { address } => write!(
                f,
                "mail may not travel unencrypted to {address} (egress.allow_plaintext_smtp)"
            ),
            Self::Connect(text) => write!(f, "no connection: {text}"),
            Self::Timeout => f.write_str("no connection in time"),
        }
    }
}

impl std::error::Error for DialError {}

/// The name of a host without the brackets of an IPv6 literal, as certificates name it.
pub fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host)
}

fn parse_literal(host: &str) -> Option<IpAddr> {
    without_brackets(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;
    use tokio::net::TcpListener;

    fn egress(allow: &[&str], local_address: Option<&str>) -> Egress {
        let allow = allow
            .iter()
            .map(|network| network.parse().unwrap())
            .collect();
        let env = Env::manual(Timestamp::from_unix_seconds(1_772_366_400), 1);
        Egress::new(
            env,
            allow,
            None,
            local_address.map(|address| address.parse().unwrap()),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn loopback_is_denied_however_it_is_written() {
        let egress = egress(&[], None);
        for host in [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "::ffff:127.0.0.1",
            "127.1",
        ] {
            let denied = egress.dial(host, 25).await.unwrap_err();
            assert!(
                matches!(denied, DialError::Denied { .. }),
                "{host}: {denied}"
            );
        }
    }

    #[tokio::test]
    async fn an_allowed_address_is_dialled_from_the_local_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let egress = egress(&["127.0.0.0/8"], Some("127.0.0.9"));
        let dialled = egress.dial("127.0.0.1", port).await.unwrap();
        let Connection::Socket(stream) = &dialled else {
            panic!("no dialler was handed in");
        };
        assert!(stream.nodelay().unwrap());
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip().to_string(), "127.0.0.9");
    }

    #[tokio::test]
    async fn a_dialler_gets_only_what_the_policy_allows() {
        let dialler: Dialler = Arc::new(|_| {
            let (near, _) = tokio::io::duplex(16);
            Box::pin(async { Ok(Connection::Other(Box::new(near))) })
        });
        let egress = egress(&["192.0.2.1"], None).with_dialler(dialler);
        assert!(egress.dial("192.0.2.1", 25).await.is_ok());
        let denied = egress.dial("192.0.2.2", 25).await;
        assert!(matches!(denied, Err(DialError::Denied { .. })));
    }

    /// A name that answers with the next of these addresses each time it is asked, and how often it was.
    fn rebinding(egress: Egress, answers: &[&str]) -> (Egress, Arc<AtomicUsize>) {
        let answers: Vec<IpAddr> = answers.iter().map(|text| text.parse().unwrap()).collect();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let resolver: Resolver = Arc::new(move |_, port| {
            let answer = answers[count.fetch_add(1, Ordering::Relaxed) % answers.len()];
            Box::pin(async move { Ok(vec![SocketAddr::new(answer, port)]) })
        });
        (egress.with_resolver(resolver), asked)
    }

    #[tokio::test]
    async fn the_address_that_was_checked_is_the_one_that_is_dialled() {
        let dialled = Arc::new(Mutex::new(Vec::new()));
        let seen = dialled.clone();
        let dialler: Dialler = Arc::new(move |address: SocketAddr| {
            seen.lock().unwrap().push(address.to_string());
            Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
        });
        let egress = egress(&[], None).with_dialler(dialler);
        let (egress, asked) = rebinding(egress, &["93.184.215.14", "127.0.0.1"]);
        assert!(egress.dial("mx.example", 587).await.is_err());
        assert_eq!(*dialled.lock().unwrap(), ["93.184.215.14:587"]);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        // The second answer is looked at anew.
        let denied = egress.dial("mx.example", 587).await.unwrap_err();
        let address = "127.0.0.1".parse().unwrap();
        assert_eq!(denied, DialError::Denied { address });
        assert_eq!(dialled.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_name_that_rebinds_leads_no_socket_to_what_is_closed() {
        let secret = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = secret.local_addr().unwrap().port();
        let open = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
        let (egress, _) = rebinding(egress(&["127.0.0.2"], None), &["127.0.0.2", "127.0.0.1"]);
        let (mut led, mut denied) = (0, 0);
        for _ in 0..10 {
            match egress.dial("mx.example", port).await {
                Ok(_) => {
                    open.accept().await.unwrap();
                    led += 1;
                }
                Err(DialError::Denied { .. }) => denied += 1,
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!((led, denied), (5, 5));
        let reached = std::future::poll_fn(|context| Poll::Ready(secret.poll_accept(context)));
        assert!(reached.await.is_pending(), "the closed address was dialled");
    }

    #[tokio::test]
    async fn of_a_name_with_both_only_the_open_address_is_dialled() {
        let resolver: Resolver = Arc::new(|_, port| {
            let both = ["10.0.0.1", "::ffff:127.0.0.1", "93.184.215.14"];
            let both = both.map(|text| SocketAddr::new(text.parse().unwrap(), port));
            Box::pin(async move { Ok(both.to_vec()) })
        });
        let egress = egress(&[], None).with_resolver(resolver);
        let Resolved(addresses) = egress.resolve("mx.example", 25).await.unwrap();
        assert_eq!(addresses, ["93.184.215.14:25".parse().unwrap()]);
    }

    #[tokio::test]
    async fn plaintext_leads_only_where_it_may() {
        let closed = egress(&["127.0.0.0/8"], None);
        let denied = closed.resolve_plaintext("127.0.0.1", 25).await;
        assert!(matches!(denied, Err(DialError::Plaintext { .. })));
        let open = closed.with_plaintext(vec!["127.0.0.2".parse().unwrap()]);
        assert!(open.resolve_plaintext("127.0.0.2", 25).await.is_ok());
        assert!(open.resolve_plaintext("::ffff:127.0.0.2", 25).await.is_ok());
        let denied = open.resolve_plaintext("127.0.0.1", 25).await;
        assert!(matches!(denied, Err(DialError::Plaintext { .. })));
        // It opens nothing by itself.
        let denied = egress(&[], None).with_plaintext(vec!["10.0.0.0/8".parse().unwrap()]);
        let denied = denied.resolve_plaintext("10.0.0.1", 25).await;
        assert!(matches!(denied, Err(DialError::Denied { .. })));
    }

    #[tokio::test]
    async fn a_refused_connection_says_so() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = egress(&["127.0.0.1"], None)
            .dial("127.0.0.1", port)
            .await
            .unwrap_err();
        assert_eq!(error, DialError::Connect("connection refused".to_owned()));
    }
}
