//! `mailwright services`: the mailboxes that send.

mod apply;
mod settings;
mod show;

use clap::{Args, Subcommand};
use serde_json::json;

use super::remote::{Remote, Session, answered, pair};
use super::{Failed, print};
use crate::rpc::proto::v1;
use settings::Settings;

/// Options of `services`.
#[derive(Args)]
pub struct Services {
    #[command(flatten)]
    remote: Remote,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Register a service
    Create(Box<Create>),
    /// Create or change services as a YAML or JSON file says; doing it twice changes nothing
    Apply(apply::Apply),
    /// List services
    List(List),
    /// Show one service, with what is wrong with it
    Show(One),
    /// Change what is given, and nothing else
    Update(Box<Create>),
    /// Stop sending; mail waits
    Suspend(One),
    /// End a suspension, or try a blocked mailbox again now
    Resume(One),
    /// Forget the grant; somebody must authorize again
    RevokeAuthorization(One),
    /// Delete a service with its credentials
    Delete(Delete),
}

#[derive(Args)]
struct Create {
    /// The service's id: small letters, digits and dashes
    service: String,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
struct List {
    /// Only these states: ready, blocked, …
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<i32>,
    /// Only with this label
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    label: Vec<(String, String)>,
    /// Only with this in the display name
    #[arg(long, value_name = "TEXT", default_value = "")]
    name: String,
}

#[derive(Args)]
struct One {
    /// The service's id
    service: String,
}

#[derive(Args)]
struct Delete {
    /// The service's id
    service: String,
    /// Cancel its unfinished mail
    #[arg(long)]
    cancel_pending: bool,
}

impl Services {
    /// Runs the command.
    ///
    /// # Errors
    /// What the server refused, or what is wrong with the flags or the file.
    pub async fn run(self) -> Result<(), Failed> {
        let session = self.remote.open().await?;
        match self.what {
            What::Create(create) => create.create(&session).await,
            What::Update(update) => update.update(&session).await,
            What::Apply(apply) => apply.run(&session).await,
            What::List(list) => list.run(&session).await,
            What::Show(one) => {
                let service = session.service(&one.service).await?;
                show::service(&session, &service);
                Ok(())
            }
            What::Suspend(one) => one.suspend(&session).await,
            What::Resume(one) => one.resume(&session).await,
            What::RevokeAuthorization(one) => one.revoke(&session).await,
            What::Delete(delete) => delete.run(&session).await,
        }
    }
}

impl Create {
    async fn create(self, session: &Session) -> Result<(), Failed> {
        let mut service = settings::tree(self.settings.for_create()?);
        service["service_id"] = json!(self.service);
        let descriptor = session.printer.descriptor("Service");
        let (service, _) = print::from_json::<v1::Service>(descriptor, &service)?;
        let created = create(session, self.service, service).await?;
        show::service(session, &created);
        if created.state() == v1::ServiceState::PendingAuthorization && !session.printer.is_json() {
            let id = &created.service_id;
            session
                .printer
                .line(&format!("\nNext: mailwright authorize {id}"));
        }
        Ok(())
    }

    async fn update(self, session: &Session) -> Result<(), Failed> {
        let changes = self.settings.for_update()?;
        let paths = changes.iter().map(|(path, _)| (*path).to_owned()).collect();
        let mut service = settings::tree(changes);
        service["service_id"] = json!(self.service);
        let descriptor = session.printer.descriptor("Service");
        let (service, _) = print::from_json::<v1::Service>(descriptor, &service)?;
        let updated = update(session, service, paths).await?;
        show::service(session, &updated);
        Ok(())
    }
}

impl List {
    async fn run(self, session: &Session) -> Result<(), Failed> {
        let mut all = v1::ListServicesResponse::default();
        loop {
            let request = v1::ListServicesRequest {
                states: self.state.clone(),
                labels: self.label.iter().cloned().collect(),
                display_name_contains: self.name.clone(),
                page_size: 500,
                page_token: std::mem::take(&mut all.next_page_token),
            };
            let request = session.connected.request(request);
            let page = answered(session.connected.admin().list_services(request).await)?;
            all.services.extend(page.services);
            all.next_page_token = page.next_page_token;
            if all.next_page_token.is_empty() {
                break;
            }
        }
        show::list(session, &all);
        Ok(())
    }
}

impl One {
    async fn suspend(self, session: &Session) -> Result<(), Failed> {
        let request = v1::SuspendServiceRequest {
            service_id: self.service,
        };
        let request = session.connected.request(request);
        let answer = answered(session.connected.admin().suspend_service(request).await)?;
        show::service(session, &answer.service.unwrap_or_default());
        Ok(())
    }

    async fn resume(self, session: &Session) -> Result<(), Failed> {
        let request = v1::ResumeServiceRequest {
            service_id: self.service,
        };
        let request = session.connected.request(request);
        let answer = answered(session.connected.admin().resume_service(request).await)?;
        show::service(session, &answer.service.unwrap_or_default());
        Ok(())
    }

    async fn revoke(self, session: &Session) -> Result<(), Failed> {
        let request = v1::RevokeAuthorizationRequest {
            service_id: self.service,
        };
        let request = session.connected.request(request);
        let mut admin = session.connected.admin();
        let answer = answered(admin.revoke_authorization(request).await)?;
        if session.printer.is_json() {
            session.printer.json("RevokeAuthorizationResponse", &answer);
            return Ok(());
        }
        show::service(session, &answer.service.clone().unwrap_or_default());
        session.printer.line(match answer.revoked_at_provider {
            true => "The provider revoked it too.",
            false => "The provider was not told: the account's owner ends it there.",
        });
        Ok(())
    }
}

impl Delete {
    async fn run(self, session: &Session) -> Result<(), Failed> {
        let request = v1::DeleteServiceRequest {
            service_id: self.service.clone(),
            cancel_pending: self.cancel_pending,
            ..Default::default()
        };
        let request = session.connected.request(request);
        let answer = answered(session.connected.admin().delete_service(request).await)?;
        match session.printer.is_json() {
            true => session.printer.json("DeleteServiceResponse", &answer),
            false => session
                .printer
                .line(&format!("{} is deleted.", self.service)),
        }
        Ok(())
    }
}

async fn create(
    session: &Session,
    service_id: String,
    service: v1::Service,
) -> Result<v1::Service, Failed> {
    let request = v1::CreateServiceRequest {
        service_id,
        service: Some(service),
    };
    let request = session.connected.request(request);
    let answer = answered(session.connected.admin().create_service(request).await)?;
    Ok(answer.service.unwrap_or_default())
}

async fn update(
    session: &Session,
    service: v1::Service,
    paths: Vec<String>,
) -> Result<v1::Service, Failed> {
    let request = v1::UpdateServiceRequest {
        service: Some(service),
        update_mask: Some(prost_types::FieldMask { paths }),
    };
    let request = session.connected.request(request);
    let answer = answered(session.connected.admin().update_service(request).await)?;
    Ok(answer.service.unwrap_or_default())
}

fn state(text: &str) -> Result<i32, String> {
    let name = text.to_uppercase().replace('-', "_");
    v1::ServiceState::from_str_name(&format!("SERVICE_STATE_{name}"))
        .map(|state| state as i32)
        .ok_or_else(|| {
            "one of ready, pending-authorization, needs-authorization, pending-test, blocked, suspended".to_owned()
        })
}
