//! What admins do: set services up, change them, stop them, let them go on, sign in again.

use std::sync::Arc;
use std::time::Duration;

use mailwright::model::secret::Secret;
use mailwright::model::service::{
    Auth, ClientAuth, Cloud, CustomProvider, Delivery, GrantType, OAuth2, Provider, SaslMechanism,
    Sender, ServiceConfig, SmtpEndpoint,
};
use mailwright::model::update::{SecretChange, SecretsChange};
use mailwright::model::{Error, Labels};
use mailwright::oauth::Redirect;
use mailwright::ops::authorize::{self, Door};
use mailwright::ops::services::{self, NewService};
use mailwright::ops::{Core, revoke, send_test};

use crate::house::Lasting;
use crate::plan::{self, Access, Act, Plan};
use crate::world::{dial, idp, smtp};

/// Creates, authorizes and tests every service, in the quiet before the trouble.
pub async fn set_up(lasting: &Arc<Lasting>, core: &Arc<Core>) {
    if lasting.ledger.books().set_up {
        return;
    }
    for (number, service) in lasting.world.plan().services.iter().enumerate() {
        tell_limit(lasting, service.mailbox);
        let new = new_service(lasting.world.plan(), number);
        services::create(core, new).await.unwrap();
        if service.provider.is_some() {
            authorize(lasting, core, number).await.unwrap();
        }
        let (id, to) = (
            service.id.parse().unwrap(),
            format!("test{number}@recipients.example"),
        );
        let report = send_test::send_test(core, &id, &to.parse().unwrap()).await;
        assert_eq!(report.unwrap().diagnosis, None);
    }
    lasting.ledger.books().set_up = true;
}

/// Signs in and brings the code back.
pub async fn authorize(lasting: &Lasting, core: &Arc<Core>, service: usize) -> Result<(), Error> {
    let id = lasting.world.plan().services[service].id.parse().unwrap();
    let begun = authorize::begin(core, &id, "").await?;
    let redirect = Redirect {
        state: Some(begun.state),
        code: Some(Secret::new(lasting.world.consents(service))),
        ..Redirect::default()
    };
    authorize::complete(core, Door::Platform(None), redirect).await?;
    Ok(())
}

/// Does what the plan has for this hour, again and again until it is done.
pub async fn act(lasting: Arc<Lasting>, core: Arc<Core>, number: usize) {
    let world = &lasting.world;
    let (at, act) = world.plan().acts[number];
    world.until(at).await;
    while !lasting.ledger.books().acts_done[number] {
        let done = match try_to(&lasting, &core, number, act).await {
            // Deleted meanwhile, or by a call that heard no answer.
            Err(Error::NotFound { .. }) => Ok(()),
            done => done,
        };
        world.note("admin", format!("{act:?}: {:?}", done.as_ref().err()));
        lasting.ledger.books().acts_done[number] = done.is_ok();
        core.env.sleep(Duration::from_secs(20)).await;
    }
}

async fn try_to(lasting: &Lasting, core: &Arc<Core>, number: usize, act: Act) -> Result<(), Error> {
    let plan = lasting.world.plan();
    let id = |service: usize| plan.services[service].id.parse().unwrap();
    match act {
        Act::Suspend(service) => services::suspend(core, &id(service)).await.map(drop),
        Act::Resume(service) => services::resume(core, &id(service)).await.map(drop),
        Act::Authorize(service) => authorize(lasting, core, service).await,
        Act::Delete(service) => {
            // The other services of its mailbox may use what it had not allowed.
            lasting.ledger.books().limits[service] = u32::MAX;
            tell_limit(lasting, plan.services[service].mailbox);
            services::delete(core, &id(service), None, true).await
        }
        Act::Forget(service) => revoke::revoke(core, &id(service)).await.map(drop),
        Act::Rotate(service) => {
            let secret = format!("client-secret-{number}");
            lasting.world.takes_secret(service, &secret);
            let change = SecretsChange {
                next_client_secret: SecretChange::Set(Secret::new(secret.as_str())),
                ..SecretsChange::default()
            };
            services::change(core, &id(service), None, |current| {
                Ok((current.config.clone(), change.clone()))
            })
            .await?;
            lasting.world.takes_only_secret(service, &secret);
            Ok(())
        }
        Act::Revoke(service) => {
            lasting.world.revokes(service);
            Ok(())
        }
        Act::Update(service, connections, recipients) => {
            let mailbox = plan.services[service].mailbox;
            // Either may hold until the change is known to be done.
            let old = lasting.ledger.books().limits[service];
            lasting.ledger.books().limits[service] = old.max(connections);
            tell_limit(lasting, mailbox);
            services::change(core, &id(service), None, |current| {
                let mut config = current.config.clone();
                config.delivery.max_connections = Some(connections);
                config.delivery.recipients_per_message = Some(recipients);
                Ok((config, SecretsChange::default()))
            })
            .await?;
            lasting.ledger.books().limits[service] = connections;
            tell_limit(lasting, mailbox);
            Ok(())
        }
    }
}

