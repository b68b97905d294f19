//! Where mail may go, and where it leaves from.

use mailwright::rpc::proto::v1;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::fault::invalid;
use super::harness::{Folder, House, run};
use super::process::Process;
use super::requests::ALEX;

/// A relay that asks for no login and no TLS.
fn relay(house: &House, port: u16) -> v1::Service {
    let mut service = house.service(ALEX);
    service.auth = Some(v1::service::Auth::None(v1::NoAuth {}));
    service.smtp = Some(v1::Smtp {
        host: "127.0.0.1".into(),
        port: port.into(),
        tls: v1::TlsMode::Plaintext.into(),
    });
    service
}

#[test]
fn mail_leaves_from_the_address_that_is_told() {
    run(async {
        let house = House::with(|config| config.egress.local_address = "127.0.0.2".into()).await;
        let ask = v1::GetServerInfoRequest::default();
        let info = house.admin().get_server_info(ask).await.unwrap();
        assert_eq!(info.into_inner().source_addresses, ["127.0.0.2"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        house.create("relay", relay(&house, port)).await;
        let seen = async {
            let (mut stream, peer) = listener.accept().await.unwrap();
            stream.write_all(b"554 no service\r\n").await.unwrap();
            peer.ip().to_string()
        };
        let (tested, seen) = tokio::join!(house.test("relay", ALEX), seen);
        assert!(!tested.passed);
        assert_eq!(seen, "127.0.0.2");
    });
}

#[test]
fn a_source_address_that_is_not_ours_is_seen_at_the_start() {
    let folder = Folder::new();
    let data = folder.0.join("data");
    let variables = [
        ("MAILWRIGHT_DATA_FOLDER", data.to_str().unwrap()),
        ("MAILWRIGHT_EGRESS_LOCAL_ADDRESS", "203.0.113.77"),
    ];
    let Err(log) = Process::try_start(&variables) else {
        panic!("it serves");
    };
    assert!(log.contains("egress.local_address 203.0.113.77"), "{log}");
}

#[test]
fn plaintext_is_refused_unless_the_configuration_says_where() {
    run(async {
        let house = House::with(|config| config.egress.allow_plaintext_smtp.clear()).await;
        invalid(
            house.try_create("relay", relay(&house, 25)).await,
            &["service.smtp.tls"],
        );
        // Nor by an update.
        let mut service = relay(&house, 587);
        service.smtp.as_mut().unwrap().tls = v1::TlsMode::Starttls.into();
        house.create("relay", service).await;
        let update = v1::UpdateServiceRequest {
            service: Some(v1::Service {
                service_id: "relay".into(),
                ..relay(&house, 25)
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["smtp.tls".into()],
            }),
        };
        invalid(
            house.admin().update_service(update).await,
            &["service.smtp.tls"],
        );
    });
}

#[test]
fn plaintext_goes_to_no_other_network() {
    run(async {
        let elsewhere = vec!["127.0.0.9/32".into()];
        let house = House::with(|config| config.egress.allow_plaintext_smtp = elsewhere).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        house.create("relay", relay(&house, port)).await;
        let tested = house.test("relay", ALEX).await;
        assert!(!tested.passed);
        let diagnosis = tested.diagnosis.unwrap();
        assert_eq!(diagnosis.reason(), v1::Reason::EgressDenied);
        assert!(
            diagnosis.summary.contains("unencrypted"),
            "{}",
            diagnosis.summary
        );
    });
}
