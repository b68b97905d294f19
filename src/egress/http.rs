//! One HTTP/1.1 exchange with an identity provider, through the one way out.
//!
//! It promises bounds (30 s for everything, 64 KiB of headers, 256 KiB of body), TLS for every
//! address that isn't this machine, and that nothing but the given request leaves: no proxy
//! variable is read, no redirect followed, no `Origin`, cookie or compression added, and a
//! connection serves one request. It deliberately doesn't know what the request is about.

use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::time::Duration;

use ::http::header::{CONNECTION, HOST, USER_AGENT};
use ::http::{HeaderValue, Request, Response, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::{DialError, Egress};

const HEADERS_MAX_BYTES: usize = 64 * 1024;
const BODY_MAX_BYTES: usize = 256 * 1024;
const EXCHANGE_LIMIT: Duration = Duration::from_secs(30);

/// Why there is no answer. Its text holds neither the request's path nor its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// Not an absolute http or https URL with a host, or one that carries a user name.
    BadUrl,
    /// The egress policy, or plain http to another machine.
    Denied(String),
    /// The name didn't resolve, or nobody took the connection.
    Dial(String),
    /// The TLS handshake failed; the text is rustls's.
    Tls(String),
    /// The exchange took more than 30 s.
    Timeout,
    /// More than 64 KiB of headers or 256 KiB of body.
    TooLarge,
    /// What came is not HTTP/1.1, or ended too early.
    Protocol(String),
}

impl Egress {
    /// Sends one request and reads its answer, whatever its status: a 3xx is the caller's to judge.
    ///
    /// `https`, and `http` only where [`is_loopback`] holds for the host.
    ///
    /// # Errors
    /// [`HttpError`], when there is no complete answer within the bounds.
    pub async fn http(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError> {
        let target = Target::of(request.uri())?;
        let exchange = self.exchange(&target, request);
        match self.env.timeout(EXCHANGE_LIMIT, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Timeout),
        }
    }

    async fn exchange(
        &self,
        target: &Target,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        let request = on_the_wire(target, request)?;
        let stream = self
            .dial(&target.host, target.port)
            .await
            .map_err(no_connection)?;
        if !target.tls {
            return converse(stream, request).await;
        }
        let name = ServerName::try_from(target.host.clone()).map_err(|_| HttpError::BadUrl)?;
        let stream = TlsConnector::from(self.tls())
            .connect(name, stream)
            .await
            .map_err(|error| HttpError::Tls(error.to_string()))?;
        converse(stream, request).await
    }
}

/// Whether `host` (without brackets) is this machine by its spelling alone: a loopback address or
/// `localhost`. Where `localhost` leads is for the dialler's policy to check.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadUrl => f.write_str("the URL is not an absolute http or https URL with a host"),
            Self::Denied(why) => write!(f, "the request is not allowed: {why}"),
            Self::Dial(why) => write!(f, "no connection: {why}"),
            Self::Tls(why) => write!(f, "TLS failed: {why}"),
            Self::Timeout => write!(f, "no answer within {} s", EXCHANGE_LIMIT.as_secs()),
            Self::TooLarge => f.write_str("the answer is larger than 256 KiB"),
            Self::Protocol(why) => write!(f, "the answer is not proper HTTP: {why}"),
        }
    }
}

impl std::error::Error for HttpError {}

/// Where a request goes.
#[derive(Debug, PartialEq)]
struct Target {
    /// Without the brackets of an IPv6 literal.
    host: String,
    port: u16,
    /// What the `Host` header says.
    authority: String,
    tls: bool,
}

impl Target {
    fn of(uri: &Uri) -> Result<Self, HttpError> {
        let authority = uri.authority().ok_or(HttpError::BadUrl)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(HttpError::BadUrl);
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let (tls, standard_port) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") if is_loopback(&host) => (false, 80),
            Some("http") => {
                let why = format!("http without TLS leads only to this machine, not to {host}");
                return Err(HttpError::Denied(why));
            }
            _ => return Err(HttpError::BadUrl),
        };
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(standard_port),
            authority: authority.as_str().to_owned(),
            tls,
        })
    }
}

/// The request as an origin server wants it: path alone, `Host`, and no second request.
fn on_the_wire(
    target: &Target,
    request: Request<Vec<u8>>,
) -> Result<Request<Full<Bytes>>, HttpError> {
    let (mut head, body) = request.into_parts();
    head.uri = match head.uri.path_and_query() {
        Some(path) => Uri::from(path.clone()),
        None => Uri::from_static("/"),
    };
    let host = HeaderValue::from_str(&target.authority).map_err(|_| HttpError::BadUrl)?;
    head.headers.insert(HOST, host);
    head.headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
    // Some providers' front ends refuse requests that name no client.
    head.headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("mailwright/", env!("CARGO_PKG_VERSION"))),
    );
    Ok(Request::from_parts(head, Full::from(body)))
}

async fn converse<S>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<Response<Vec<u8>>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEADERS_MAX_BYTES)
        .max_header_size(HEADERS_MAX_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(no_answer)?;
    let mut exchange = pin!(async move {
        let answer = sender.send_request(request).await.map_err(no_answer)?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, BODY_MAX_BYTES).collect().await;
        let body = body.map_err(incomplete_body)?.to_bytes();
        Ok(Response::from_parts(head, body.to_vec()))
    });
    tokio::select! {
        biased;
        answer = exchange.as_mut() => answer,
        // Whether it ended well or not, the exchange learns of it, and may hold a full answer.
        _ = connection => exchange.await,
    }
}

fn no_connection(error: DialError) -> HttpError {
    match error {
        DialError::Denied { .. } | DialError::Plaintext { .. } => {
            HttpError::Denied(error.to_string())
        }
        DialError::Resolve(_) | DialError::Connect(_) | DialError::Timeout => {
            HttpError::Dial(error.to_string())
        }
    }
}

fn no_answer(error: hyper::Error) -> HttpError {
    if error.is_parse_too_large() {
        return HttpError::TooLarge;
    }
    HttpError::Protocol(error.to_string())
}

fn incomplete_body(error: Box<dyn std::error::Error + Send + Sync>) -> HttpError {
    if error.is::<LengthLimitError>() {
        return HttpError::TooLarge;
    }
    HttpError::Protocol(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<Target, HttpError> {
        Target::of(&url.parse().unwrap())
    }

    #[test]
    fn plain_http_leads_only_to_this_machine() {
        for open in [
            "http://127.0.0.1:8025/token",
            "http://127.9.9.9/",
            "http://[::1]:1/",
            "http://localhost/",
        ] {
            assert!(!target(open).unwrap().tls, "{open}");
        }
        for shut in [
            "http://example.com/",
            "http://localhost.example.com/",
            "http://10.0.0.1/",
            "http://127.0.0.1.example.com/",
        ] {
            assert!(matches!(target(shut), Err(HttpError::Denied(_))), "{shut}");
        }
    }

    #[test]
    fn a_url_without_host_or_with_a_user_is_refused() {
        for bad in ["/token", "ftp://example.com/", "https://user@example.com/"] {
            assert_eq!(target(bad), Err(HttpError::BadUrl), "{bad}");
        }
    }

    #[test]
    fn an_ipv6_literal_is_dialled_without_its_brackets() {
        let target = target("https://[::1]:8443/x").unwrap();
        assert_eq!((target.host.as_str(), target.port), ("::1", 8443));
        assert_eq!(target.authority, "[::1]:8443");
    }
}
