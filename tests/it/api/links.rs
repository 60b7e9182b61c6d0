//! Users who sign in from elsewhere as users of the pool.

use serde_json::{Value, json};

use super::{
    identity_providers::{oidc, saml},
    people::{NO_USER, PASSWORD, Site, Tokens, WRONG, claims, sites, sites_with},
    town::{NO_POOL, NOWHERE, with},
};

fn own(name: &str) -> Value {
    json!({"ProviderName": "Cognito", "ProviderAttributeValue": name})
}

fn at(provider: &str, attribute: &str, value: &str) -> Value {
    json!({"ProviderName": provider, "ProviderAttributeName": attribute, "ProviderAttributeValue": value})
}

fn okta(value: &str) -> Value {
    at("Okta", "Cognito_Subject", value)
}

impl Site {
    fn linking(&self, destination: Value, source: Value) -> Value {
        json!({"UserPoolId": self.pool, "DestinationUser": destination, "SourceUser": source})
    }

    async fn link(&self, destination: Value, source: Value) {
        assert_eq!(self.call("AdminLinkProviderForUser", self.linking(destination, source)).await, json!({}));
    }

    async fn disable(&self, user: Value) {
        let input = json!({"UserPoolId": self.pool, "User": user});
        assert_eq!(self.call("AdminDisableProviderForUser", input).await, json!({}));
    }

    async fn with_okta(&self) {
        let mapped = json!({"AttributeMapping": {"email": "mail"}});
        self.call("CreateIdentityProvider", with(&oidc(&self.pool, "Okta"), mapped)).await;
    }
}

const LINKED: &str = r#"[{"userId":"00u1","providerName":"Okta","providerType":"OIDC","issuer":null,"primary":false,"dateCreated":1800000000000}]"#;

#[tokio::test]
async fn a_link_is_seen_wherever_the_user_is() {
    // Who the user is elsewhere is shown whatever attributes the client may read.
    for site in sites_with(json!({}), json!({"ReadAttributes": ["email"]})).await {
        site.with_okta().await;
        site.person("ann").await;
        assert_eq!(site.attribute("ann", "identities").await, None);
        site.link(own("ann"), okta("00u1")).await;
        assert_eq!(site.attribute("ann", "identities").await.as_deref(), Some(LINKED));
        let tokens = site.tokens("ann").await;
        assert_eq!(
            claims(&tokens.id)["identities"],
            json!([{"userId": "00u1", "providerName": "Okta", "providerType": "OIDC", "issuer": null,
                "primary": "false", "dateCreated": "1800000000000"}])
        );
        assert!(claims(&tokens.access).get("identities").is_none());
        let user = site.call("GetUser", json!({"AccessToken": tokens.access})).await;
        assert_eq!(super::people::attribute(&user["UserAttributes"], "identities").as_deref(), Some(LINKED));
        let users = site.call("ListUsers", json!({"UserPoolId": site.pool})).await;
        assert_eq!(super::people::attribute(&users["Users"][0]["Attributes"], "identities").as_deref(), Some(LINKED));

        site.disable(okta("00u1")).await;
        assert_eq!(site.attribute("ann", "identities").await, None);
        assert!(claims(&site.tokens("ann").await.id).get("identities").is_none());
        site.link(own("ann"), okta("00u1")).await;
    }
}

#[tokio::test]
async fn nobody_writes_identities_by_hand() {
    for site in sites().await {
        site.with_okta().await;
        site.person("ann").await;
        site.link(own("ann"), okta("00u1")).await;
        let list = json!([{"Name": "identities", "Value": "[]"}]);
        let refused =
            site.refused("AdminUpdateUserAttributes", with(&site.named("ann"), json!({"UserAttributes": list}))).await;
        assert_eq!(refused, "InvalidParameterException: user.identities: Attribute cannot be updated.\n");
        let names = json!({"UserAttributeNames": ["identities"]});
        let refused = site.refused("AdminDeleteUserAttributes", with(&site.named("ann"), names)).await;
        assert!(refused.starts_with("InvalidParameterException: user.identities"), "{refused}");
        assert_eq!(site.attribute("ann", "identities").await.as_deref(), Some(LINKED));
    }
}

