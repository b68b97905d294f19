//! AdminAPI: parse, call the operation, answer.

use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::convert::service_view::{self, ServiceView};
use super::convert::{self, access_keys as convert_keys, requests, service, update};
use super::proto::v1::{self, admin_api_server::AdminApi};
use super::{Answer, Api, audit, backup};
use crate::model::{Error, Timestamp};
use crate::ops::authorize::{self, Door};
use crate::ops::services::{self, NewService};
use crate::ops::{access_keys, info, revoke, send_test, vault_keys};
use crate::store::ServiceRow;

#[tonic::async_trait]
impl AdminApi for Api {
    type ExportBackupStream = ReceiverStream<Result<v1::ExportBackupResponse, Status>>;

    async fn create_service(
        &self,
        request: Request<v1::CreateServiceRequest>,
    ) -> Answer<v1::CreateServiceResponse> {
        let subject = audit::subject(&request);
        subject.set(&request.get_ref().service_id);
        let (id, config, secrets) =
            service::create_service(request.into_inner()).map_err(|error| self.status(error))?;
        let row = services::create(
            &self.core,
            NewService {
                id,
                config,
                secrets,
            },
        )
        .await
        .map_err(|error| self.status(error))?;
        subject.set(row.service.id.as_str());
        Ok(Response::new(v1::CreateServiceResponse {
            service: Some(self.service(row).await?),
        }))
    }

