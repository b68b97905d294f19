//! Access keys, in and out.

use std::collections::BTreeSet;

use super::enums;
use super::fields::{self, list};
use super::timestamp;
use super::violations::Violations;
use crate::model::{AccessKey, Error, Rights, Role};
use crate::ops::access_keys::NewAccessKey;
use crate::rpc::proto::v1;

/// More than there are roles: repeated ones are the caller's business.
const ROLES_MAX: usize = 100;

/// # Errors
/// [`Error::Invalid`] with every violation. Whether the expire time is ahead is for whoever knows the
/// clock.
pub fn create_access_key(request: v1::CreateAccessKeyRequest) -> Result<NewAccessKey, Error> {
    let mut found = Violations::default();
    let display_name = fields::required_line(request.display_name, 200);
    let display_name = found.take("display_name", display_name);
    if request.roles.is_empty() {
        found.add("roles", "is required");
    }
    let roles = list(&mut found, "roles", ROLES_MAX, request.roles, |n| {
        enums::known(n, enums::role_from, None::<Role>)
    });
    let services = &request.service_ids;
    let service_ids = list(
        &mut found,
        "service_ids",
        Rights::SERVICES_MAX,
        services.clone(),
        |id: String| id.parse(),
    );
    let rights = Rights {
        roles: roles.into_iter().collect(),
        service_ids: service_ids.into_iter().collect::<BTreeSet<_>>(),
    };
    if rights.roles.contains(&Role::Admin) && !services.is_empty() {
        found.add("service_ids", "must be empty with ROLE_ADMIN");
    }
    let expire_time = fields::optional_instant(request.expire_time);
    let expire_time = found.take("expire_time", expire_time);
    let parsed = display_name
        .zip(expire_time)
        .map(|(display_name, expire_time)| NewAccessKey {
            display_name,
            rights,
            expire_time,
        });
    found.finish(parsed)
}

/// What is shown of a key.
pub fn access_key(key: AccessKey) -> v1::AccessKey {
    let roles = key.rights.roles.into_iter().map(enums::role);
    let services = key.rights.service_ids.into_iter();
    v1::AccessKey {
        access_key_id: key.id.to_string(),
        display_name: key.display_name,
        roles: roles.map(i32::from).collect(),
        service_ids: services.map(|id| id.to_string()).collect(),
        create_time: Some(timestamp(key.create_time)),
        expire_time: key.expire_time.map(timestamp),
        revoke_time: key.revoke_time.map(timestamp),
        last_use_time: key.last_use_time.map(timestamp),
    }
}
