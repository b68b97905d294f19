//! From an address to a session that takes mail: connect, greeting, EHLO, TLS, AUTH.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;

use super::auth::{Credential, Script};
use super::channel::Channel;
use super::ehlo::Capabilities;
use super::failure::{Failure, FailureKind};
use super::tls::{Stream, TlsInfo, Transport, secure};
use super::transcript::Transcript;
use super::wire::Session;
use crate::egress::{Connection, Egress};
use crate::env::Env;
use crate::model::service::{SmtpEndpoint, TlsMode};
use crate::model::{Phase, Reply};

/// What all conversations have in common.
#[derive(Clone)]
pub struct Settings {
    pub env: Env,
    /// See [`Egress::tls`].
    pub tls: Arc<ClientConfig>,
    pub timeouts: Timeouts,
    /// How we name ourselves in EHLO: a domain name or address literal, without CR and LF.
    pub hello_name: String,
}

/// How long to wait for the server; by default the minimums of RFC 5321 §4.5.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The greeting.
    pub banner: Duration,
    /// EHLO, STARTTLS with the handshake, and each step of AUTH.
    pub hello: Duration,
    /// MAIL, and RSET.
    pub mail: Duration,
    /// Each RCPT.
    pub rcpt: Duration,
    /// DATA until its 354.
    pub data: Duration,
    /// Each 32 KiB of the body until the system has taken it.
    pub block: Duration,
    /// The final dot until its reply.
    pub dot: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        Self {
            banner: minutes(5),
            hello: minutes(5),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            dot: minutes(10),
        }
    }
}

/// Dials the endpoint and opens a session.
///
/// # Errors
/// See [`Session::open`]; besides, [`FailureKind::Dial`].
pub async fn connect(
    egress: &Egress,
    settings: &Settings,
    endpoint: &SmtpEndpoint,
    credential: &Credential,
    transcript: &mut Transcript,
) -> Result<Session<Connection>, Failure> {
    refuse_plaintext(endpoint, credential, transcript)?;
    let env = &settings.env;
    let started = env.monotonic();
    let (host, port) = (&endpoint.host, endpoint.port);
    let resolved = match endpoint.tls {
        TlsMode::Plaintext => egress.resolve_plaintext(host, port).await,
        TlsMode::Starttls | TlsMode::Implicit => egress.resolve(host, port).await,
    };
    let resolved = match resolved {
        Ok(resolved) => {
            let addresses: Vec<_> = resolved
                .addresses()
                .iter()
                .map(|address| address.ip().to_string())
                .collect();
            let spent = env.monotonic().saturating_sub(started);
            transcript.passed(Phase::Resolve, spent, None, addresses.join(", "));
            resolved
        }
        Err(error) => {
            let failure = FailureKind::Dial(error).at(Phase::Resolve);
            transcript.failed(&failure, env.monotonic().saturating_sub(started));
            return Err(failure);
        }
    };
    let started = env.monotonic();
    match egress.connect(&resolved).await {
        Ok(stream) => {
            let peer = stream.peer_address().map(|peer| peer.to_string());
            let spent = env.monotonic().saturating_sub(started);
            transcript.passed(Phase::Connect, spent, None, peer.unwrap_or_default());
            Session::open(stream, settings, endpoint, credential, transcript).await
        }
        Err(error) => {
            let failure = FailureKind::Dial(error).at(Phase::Connect);
            transcript.failed(&failure, env.monotonic().saturating_sub(started));
            Err(failure)
        }
    }
}

fn refuse_plaintext(
    endpoint: &SmtpEndpoint,
    credential: &Credential,
    transcript: &mut Transcript,
) -> Result<(), Failure> {
    if endpoint.tls != TlsMode::Plaintext || credential.is_none() {
        return Ok(());
    }
    let failure = FailureKind::PlaintextCredentials.at(Phase::Authenticate);
    transcript.failed(&failure, Duration::ZERO);
    Err(failure)
}

