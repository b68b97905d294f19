//! The binary as an operator meets it: configuration, ports, signals, reflection.

use std::process::Output;

use mailwright::env::Env;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use mailwright::rpc::proto::v1::status_api_client::StatusApiClient;
use mailwright::rpc::proto::v1::{self, MessageState};
use tokio::task::spawn_blocking;
use tonic_reflection::pb::{v1 as reflection, v1alpha};

use super::harness::{Folder, House, channel, run, sandbox};
use super::process::{Process, command};
use super::requests::{ADELE, ALEX, text_to};

fn output(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    command(variables).args(arguments).output().unwrap()
}

/// What it says where it can't start.
fn refusal(variables: &[(&str, &str)]) -> String {
    let folder = Folder::new();
    let data = folder.0.join("data");
    let mut all = vec![("MAILWRIGHT_DATA_FOLDER", data.to_str().unwrap())];
    all.extend(variables);
    let output = output(&all, &[]);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{text}");
    text
}

#[test]
fn a_port_that_is_taken_is_named_with_its_key() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (variable, key, other) in [
        (
            "MAILWRIGHT_SERVER_GRPC_LISTEN",
            "server.grpc_listen",
            "MAILWRIGHT_SERVER_HTTP_LISTEN",
        ),
        (
            "MAILWRIGHT_SERVER_HTTP_LISTEN",
            "server.http_listen",
            "MAILWRIGHT_SERVER_GRPC_LISTEN",
        ),
    ] {
        let text = refusal(&[(variable, &address), (other, "127.0.0.1:0")]);
        assert!(text.contains(key) && text.contains(&address), "{text}");
    }
}

#[test]
fn a_variable_that_is_not_known_or_not_valid_is_named() {
    let text = refusal(&[("MAILWRIGHT_SERVER_GRPC_LISTN", "x")]);
    assert!(text.contains("MAILWRIGHT_SERVER_GRPC_LISTN"), "{text}");
    let text = refusal(&[("MAILWRIGHT_SERVER_DRAIN_GRACE_SECONDS", "soon")]);
    assert!(
        text.contains("MAILWRIGHT_SERVER_DRAIN_GRACE_SECONDS"),
        "{text}"
    );
    let free = [
        ("MAILWRIGHT_SERVER_GRPC_LISTEN", "127.0.0.1:0"),
        ("MAILWRIGHT_SERVER_HTTP_LISTEN", "127.0.0.1:0"),
    ];
    let text = refusal(&[free[0], free[1], ("MAILWRIGHT_EGRESS_ALLOW", "everything")]);
    assert!(text.contains("egress.allow"), "{text}");
    let text = refusal(&[
        free[0],
        free[1],
        ("MAILWRIGHT_EGRESS_EXTRA_CA_FILE", "/nowhere/ca.pem"),
    ]);
    assert!(text.contains("egress.extra_ca_file"), "{text}");
}

#[test]
fn the_configuration_in_force_is_printed_as_a_file_that_is_valid_again() {
    let set = [("MAILWRIGHT_SERVER_HEARTBEAT_SECONDS", "9")];
    let printed = output(&set, &["--print-config"]);
    assert!(printed.status.success());
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(text.contains("heartbeat_seconds = 9"), "{text}");
    let folder = Folder::new();
    let file = folder.0.join("mailwright.toml");
    std::fs::write(&file, &text).unwrap();
    let again = output(&[], &["--config", file.to_str().unwrap(), "--print-config"]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), text);
}

