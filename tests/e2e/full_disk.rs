//! The real binary on a disk that runs full: new mail is refused and told so, the queue drains, and
//! what follows is either recovery by itself or an end that loses nothing.

use std::time::Duration;

use mailwright::rpc::proto::v1;
use mailwright::rpc::proto::v1::admin_api_client::AdminApiClient;
use mailwright::rpc::proto::v1::mail_api_client::MailApiClient;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::device;
use super::fault::refused;
use super::harness::{Channel, channel, run};
use super::process::command;
use super::requests::ALEX;
use super::requests::text_to;
use super::site::{Site, until_nothing_is_under_way};

#[test]
fn a_full_disk_refuses_mail_delivers_the_queue_and_recovers() {
    let Some(bench) = device::bench("serving on a full disk") else {
        return;
    };
    let image = bench.path("small.img");
    device::format(&image, 400, &[]);
    let disk = bench.mount(&image, "small");
    let (others, more) = (disk.join("others"), disk.join("more"));
    run(async {
        let site = Site::new(Some(disk.join("data"))).await;
        let process = site.start();
        site.prepare(&process).await;
        let connection = channel(process.grpc).await;
        suspend(&connection, true).await.unwrap();
        let before = site.sandbox.mail().len();
        for _ in 0..50 {
            send(&connection).await.unwrap();
        }

        device::fill(&others, 0);
        is_full(send(&connection).await);
        suspend(&connection, false).await.unwrap();
        until_nothing_is_under_way(&connection).await;
        assert_eq!(site.sandbox.mail().len(), before + 50);
        is_full(send(&connection).await);
        std::fs::remove_file(&others).unwrap();
        send(&connection).await.unwrap();
        until_nothing_is_under_way(&connection).await;

        // Others take what was given up as well: then nothing can be kept.
        device::fill(&others, 0);
        suspend(&connection, true).await.unwrap();
        device::fill(&more, 0);
        while suspend(&connection, true).await.is_ok() {
            if suspend(&connection, false).await.is_err() {
                break;
            }
        }
        let (status, log) = process.ended();
        assert_eq!(status.code(), Some(5), "{log}");
        let why = log.lines().last().unwrap();
        assert!(
            why.contains("the store failed") && why.contains("No space left"),
            "{log}"
        );
        let again = command(&[
            ("MAILWRIGHT_DATA_FOLDER", site.data.to_str().unwrap()),
            ("MAILWRIGHT_SERVER_GRPC_LISTEN", "127.0.0.1:0"),
            ("MAILWRIGHT_SERVER_HTTP_LISTEN", "127.0.0.1:0"),
        ]);
        let output = { again }.output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("the disk is full: make room on it"), "{told}");

        std::fs::remove_file(&others).unwrap();
        std::fs::remove_file(&more).unwrap();
        let process = site.start();
        let connection = channel(process.grpc).await;
        suspend(&connection, false).await.unwrap();
        send(&connection).await.unwrap();
        until_nothing_is_under_way(&connection).await;
        assert_eq!(site.sandbox.mail().len(), before + 52);
    });
}

async fn send(connection: &Channel) -> Result<v1::SendResponse, Status> {
    let mut request = text_to(&[ALEX]);
    request.service_id = "billing".into();
    let sent = MailApiClient::new(connection.clone()).send(request).await;
    sent.map(|answer| answer.into_inner())
}

/// Suspends the service or resumes it.
async fn suspend(connection: &Channel, suspended: bool) -> Result<(), Status> {
    let mut admin = AdminApiClient::new(connection.clone());
    let service_id = "billing".to_owned();
    if suspended {
        let request = v1::SuspendServiceRequest { service_id };
        admin.suspend_service(request).await?;
    } else {
        let request = v1::ResumeServiceRequest { service_id };
        admin.resume_service(request).await?;
    }
    Ok(())
}

/// A program learns that it may try again and when, a person what to do.
fn is_full(answer: Result<v1::SendResponse, Status>) {
    let retry = answer
        .as_ref()
        .err()
        .and_then(StatusExt::get_details_retry_info);
    let delay = retry.and_then(|retry| retry.retry_delay);
    assert!(
        delay.is_some_and(|delay| delay >= Duration::from_secs(1)),
        "{answer:?}"
    );
    let fault = refused(answer, Code::Unavailable, "STORE_UNAVAILABLE");
    assert!(fault.message.contains("the disk is full"), "{fault:?}");
    assert!(fault.message.contains("operator makes room"), "{fault:?}");
}
