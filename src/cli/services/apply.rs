//! `services apply`: what a file names becomes so, what it doesn't name stays as it is.
//!
//! A document of the file is a CreateServiceRequest, in YAML or JSON, with the names that the proto files
//! and grpcurl use. A secret that is stored can't be read: one in the file counts as the same where
//! its last three characters are, unless `--with-secrets`.

use std::path::PathBuf;

use clap::Args;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value as Field};
use serde_json::{Value, json};
use tonic::Code;

use super::{create, update};
use crate::cli::print::{self, Ink};
use crate::cli::remote::{Session, read, secret_or_ask};
use crate::cli::{Failed, USAGE};
use crate::model::Secret;
use crate::rpc::proto::v1::{self, service::Auth};

/// What the server sets; a file may hold it (`services show -o json` does) and nobody minds.
const OUTPUT_ONLY: [&str; 13] = [
    "service_id",
    "state",
    "redirect_uri",
    "authorization",
    "failed_authorization",
    "problem",
    "last_test",
    "budget",
    "create_time",
    "update_time",
    "etag",
    "client_secret_hint",
    "next_client_secret_hint",
];

const INPUT_ONLY: [&str; 3] = ["client_secret", "next_client_secret", "password"];

/// Options of `services apply`.
#[derive(Args)]
pub struct Apply {
    /// The file: YAML (several documents, if you like) or JSON; - for standard input
    #[arg(long, short, value_name = "FILE")]
    file: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Send the file's secrets anew, also where they look like those that are stored
    #[arg(long)]
    with_secrets: bool,
    /// A file with the client secret of a service that is created [default: MAILWRIGHT_CLIENT_SECRET, else asked for]
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
}

/// One document of the file.
struct Wanted {
    id: String,
    message: v1::Service,
    fields: DynamicMessage,
    /// As it was written: what it names.
    written: Value,
}

impl Apply {
    /// Makes the services what the file says.
    ///
    /// # Errors
    /// What is wrong with the file, before anything is changed; what the server refused.
    pub async fn run(self, session: &Session) -> Result<(), Failed> {
        let text = match self.file.to_str() {
            Some("-") => std::io::read_to_string(std::io::stdin())?,
            _ => read(&self.file)?,
        };
        let at = |why: String| Failed::new(USAGE, format!("{}: {why}", self.file.display()));
        let documents: Vec<Value> =
            serde_saphyr::from_str_multiple(&text).map_err(|error| at(error.to_string()))?;
        let wanted: Result<Vec<_>, _> = documents
            .into_iter()
            .map(|document| Wanted::read(session, document))
            .collect();
        let wanted = wanted.map_err(|error| at(error.to_string()))?;
        let mut results = Vec::new();
        for wanted in wanted {
            let id = wanted.id.clone();
            let (outcome, paths) = self.one(session, wanted).await.map_err(|error| {
                let why = format!("{}: {id}: {error}", self.file.display());
                Failed::new(error.code, why)
            })?;
            if !session.printer.is_json() {
                let ink = if outcome == "unchanged" {
                    Ink::Dim
                } else {
                    Ink::Good
                };
                let what = session.printer.ink(ink, outcome);
                let paths = print::clean(&paths.join(", "));
                session.printer.line(&format!("{id}: {what} {paths}"));
            }
            results.push(json!({"serviceId": id, "outcome": outcome, "paths": paths}));
        }
        if session.printer.is_json() {
            session.printer.json_value(&json!({ "results": results }));
        }
        Ok(())
    }

    async fn one(
        &self,
        session: &Session,
        mut wanted: Wanted,
    ) -> Result<(&'static str, Vec<String>), Failed> {
        let request = v1::GetServiceRequest {
            service_id: wanted.id.clone(),
        };
        let request = session.connected.request(request);
        let current = match session.connected.admin().get_service(request).await {
            Ok(answer) => answer.into_inner().service.unwrap_or_default(),
            Err(status) if status.code() == Code::NotFound => {
                if self.dry_run {
                    return Ok(("would be created", Vec::new()));
                }
                self.fill_secret(&mut wanted)?;
                create(session, wanted.id, wanted.message).await?;
                return Ok(("created", Vec::new()));
            }
            Err(status) => return Err(crate::cli::client::refused(&status)),
        };
        let mut paths = Vec::new();
        let fields = session.printer.dynamic("Service", &current);
        self.differences(&wanted.written, &wanted.fields, &fields, "", &mut paths);
        if paths.is_empty() {
            return Ok(("unchanged", paths));
        }
        if self.dry_run {
            return Ok(("would be updated", paths));
        }
        wanted.message.service_id = wanted.id;
        wanted.message.etag = current.etag;
        update(session, wanted.message, paths.clone()).await?;
        Ok(("updated", paths))
    }

