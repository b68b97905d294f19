//! The person who consents: a browser's requests, printed as its network log would show them.

use http::{Method, Request, Response, header};
use url::Url;
use url::form_urlencoded::Serializer;

use super::show::{Paper, Tone, short_url};
use crate::cli::Failed;
use crate::ops::Core;

/// Opens the authorization URL and accepts as `account`; returns where the provider sends back to.
///
/// # Errors
/// When a page is not what it should be.
pub(super) async fn consent(
    core: &Core,
    paper: Paper,
    url: &str,
    account: &str,
) -> Result<String, Failed> {
    let page = get(core, paper, url, "the provider asks for consent").await?;
    let form = Form::read(&page)?;
    let action = Url::parse(url)?.join(&form.action)?;
    let body = Serializer::new(String::new())
        .append_pair("ticket", &form.ticket)
        .append_pair("account", account)
        .append_pair("decision", "accept")
        .finish();
    let request = Request::builder()
        .method(Method::POST)
        .uri(action.as_str())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.into_bytes())?;
    let answer = core.egress.http(request).await?;
    let location = location(&answer)?;
    paper.line(format!("POST {}", short_url(action.as_str())));
    paper.line(paper.tone(
        Tone::Quiet,
        &format!("  {} {account} accepts", answer.status().as_u16()),
    ));
    Ok(location)
}

/// Reads a page.
///
/// # Errors
/// When it does not answer.
pub(super) async fn get(
    core: &Core,
    paper: Paper,
    url: &str,
    what: &str,
) -> Result<String, Failed> {
    let answer = core
        .egress
        .http(Request::get(url).body(Vec::new())?)
        .await?;
    paper.line(format!("GET  {}", short_url(url)));
    paper.line(paper.tone(
        Tone::Quiet,
        &format!("  {} {what}", answer.status().as_u16()),
    ));
    Ok(String::from_utf8(answer.into_body())?)
}

fn location(answer: &Response<Vec<u8>>) -> Result<String, Failed> {
    let value = answer.headers().get(header::LOCATION);
    let value = value.ok_or_else(|| {
        Failed::new(
            1,
            format!(
                "the provider answered {} without a redirect",
                answer.status()
            ),
        )
    })?;
    Ok(value.to_str()?.to_owned())
}

/// The sandbox's consent form.
struct Form {
    action: String,
    ticket: String,
}

impl Form {
    fn read(page: &str) -> Result<Self, Failed> {
        let between = |before: &str| -> Option<String> {
            let rest = page.split_once(before)?.1;
            Some(rest.split_once('"')?.0.replace("&amp;", "&"))
        };
        let form = between("action=\"").zip(between("name=\"ticket\" value=\""));
        let (action, ticket) =
            form.ok_or_else(|| Failed::new(1, "the provider's page has no consent form"))?;
        Ok(Self { action, ticket })
    }
}
