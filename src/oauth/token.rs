//! The requests to the token endpoint (RFC 6749 §4.1.3, §4.4.2, §6) and to the revocation endpoint
//! (RFC 7009).
//!
//! The oauth2 crate writes every request: form, PKCE, client authentication. The answers are read
//! by `answer`, because the crate's reader loses the status and `Retry-After` of whatever
//! isn't JSON and gives up on an `expires_in` that is text or a missing `token_type`. Nothing here
//! retries or keeps anything.

use std::borrow::Cow;
use std::fmt;

use http::{Request, Response};
use oauth2::basic::BasicClient;
use oauth2::{
    AuthType, AuthorizationCode, ClientId, ClientSecret, EndpointNotSet, EndpointSet,
    ErrorResponse, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, RevocationUrl, Scope, StandardRevocableToken, TokenUrl,
};

use super::answer::{read_revocation, read_token};
use super::{Endpoints, ProviderError, TokenAnswer};
use crate::egress::http::HttpError;
use crate::model::Secret;
use crate::model::service::ClientAuth;

/// Who asks, and where.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The `client_id`.
    pub id: &'a str,
    /// Not sent where the endpoints say [`ClientAuth::None`].
    pub secret: Option<&'a Secret>,
    pub endpoints: &'a Endpoints,
}

/// Redeems a code; `redirect_uri` and `verifier` are those of the authorization URL. Where scopes of
/// several resources were consented to, the token is for the one that mail is sent with.
///
/// # Errors
/// [`ProviderError`]. A code serves once and a lost answer may have used it up, so a failure that
/// isn't known to have come before that means starting a new authorization.
pub async fn exchange_code(
    client: &Client<'_>,
    code: &Secret,
    redirect_uri: &str,
    verifier: &Secret,
    http: impl AsyncFnOnce(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError>,
) -> Result<TokenAnswer, ProviderError> {
    let redirect = RedirectUrl::new(redirect_uri.to_owned())
        .map_err(|_| ProviderError::protocol("the redirect URI is not a URL"))?;
    let oauth = client.oauth();
    let code_text = AuthorizationCode::new(code.expose().to_owned());
    let mut request = oauth
        .exchange_code(code_text)
        .set_redirect_uri(Cow::Owned(redirect));
    if let Some(scope) = client.scope() {
        // RFC 6749 §4.1.3 has none here; Microsoft takes it.
        request = request.add_extra_param("scope", String::clone(&scope));
    }
    if client.endpoints.pkce {
        let verifier = PkceCodeVerifier::new(verifier.expose().to_owned());
        request = request.set_pkce_verifier(verifier);
    }
    let request = built(request.request(&hand_over))?;
    read_token(http(request).await, &client.sent(&[code, verifier]))
}

/// Buys a new access token. The answer's refresh token, where there is one, replaces the old.
///
/// # Errors
/// [`ProviderError`]; [`ProviderError::kills_grant`] tells whether the refresh token is dead.
pub async fn refresh(
    client: &Client<'_>,
    refresh_token: &Secret,
    http: impl AsyncFnOnce(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError>,
) -> Result<TokenAnswer, ProviderError> {
    let oauth = client.oauth();
    let token = RefreshToken::new(refresh_token.expose().to_owned());
    let request = oauth
        .exchange_refresh_token(&token)
        .add_scopes(client.scope());
    let request = built(request.request(&hand_over))?;
    read_token(http(request).await, &client.sent(&[refresh_token]))
}

/// Buys an access token for the app itself; there is no refresh token, so ask again before it ends.
///
/// # Errors
/// [`ProviderError`].
pub async fn client_credentials(
    client: &Client<'_>,
    http: impl AsyncFnOnce(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError>,
) -> Result<TokenAnswer, ProviderError> {
    let oauth = client.oauth();
    let request = oauth
        .exchange_client_credentials()
        .add_scopes(client.scope());
    let request = built(request.request(&hand_over))?;
    read_token(http(request).await, &client.sent(&[]))
}

/// Gives a refresh token back. A provider without a revocation endpoint (Microsoft) is not asked,
/// and that is no error.
///
/// # Errors
/// [`ProviderError`]; the provider may still honour the token.
pub async fn revoke(
    client: &Client<'_>,
    refresh_token: &Secret,
    http: impl AsyncFnOnce(Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError>,
) -> Result<(), ProviderError> {
    let Some(endpoint) = &client.endpoints.revocation else {
        return Ok(());
    };
    // The crate insists on https even to this machine; the true endpoint was checked when it was
    // set, and takes the place of this one.
    let anywhere = RevocationUrl::new("https://revocation.invalid/".to_owned())
        .expect("a constant URL is a URL");
    let oauth = client.oauth().set_revocation_url(anywhere);
    let token = RefreshToken::new(refresh_token.expose().to_owned());
    let request = oauth
        .revoke_token(StandardRevocableToken::RefreshToken(token))
        .map_err(|error| ProviderError::protocol(error.to_string()))?;
    let mut request = built(request.request(&hand_over))?;
    *request.uri_mut() = endpoint
        .as_str()
        .parse()
        .map_err(|_| ProviderError::protocol("the revocation endpoint is not a URI"))?;
    read_revocation(http(request).await, &client.sent(&[refresh_token]))
}

type OAuthClient =
    BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl<'a> Client<'a> {
    fn oauth(&self) -> OAuthClient {
        let client = BasicClient::new(ClientId::new(self.id.to_owned()))
            .set_token_uri(TokenUrl::from_url(self.endpoints.token.clone()));
        let (auth_type, secret) = match self.endpoints.client_auth {
            ClientAuth::Basic => (AuthType::BasicAuth, self.secret),
            ClientAuth::Post => (AuthType::RequestBody, self.secret),
            ClientAuth::None => (AuthType::RequestBody, None),
        };
        let client = client.set_auth_type(auth_type);
        match secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        }
    }

    /// As one scope: the crate knows no separator but the space.
    fn scope(&self) -> Option<Scope> {
        let scopes = &self.endpoints.token_scopes;
        let joined = || scopes.join(&self.endpoints.scope_separator);
        (!scopes.is_empty()).then(|| Scope::new(joined()))
    }

    /// What a careless provider might repeat in its error text.
    fn sent<'s>(&self, more: &[&'s Secret]) -> Vec<&'s Secret>
    where
        'a: 's,
    {
        self.secret
            .into_iter()
            .chain(more.iter().copied())
            .collect()
    }
}

/// A finished request. The crate shows one to its HTTP client and to nobody else; this "client"
/// fails with it, so that the request comes back and the crate never sees the answer.
struct Built(Box<HttpRequest>);

fn hand_over(request: HttpRequest) -> Result<HttpResponse, Built> {
    Err(Built(Box::new(request)))
}

fn built<T, E: ErrorResponse + 'static>(
    outcome: Result<T, RequestTokenError<Built, E>>,
) -> Result<HttpRequest, ProviderError> {
    match outcome {
        Err(RequestTokenError::Request(Built(request))) => Ok(*request),
        Err(other) => Err(ProviderError::protocol(other.to_string())),
        Ok(_) => Err(ProviderError::protocol("no request was written")),
    }
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[request]")
    }
}

impl fmt::Display for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request, not an error")
    }
}

impl std::error::Error for Built {}
