//! Access keys: what opens what, for whom, and until when.

use std::time::Duration;

use mailwright::rpc::proto::FILE_DESCRIPTOR_SET;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::{self, Role, WatchPosition};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use super::fault::{invalid, refused};
use super::harness::{Bearer, Channel, House, bare_channel, run};
use super::requests::{ADELE, ALEX, text_to};
use super::watch::from;

pub const DENIED: (Code, &str) = (Code::PermissionDenied, "PERMISSION_DENIED");
const UNKNOWN: (Code, &str) = (Code::Unauthenticated, "UNAUTHENTICATED");

impl House {
    pub async fn try_key(
        &self,
        roles: &[Role],
        services: &[&str],
    ) -> Result<v1::CreateAccessKeyResponse, tonic::Status> {
        let request = v1::CreateAccessKeyRequest {
            display_name: "a test's".into(),
            roles: roles.iter().map(|role| (*role).into()).collect(),
            service_ids: services.iter().map(|id| (*id).to_owned()).collect(),
            expire_time: None,
        };
        let answer = self.admin().create_access_key(request).await?;
        Ok(answer.into_inner())
    }

    /// A connection whose calls bear a fresh key, and the key's id.
    pub async fn key(&self, roles: &[Role], services: &[&str]) -> (Channel, String) {
        let created = self.try_key(roles, services).await.unwrap();
        let id = created.access_key.unwrap().access_key_id;
        (self.bearing(&created.secret).await, id)
    }

    pub async fn bearing(&self, key: &str) -> Channel {
        InterceptedService::new(bare_channel(self.grpc).await, Bearer::of(key))
    }

    async fn try_revoke_key(&self, id: &str) -> Result<v1::AccessKey, tonic::Status> {
        let request = v1::RevokeAccessKeyRequest {
            access_key_id: id.into(),
        };
        let answer = self.admin().revoke_access_key(request).await?;
        Ok(answer.into_inner().access_key.unwrap())
    }

    async fn keys(&self) -> Vec<v1::AccessKey> {
        let request = v1::ListAccessKeysRequest::default();
        let answer = self.admin().list_access_keys(request).await.unwrap();
        answer.into_inner().access_keys
    }
}

pub fn get(id: &str) -> v1::GetServiceRequest {
    v1::GetServiceRequest {
        service_id: id.into(),
    }
}

/// Every method of the contract.
fn methods() -> Vec<String> {
    let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let files = set
        .file
        .into_iter()
        .filter(|f| f.package() == "mailwright.v1");
    let services = files.flat_map(|file| file.service);
    services
        .flat_map(|service| {
            let name = service.name().to_owned();
            let methods = service.method.into_iter();
            methods.map(move |method| format!("{name}/{}", method.name()))
        })
        .collect()
}

/// What the comments of the contract let a role call, in the words of its enum.
fn may(role: Role, method: &str) -> bool {
    let reads = [
        "AdminAPI/GetService",
        "AdminAPI/ListServices",
        "AdminAPI/GetServerInfo",
        "MailAPI/GetMessage",
        "MailAPI/ListMessages",
    ];
    match role {
        Role::Admin => true,
        Role::Sender => !method.starts_with("AdminAPI/") || reads.contains(&method),
        Role::Watcher => method.starts_with("StatusAPI/") || reads.contains(&method),
        Role::Unspecified => false,
    }
}

