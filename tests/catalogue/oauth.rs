//! Microsoft's numbers (facts 2) and OAuth 2.0's errors: each has its words, whoever fails.

use mailwright::model::catalogue::{Subject, oauth};
use mailwright::model::diagnosis::{FixedBy, Reason};

use super::{assert_well_said, subject};

/// Number, the `error` that comes with it, the reason, and who mends it. The facts' classes: R is
/// mended by nobody or the provider; A and C by the service's admin; U by a tenant's admin or the
/// account's own user, who is the admin to us.
#[rustfmt::skip] // one number a line
const NUMBERS: &[(u32, &str, Reason, FixedBy)] = {
    use {FixedBy::*, Reason::*};
    &[
        (50011, "invalid_request", RedirectUriMismatch, ServiceAdmin),
        (500113, "invalid_request", RedirectUriMismatch, ServiceAdmin),
        (50020, "invalid_grant", AccountUnknown, ServiceAdmin),
        (50033, "server_error", ProviderUnavailable, Provider),
        (50087, "server_error", ProviderUnavailable, Provider),
        (90006, "server_error", ProviderUnavailable, Provider),
        (90012, "temporarily_unavailable", ProviderUnavailable, Provider),
        (90024, "temporarily_unavailable", ProviderUnavailable, Provider),
        (90090, "temporarily_unavailable", ProviderUnavailable, Provider),
        (50034, "invalid_grant", AccountUnknown, ServiceAdmin),
        (50053, "invalid_grant", AccountLocked, TenantAdmin),
        (50055, "invalid_grant", AccountLocked, ServiceAdmin),
        (50057, "invalid_grant", AccountDisabled, TenantAdmin),
        (50058, "login_required", GrantDead, ServiceAdmin),
        (50059, "invalid_request", TenantUnknown, ServiceAdmin),
        (50072, "interaction_required", MfaRequired, ServiceAdmin),
        (50074, "interaction_required", MfaRequired, ServiceAdmin),
        (50076, "interaction_required", MfaRequired, ServiceAdmin),
        (50078, "invalid_grant", MfaRequired, ServiceAdmin),
        (50079, "invalid_grant", MfaRequired, ServiceAdmin),
        (50089, "invalid_grant", GrantDead, ServiceAdmin),
        (50105, "access_denied", NotAssigned, TenantAdmin),
        (50126, "invalid_grant", GrantDead, ServiceAdmin),
        (50128, "invalid_request", TenantUnknown, ServiceAdmin),
        (50147, "invalid_request", AppConfiguration, ServiceAdmin),
        (50158, "interaction_required", MfaRequired, ServiceAdmin),
        (50173, "invalid_grant", GrantDead, ServiceAdmin),
        (50194, "invalid_request", AppConfiguration, ServiceAdmin),
        (50196, "invalid_grant", ProviderThrottled, Nobody),
        (501481, "invalid_grant", GrantDead, ServiceAdmin),
        (500011, "invalid_resource", ScopeInvalid, ServiceAdmin),
        (500021, "access_denied", ConditionalAccess, TenantAdmin),
        (500200, "invalid_request", AccountUnknown, ServiceAdmin),
        (53000, "interaction_required", ConditionalAccess, TenantAdmin),
        (53003, "invalid_grant", ConditionalAccess, TenantAdmin),
        (530003, "interaction_required", ConditionalAccess, TenantAdmin),
        (530032, "access_denied", ConditionalAccess, TenantAdmin),
        (530034, "access_denied", ConditionalAccess, TenantAdmin),
        (530035, "access_denied", ConditionalAccess, TenantAdmin),
        (54005, "invalid_grant", GrantDead, ServiceAdmin),
        (65001, "invalid_grant", ConsentRequired, ServiceAdmin),
        (65002, "invalid_request", AppConfiguration, ServiceAdmin),
        (65004, "consent_required", ConsentDenied, ServiceAdmin),
        (650052, "invalid_client", AppConfiguration, ServiceAdmin),
        (650056, "invalid_client", AppConfiguration, ServiceAdmin),
        (650057, "invalid_resource", AppConfiguration, ServiceAdmin),
        (70000, "invalid_grant", GrantDead, ServiceAdmin),
        (70001, "unauthorized_client", ClientIdUnknown, ServiceAdmin),
        (700016, "unauthorized_client", ClientIdUnknown, ServiceAdmin),
        (700011, "unauthorized_client", ClientIdUnknown, ServiceAdmin),
        (700005, "invalid_grant", AppConfiguration, ServiceAdmin),
        (70002, "invalid_client", ClientSecretInvalid, ServiceAdmin),
        (70008, "invalid_grant", GrantDead, ServiceAdmin),
        (70011, "invalid_scope", ScopeInvalid, ServiceAdmin),
        (70012, "server_error", ProviderUnavailable, Provider),
        (70043, "invalid_grant", GrantDead, ServiceAdmin),
        (700022, "invalid_scope", ScopeInvalid, ServiceAdmin),
        (28000, "invalid_request", ScopeInvalid, ServiceAdmin),
        (28002, "invalid_scope", ScopeInvalid, ServiceAdmin),
        (28003, "invalid_scope", ScopeInvalid, ServiceAdmin),
        (700025, "invalid_client", ClientSecretNotAllowed, ServiceAdmin),
        (700082, "invalid_grant", GrantDead, ServiceAdmin),
        (700084, "invalid_grant", GrantDead, ServiceAdmin),
        (7000112, "unauthorized_client", ClientIdUnknown, TenantAdmin),
        (7000215, "invalid_client", ClientSecretInvalid, ServiceAdmin),
        (7000222, "invalid_client", ClientSecretExpired, ServiceAdmin),
        (7000218, "invalid_client", ClientSecretMissing, ServiceAdmin),
        (90002, "invalid_request", TenantUnknown, ServiceAdmin),
        (90014, "invalid_request", AppConfiguration, ServiceAdmin),
        (900144, "invalid_request", AppConfiguration, ServiceAdmin),
        (90023, "invalid_request", AppConfiguration, ServiceAdmin),
        (9002313, "invalid_request", AppConfiguration, ServiceAdmin),
        (9001023, "invalid_request", AppConfiguration, ServiceAdmin),
        (9002332, "invalid_request", AppConfiguration, ServiceAdmin),
        (90033, "temporarily_unavailable", ProviderUnavailable, Provider),
        (90036, "server_error", AppConfiguration, Provider),
        (90038, "invalid_request", TenantUnknown, ServiceAdmin),
        (90055, "temporarily_unavailable", ProviderThrottled, Nobody),
        (90072, "invalid_grant", AccountUnknown, ServiceAdmin),
        (90094, "access_denied", AdminConsentRequired, TenantAdmin),
        (90095, "access_denied", AdminConsentRequired, TenantAdmin),
        (90124, "invalid_request", AppConfiguration, ServiceAdmin),
        (90130, "invalid_request", AppConfiguration, ServiceAdmin),
    ]
};

