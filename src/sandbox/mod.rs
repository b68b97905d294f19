//! A faithful stand-in for Microsoft Entra (identity provider over HTTP) and Exchange Online (SMTP
//! submission), and for Google's counterparts, with faults on demand.
//!
//! It promises the replies, error bodies and limits that were documented or observed at the real
//! services, and keeps its own copy of their texts. It deliberately knows nothing of the program it
//! tests: no type, text or constant is shared. Time and randomness are handed in; waiting is
//! level-triggered, so nothing here sleeps.

mod clock;
mod control;
mod idp;
mod pages;
mod shared;
mod smtp;
mod tls;
mod web;
mod world;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use control::{Control, MailboxStats, Stats};
pub use idp::TokenRefusal;
pub use world::{Account, App, RateLimit, Secret};

use shared::Shared;

/// The preregistered multi-tenant application.
pub const CLIENT_ID: &str = "6f2d4b1e-8c3a-4e57-9b0d-1a2c3e4f5a6b";
/// Its secret.
pub const CLIENT_SECRET: &str = "Sbx8Q~contoso-sandbox-secret-value-0001";
/// The tenant of contoso.com and contoso.onmicrosoft.com.
pub const TENANT_ID: &str = "0b5c1d2e-3f40-4a51-8b62-7c839da4eb51";
/// The tenant of fabrikam.com.
pub const FABRIKAM_TENANT_ID: &str = "5e6f7a8b-9c0d-4e1f-a2b3-c4d5e6f7a8b9";

/// The client registered with Google.
pub const GOOGLE_CLIENT_ID: &str = "123456789012-sandbox.apps.googleusercontent.com";
/// Its secret.
pub const GOOGLE_CLIENT_SECRET: &str = "GOCSPX-sandbox-secret-value-0001";
/// Stands for a tenant where an account or an app is Google's.
pub const GOOGLE: &str = "google";

/// The wall clock, handed in.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;
/// Fills a buffer with random bytes, handed in.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Where to listen, and where time and randomness come from.
pub struct Options {
    /// Identity provider and control endpoint; port 0 takes a free one, as below.
    pub http: SocketAddr,
    /// Submission with STARTTLS.
    pub smtp: SocketAddr,
    /// Submission with implicit TLS (which Exchange Online doesn't have).
    pub smtps: SocketAddr,
    /// The wall clock.
    pub now: Clock,
    /// Fills a buffer with random bytes.
    pub random: Random,
}

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The authenticated mailbox, "" without AUTH.
    pub mailbox: String,
    /// The envelope's sender.
    pub mail_from: String,
    /// The envelope's recipients that were accepted, in order.
    pub rcpt_to: Vec<String>,
    /// The message, dot-unstuffed, with CRLF.
    pub content: Vec<u8>,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// A running sandbox; dropping it stops its tasks and closes its connections.
pub struct Sandbox {
    // Dropped first: idle HTTP connections close when their sender is gone.
    _stop: watch::Sender<()>,
    _tasks: JoinSet<()>,
    control: Control,
    addresses: web::Addresses,
    ca_pem: String,
}

impl Sandbox {
    /// Binds all sockets and starts serving.
    ///
    /// # Errors
    /// A socket can't be bound, or the certificate can't be made.
    pub async fn start(options: Options) -> io::Result<Self> {
        let http = TcpListener::bind(options.http).await?;
        let smtp = TcpListener::bind(options.smtp).await?;
        let smtps = TcpListener::bind(options.smtps).await?;
        let free = SocketAddr::new(options.smtp.ip(), 0);
        let plain = TcpListener::bind(free).await?;
        let google = TcpListener::bind(free).await?;
        let (ca_pem, acceptor) = tls::make()?;
        let shared = Arc::new(Shared::new(&options));
        let control = Control {
            shared: Arc::clone(&shared),
        };
        let (stop, stopped) = watch::channel(());
        let addresses = web::Addresses {
            http: http.local_addr()?,
            smtp: smtp.local_addr()?,
            smtps: smtps.local_addr()?,
            plain: plain.local_addr()?,
            google: google.local_addr()?,
        };
        let mut tasks = JoinSet::new();
        let site = web::Site::new(control.clone(), addresses, ca_pem.clone());
        tasks.spawn(web::serve(http, site, stopped));
        let starttls = smtp::Mode::StartTls(acceptor.clone());
        for (listener, mode, house) in [
            (smtp, starttls.clone(), smtp::House::Exchange),
            (smtps, smtp::Mode::Implicit(acceptor), smtp::House::Exchange),
            (plain, smtp::Mode::Plain, smtp::House::Exchange),
            (google, starttls, smtp::House::Google),
        ] {
            tasks.spawn(smtp::serve(listener, mode, house, Arc::clone(&shared)));
        }
        Ok(Self {
            _stop: stop,
            _tasks: tasks,
            control,
            addresses,
            ca_pem,
        })
    }

    /// `http://ADDRESS:PORT`, standing where `https://login.microsoftonline.com` does.
    pub fn authority(&self) -> String {
        self.addresses.authority()
    }

    /// Submission with STARTTLS, behaving as `smtp.office365.com:587`.
    pub fn smtp_addr(&self) -> SocketAddr {
        self.addresses.smtp
    }

    /// Submission with implicit TLS.
    pub fn smtps_addr(&self) -> SocketAddr {
        self.addresses.smtps
    }

    /// A relay (on a free port) that offers neither STARTTLS nor AUTH and takes mail without them.
    pub fn plain_addr(&self) -> SocketAddr {
        self.addresses.plain
    }

    /// `http://ADDRESS:PORT/google`, with Google's paths below it.
    pub fn google_authority(&self) -> String {
        format!("{}/google", self.authority())
    }

    /// Submission with STARTTLS, behaving as `smtp.gmail.com:587`.
    pub fn google_smtp_addr(&self) -> SocketAddr {
        self.addresses.google
    }

    /// The authority that signed the certificate for `localhost`, `127.0.0.1` and `::1`.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The handle that changes the world.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// All messages taken, in order of arrival.
    pub fn mail(&self) -> Vec<Delivered> {
        self.control.shared.mail(<[_]>::to_vec)
    }

    /// Returns all messages as soon as they satisfy the condition, which must not call the sandbox.
    pub async fn wait_for_mail(&self, until: impl Fn(&[Delivered]) -> bool) -> Vec<Delivered> {
        let shared = &self.control.shared;
        let ready = || shared.mail(|mail| until(mail).then(|| mail.to_vec()));
        shared.wait_for(ready).await
    }
}