    async fn get_service(
        &self,
        request: Request<v1::GetServiceRequest>,
    ) -> Answer<v1::GetServiceResponse> {
        let caller = self.caller(&request)?;
        let id = requests::service_id(&request.into_inner().service_id)
            .map_err(|error| self.status(error))?;
        if !caller.sees(&id) {
            return Err(self.status(Error::service_not_found(&id)));
        }
        let row = services::get(&self.core, &id)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::GetServiceResponse {
            service: Some(self.service(row).await?),
        }))
    }

    async fn list_services(
        &self,
        request: Request<v1::ListServicesRequest>,
    ) -> Answer<v1::ListServicesResponse> {
        let caller = self.caller(&request)?;
        let (mut filter, page) =
            requests::list_services(request.into_inner()).map_err(|error| self.status(error))?;
        filter.ids.clone_from(&caller.rights().service_ids);
        let rows = services::list(&self.core, &filter, page.after.as_ref(), page.size)
            .await
            .map_err(|error| self.status(error))?;
        let next_page_token = page.next(&rows, |row| &row.service.id);
        let mut services = Vec::with_capacity(rows.len());
        for row in rows {
            services.push(self.service(row).await?);
        }
        Ok(Response::new(v1::ListServicesResponse {
            services,
            next_page_token,
        }))
    }

    async fn update_service(
        &self,
        request: Request<v1::UpdateServiceRequest>,
    ) -> Answer<v1::UpdateServiceResponse> {
        let subject = audit::subject(&request);
        let request = request.into_inner();
        subject.set(
            request
                .service
                .as_ref()
                .map_or("", |service| &service.service_id),
        );
        let (id, revision) = update::update_target(&request).map_err(|error| self.status(error))?;
        let change = |current: &_| update::apply_update(current, request.clone());
        let row = services::change(&self.core, &id, revision, change)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::UpdateServiceResponse {
            service: Some(self.service(row).await?),
        }))
    }

    async fn delete_service(
        &self,
        request: Request<v1::DeleteServiceRequest>,
    ) -> Answer<v1::DeleteServiceResponse> {
        audit::subject(&request).set(&request.get_ref().service_id);
        let request =
            requests::delete_service(request.into_inner()).map_err(|error| self.status(error))?;
        services::delete(
            &self.core,
            &request.service_id,
            request.expected_revision,
            request.cancel_pending,
        )
        .await
        .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::DeleteServiceResponse {}))
    }

    async fn suspend_service(
        &self,
        request: Request<v1::SuspendServiceRequest>,
    ) -> Answer<v1::SuspendServiceResponse> {
        audit::subject(&request).set(&request.get_ref().service_id);
        let id = requests::service_id(&request.into_inner().service_id)
            .map_err(|error| self.status(error))?;
        let row = services::suspend(&self.core, &id)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::SuspendServiceResponse {
            service: Some(self.service(row).await?),
        }))
    }

    async fn resume_service(
        &self,
        request: Request<v1::ResumeServiceRequest>,
    ) -> Answer<v1::ResumeServiceResponse> {
        audit::subject(&request).set(&request.get_ref().service_id);
        let id = requests::service_id(&request.into_inner().service_id)
            .map_err(|error| self.status(error))?;
        let row = services::resume(&self.core, &id)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::ResumeServiceResponse {
            service: Some(self.service(row).await?),
        }))
    }

    async fn begin_authorize(
        &self,
        request: Request<v1::BeginAuthorizeRequest>,
    ) -> Answer<v1::BeginAuthorizeResponse> {
        audit::subject(&request).set(&request.get_ref().service_id);
        let request =
            requests::begin_authorize(request.into_inner()).map_err(|error| self.status(error))?;
        let begun = authorize::begin(&self.core, &request.service_id, &request.return_url)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::BeginAuthorizeResponse {
            authorization_url: begun.authorization_url,
            state: begun.state.expose().to_owned(),
            redirect_uri: begun.redirect_uri,
            expire_time: Some(convert::timestamp(begun.expire_time)),
        }))
    }

    async fn complete_authorize(
        &self,
        request: Request<v1::CompleteAuthorizeRequest>,
    ) -> Answer<v1::CompleteAuthorizeResponse> {
        let subject = audit::subject(&request);
        subject.set(&request.get_ref().service_id);
        let (service_id, redirect) = requests::complete_authorize(request.into_inner())
            .map_err(|error| self.status(error))?;
        let completed = authorize::complete(&self.core, Door::Platform(service_id), redirect)
            .await
            .map_err(|error| self.status(error))?;
        subject.set(completed.row.service.id.as_str());
        Ok(Response::new(v1::CompleteAuthorizeResponse {
            service: Some(self.service(completed.row).await?),
        }))
    }

    async fn revoke_authorization(
        &self,
        request: Request<v1::RevokeAuthorizationRequest>,
    ) -> Answer<v1::RevokeAuthorizationResponse> {
        audit::subject(&request).set(&request.get_ref().service_id);
        let id = requests::service_id(&request.into_inner().service_id)
            .map_err(|error| self.status(error))?;
        let revoked = revoke::revoke(&self.core, &id)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::RevokeAuthorizationResponse {
            service: Some(self.service(revoked.row).await?),
            revoked_at_provider: revoked.at_provider,
        }))
    }

    async fn send_test(
        &self,
        request: Request<v1::SendTestRequest>,
    ) -> Answer<v1::SendTestResponse> {
        audit::subject(&request).set(&request.get_ref().service_id);
        let request =
            requests::send_test(request.into_inner()).map_err(|error| self.status(error))?;
        let report = send_test::send_test(&self.core, &request.service_id, &request.to)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(requests::test_report(report)))
    }

    async fn create_access_key(
        &self,
        request: Request<v1::CreateAccessKeyRequest>,
    ) -> Answer<v1::CreateAccessKeyResponse> {
        let subject = audit::subject(&request);
        let new = convert_keys::create_access_key(request.into_inner())
            .map_err(|error| self.status(error))?;
        let (key, secret) = access_keys::create(&self.core, new)
            .await
            .map_err(|error| self.status(error))?;
        subject.set(key.id.as_str());
        Ok(Response::new(v1::CreateAccessKeyResponse {
            access_key: Some(convert_keys::access_key(key)),
            secret: secret.expose().to_owned(),
        }))
    }

    async fn list_access_keys(
        &self,
        request: Request<v1::ListAccessKeysRequest>,
    ) -> Answer<v1::ListAccessKeysResponse> {
        let page =
            requests::list_access_keys(request.get_ref()).map_err(|error| self.status(error))?;
        let keys = access_keys::list(&self.core, page.after.as_ref(), page.size)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::ListAccessKeysResponse {
            next_page_token: page.next(&keys, |key| &key.id),
            access_keys: keys.into_iter().map(convert_keys::access_key).collect(),
        }))
    }

    async fn revoke_access_key(
        &self,
        request: Request<v1::RevokeAccessKeyRequest>,
    ) -> Answer<v1::RevokeAccessKeyResponse> {
        audit::subject(&request).set(&request.get_ref().access_key_id);
        let id = requests::access_key_id(&request.into_inner().access_key_id)
            .map_err(|error| self.status(error))?;
        let key = access_keys::revoke(&self.core, &id)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(v1::RevokeAccessKeyResponse {
            access_key: Some(convert_keys::access_key(key)),
        }))
    }

    async fn rotate_vault_key(
        &self,
        _: Request<v1::RotateVaultKeyRequest>,
    ) -> Answer<v1::RotateVaultKeyResponse> {
        let rotated = vault_keys::rotate(&self.core)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(convert::rotated(rotated)))
    }

    async fn export_backup(
        &self,
        _: Request<v1::ExportBackupRequest>,
    ) -> Answer<Self::ExportBackupStream> {
        Ok(Response::new(backup::stream(self.clone())))
    }

    async fn get_server_info(
        &self,
        _: Request<v1::GetServerInfoRequest>,
    ) -> Answer<v1::GetServerInfoResponse> {
        let info = info::server_info(&self.core)
            .await
            .map_err(|error| self.status(error))?;
        Ok(Response::new(convert::server_info(info)))
    }
}

impl Api {
    async fn service(&self, row: ServiceRow) -> Result<v1::Service, Status> {
        let budget = services::budget(&self.core, &row.service.id)
            .await
            .map_err(|error| self.status(error))?;
        let view = self.view(row, self.core.env.now());
        Ok(service_view::service(ServiceView { budget, ..view }))
    }

    /// A service as it was at `time`, and what is known of it elsewhere.
    pub(super) fn view(&self, row: ServiceRow, time: Timestamp) -> ServiceView {
        ServiceView {
            redirect_uri: services::redirect_uri(&self.core, &row.service),
            problem: row.problem().or_else(|| row.forecast(time)),
            budget: None,
            row,
        }
    }
}
