//! How services look.

use crate::cli::print::{self, Cell, Ink, service_state, short, time};
use crate::cli::remote::Session;
use crate::rpc::proto::v1::{self, service::Auth};

/// One service, with all that an admin wants to know.
pub fn service(session: &Session, service: &v1::Service) {
    let printer = &session.printer;
    if printer.is_json() {
        let answer = v1::GetServiceResponse {
            service: Some(service.clone()),
        };
        printer.json("GetServiceResponse", &answer);
        return;
    }
    let smtp = service.smtp.clone().unwrap_or_default();
    let sender = service.sender.clone().unwrap_or_default();
    let tls = short(smtp.tls().as_str_name(), "TLS_MODE_");
    let state = short(service.state().as_str_name(), "SERVICE_STATE_");
    let mut rows = vec![
        ("service", service.service_id.clone()),
        ("name", service.display_name.clone()),
        ("state", state.to_owned()),
        ("server", format!("{}:{} {tls}", smtp.host, smtp.port)),
        ("from", mailbox(&sender.name, &sender.address)),
        ("reply to", sender.reply_to.clone()),
        ("also from", sender.allowed_addresses.join(", ")),
    ];
    rows.extend(login(service));
    if let Some(grant) = &service.authorization {
        rows.push(("granted", grant.scopes.join(" ")));
        rows.push(("granted by", grant.login.clone()));
        rows.push(("next refresh", time(grant.next_refresh_time.as_ref())));
    }
    if let Some(test) = &service.last_test {
        let outcome = if test.passed { "passed" } else { "failed" };
        let when = time(test.test_time.as_ref());
        rows.push(("last test", format!("{outcome}, to {}, {when}", test.to)));
    }
    if let Some(budget) = &service.budget {
        rows.push(("queued", budget.queued_messages.to_string()));
        rows.push(("left", left(budget)));
        rows.push(("drained", time(budget.estimated_drain_time.as_ref())));
    }
    let labels = service
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"));
    rows.push(("labels", labels.collect::<Vec<_>>().join(" ")));
    printer.rows(&rows);
    if let Some(failure) = &service.failed_authorization {
        printer.line("");
        printer.line(&printer.ink(Ink::Bold, "The newest authorization failed"));
        printer.diagnosis(failure);
    }
    if let Some(problem) = &service.problem {
        printer.line("");
        printer.line(&printer.ink(Ink::Bold, "Problem"));
        printer.diagnosis(problem);
    }
}

/// Many services, a line each.
pub fn list(session: &Session, all: &v1::ListServicesResponse) {
    let printer = &session.printer;
    if printer.is_json() {
        printer.json("ListServicesResponse", all);
        return;
    }
    let rows = all.services.iter().map(|service| {
        let problem = service.problem.as_ref().map(print::reason);
        let queued = service
            .budget
            .as_ref()
            .map_or(0, |budget| budget.queued_messages);
        let sender = service.sender.as_ref().map_or("", |sender| &sender.address);
        vec![
            Cell::from(service.service_id.as_str()),
            service_state(service.state()),
            Cell::from(sender),
            Cell::from(queued.to_string()),
            Cell::from(service.display_name.as_str()),
            Cell::from(problem.unwrap_or_default()),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = ["SERVICE", "STATE", "FROM", "QUEUED", "NAME", "PROBLEM"];
    printer.table(&head, &rows);
}

/// What a mailbox may still send.
pub fn left(budget: &v1::Budget) -> String {
    let number =
        |count: Option<i32>| count.map_or("any number".to_owned(), |count| count.to_string());
    format!(
        "{} messages this minute, {} recipients these 24 hours",
        number(budget.minute_remaining),
        number(budget.day_remaining)
    )
}

fn login(service: &v1::Service) -> Vec<(&'static str, String)> {
    match &service.auth {
        Some(Auth::Oauth2(oauth2)) => {
            let provider = short(oauth2.provider().as_str_name(), "PROVIDER_");
            let hint = match oauth2.client_secret_hint.as_str() {
                "" => String::new(),
                hint => format!("…{hint}"),
            };
            vec![
                (
                    "login",
                    format!("{} by OAuth2 at {provider}", oauth2.login_email),
                ),
                ("client ID", oauth2.client_id.clone()),
                ("client secret", hint),
                (
                    "secret expires",
                    time(oauth2.client_secret_expire_time.as_ref()),
                ),
                ("tenant", oauth2.tenant_id.clone()),
                ("redirect URI", service.redirect_uri.clone()),
            ]
        }
        Some(Auth::Password(password)) => {
            vec![("login", format!("{} by password", password.username))]
        }
        Some(Auth::None(_)) | None => vec![("login", "none".to_owned())],
    }
}

fn mailbox(name: &str, address: &str) -> String {
    match name {
        "" => address.to_owned(),
        name => format!("{name} <{address}>"),
    }
}
