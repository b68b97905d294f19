//! One failure, explained: what an admin reads when the client secret has expired.

use tonic::Code;
use tonic_types::StatusExt;

use super::browser;
use super::letters::{MAILBOX, SERVICE, ensure};
use super::show::Paper;
use super::stage::Stage;
use crate::cli::Failed;
use crate::rpc::proto::v1;
use crate::sandbox::CLIENT_ID;

/// Lets the secret expire, authorizes again, and shows the error that CompleteAuthorize answers.
///
/// # Errors
/// When it is not explained.
pub(super) async fn expired_secret(stage: &Stage, paper: Paper) -> Result<(), Failed> {
    ensure(
        stage.sandbox.control().expire_secret(CLIENT_ID),
        "the sandbox knows the app",
    )?;
    let request = v1::BeginAuthorizeRequest {
        service_id: SERVICE.into(),
        ..Default::default()
    };
    let begun = stage.admin().begin_authorize(request).await?.into_inner();
    let back = browser::consent(&stage.core, paper, &begun.authorization_url, MAILBOX).await?;
    let code = url::Url::parse(&back)?
        .query_pairs()
        .find(|(name, _)| name == "code")
        .map(|(_, code)| code.into_owned());
    let request = v1::CompleteAuthorizeRequest {
        state: begun.state,
        code: code.unwrap_or_default(),
        ..Default::default()
    };
    let Err(status) = stage.admin().complete_authorize(request).await else {
        return Err(Failed::new(1, "an expired secret was accepted"));
    };
    let details = status.get_error_details();
    let info = details
        .error_info()
        .cloned()
        .ok_or_else(|| Failed::new(1, "the error has no details"))?;
    let link = details
        .help()
        .and_then(|help| help.links.first())
        .map_or("", |link| link.url.as_str());
    let code = info
        .metadata
        .get("provider_code")
        .map_or("", String::as_str);
    paper.fact("CompleteAuthorize", format!("{:?}", status.code()));
    paper.fact("reason", &info.reason);
    paper.fact("provider code", code);
    for (index, sentence) in wrapped(status.message(), 68).iter().enumerate() {
        paper.fact(if index == 0 { "what to do" } else { "" }, sentence);
    }
    paper.fact("link", link);
    ensure(
        status.code() == Code::FailedPrecondition
            && info.reason == "CLIENT_SECRET_EXPIRED"
            && code == "AADSTS7000222"
            && link.starts_with("https://login.microsoftonline.com/"),
        "the expired secret is named, with its code, its remedy and its page",
    )
}

/// Words in lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
