//! What an identity provider's error means (`oauth.toml`).
//!
//! Microsoft's numbers come first, since its `error` alone rarely says what to do; they may change
//! without notice, so what is unknown falls back to `error`, as Microsoft asks (facts 1.4).

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Subject, Words, redact};
use crate::model::diagnosis::{Diagnosis, Reason};
use crate::model::service::Cloud;

/// Explains an OAuth 2.0 error, from the redirect or the token endpoint.
///
/// `error` may be empty; `subcode` is Microsoft's `error_subcode` or `suberror`; `codes` are its
/// `error_codes`, else the number that `description` begins with is taken (`AADSTS7000222: …`).
pub fn oauth(
    error: &str,
    subcode: &str,
    codes: &[u32],
    description: &str,
    subject: &Subject,
) -> Diagnosis {
    let described;
    let codes = if codes.is_empty() {
        described = code_of(description);
        described.as_slice()
    } else {
        codes
    };
    // Of several that are known, one that passes by itself spares the grant.
    let known = || {
        let rows = codes.iter();
        rows.filter_map(|code| Some((*code, row_of_code(*code)?)))
    };
    let by_code = known()
        .find(|(_, row)| row.words.is_retryable(row.reason))
        .or_else(|| known().next());
    let code = by_code.map(|(code, _)| code).or(codes.first().copied());
    let row = by_code.map_or_else(
        || row_of_error(error, subcode, subject.google),
        |(_, row)| row,
    );

    let mut diagnosis = row.words.diagnosis(row.reason, subject, "");
    diagnosis.provider_text = redact(description);
    diagnosis.provider_code = match code {
        Some(code) => format!("AADSTS{code}"),
        None => redact(error),
    };
    if let Some(code) = code.filter(|_| diagnosis.help_url.is_empty()) {
        diagnosis.help_url = lookup_page(subject.cloud, code);
    }
    diagnosis
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    row: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    #[serde(default)]
    codes: Vec<u32>,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    subcode: String,
    /// Said of Google alone.
    #[serde(default)]
    google: bool,
    reason: Reason,
    #[serde(flatten)]
    words: Words,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let table: Table =
        toml::from_str(include_str!("oauth.toml")).expect("oauth.toml is compiled in and tested");
    table.row
});

fn row_of_code(code: u32) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.codes.contains(&code))
}

/// The row of an error at Google, with its subcode, else of the error alone, else the last.
fn row_of_error(error: &str, subcode: &str, google: bool) -> &'static Row {
    let named = |with: &str, of_google: bool| {
        ROWS.iter().find(|row| {
            let named = row.errors.iter().any(|one| one.eq_ignore_ascii_case(error));
            named && row.google == of_google && row.subcode.eq_ignore_ascii_case(with)
        })
    };
    let of_google = google.then(|| named("", true)).flatten();
    of_google
        .or_else(|| named(subcode, false))
        .or_else(|| named("", false))
        .or_else(|| ROWS.last())
        .expect("a test holds that oauth.toml has rows")
}

/// `AADSTS7000222: …` → 7000222.
fn code_of(description: &str) -> Option<u32> {
    let digits = description.trim_start().strip_prefix("AADSTS")?;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}