#[test]
fn every_number_says_what_is_wrong_and_who_mends_it() {
    for &(number, error, reason, fixed_by) in NUMBERS {
        let text = format!("AADSTS{number}: What went wrong.\r\nTrace ID: 0000aaaa-11bb");
        for (error, listed, text) in [
            (error, &[number][..], ""),
            // The number is in the text alone.
            (error, &[], text.as_str()),
            // `error` is none that is known: the number decides.
            ("", &[number], text.as_str()),
        ] {
            let said = oauth(error, "", listed, text, &subject());
            assert_eq!((said.reason, said.fixed_by), (reason, fixed_by), "{number}");
            assert_eq!(said.provider_code, format!("AADSTS{number}"));
            let page = format!("https://login.microsoftonline.com/error?code={number}");
            assert_eq!(said.help_url, page);
            let passes = matches!(
                reason,
                Reason::ProviderUnavailable | Reason::ProviderThrottled
            );
            assert_eq!(said.retryable, passes, "{number}");
            assert_well_said(&said);
        }
    }
}

/// The first authorization can meet the same refusal as a refresh years later; whoever reads the
/// remedy may stand before either.
#[test]
fn a_refused_secrets_remedy_is_true_before_and_after_the_first_authorization() {
    let google = Subject {
        google: true,
        ..subject()
    };
    for (said, reason) in [
        (
            oauth("invalid_client", "", &[7_000_222], "", &subject()),
            Reason::ClientSecretExpired,
        ),
        (
            oauth("invalid_client", "", &[7_000_215], "", &subject()),
            Reason::ClientSecretInvalid,
        ),
        (
            oauth("invalid_client", "", &[], "", &google),
            Reason::ClientSecretInvalid,
        ),
    ] {
        assert_eq!(said.reason, reason);
        for part in [
            "by UpdateService",
            "authorized before needs no new sign-in",
            "otherwise authorize it then",
        ] {
            assert!(said.remedy.contains(part), "{}", said.remedy);
        }
    }
    assert!(
        !oauth("invalid_client", "", &[], "", &google)
            .remedy
            .contains("Entra")
    );
}