/// Tells the world what the strictest service of a mailbox allows.
fn tell_limit(lasting: &Lasting, mailbox: usize) {
    let limits = lasting.ledger.books().limits.clone();
    let services = lasting.world.plan().services.iter().zip(limits);
    let strictest = services
        .filter(|(service, _)| service.mailbox == mailbox)
        .map(|(_, limit)| limit)
        .min();
    lasting.world.limit_is(mailbox, strictest.unwrap_or(1));
}

fn new_service(plan: &Plan, number: usize) -> NewService {
    let service = &plan.services[number];
    let mailbox = &plan.mailboxes[service.mailbox];
    let login = format!("box{}@sim.example", service.mailbox);
    let auth = match mailbox.access {
        Access::Open => Auth::None,
        Access::Password => Auth::Password {
            username: login.clone(),
        },
        Access::Token => Auth::OAuth2(oauth2(number, &login, service.provider)),
    };
    let config = ServiceConfig {
        display_name: service.id.clone(),
        smtp: SmtpEndpoint {
            host: dial::smtp_host(service.mailbox),
            port: 587,
            tls: mailbox.tls,
        },
        sender: Sender {
            address: login.parse().unwrap(),
            name: String::new(),
            reply_to: None,
            allowed_addresses: Vec::new(),
        },
        auth,
        delivery: Delivery {
            max_connections: Some(service.max_connections),
            recipients_per_message: Some(service.recipients_per_message),
            on_uncertain: service.on_uncertain,
            ..Delivery::default()
        },
        labels: Labels::default(),
    };
    let secrets = SecretsChange {
        password: SecretChange::Set(Secret::new(smtp::PASSWORD)),
        client_secret: SecretChange::Set(Secret::new(idp::FIRST_SECRET)),
        ..SecretsChange::default()
    };
    NewService {
        id: Some(service.id.parse().unwrap()),
        config,
        secrets,
    }
}

fn oauth2(number: usize, login: &str, provider: Option<plan::Provider>) -> OAuth2 {
    let provider = match provider {
        Some(plan::Provider::Custom) => Provider::Custom(Box::new(CustomProvider {
            authorization_endpoint: format!("http://{}/authorize", dial::IDP),
            token_endpoint: format!("http://{}/token", dial::IDP),
            revocation_endpoint: format!("http://{}/revoke", dial::IDP),
            scope_separator: " ".to_owned(),
            client_auth: ClientAuth::Post,
            disable_pkce: false,
            extra_authorize_params: Default::default(),
            issuer: String::new(),
            sasl_mechanism: SaslMechanism::Oauthbearer,
            disable_openid: false,
        })),
        _ => Provider::Microsoft,
    };
    OAuth2 {
        provider,
        login_email: login.parse().unwrap(),
        consent_email: None,
        client_id: format!("app-{number}"),
        client_secret_hint: String::new(),
        next_client_secret_hint: String::new(),
        client_secret_expire_time: None,
        tenant_id: String::new(),
        cloud: Cloud::Global,
        grant_type: GrantType::AuthorizationCode,
        scopes: Vec::new(),
    }
}