#[tokio::test]
async fn a_saml_user_can_be_named_by_a_claim_and_brings_the_entitys_name() {
    for site in sites().await {
        let mapped = json!({"AttributeMapping": {"email": "http://claims.example/mail"}});
        site.call("CreateIdentityProvider", with(&saml(&site.pool, "Corp"), mapped)).await;
        site.person("ann").await;
        let mail = at("Corp", "http://claims.example/mail", "ann@corp.example");
        site.link(own("ann"), mail.clone()).await;
        let identities: Value = serde_json::from_str(&site.attribute("ann", "identities").await.unwrap()).unwrap();
        assert_eq!(identities[0]["issuer"], "https://idp.example/saml");
        assert_eq!(
            (&identities[0]["providerType"], &identities[0]["userId"]),
            (&json!("SAML"), &json!("ann@corp.example"))
        );
        // The same value of another claim is somebody else.
        let refused = site
            .refused(
                "AdminDisableProviderForUser",
                json!({"UserPoolId": site.pool, "User": at("Corp", "Cognito_Subject", "ann@corp.example")}),
            )
            .await;
        assert_eq!(refused, NO_USER);
        site.disable(mail).await;
        assert_eq!(site.attribute("ann", "identities").await, None);
    }
}

#[tokio::test]
async fn links_that_make_no_sense_are_refused() {
    for site in sites().await {
        site.with_okta().await;
        let details = json!({"client_id": "1", "client_secret": "2", "authorize_scopes": "email"});
        site.call(
            "CreateIdentityProvider",
            json!({"UserPoolId": site.pool, "ProviderName": "Google", "ProviderType": "Google",
            "ProviderDetails": details, "AttributeMapping": {"email": "email"}}),
        )
        .await;
        for name in ["ann", "bob", "Okta_00u9"] {
            site.person(name).await;
        }
        site.link(own("ann"), okta("00u1")).await;
        let signed_up = "InvalidParameterException: Merging is not currently supported, provide a SourceUser that has not \
            been signed up in order to link";
        let unusable = "InvalidParameterException: Invalid ProviderAttributeName";
        let cases = [
            (own("nobody"), okta("00u2"), NO_USER),
            (own("ann@example.com"), okta("00u2"), NO_USER),
            (okta("nobody"), okta("00u2"), NO_USER),
            (own("ann"), okta("00u1"), "InvalidParameterException: SourceUser is already linked to DestinationUser"),
            (own("bob"), okta("00u1"), signed_up),
            (own("bob"), okta("00u9"), signed_up),
            (own("ann"), own("bob"), "InvalidParameterException: SourceUser must be a user of an external"),
            (
                own("ann"),
                at("Other", "Cognito_Subject", "1"),
                "ResourceNotFoundException: Identity provider Other does not exist.",
            ),
            (own("ann"), at("Okta", "phone", "1"), unusable),
            (own("ann"), at("Google", "email", "a@b.c"), unusable),
            (own("ann"), okta(""), "InvalidParameterException: Invalid ProviderAttributeValue"),
            (own("ann"), okta("a\u{7}b"), "InvalidParameterException: Invalid ProviderAttributeValue"),
            (own("ann"), okta(&"a".repeat(2_049)), "InvalidParameterException: Invalid ProviderAttributeValue"),
            (
                own("ann"),
                json!({"ProviderName": "Okta", "ProviderAttributeValue": "1"}),
                "InvalidParameterException: ProviderAttributeName is required",
            ),
            (
                own("ann"),
                json!({"ProviderName": "Okta", "ProviderAttributeName": "Cognito_Subject"}),
                "InvalidParameterException: ProviderAttributeValue is required",
            ),
            (
                json!({"ProviderAttributeValue": "ann"}),
                okta("00u2"),
                "InvalidParameterException: ProviderName is required for DestinationUser.",
            ),
        ];
        for (destination, source, expected) in cases {
            let refused = site.refused("AdminLinkProviderForUser", site.linking(destination, source.clone())).await;
            assert!(refused.starts_with(expected), "{source}: {refused}");
        }
        let nowhere = with(&site.linking(own("ann"), okta("00u2")), json!({"UserPoolId": NOWHERE}));
        assert_eq!(site.refused("AdminLinkProviderForUser", nowhere).await, NO_POOL);
        // The account that a provider's user has can be linked to others.
        site.link(okta("00u9"), okta("00u3")).await;
        assert!(site.attribute("Okta_00u9", "identities").await.is_some());
    }
}