#[test]
fn an_unknown_number_leaves_it_to_the_error_and_then_to_the_class() {
    for (error, suberror, reason, retryable) in [
        (
            "temporarily_unavailable",
            "",
            Reason::ProviderUnavailable,
            true,
        ),
        ("server_error", "", Reason::ProviderUnavailable, true),
        ("invalid_grant", "", Reason::GrantDead, false),
        ("invalid_grant", "bad_token", Reason::GrantDead, false),
        ("invalid_grant", "token_expired", Reason::GrantDead, false),
        (
            "invalid_grant",
            "consent_required",
            Reason::ConsentRequired,
            false,
        ),
        (
            "invalid_grant",
            "user_password_expired",
            Reason::AccountLocked,
            false,
        ),
        (
            "interaction_required",
            "message_only",
            Reason::GrantDead,
            false,
        ),
        (
            "interaction_required",
            "additional_action",
            Reason::GrantDead,
            false,
        ),
        (
            "interaction_required",
            "basic_action",
            Reason::GrantDead,
            false,
        ),
        (
            "interaction_required",
            "consent_required",
            Reason::ConsentRequired,
            false,
        ),
        ("login_required", "", Reason::GrantDead, false),
        ("consent_required", "", Reason::ConsentRequired, false),
        ("access_denied", "", Reason::ConsentDenied, false),
        ("access_denied", "cancel", Reason::ConsentDenied, false),
        ("permission_denied", "", Reason::ConsentDenied, false),
        ("invalid_client", "", Reason::ClientSecretInvalid, false),
        ("unauthorized_client", "", Reason::AppConfiguration, false),
        ("invalid_scope", "", Reason::ScopeInvalid, false),
        ("invalid_resource", "", Reason::ScopeInvalid, false),
        ("invalid_request", "", Reason::AppConfiguration, false),
        (
            "unsupported_grant_type",
            "",
            Reason::AppConfiguration,
            false,
        ),
        (
            "unsupported_response_type",
            "",
            Reason::AppConfiguration,
            false,
        ),
        (
            "redirect_uri_mismatch",
            "",
            Reason::RedirectUriMismatch,
            false,
        ),
        (
            "admin_policy_enforced",
            "",
            Reason::ConditionalAccess,
            false,
        ),
        ("of_tomorrow", "", Reason::AppConfiguration, false),
        ("", "", Reason::AppConfiguration, false),
    ] {
        for error in [error.to_owned(), error.to_uppercase()] {
            let said = oauth(&error, suberror, &[99_999_999], "", &subject());
            let got = (said.reason, said.retryable);
            assert_eq!(got, (reason, retryable), "{error} {suberror}");
            assert_eq!(said.provider_code, "AADSTS99999999");
            assert_well_said(&said);
            let said = oauth(&error, suberror, &[], "", &subject());
            assert_eq!((said.reason, said.provider_code), (reason, error));
            assert_eq!(said.help_url, "");
        }
    }
}

#[test]
fn of_several_numbers_the_one_that_spares_the_grant_counts() {
    let said = oauth("invalid_grant", "", &[50173, 50196], "", &subject());
    assert_eq!(said.reason, Reason::ProviderThrottled);
    assert_eq!(said.provider_code, "AADSTS50196");
    let said = oauth("invalid_grant", "", &[99_999_999, 50173], "", &subject());
    assert_eq!(said.provider_code, "AADSTS50173");
}

#[test]
fn a_service_of_which_little_is_known_is_spoken_of_in_common_nouns() {
    for &(number, error, ..) in NUMBERS {
        let said = oauth(error, "", &[number], "", &Subject::default());
        assert!(!said.summary.contains("  ") && !said.summary.contains('{'));
        assert!(said.summary.starts_with(|c: char| c.is_uppercase()));
    }
}
