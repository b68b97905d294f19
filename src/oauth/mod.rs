//! How a mailbox's owner lets us in, and how the token stays fresh: OAuth 2.0 (RFC 6749) as
//! Microsoft, Google and providers that an admin describes speak it.
//!
//! It writes URLs and requests, reads answers, and says what a refusal means for the grant. It
//! deliberately doesn't know where tokens are kept, when they are refreshed, or how a request
//! reaches the provider: the HTTP call is handed in, and so are random bytes.

pub mod authorize;
pub mod failure;
pub mod identity;
pub mod providers;
pub mod redirect;
pub mod token;

mod answer;

pub use answer::TokenAnswer;
pub use authorize::{authorization_url, code_verifier, new_state};
pub use failure::{ErrorKind, ProviderError};
pub use identity::Identity;
pub use providers::{Endpoints, ProviderOverrides};
pub use redirect::{Outcome, Redirect, check_issuer};
pub use token::{Client, client_credentials, exchange_code, refresh, revoke};