impl<S: Transport> Session<S> {
    /// Opens a session over a fresh connection to `endpoint`.
    ///
    /// # Errors
    /// In [`Phase::Connect`] what the greeting is not, then what EHLO, TLS and AUTH ran into.
    pub async fn open(
        stream: S,
        settings: &Settings,
        endpoint: &SmtpEndpoint,
        credential: &Credential,
        transcript: &mut Transcript,
    ) -> Result<Self, Failure> {
        refuse_plaintext(endpoint, credential, transcript)?;
        let mut opening = Opening {
            settings,
            endpoint,
            transcript,
        };
        let (channel, capabilities) = opening.encrypt(stream).await?;
        let tls = channel.stream().tls_info();
        let channel = opening
            .authenticate(channel, &capabilities, tls.as_ref(), credential)
            .await?;
        Ok(Self::new(settings, channel, capabilities, tls))
    }
}

/// One opening; the connection passes through its steps by value, so a failed step closes it.
struct Opening<'a> {
    settings: &'a Settings,
    endpoint: &'a SmtpEndpoint,
    transcript: &'a mut Transcript,
}

impl Opening<'_> {
    /// Greeting, EHLO and TLS as the endpoint wants them; the capabilities are those offered in
    /// the connection's final form.
    async fn encrypt<S: Transport>(
        &mut self,
        stream: S,
    ) -> Result<(Channel<S>, Capabilities), Failure> {
        let mut channel = match self.endpoint.tls {
            TlsMode::Plaintext => {
                let mut channel = Channel::new(Stream::Plain(stream));
                self.greeting(&mut channel).await?;
                channel
            }
            TlsMode::Implicit => {
                let mut channel = Channel::new(self.handshake(stream).await?);
                self.greeting(&mut channel).await?;
                channel
            }
            TlsMode::Starttls => {
                let stream = self.starttls(stream).await?;
                Channel::new(self.handshake(stream).await?)
            }
        };
        // After STARTTLS it is asked anew: RFC 3207 §4.2, all that was learnt before is forgotten.
        let capabilities = self.hello(&mut channel).await?;
        Ok((channel, capabilities))
    }

    /// Talks in plain text until the server is ready for the handshake.
    async fn starttls<S: Transport>(&mut self, stream: S) -> Result<S, Failure> {
        let mut channel = Channel::new(Stream::Plain(stream));
        self.greeting(&mut channel).await?;
        let capabilities = self.hello(&mut channel).await?;
        let started = self.settings.env.monotonic();
        let agreed = if capabilities.starttls {
            self.command(&mut channel, b"STARTTLS\r\n").await
        } else {
            Err(FailureKind::StarttlsNotOffered)
        };
        agreed
            .and_then(expect_positive)
            .and_then(|_| channel.into_plain())
            .map_err(|kind| self.fail(kind, Phase::Tls, started))
    }

    async fn handshake<S: Transport>(&mut self, stream: S) -> Result<Stream<S>, Failure> {
        let started = self.settings.env.monotonic();
        let handshake = secure(stream, self.settings.tls.clone(), &self.endpoint.host);
        let limit = self.settings.timeouts.hello;
        let stream = match self.settings.env.timeout(limit, handshake).await {
            Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
            Ok(Err(kind)) => return Err(self.fail(kind, Phase::Tls, started)),
            Err(_) => return Err(self.fail(FailureKind::Timeout, Phase::Tls, started)),
        };
        let detail = stream.tls_info().map_or_else(String::new, |tls| {
            format!(
                "{} {}, certificate for {}, SHA-256 {}",
                tls.protocol,
                tls.cipher,
                tls.certificate_names.join(" "),
                tls.certificate_sha256
            )
        });
        self.transcript
            .passed(Phase::Tls, self.since(started), None, detail);
        Ok(stream)
    }

    async fn greeting<S: Transport>(&mut self, channel: &mut Channel<S>) -> Result<(), Failure> {
        let started = self.settings.env.monotonic();
        let greeting = self
            .reply(channel, self.settings.timeouts.banner)
            .await
            .and_then(expect_positive)
            .map_err(|kind| self.fail(kind, Phase::Connect, started))?;
        let spent = self.since(started);
        self.transcript
            .passed(Phase::Connect, spent, Some(greeting), String::new());
        Ok(())
    }

    async fn hello<S: Transport>(
        &mut self,
        channel: &mut Channel<S>,
    ) -> Result<Capabilities, Failure> {
        let started = self.settings.env.monotonic();
        let line = format!("EHLO {}\r\n", self.settings.hello_name);
        let reply = self
            .command(channel, line.as_bytes())
            .await
            .and_then(expect_positive)
            .map_err(|kind| self.fail(kind, Phase::Ehlo, started))?;
        let capabilities = Capabilities::parse(&reply);
        let spent = self.since(started);
        self.transcript
            .passed(Phase::Ehlo, spent, Some(reply), String::new());
        Ok(capabilities)
    }

    async fn authenticate<S: Transport>(
        &mut self,
        mut channel: Channel<S>,
        capabilities: &Capabilities,
        tls: Option<&TlsInfo>,
        credential: &Credential,
    ) -> Result<Channel<S>, Failure> {
        let started = self.settings.env.monotonic();
        let script = match credential.script(capabilities, self.endpoint) {
            Ok(None) => return Ok(channel),
            Ok(Some(_)) if tls.is_none() => Err(FailureKind::PlaintextCredentials),
            Ok(Some(script)) => Ok(script),
            Err(kind) => Err(kind),
        };
        let script = script.map_err(|kind| self.fail(kind, Phase::Authenticate, started))?;
        channel.hide(script.hidden.clone());
        let played = self.play(&mut channel, &script).await;
        channel.wipe_output();
        match played {
            Ok(reply) => {
                let (spent, detail) = (self.since(started), script.mechanism.to_owned());
                self.transcript
                    .passed(Phase::Authenticate, spent, Some(reply), detail);
                Ok(channel)
            }
            Err(kind) => Err(self.fail(kind, Phase::Authenticate, started)),
        }
    }

    /// Plays an AUTH exchange to its end; the reply is a 2xx.
    async fn play<S: Transport>(
        &self,
        channel: &mut Channel<S>,
        script: &Script,
    ) -> Result<Reply, FailureKind> {
        let mut lines = script.lines.iter();
        let mut next = lines.next();
        while let Some(line) = next {
            let reply = self.command(channel, line.as_bytes()).await?;
            next = lines.next();
            match reply.code {
                334 if next.is_some() => {}
                334 => return self.hear_the_error(channel, script.error_answer).await,
                _ if next.is_some() && reply.is_positive() => {
                    let text = "the server accepted a credential before it had seen it";
                    return Err(FailureKind::protocol(text));
                }
                _ => return expect_positive(reply),
            }
        }
        Err(FailureKind::protocol("the exchange has no line"))
    }

    /// A 334 after the token is the server's complaint in base 64; the refusal itself comes only
    /// after our answer to it.
    async fn hear_the_error<S: Transport>(
        &self,
        channel: &mut Channel<S>,
        answer: Option<&str>,
    ) -> Result<Reply, FailureKind> {
        let unexpected =
            || FailureKind::protocol("the server asked for more than the mechanism has");
        let answer = answer.ok_or_else(unexpected)?;
        let reply = self
            .command(channel, format!("{answer}\r\n").as_bytes())
            .await?;
        if reply.code < 400 {
            return Err(unexpected());
        }
        Err(FailureKind::Reply(reply))
    }

    async fn command<S: Transport>(
        &self,
        channel: &mut Channel<S>,
        line: &[u8],
    ) -> Result<Reply, FailureKind> {
        channel.expect_silence().await?;
        channel.queue(line);
        self.reply(channel, self.settings.timeouts.hello).await
    }

    async fn reply<S: Transport>(
        &self,
        channel: &mut Channel<S>,
        limit: Duration,
    ) -> Result<Reply, FailureKind> {
        let reply = self.settings.env.timeout(limit, channel.reply()).await;
        reply.unwrap_or(Err(FailureKind::Timeout))
    }

    fn since(&self, started: Duration) -> Duration {
        self.settings.env.monotonic().saturating_sub(started)
    }

    fn fail(&mut self, kind: FailureKind, phase: Phase, started: Duration) -> Failure {
        let failure = kind.at(phase);
        self.transcript.failed(&failure, self.since(started));
        failure
    }
}

fn expect_positive(reply: Reply) -> Result<Reply, FailureKind> {
    match reply.code {
        200..300 => Ok(reply),
        400.. => Err(FailureKind::Reply(reply)),
        _ => Err(FailureKind::protocol(
            "the server answered with a code that has no place here",
        )),
    }
}