fn lookup_page(cloud: Cloud, code: u32) -> String {
    let host = match cloud {
        Cloud::Global | Cloud::UsGovHigh | Cloud::UsGovDod => "login.microsoftonline.com",
        Cloud::China => "login.partner.microsoftonline.cn",
    };
    format!("https://{host}/error?code={code}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::catalogue::render::tests::assert_well_said;

    /// Every number of facts section 2 by its class: R passes by itself; A, C and U need somebody.
    const RETRY: &[u32] = &[
        50033, 50087, 90006, 90012, 90024, 90090, 50196, 70012, 90033, 90055,
    ];
    const AUTHORIZE: &[u32] = &[
        50058, 50072, 50074, 50076, 50078, 50079, 50089, 50126, 50158, 50173, 501481, 54005, 65001,
        65004, 70000, 70008, 70043, 700082, 700084,
    ];
    const CONFIGURE: &[u32] = &[
        50011, 500113, 50059, 50128, 50147, 50194, 500011, 500021, 65002, 650052, 650056, 650057,
        70001, 700016, 700011, 700005, 70002, 70011, 700022, 28000, 28002, 28003, 700025, 7000112,
        7000215, 7000222, 7000218, 90002, 90014, 900144, 90023, 9002313, 9001023, 9002332, 90036,
        90038, 90124, 90130,
    ];
    const MEND_ACCOUNT: &[u32] = &[
        50020, 50034, 50053, 50055, 50057, 50105, 500200, 53000, 53003, 530003, 530032, 530034,
        530035, 90072, 90094, 90095,
    ];

    fn reason(error: &str, subcode: &str, codes: &[u32]) -> Reason {
        oauth(error, subcode, codes, "", &Subject::default()).reason
    }

    #[test]
    fn every_known_number_has_a_row_and_only_class_r_retries() {
        let all = [
            (RETRY, true),
            (AUTHORIZE, false),
            (CONFIGURE, false),
            (MEND_ACCOUNT, false),
        ];
        let mut known = 0;
        for (codes, retryable) in all {
            for &code in codes {
                assert!(row_of_code(code).is_some(), "{code}");
                let said = oauth("invalid_grant", "", &[code], "", &Subject::default());
                assert_eq!(said.retryable, retryable, "{code}");
                assert_eq!(said.provider_code, format!("AADSTS{code}"));
                assert!(said.help_url.ends_with(&format!("?code={code}")));
                assert_well_said(&said);
                known += 1;
            }
        }
        let rows: usize = ROWS.iter().map(|row| row.codes.len()).sum();
        assert_eq!(rows, known, "each number once, and none beyond the facts");
    }

    #[test]
    fn every_row_is_reachable() {
        for (at, row) in ROWS.iter().enumerate() {
            let error = row.errors.first().map_or("", String::as_str);
            let found = row.codes.first().map_or_else(
                || Some(row_of_error(error, &row.subcode, row.google)),
                |code| row_of_code(*code),
            );
            assert!(
                found.is_some_and(|found| std::ptr::eq(found, row)),
                "row {at}"
            );
            assert_well_said(&row.words.diagnosis(row.reason, &Subject::default(), ""));
        }
        let last = ROWS.last().expect("rows");
        assert!(last.codes.is_empty() && last.errors.is_empty());
    }

    #[test]
    fn an_unknown_number_falls_back_to_the_error_and_then_to_configuration() {
        assert_eq!(reason("invalid_grant", "", &[1]), Reason::GrantDead);
        assert_eq!(
            reason("temporarily_unavailable", "", &[1]),
            Reason::ProviderUnavailable
        );
        assert_eq!(reason("server_error", "", &[]), Reason::ProviderUnavailable);
        assert_eq!(reason("consent_required", "", &[]), Reason::ConsentRequired);
        assert_eq!(
            reason("interaction_required", "basic_action", &[]),
            Reason::GrantDead
        );
        assert_eq!(
            reason("access_denied", "cancel", &[]),
            Reason::ConsentDenied
        );
        assert_eq!(
            reason("invalid_grant", "consent_required", &[]),
            Reason::ConsentRequired
        );
        assert_eq!(reason("invalid_grant", "bad_token", &[]), Reason::GrantDead);
        assert_eq!(reason("invalid_scope", "", &[]), Reason::ScopeInvalid);
        assert_eq!(reason("new_fashion", "", &[]), Reason::AppConfiguration);
        assert_eq!(reason("", "", &[]), Reason::AppConfiguration);
    }

    #[test]
    fn a_request_loop_is_not_a_dead_grant() {
        let said = oauth("invalid_grant", "", &[50196], "", &Subject::default());
        assert_eq!(said.reason, Reason::ProviderThrottled);
        assert!(said.retryable);
    }

    #[test]
    fn the_number_is_found_in_the_description() {
        let text = "AADSTS7000222: The provided client secret keys for app 'x' are expired.\r\nTrace ID: 1";
        let said = oauth("invalid_client", "", &[], text, &Subject::default());
        assert_eq!(said.reason, Reason::ClientSecretExpired);
        assert_eq!(said.provider_code, "AADSTS7000222");
        assert_eq!(
            said.help_url,
            "https://login.microsoftonline.com/error?code=7000222"
        );
        assert_eq!(said.provider_text, text.replace("\r\n", "\n"));
        for text in ["see AADSTS50011", "AADSTS", "AADSTSx", "AADSTS99999999999"] {
            let said = oauth("invalid_client", "", &[], text, &Subject::default());
            assert_eq!(said.provider_code, "invalid_client", "{text}");
            assert_eq!(said.help_url, "", "{text}");
        }
    }

    #[test]
    fn of_several_numbers_the_known_one_counts_and_china_has_its_own_page() {
        let subject = Subject {
            cloud: Cloud::China,
            ..Subject::default()
        };
        let said = oauth("invalid_client", "", &[1, 7000215], "", &subject);
        assert_eq!(said.provider_code, "AADSTS7000215");
        assert_eq!(
            said.help_url,
            "https://login.partner.microsoftonline.cn/error?code=7000215"
        );
    }
}
