//! What the callback page says. Whatever did not grow in this program is escaped; links come from
//! the catalogue, and from the return_url that BeginAuthorize checked.

use std::net::SocketAddr;

use axum::http::header;
use axum::response::IntoResponse;

use crate::model::Diagnosis;
use crate::model::service::GrantType;
use crate::ops::authorize::Completed;

/// The page's style: a file of its own, so that the policy can forbid everything inline.
pub(super) async fn style() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("page.css"),
    )
}

/// It worked.
pub(super) fn authorized(completed: &Completed, grpc: SocketAddr) -> String {
    let service = &completed.row.service;
    let login = service
        .authorization
        .as_ref()
        .map_or("", |authorization| authorization.login.as_str());
    let grant_type = service.config.oauth2().map(|oauth2| oauth2.grant_type);
    let who = match grant_type {
        Some(GrantType::ClientCredentials) => {
            "<p>The app acts for itself. The first login at the mail server will prove that it may.</p>".to_owned()
        }
        _ if completed.login_is_proven => {
            format!("<p>Signed in as <b>{}</b>.</p>", escape(login))
        }
        _ => "<p>The provider did not say who signed in. The first login at the mail server will prove it.</p>".to_owned(),
    };
    let next = if service.tested {
        "<p>Mail that waited for this is on its way. You can close this window.</p>".to_owned()
    } else {
        format!(
            "<p>Next, send a test message. With grpcurl:</p><pre>{}</pre>",
            escape(&format!(
                "grpcurl -plaintext \\\n  -d '{{\"service_id\": \"{}\", \"to\": \"you@example.com\"}}' \\\n  \
                 {grpc} mailwright.v1.AdminAPI/SendTest",
                service.id
            ))
        )
    };
    let back = match completed.return_url.as_str() {
        "" => String::new(),
        url => format!(
            "<p><a class=\"button\" href=\"{}\">Go on</a></p>",
            escape(url)
        ),
    };
    let name = escape(&service.config.display_name);
    page(
        "ok",
        "Authorized",
        &format!("<p class=\"lead\">{name} is authorized.</p>{who}{next}{back}"),
    )
}

/// It did not, and this is why.
pub(super) fn refused(diagnosis: &Diagnosis) -> String {
    let mut body = format!("<p class=\"lead\">{}</p>", escape(&diagnosis.summary));
    if !diagnosis.provider_code.is_empty() {
        body += &format!("<p class=\"code\">{}</p>", escape(&diagnosis.provider_code));
    }
    if !diagnosis.remedy.is_empty() {
        body += &format!("<h2>What to do</h2><p>{}</p>", escape(&diagnosis.remedy));
    }
    if !diagnosis.commands.is_empty() {
        body += &format!("<pre>{}</pre>", escape(&diagnosis.commands.join("\n")));
    }
    if !diagnosis.help_url.is_empty() {
        let url = escape(&diagnosis.help_url);
        body += &format!("<p>The provider explains it at <a href=\"{url}\">{url}</a></p>");
    }
    body += "<p>Then begin the authorization again: the link that led here works once.</p>";
    if !diagnosis.provider_text.is_empty() {
        let text = escape(&diagnosis.provider_text);
        body += &format!(
            "<details><summary>What the provider said</summary><pre>{text}</pre></details>"
        );
    }
    page("failed", "Not authorized", &body)
}

/// Nobody waits for this: nothing of the request is shown.
pub(super) fn unknown() -> String {
    page(
        "failed",
        "No such authorization",
        "<p class=\"lead\">This link is not one that we are waiting for.</p>\
         <p>It was used already, is older than ten minutes, or was replaced by a newer one. \
         Begin the authorization again, and open the new link.</p>",
    )
}

/// Somebody that we need did not answer.
pub(super) fn unavailable(description: &str) -> String {
    page(
        "failed",
        "Not authorized yet",
        &format!(
            "<p class=\"lead\">{}</p><p>Begin the authorization again in a minute.</p>",
            escape(description)
        ),
    )
}

fn page(class: &str, title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · Mailwright</title><link rel=\"stylesheet\" href=\"/oauth2/page.css\"></head>\n\
         <body class=\"{class}\"><main><header>Mailwright</header><h1>{title}</h1>{body}</main></body></html>\n"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_markup() {
        assert_eq!(
            escape(r#"<a href="x" title='y'>&</a>"#),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;&lt;/a&gt;"
        );
    }
}
