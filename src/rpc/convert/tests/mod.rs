//! The bounds of the API's comments, table by table.

mod oauth2;
mod properties;
mod requests;
mod send;
mod service;
mod update;
mod view;

use crate::model::Error;
use crate::rpc::proto::v1;

/// The paths that an error names.
fn paths<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(violations)) => violations.into_iter().map(|v| v.field).collect(),
        Err(other) => panic!("{other:?}"),
    }
}

fn oauth2_service() -> v1::Service {
    v1::Service {
        display_name: "CRM".into(),
        smtp: Some(v1::Smtp {
            host: "smtp.office365.com".into(),
            ..v1::Smtp::default()
        }),
        sender: Some(v1::Sender {
            address: "crm@example.com".into(),
            ..v1::Sender::default()
        }),
        auth: Some(v1::service::Auth::Oauth2(Box::new(v1::OAuth2 {
            provider: v1::Provider::Microsoft.into(),
            login_email: "robot@example.com".into(),
            client_id: "client".into(),
            client_secret: "secret-of-the-client".into(),
            ..v1::OAuth2::default()
        }))),
        ..v1::Service::default()
    }
}

fn custom_service() -> v1::Service {
    let mut service = oauth2_service();
    let settings = oauth2(&mut service);
    settings.provider = v1::Provider::Custom.into();
    settings.scopes = vec!["mail.send".into()];
    settings.custom = Some(v1::CustomProvider {
        authorization_endpoint: "https://id.example.com/authorize".into(),
        token_endpoint: "https://id.example.com/token?api=2".into(),
        ..v1::CustomProvider::default()
    });
    service
}

fn password_service() -> v1::Service {
    v1::Service {
        auth: Some(v1::service::Auth::Password(v1::PasswordAuth {
            username: "robot".into(),
            password: "hunter2".into(),
        })),
        ..oauth2_service()
    }
}

fn oauth2(service: &mut v1::Service) -> &mut v1::OAuth2 {
    match &mut service.auth {
        Some(v1::service::Auth::Oauth2(oauth2)) => oauth2,
        _ => panic!("no oauth2"),
    }
}

fn custom(service: &mut v1::Service) -> &mut v1::CustomProvider {
    oauth2(service).custom.as_mut().unwrap()
}
