//! A service as an admin describes it.

use super::fields::{self, list, number};
use super::violations::Violations;
use super::{enums, oauth2};
use crate::model::service::{
    Auth, Delivery, OnUncertain, Sender, ServiceConfig, SmtpEndpoint, TlsMode,
};
use crate::model::update::{SecretChange, SecretsChange};
use crate::model::{Error, Secret, ServiceId};
use crate::rpc::proto::v1;

/// Whether the secrets have to come with the request, or may be there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    Required,
    MayBeStored,
}

/// A service to register; without an id where the server is to generate one.
///
/// # Errors
/// [`Error::Invalid`] with every violation of the bounds in `admin.proto`.
pub fn create_service(
    request: v1::CreateServiceRequest,
) -> Result<(Option<ServiceId>, ServiceConfig, SecretsChange), Error> {
    let mut found = Violations::default();
    let id = match request.service_id.as_str() {
        "" => Some(None),
        text => found.take("service_id", text.parse()).map(Some),
    };
    let parsed = match request.service {
        Some(service) => parse(service, Secrets::Required, &mut found),
        None => {
            found.add("service", "is required");
            None
        }
    };
    found.finish(
        id.zip(parsed)
            .map(|(id, (config, secrets))| (id, config, secrets)),
    )
}

/// The mutable fields of a service and what it does to the secrets; violations begin with `service.`.
pub fn parse(
    service: v1::Service,
    secrets: Secrets,
    found: &mut Violations,
) -> Option<(ServiceConfig, SecretsChange)> {
    let display_name = found.take(
        "service.display_name",
        fields::required_line(service.display_name, 200),
    );
    let smtp = required(found, "service.smtp", service.smtp, smtp);
    let sender = required(found, "service.sender", service.sender, sender);
    let auth = required(found, "service.auth", service.auth, |auth, found| {
        self::auth(auth, secrets, found)
    });
    let delivery = delivery(service.delivery.unwrap_or_default(), found);
    let labels = found.take("service.labels", fields::labels(service.labels));

    if let (Some(smtp), Some((auth, _))) = (&smtp, &auth)
        && smtp.tls == TlsMode::Plaintext
        && *auth != Auth::None
    {
        found.add(
            "service.smtp.tls",
            "must not be TLS_MODE_PLAINTEXT with credentials: they never cross an unencrypted \
             connection",
        );
    }
    let (auth, secrets) = auth?;
    let config = ServiceConfig {
        display_name: display_name?,
        smtp: smtp?,
        sender: sender?,
        auth,
        delivery: delivery?,
        labels: labels?,
    };
    Some((config, secrets))
}

/// A message field that has to be there.
fn required<From, To>(
    found: &mut Violations,
    at: &str,
    value: Option<From>,
    parse: impl FnOnce(From, &mut Violations) -> Option<To>,
) -> Option<To> {
    match value {
        Some(value) => parse(value, found),
        None => {
            found.add(at, "is required");
            None
        }
    }
}

fn smtp(smtp: v1::Smtp, found: &mut Violations) -> Option<SmtpEndpoint> {
    let host = found.take("service.smtp.host", fields::host(&smtp.host));
    let tls = found.take(
        "service.smtp.tls",
        enums::known(smtp.tls, enums::tls_from, Some(TlsMode::Starttls)),
    );
    let port = match (smtp.port, tls) {
        (0, Some(TlsMode::Implicit)) => Some(465),
        (0, Some(TlsMode::Plaintext)) => Some(25),
        (0, _) => Some(587),
        (port, _) => found
            .take("service.smtp.port", number(Some(port), 1, 65_535))
            .flatten(),
    };
    Some(SmtpEndpoint {
        host: host?,
        port: port?,
        tls: tls?,
    })
}

fn sender(sender: v1::Sender, found: &mut Violations) -> Option<Sender> {
    let address = found.take("service.sender.address", fields::email(&sender.address));
    let name = found.take("service.sender.name", fields::line(sender.name, 200));
    let reply_to = found.take(
        "service.sender.reply_to",
        fields::optional_email(&sender.reply_to),
    );
    let allowed_addresses = list(
        found,
        "service.sender.allowed_addresses",
        100,
        sender.allowed_addresses,
        |address| fields::email(&address),
    );
    Some(Sender {
        address: address?,
        name: name?,
        reply_to: reply_to?,
        allowed_addresses,
    })
}

fn auth(
    auth: v1::service::Auth,
    secrets: Secrets,
    found: &mut Violations,
) -> Option<(Auth, SecretsChange)> {
    match auth {
        v1::service::Auth::Oauth2(oauth2) => oauth2::parse(*oauth2, secrets, found)
            .map(|(oauth2, change)| (Auth::OAuth2(oauth2), change)),
        v1::service::Auth::Password(password) => self::password(password, secrets, found),
        v1::service::Auth::None(v1::NoAuth {}) => Some((Auth::None, SecretsChange::default())),
    }
}

fn password(
    from: v1::PasswordAuth,
    secrets: Secrets,
    found: &mut Violations,
) -> Option<(Auth, SecretsChange)> {
    let username = found.take(
        "service.password.username",
        fields::required_token(from.username, 254),
    );
    let password = found.take("service.password.password", fields::secret(from.password));
    if password == Some(None) && secrets == Secrets::Required {
        found.add("service.password.password", "is required");
    }
    let change = SecretsChange {
        password: set_if_given(password?),
        ..SecretsChange::default()
    };
    Some((
        Auth::Password {
            username: username?,
        },
        change,
    ))
}

/// An empty secret leaves the stored one as it is.
pub fn set_if_given(secret: Option<Secret>) -> SecretChange {
    secret.map_or(SecretChange::Keep, SecretChange::Set)
}

fn delivery(delivery: v1::Delivery, found: &mut Violations) -> Option<Delivery> {
    let mut count = |name: &str, value: Option<i32>, max: i32| {
        found.take(
            format_args!("service.delivery.{name}"),
            number(value, 1, max),
        )
    };
    let max_connections = count("max_connections", delivery.max_connections, 100);
    let messages_per_minute = count("messages_per_minute", delivery.messages_per_minute, 100_000);
    let recipients_per_day = count(
        "recipients_per_day",
        delivery.recipients_per_day,
        10_000_000,
    );
    let recipients_per_message = count(
        "recipients_per_message",
        delivery.recipients_per_message,
        1_000,
    );
    let max_message_bytes = found.take(
        "service.delivery.max_message_bytes",
        number(delivery.max_message_bytes, 1_024, i64::MAX),
    );
    let on_uncertain = found.take(
        "service.delivery.on_uncertain",
        enums::known(
            delivery.on_uncertain,
            enums::on_uncertain_from,
            Some(OnUncertain::Resend),
        ),
    );
    Some(Delivery {
        max_connections: max_connections?,
        messages_per_minute: messages_per_minute?,
        recipients_per_day: recipients_per_day?,
        recipients_per_message: recipients_per_message?,
        max_message_bytes: max_message_bytes?,
        on_uncertain: on_uncertain?,
    })
}
