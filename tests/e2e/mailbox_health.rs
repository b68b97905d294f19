//! Health per mailbox: `services/{service_id}` serves while its service is READY, whatever the
//! process reports of itself.

use mailwright::rpc::proto::v1;
use tonic::{Code, Streaming};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::fault::refused;
use super::harness::{House, run};
use super::requests::ADELE;

fn request(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.into(),
    }
}

impl House {
    async fn check(&self, name: &str) -> Result<ServingStatus, tonic::Status> {
        let mut client = HealthClient::new(self.channel());
        Ok(client.check(request(name)).await?.into_inner().status())
    }

    async fn watch_health(&self, name: &str) -> Streaming<HealthCheckResponse> {
        let mut client = HealthClient::new(self.channel());
        client.watch(request(name)).await.unwrap().into_inner()
    }

    async fn delete(&self, id: &str) {
        let request = v1::DeleteServiceRequest {
            service_id: id.into(),
            ..v1::DeleteServiceRequest::default()
        };
        self.admin().delete_service(request).await.unwrap();
    }
}

async fn next(stream: &mut Streaming<HealthCheckResponse>) -> ServingStatus {
    stream.message().await.unwrap().unwrap().status()
}

#[test]
fn a_mailbox_serves_while_its_service_is_ready() {
    run(async {
        let house = House::start().await;
        house.create("other", house.service(ADELE)).await;
        house.ready_service().await;
        let check = async |id: &str| house.check(&format!("services/{id}")).await;
        assert_eq!(check("adele").await.unwrap(), ServingStatus::Serving);
        assert_eq!(check("other").await.unwrap(), ServingStatus::NotServing);
        house.suspend("adele").await;
        assert_eq!(check("adele").await.unwrap(), ServingStatus::NotServing);
        assert_eq!(house.check("").await.unwrap(), ServingStatus::Serving);
        refused(check("nobody").await, Code::NotFound, "SERVICE_NOT_FOUND");
        for none in ["", "No Id", "adele/more"] {
            assert_eq!(check(none).await.unwrap_err().code(), Code::NotFound);
        }
    });
}

#[test]
fn a_watcher_hears_of_every_change_from_before_it_is_there_until_it_is_gone() {
    run(async {
        let house = House::start().await;
        let mut stream = house.watch_health("services/adele").await;
        assert_eq!(next(&mut stream).await, ServingStatus::ServiceUnknown);
        house.create("adele", house.service(ADELE)).await;
        assert_eq!(next(&mut stream).await, ServingStatus::NotServing);
        house.authorize("adele", ADELE).await;
        assert!(house.test("adele", ADELE).await.passed);
        assert_eq!(next(&mut stream).await, ServingStatus::Serving);
        house.suspend("adele").await;
        assert_eq!(next(&mut stream).await, ServingStatus::NotServing);
        house.resume("adele").await;
        assert_eq!(next(&mut stream).await, ServingStatus::Serving);
        house.delete("adele").await;
        assert_eq!(next(&mut stream).await, ServingStatus::ServiceUnknown);
    });
}

#[test]
fn a_drain_ends_the_watchers_of_mailboxes() {
    run(async {
        let mut house = House::start().await;
        house.ready_service().await;
        let mut stream = house.watch_health("services/adele").await;
        assert_eq!(next(&mut stream).await, ServingStatus::Serving);
        house.begin_stop();
        refused(stream.message().await, Code::Unavailable, "DRAINING");
        drop(stream);
        house.stopped().await;
    });
}