#[test]
fn sigterm_lets_a_delivery_end_and_the_process_exits_with_0() {
    run(async {
        let sandbox = sandbox(&Env::system()).await;
        let folder = Folder::new();
        let (data, ca) = (folder.0.join("data"), folder.0.join("ca.pem"));
        std::fs::write(&ca, sandbox.ca_pem()).unwrap();
        let variables = [
            ("MAILWRIGHT_DATA_FOLDER", data.to_str().unwrap()),
            ("MAILWRIGHT_EGRESS_EXTRA_CA_FILE", ca.to_str().unwrap()),
            ("MAILWRIGHT_EGRESS_ALLOW", "127.0.0.0/8,::1/128"),
            (
                "MAILWRIGHT_EGRESS_ALLOW_PLAINTEXT_SMTP",
                "127.0.0.0/8,::1/128",
            ),
        ];
        let process = Process::start(&variables);
        let channel = channel(process.grpc).await;
        let mut admin = AdminApiClient::new(channel.clone());
        let mut mail = MailApiClient::new(channel.clone());
        let mut status = StatusApiClient::new(channel);
        let smtp = v1::Smtp {
            host: "localhost".into(),
            port: sandbox.plain_addr().port().into(),
            tls: v1::TlsMode::Plaintext.into(),
        };
        let relay = v1::Service {
            display_name: "Relay".into(),
            smtp: Some(smtp),
            sender: Some(v1::Sender {
                address: ADELE.into(),
                ..v1::Sender::default()
            }),
            auth: Some(v1::service::Auth::None(v1::NoAuth {})),
            ..v1::Service::default()
        };
        let create = v1::CreateServiceRequest {
            service_id: "adele".into(),
            service: Some(relay),
        };
        admin.create_service(create).await.unwrap();
        let test = v1::SendTestRequest {
            service_id: "adele".into(),
            to: ALEX.into(),
        };
        assert!(admin.send_test(test).await.unwrap().into_inner().passed);
        sandbox.control().hold_data_reply(true);
        let sent = mail.send(text_to(&[ALEX])).await.unwrap().into_inner();
        assert_eq!(sent.state(), MessageState::Queued);
        sandbox.control().wait_until(|stats| stats.held == 1).await;

        let request = v1::WatchStatusRequest::default();
        let mut feed = status.watch_status(request).await.unwrap().into_inner();
        process.terminate();
        while let Ok(Some(_)) = feed.message().await {}
        sandbox.control().hold_data_reply(false);
        let (status, log) = spawn_blocking(|| process.ended()).await.unwrap();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("draining") && log.contains("stopped"), "{log}");
        assert!(!log.contains("grace period is over"), "{log}");
        assert_eq!(sandbox.mail().len(), 2);
    });
}

#[test]
fn reflection_of_both_versions_lists_the_services() {
    use reflection::server_reflection_client::ServerReflectionClient;
    use reflection::server_reflection_request::MessageRequest;
    use reflection::server_reflection_response::MessageResponse;
    run(async {
        let house = House::start().await;
        let request = reflection::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new(house.channel());
        let stream = client
            .server_reflection_info(tokio_stream::iter([request]))
            .await;
        let answer = stream
            .unwrap()
            .into_inner()
            .message()
            .await
            .unwrap()
            .unwrap();
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("no list")
        };
        let new: Vec<_> = list
            .service
            .into_iter()
            .map(|service| service.name)
            .collect();

        use v1alpha::server_reflection_request::MessageRequest as OldRequest;
        use v1alpha::server_reflection_response::MessageResponse as OldResponse;
        let request = v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(OldRequest::ListServices(String::new())),
        };
        let mut client =
            v1alpha::server_reflection_client::ServerReflectionClient::new(house.channel());
        let stream = client
            .server_reflection_info(tokio_stream::iter([request]))
            .await;
        let answer = stream
            .unwrap()
            .into_inner()
            .message()
            .await
            .unwrap()
            .unwrap();
        let Some(OldResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("no list")
        };
        let old: Vec<_> = list
            .service
            .into_iter()
            .map(|service| service.name)
            .collect();
        for name in [
            "mailwright.v1.AdminAPI",
            "mailwright.v1.MailAPI",
            "mailwright.v1.StatusAPI",
            "grpc.health.v1.Health",
        ] {
            assert!(new.iter().any(|listed| listed == name), "{new:?}");
            assert!(old.iter().any(|listed| listed == name), "{old:?}");
        }
    });
}
