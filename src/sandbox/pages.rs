//! The pages a person sees: account choice with consent, failure. Plain HTML without scripts.
//!
//! The form's fields (`ticket`, `account`, `decision`) are a contract for programs that fill it in.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// The heading of the page about the sandbox itself.
pub(super) const SANDBOX: &str = "Mailwright sandbox";

/// What the consent page shows.
pub(super) struct Consent<'a> {
    pub action: &'a str,
    pub ticket: &'a str,
    pub app: &'a str,
    pub scopes: &'a [String],
    /// Address, and whether it is preselected.
    pub accounts: &'a [(String, bool)],
    pub admin: bool,
}

pub(super) fn consent(page: &Consent<'_>) -> String {
    let accounts: String = page
        .accounts
        .iter()
        .map(|(email, chosen)| {
            let email = escape(email);
            let checked = if *chosen { " checked" } else { "" };
            format!(
                "<label><input type=\"radio\" name=\"account\" value=\"{email}\" required{checked}> {email}</label>\n"
            )
        })
        .collect();
    let scopes: String = page
        .scopes
        .iter()
        .map(|scope| format!("<li>{}</li>\n", escape(scope)))
        .collect();
    let (title, decline) = if page.admin {
        ("Permissions requested: review for your organization", "")
    } else {
        (
            "Permissions requested",
            "<button name=\"decision\" value=\"decline\" formnovalidate>Decline permissions</button>\n",
        )
    };
    layout(
        title,
        &format!(
            "<p><strong>{app}</strong> would like to:</p>\n<ul>\n{scopes}</ul>\n\
             <form method=\"post\" action=\"{action}\">\n\
             <input type=\"hidden\" name=\"ticket\" value=\"{ticket}\">\n\
             <fieldset><legend>Pick an account</legend>\n{accounts}</fieldset>\n\
             <button name=\"decision\" value=\"accept\" class=\"go\">Accept</button>\n\
             <button name=\"decision\" value=\"cancel\" formnovalidate>Cancel</button>\n\
             {decline}</form>\n",
            app = escape(page.app),
            action = escape(page.action),
            ticket = escape(page.ticket),
        ),
    )
}

pub(super) fn failure(description: &str) -> String {
    layout(
        "Sign in",
        &format!(
            "<p>Sorry, but we're having trouble signing you in.</p>\n<pre>{}</pre>\n",
            escape(description)
        ),
    )
}

/// A whole page around a body that is HTML already. Its title is the sandbox's own where that is
/// what the page is about.
pub(super) fn layout(title: &str, body: &str) -> String {
    let whose = match title {
        SANDBOX => "",
        _ => " - Mailwright sandbox",
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}{whose}</title>\n\
         <style>\nbody{{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem;color:#222}}\n\
         label{{display:block;padding:.3rem}}fieldset{{margin:1rem 0;border:1px solid #ccc}}\n\
         button{{font:inherit;padding:.4rem 1rem}}.go{{background:#0067b8;color:#fff;border:0}}\n\
         pre{{white-space:pre-wrap;background:#f4f4f4;padding:1rem}}td,th{{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}}\n\
         </style>\n</head>\n<body>\n<p><small>Mailwright sandbox: not Microsoft, nothing leaves this machine</small></p>\n\
         <h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}

pub(super) fn html(status: StatusCode, page: &str) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, Html(page.to_owned())).into_response()
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