#[tokio::test]
async fn a_user_has_at_most_five_links_however_fast_they_come() {
    for site in sites().await {
        site.with_okta().await;
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let sources: Vec<_> = (0..8).map(|n| format!("00u{n}")).collect();
        let calls: Vec<_> = sources.iter().map(|source| site.linking(own("ann"), okta(source))).collect();
        let mut made = 0;
        let (a, b, c, d) = tokio::join!(
            site.send("AdminLinkProviderForUser", &calls[0]),
            site.send("AdminLinkProviderForUser", &calls[1]),
            site.send("AdminLinkProviderForUser", &calls[2]),
            site.send("AdminLinkProviderForUser", &calls[0]),
        );
        for (status, answer) in [a, b, c, d] {
            assert!(status < 500, "{answer}");
            made += usize::from(status == 200);
        }
        assert_eq!(made, 3);
        site.link(own("ann"), okta("00u3")).await;
        site.link(own("ann"), okta("00u4")).await;
        let refused = site.refused("AdminLinkProviderForUser", calls[5].clone()).await;
        assert!(refused.starts_with("LimitExceededException: "), "{refused}");
        let identities: Value = serde_json::from_str(&site.attribute("ann", "identities").await.unwrap()).unwrap();
        assert_eq!(identities.as_array().unwrap().len(), 5);
        site.disable(okta("00u0")).await;
        site.link(own("ann"), okta("00u5")).await;
        site.call("AdminDeleteUser", site.named("ann")).await;
        site.link(own("bob"), okta("00u5")).await;
    }
}

#[tokio::test]
async fn a_linked_user_can_be_kept_from_signing_in_here() {
    for site in sites().await {
        site.with_okta().await;
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let disabling = |user: Value| json!({"UserPoolId": site.pool, "User": user});
        let refused = site.refused("AdminDisableProviderForUser", disabling(own("bob"))).await;
        assert!(refused.starts_with("InvalidParameterException: Only a user who is linked"), "{refused}");
        assert!(site.opens("bob", PASSWORD).await);

        site.link(own("ann"), okta("00u1")).await;
        assert!(site.opens("ann", PASSWORD).await);
        site.disable(own("ann")).await;
        assert_eq!(site.refused("InitiateAuth", site.password("ann", PASSWORD)).await, WRONG);
        assert_eq!(site.status("ann").await, "EXTERNAL_PROVIDER");
        assert_eq!(site.attribute("ann", "identities").await.as_deref(), Some(LINKED));
        let refused = site.refused("ForgotPassword", site.by_client("ann")).await;
        assert!(refused.starts_with("NotAuthorizedException: "), "{refused}");
        // A password set by an administrator opens the door again.
        site.set_password("ann", PASSWORD).await;
        assert!(site.opens("ann", PASSWORD).await);
    }
}

#[tokio::test]
async fn an_account_that_is_not_linked_is_disabled() {
    for site in sites().await {
        site.with_okta().await;
        site.person("Okta_00u9").await;
        let tokens = Tokens::of(&site.call("InitiateAuth", site.password("Okta_00u9", PASSWORD)).await);
        site.disable(okta("00u9")).await;
        assert_eq!(site.call("AdminGetUser", site.named("Okta_00u9")).await["Enabled"], false);
        assert!(
            site.refused("InitiateAuth", site.refresh(&tokens.refresh)).await.starts_with("NotAuthorizedException")
        );
        for user in [okta("nobody"), own("nobody"), okta("a\u{7}")] {
            let input = json!({"UserPoolId": site.pool, "User": user});
            assert_eq!(site.refused("AdminDisableProviderForUser", input).await, NO_USER);
        }
        let nowhere = json!({"UserPoolId": NOWHERE, "User": okta("00u9")});
        assert_eq!(site.refused("AdminDisableProviderForUser", nowhere).await, NO_POOL);
        let nameless = json!({"UserPoolId": site.pool, "User": {"ProviderAttributeValue": "a"}});
        assert!(
            site.refused("AdminDisableProviderForUser", nameless).await.contains("ProviderName is required for User.")
        );
    }
}