    /// The paths in which what is written differs from what is.
    fn differences(
        &self,
        written: &Value,
        wanted: &DynamicMessage,
        current: &DynamicMessage,
        above: &str,
        paths: &mut Vec<String>,
    ) {
        for name in written
            .as_object()
            .into_iter()
            .flat_map(|fields| fields.keys())
        {
            let Some(field) = field_of(wanted, name) else {
                continue;
            };
            if OUTPUT_ONLY.contains(&field.name()) {
                continue;
            }
            let path = match above {
                "" => field.name().to_owned(),
                above => format!("{above}.{}", field.name()),
            };
            let (new, old) = (wanted.get_field(&field), current.get_field(&field));
            match (&*new, &*old) {
                (Field::Message(new), Field::Message(old))
                    if current.has_field(&field) && is_ours(&field) =>
                {
                    self.differences(&written[name], new, old, &path, paths);
                }
                (new, old) => {
                    let differs = match new {
                        Field::String(secret) if INPUT_ONLY.contains(&field.name()) => {
                            self.secret_differs(secret, current, field.name())
                        }
                        _ => new != old || wanted.has_field(&field) != current.has_field(&field),
                    };
                    if differs {
                        paths.push(path);
                    }
                }
            }
        }
    }

    fn secret_differs(&self, secret: &str, current: &DynamicMessage, name: &str) -> bool {
        if self.with_secrets {
            return true;
        }
        let hint = current.get_field_by_name(&format!("{name}_hint"));
        match hint.as_deref() {
            Some(Field::String(hint)) => !secret.is_empty() && *hint != Secret::new(secret).hint(),
            // A password has no hint.
            _ => false,
        }
    }

    fn fill_secret(&self, wanted: &mut Wanted) -> Result<(), Failed> {
        if let Some(Auth::Oauth2(oauth2)) = &mut wanted.message.auth {
            let public = oauth2.custom.as_ref().map(|custom| custom.client_auth());
            if oauth2.client_secret.is_empty() && public != Some(v1::ClientAuth::None) {
                let file = self.client_secret_file.as_deref();
                let what = format!("client secret of {}", wanted.id);
                let secret = secret_or_ask(file, "MAILWRIGHT_CLIENT_SECRET", &what)?;
                oauth2.client_secret = secret.expose().to_owned();
            }
        }
        Ok(())
    }
}

impl Wanted {
    fn read(session: &Session, document: Value) -> Result<Self, Failed> {
        let descriptor = session.printer.descriptor("CreateServiceRequest");
        let (request, _) = print::from_json::<v1::CreateServiceRequest>(descriptor, &document)?;
        let written = document.get("service").cloned().unwrap_or_default();
        let message = request.service.unwrap_or_default();
        let id = match request.service_id.as_str() {
            "" => message.service_id.clone(),
            id => id.to_owned(),
        };
        if id.is_empty() {
            return Err(Failed::new(USAGE, "a document has no service_id"));
        }
        let fields = session.printer.dynamic("Service", &message);
        Ok(Self {
            id,
            message,
            fields,
            written,
        })
    }
}

fn field_of(message: &DynamicMessage, name: &str) -> Option<FieldDescriptor> {
    let descriptor = message.descriptor();
    let by_name = descriptor.get_field_by_name(name);
    by_name.or_else(|| descriptor.get_field_by_json_name(name))
}

/// Whether a field is a message whose fields have paths of their own.
fn is_ours(field: &FieldDescriptor) -> bool {
    match field.kind() {
        Kind::Message(message) => !field.is_map() && message.full_name().starts_with("mailwright."),
        _ => false,
    }
}
