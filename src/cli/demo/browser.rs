//! The browser of whoever consents: fetches the page, fills in its form, and is sent back.
//!
//! It keeps no cookie, runs no script and follows no redirect by itself. It doesn't know who the
//! provider is.

use http::{Method, Request, header};
use url::Url;

use super::screen::{self, Ink, Screen};
use crate::cli::Failed;
use crate::egress::Egress;

/// Query and form values that nobody should read off a screen, or that only fill it.
const SHORTENED: [&str; 7] = [
    "client_id",
    "code",
    "code_challenge",
    "nonce",
    "session_state",
    "state",
    "ticket",
];

/// What of them is shown.
const SHOWN_CHARS: usize = 8;

/// A tenant's GUID is longer; the names in a path are not.
const SEGMENT_CHARS_MAX: usize = 20;

/// One request and its answer.
pub struct Exchange {
    method: Method,
    url: Url,
    form: Vec<(String, String)>,
    status: u16,
    location: Option<Url>,
    page: String,
}

/// The page was read and answered.
pub struct Consent {
    pub exchanges: [Exchange; 2],
    /// Where the provider sends the browser.
    pub location: Url,
}

/// Opens the provider's page and accepts as `account`.
///
/// # Errors
/// When the page, its form or the redirect is missing.
pub async fn consent(egress: &Egress, url: &str, account: &str) -> Result<Consent, Failed> {
    let page = fetch(egress, Method::GET, Url::parse(url)?, Vec::new()).await?;
    page.expect_status(200)?;
    let action = between(&page.page, "action=\"", "\"").unwrap_or_default();
    let ticket = between(&page.page, "name=\"ticket\" value=\"", "\"").unwrap_or_default();
    let form = [
        ("account", account),
        ("decision", "accept"),
        ("ticket", ticket),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let accepted = fetch(egress, Method::POST, page.url.join(action)?, form.into()).await?;
    accepted.expect_status(302)?;
    let location = accepted.location.clone().ok_or_else(|| {
        Failed::new(
            1,
            format!("{} sent the browser nowhere", accepted.url.path()),
        )
    })?;
    Ok(Consent {
        exchanges: [page, accepted],
        location,
    })
}

/// Goes where the provider sent the browser.
///
/// # Errors
/// When the page there doesn't say 200.
pub async fn follow(egress: &Egress, location: &Url) -> Result<Exchange, Failed> {
    let exchange = fetch(egress, Method::GET, location.clone(), Vec::new()).await?;
    exchange.expect_status(200)?;
    Ok(exchange)
}

/// A parameter of a URL's query, "" if it isn't there.
pub fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// Prints where a browser is sent, secrets shortened, `head` before it and all at column `at`.
pub fn print_redirect(screen: &Screen, at: usize, head: &str, location: &Url) {
    screen.hanging(None, at, head, &format!("→ {}", bare(location)));
    let indent = " ".repeat(at - screen::INDENT);
    screen.hanging(Some(Ink::Dim), at, &indent, &pairs(location.query_pairs()));
}

impl Exchange {
    /// Prints it as a browser's network log does.
    pub fn print(&self, screen: &Screen) {
        const AT: usize = 9;
        let method = screen.ink(Ink::Bold, &format!("{:6}", self.method.as_str()));
        screen.line(format!("{method}{}", brief(&self.url)));
        let sent = match self.form.as_slice() {
            [] => pairs(self.url.query_pairs()),
            form => pairs(form.iter().map(|(name, value)| (name, value))),
        };
        screen.hanging(Some(Ink::Dim), AT, "      ", &sent);
        let status = screen.ink(Ink::Good, &format!("{:<6}", self.status));
        match &self.location {
            Some(location) => print_redirect(screen, AT, &status, location),
            None => screen.hanging(None, AT, &status, &self.title()),
        }
        screen.blank();
    }

    /// What the page says in its heading and first paragraph of weight.
    pub fn title(&self) -> String {
        let title = between(&self.page, "<h1>", "</h1>").unwrap_or("a page without a title");
        match between(&self.page, "class=\"lead\">", "</p>") {
            Some(lead) => format!("{title}: {lead}"),
            None => title.to_owned(),
        }
    }

    fn expect_status(&self, wanted: u16) -> Result<(), Failed> {
        if self.status == wanted {
            return Ok(());
        }
        Err(Failed::new(
            1,
            format!(
                "{} {} answered {}, not {wanted}: {}",
                self.method,
                bare(&self.url),
                self.status,
                self.title()
            ),
        ))
    }
}

async fn fetch(
    egress: &Egress,
    method: Method,
    url: Url,
    form: Vec<(String, String)>,
) -> Result<Exchange, Failed> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&form)
        .finish();
    let request = Request::builder()
        .method(method.clone())
        .uri(url.as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.into_bytes())?;
    let answer = egress
        .http(request)
        .await
        .map_err(|error| Failed::new(1, format!("{method} {}: {error}", bare(&url))))?;
    let location = answer.headers().get(header::LOCATION);
    let location = match location.and_then(|value| value.to_str().ok()) {
        Some(to) => Some(url.join(to)?),
        None => None,
    };
    Ok(Exchange {
        method,
        form,
        status: answer.status().as_u16(),
        location,
        page: String::from_utf8_lossy(answer.body()).into_owned(),
        url,
    })
}

/// The URL without its query, and with what in its path is too long for a line shortened.
fn brief(url: &Url) -> String {
    let segments = bare(url).split('/').enumerate().map(|(at, segment)| {
        // Scheme, nothing and authority come first.
        if at > 2 && segment.len() > SEGMENT_CHARS_MAX {
            screen::shorten(segment, SHOWN_CHARS)
        } else {
            segment.to_owned()
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The URL without its query.
fn bare(url: &Url) -> &str {
    url.as_str().split('?').next().unwrap_or_default()
}

/// `name=value name=value`, secrets shortened.
fn pairs(pairs: impl Iterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> String {
    pairs
        .map(|(name, value)| pair(name.as_ref(), value.as_ref()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn pair(name: &str, value: &str) -> String {
    if SHORTENED.contains(&name) {
        format!("{name}={}", screen::shorten(value, SHOWN_CHARS))
    } else {
        format!("{name}={value}")
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_redirect_are_shortened() {
        let url = Url::parse("http://localhost/?code=0123456789&state=abcdefghij&x=1").unwrap();
        let shown = pairs(url.query_pairs());
        assert_eq!(shown, "code=01234567… state=abcdefgh… x=1");
        assert_eq!(parameter(&url, "code"), "0123456789");
    }

    #[test]
    fn a_tenant_in_a_path_is_shortened_and_the_rest_stays() {
        let tenant = "0b5c1d2e-3f40-4a51-8b62-7c839da4eb51";
        let url = format!("http://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize?x=1");
        let shown = "http://login.microsoftonline.com/0b5c1d2e…/oauth2/v2.0/authorize";
        assert_eq!(brief(&Url::parse(&url).unwrap()), shown);
    }
}
