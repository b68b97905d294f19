//! Google's endpoints: when there is a refresh token, and errors in Google's shape.

use mailwright::sandbox::{GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET};

use crate::support::{Answer, CALLBACK, World, encode, query, text};

const GRACE: &str = "grace@cymbal.example";

impl World {
    /// The page's path, with what makes the request another.
    fn google_page(&self, more: &[(&str, &str)]) -> String {
        let params = [
            ("client_id", GOOGLE_CLIENT_ID),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("scope", "https://mail.google.com/ openid email"),
        ];
        let params = encode(&[params.as_slice(), more].concat());
        format!("/google/o/oauth2/v2/auth?{params}")
    }

    async fn google_post(&self, form: &[(&str, &str)]) -> Answer {
        let client = [
            ("client_id", GOOGLE_CLIENT_ID),
            ("client_secret", GOOGLE_CLIENT_SECRET),
        ];
        let form = [client.as_slice(), form].concat();
        self.post("/google/token", &form).await
    }

    async fn google_redeem(&self, more: &[(&str, &str)]) -> Answer {
        let back = self.consent(&self.google_page(more), GRACE, "accept").await;
        let code = query(&back)["code"].clone();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
        ];
        self.google_post(&form).await
    }

    /// A fresh access token of Google's.
    pub async fn google_token(&self, account: &str) -> String {
        assert_eq!(account, GRACE);
        text(&self.google_redeem(&[]).await.json(), "access_token")
    }
}

#[tokio::test]
async fn a_refresh_token_is_for_who_asks_offline_at_the_first_consent_or_anew() {
    let world = World::start().await;
    let offline = ("access_type", "offline");
    let has_one = |answer: Answer| answer.json().get("refresh_token").is_some();
    assert!(has_one(world.google_redeem(&[offline]).await));
    assert!(!has_one(world.google_redeem(&[offline]).await));
    let anew = [offline, ("prompt", "consent")];
    assert!(has_one(world.google_redeem(&anew).await));
    assert!(!has_one(world.google_redeem(&anew[1..]).await));
}

#[tokio::test]
async fn a_refresh_brings_no_refresh_token_and_a_revoked_one_is_dead() {
    let world = World::start().await;
    let answer = world
        .google_redeem(&[("access_type", "offline")])
        .await
        .json();
    assert!(
        answer["scope"]
            .as_str()
            .is_some_and(|scope| scope.contains("userinfo.email"))
    );
    let token = text(&answer, "refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
    ];
    for _ in 0..2 {
        let again = world.google_post(&form).await.json();
        assert!(again.get("refresh_token").is_none(), "{again}");
        assert_eq!(again["expires_in"], 3_599);
    }
    assert_eq!(
        world
            .post("/google/revoke", &[("token", &token)])
            .await
            .status,
        200
    );
    let dead = world.google_post(&form).await;
    assert_eq!(dead.status, 400);
    assert_eq!(
        dead.body,
        r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#
    );
    let gone = world.post("/google/revoke", &[("token", &token)]).await;
    assert_eq!(
        (gone.status, text(&gone.json(), "error")),
        (400, "invalid_token".to_owned())
    );
}

#[tokio::test]
async fn an_unused_refresh_token_dies_after_six_months_and_a_used_one_does_not() {
    let world = World::start().await;
    let answer = world
        .google_redeem(&[("access_type", "offline")])
        .await
        .json();
    let token = text(&answer, "refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.as_str()),
    ];
    for (days, status) in [(180, 200), (180, 200), (183, 400)] {
        world.pass(days * 86_400);
        assert_eq!(world.google_post(&form).await.status, status, "{days}");
    }
}

#[tokio::test]
async fn refusals_have_no_numbers() {
    let world = World::start().await;
    let page = world.google_page(&[]).replace("callback", "elsewhere");
    let page = world.get(&page).await;
    assert!(page.status == 400 && page.body.contains("redirect_uri_mismatch"));
    let back = world
        .consent(&world.google_page(&[]), GRACE, "cancel")
        .await;
    assert_eq!(query(&back)["error"], "access_denied");
    // Of a field that is there twice the last one counts.
    for (form, status, error) in [
        (vec![("client_secret", "wrong")], 401, "invalid_client"),
        (vec![("client_id", "unknown")], 401, "invalid_client"),
        (
            vec![("grant_type", "password")],
            400,
            "unsupported_grant_type",
        ),
        (
            vec![("grant_type", "authorization_code"), ("code", "x")],
            400,
            "invalid_grant",
        ),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", "x")],
            400,
            "invalid_grant",
        ),
    ] {
        let answer = world.google_post(&form).await;
        let said = text(&answer.json(), "error");
        assert_eq!((answer.status, said.as_str()), (status, error), "{form:?}");
    }
    // Entra's code is not Google's.
    let entra = world
        .code("adele@contoso.com", crate::support::SMTP_SCOPE)
        .await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", entra.as_str()),
    ];
    assert_eq!(world.google_post(&form).await.status, 400);
}
