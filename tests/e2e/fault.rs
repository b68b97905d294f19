//! What a refused call says, read as a client would.

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A status, taken apart.
#[derive(Debug)]
pub struct Fault {
    pub code: Code,
    /// `ErrorInfo.reason`.
    pub reason: String,
    pub message: String,
    /// The fields of `BadRequest`, in their order.
    pub fields: Vec<String>,
    /// The links of `Help`.
    pub links: Vec<String>,
    /// `ErrorInfo.metadata["provider_code"]`.
    pub provider_code: String,
}

/// Reads the failure of a call; every one has exactly one ErrorInfo of our domain.
#[track_caller]
pub fn fault<T: std::fmt::Debug>(answer: Result<T, Status>) -> Fault {
    let status = answer.expect_err("the call is refused");
    let details = status.get_error_details();
    let Some(info) = details.error_info() else {
        panic!("no ErrorInfo: {status:?}")
    };
    assert_eq!(info.domain, "mailwright.v1");
    let fields = details.bad_request().map_or_else(Vec::new, |bad| {
        let all = bad.field_violations.iter();
        all.map(|violation| violation.field.clone()).collect()
    });
    let links = details.help().map_or_else(Vec::new, |help| {
        help.links.iter().map(|link| link.url.clone()).collect()
    });
    Fault {
        code: status.code(),
        reason: info.reason.clone(),
        message: status.message().to_owned(),
        fields,
        links,
        provider_code: info
            .metadata
            .get("provider_code")
            .cloned()
            .unwrap_or_default(),
    }
}

/// Holds that a call is refused with this code and reason.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, reason: &str) -> Fault {
    let fault = fault(answer);
    assert_eq!(
        (fault.code, fault.reason.as_str()),
        (code, reason),
        "{fault:?}"
    );
    fault
}

/// Holds that a call is refused for exactly these fields.
#[track_caller]
pub fn invalid<T: std::fmt::Debug>(answer: Result<T, Status>, fields: &[&str]) {
    let fault = refused(answer, Code::InvalidArgument, "INVALID_FIELD");
    assert_eq!(fault.fields, fields, "{fault:?}");
}