/// The code that a call of this method with this key and an empty request ends with.
async fn code(connection: &tonic::transport::Channel, key: Option<&str>, method: &str) -> Code {
    let mut grpc = Grpc::new(connection.clone());
    grpc.ready().await.unwrap();
    let path = PathAndQuery::try_from(format!("/mailwright.v1.{method}")).unwrap();
    let mut request = Request::new(());
    if let Some(key) = key {
        let value = format!("Bearer {key}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    let codec = ProstCodec::<(), ()>::default();
    let mut answers = match grpc.server_streaming(request, path, codec).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return status.code(),
    };
    // A feed goes on as long as its client.
    if method == "StatusAPI/WatchStatus" {
        return Code::Ok;
    }
    match answers.message().await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

#[test]
fn every_rpc_opens_to_the_roles_that_the_contract_names_and_to_no_others() {
    run(async {
        let house = House::start().await;
        assert_eq!(methods().len(), 25);
        let connection = bare_channel(house.grpc).await;
        let wrong = format!("mw_{}_{}", "0".repeat(26), "0".repeat(56));
        for method in methods() {
            for key in [None, Some("nothing"), Some(wrong.as_str())] {
                let code = code(&connection, key, &method).await;
                assert_eq!(code, UNKNOWN.0, "{method} {key:?}");
            }
        }
        for role in [Role::Admin, Role::Sender, Role::Watcher] {
            let key = house.try_key(&[role], &[]).await.unwrap().secret;
            for method in methods() {
                let code = code(&connection, Some(&key), &method).await;
                assert_ne!(code, UNKNOWN.0, "{role:?} {method}");
                let denied = code == DENIED.0;
                assert_eq!(denied, !may(role, &method), "{role:?} {method}: {code:?}");
            }
        }
        let both = [Role::Sender, Role::Watcher];
        let key = house.try_key(&both, &[]).await.unwrap().secret;
        let sent = code(&connection, Some(&key), "MailAPI/Send").await;
        assert_eq!(sent, Code::InvalidArgument);
    });
}

#[test]
fn a_revoked_key_opens_nothing_and_its_streams_end() {
    run(async {
        let house = House::start().await;
        house.ready("adele", house.service(ADELE)).await;
        let (connection, id) = house.key(&[Role::Sender], &["adele"]).await;
        let mut mail = MailApiClient::new(connection.clone());
        let mut status = StatusApiClient::new(connection.clone());
        let mut health = HealthClient::new(connection.clone());

        let now = from(WatchPosition::Now);
        let mut feed = status.watch_status(now).await.unwrap().into_inner();
        let (_sender, requests) = mpsc::channel(4);
        let stream = ReceiverStream::new(requests);
        let mut answers = mail.send_stream(stream).await.unwrap().into_inner();
        let watch = HealthCheckRequest {
            service: "services/adele".into(),
        };
        let mut serving = health.watch(watch).await.unwrap().into_inner();
        let first = serving.message().await.unwrap().unwrap();
        assert_eq!(first.status(), ServingStatus::Serving);

        let revoked = house.try_revoke_key(&id).await.unwrap();
        assert!(revoked.revoke_time.is_some());
        // A heartbeat may have been on its way.
        let ended = loop {
            match feed.message().await {
                Ok(Some(_)) => {}
                ended => break ended,
            }
        };
        refused(ended, UNKNOWN.0, UNKNOWN.1);
        refused(answers.message().await, UNKNOWN.0, UNKNOWN.1);
        refused(serving.message().await, UNKNOWN.0, UNKNOWN.1);
        refused(mail.send(text_to(&[ALEX])).await, UNKNOWN.0, UNKNOWN.1);

        assert_eq!(
            house.try_revoke_key(&id).await.unwrap(),
            revoked,
            "twice is once"
        );
        let answer = house.try_revoke_key("00000000000000000000000000").await;
        refused(answer, Code::NotFound, "ACCESS_KEY_NOT_FOUND");
        invalid(house.try_revoke_key("x").await, &["access_key_id"]);
    });
}

#[test]
fn an_expired_key_opens_nothing_and_its_streams_end() {
    run(async {
        let house = House::start().await;
        let end = house.env.now() + Duration::from_secs(60);
        let expire_time = prost_types::Timestamp {
            seconds: end.unix_micros() / 1_000_000,
            nanos: 0,
        };
        let create = v1::CreateAccessKeyRequest {
            display_name: "for a minute".into(),
            roles: vec![Role::Watcher.into()],
            expire_time: Some(expire_time),
            ..Default::default()
        };
        let created = house.admin().create_access_key(create.clone()).await;
        let secret = created.unwrap().into_inner().secret;
        let mut status = StatusApiClient::new(house.bearing(&secret).await);
        let mut feed = status
            .watch_status(from(WatchPosition::Now))
            .await
            .unwrap()
            .into_inner();
        house.advance(Duration::from_secs(61));
        let ended = loop {
            match feed.message().await {
                Ok(Some(_)) => {}
                ended => break ended,
            }
        };
        refused(ended, UNKNOWN.0, UNKNOWN.1);
        let again = status.watch_status(from(WatchPosition::Now)).await;
        refused(again, UNKNOWN.0, UNKNOWN.1);
        // It is past by now.
        invalid(
            house.admin().create_access_key(create).await,
            &["expire_time"],
        );
    });
}

#[test]
fn keys_are_listed_newest_first_without_secrets_and_with_their_last_use() {
    run(async {
        let house = House::start().await;
        house.create("adele", house.service(ADELE)).await;
        house.advance(Duration::from_secs(1));
        let created = house.try_key(&[Role::Sender], &["adele"]).await.unwrap();
        let key = created.access_key.clone().unwrap();
        assert!(
            created
                .secret
                .starts_with(&format!("mw_{}_", key.access_key_id))
        );
        let listed = house.keys().await;
        assert_eq!(listed.len(), 2);
        assert_eq!(listed[0], key);
        assert_eq!(listed[1].display_name, "admin.key");
        assert_eq!(listed[1].roles, [i32::from(Role::Admin)]);
        assert!(!format!("{listed:?}").contains(&created.secret[30..]));

        let connection = house.bearing(&created.secret).await;
        let mut admin = AdminApiClient::new(connection);
        admin.get_service(get("adele")).await.unwrap();
        assert_eq!(house.keys().await[0].last_use_time, None);
        house.advance(Duration::from_secs(60));
        while house.keys().await[0].last_use_time.is_none() {}

        let page = v1::ListAccessKeysRequest {
            page_size: 1,
            page_token: String::new(),
        };
        let first = house
            .admin()
            .list_access_keys(page)
            .await
            .unwrap()
            .into_inner();
        let page = v1::ListAccessKeysRequest {
            page_size: 1,
            page_token: first.next_page_token,
        };
        let second = house
            .admin()
            .list_access_keys(page)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(second.access_keys[0].display_name, "admin.key");
    });
}

#[test]
fn a_page_of_keys_that_cannot_be_is_refused_field_by_field() {
    run(async {
        let house = House::start().await;
        for token in ["!!", "not a token", &"A".repeat(10_000)] {
            let page = v1::ListAccessKeysRequest {
                page_size: -1,
                page_token: token.to_owned(),
            };
            let answer = house.admin().list_access_keys(page).await;
            invalid(answer, &["page_size", "page_token"]);
        }
    });
}

#[test]
fn an_id_that_no_key_can_have_is_invalid() {
    run(async {
        let house = House::start().await;
        for id in ["", "No Such Thing", "../../etc", &"a".repeat(10_000)] {
            invalid(house.try_revoke_key(id).await, &["access_key_id"]);
        }
        assert_eq!(house.keys().await.len(), 1);
    });
}

#[test]
fn a_key_that_cannot_be_is_refused_field_by_field() {
    run(async {
        let house = House::start().await;
        let none = v1::CreateAccessKeyRequest::default();
        let answer = house.admin().create_access_key(none).await;
        invalid(answer, &["display_name", "roles"]);
        invalid(
            house.try_key(&[Role::Unspecified], &[]).await,
            &["roles[0]"],
        );
        let answer = house.try_key(&[Role::Admin], &["adele"]).await;
        invalid(answer, &["service_ids"]);
        let answer = house.try_key(&[Role::Sender], &["No"]).await;
        invalid(answer, &["service_ids[0]"]);
        let answer = house.try_key(&[Role::Sender], &["nobody"]).await;
        refused(answer, Code::NotFound, "SERVICE_NOT_FOUND");
        assert_eq!(house.keys().await.len(), 1);
    });
}

#[test]
fn the_last_admin_stays() {
    run(async {
        let house = House::start().await;
        let first = house.keys().await[0].access_key_id.clone();
        house.key(&[Role::Sender, Role::Watcher], &[]).await;
        let answer = house.try_revoke_key(&first).await;
        refused(answer, Code::FailedPrecondition, "WRONG_STATE");
        let (other, _) = house.key(&[Role::Admin], &[]).await;
        house.try_revoke_key(&first).await.unwrap();
        let mut admin = AdminApiClient::new(other);
        let info = admin.get_server_info(v1::GetServerInfoRequest::default());
        assert!(info.await.is_ok());
    });
}

#[test]
fn probes_need_no_key_and_mailboxes_do() {
    run(async {
        let house = House::start().await;
        house.ready("adele", house.service(ADELE)).await;
        house.create("alex", house.service(ALEX)).await;
        let ask = |name: &str| HealthCheckRequest {
            service: name.into(),
        };
        let bare = bare_channel(house.grpc).await;
        let mut open = HealthClient::new(bare.clone());
        for name in ["", "mailwright.v1.MailAPI"] {
            let answer = open.check(ask(name)).await.unwrap().into_inner();
            assert_eq!(answer.status(), ServingStatus::Serving);
        }
        let (connection, _) = house.key(&[Role::Watcher], &["alex"]).await;
        let mut other = HealthClient::new(connection);
        for health in [
            open.check(ask("services/adele")).await,
            other.check(ask("services/adele")).await,
        ] {
            refused(health, Code::NotFound, "SERVICE_NOT_FOUND");
        }
        for answers in [
            open.watch(ask("services/adele")).await,
            other.watch(ask("services/adele")).await,
        ] {
            let first = answers.unwrap().into_inner().message().await.unwrap();
            assert_eq!(first.unwrap().status(), ServingStatus::ServiceUnknown);
        }
        let answer = other.check(ask("services/alex")).await.unwrap();
        assert_eq!(answer.into_inner().status(), ServingStatus::NotServing);
    });
}
