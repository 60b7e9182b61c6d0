//! GetDerivedToken: tokens for tokens, narrower and never longer, with or without a word about who acts.

use serde_json::{Value, json};

use super::{
    people::{DISABLED, INVALID_TOKEN, NO_USER, PASSWORD, REVOKED, Site, Tokens, claims, sites},
    town::with,
};

const FLOW: &str = "InvalidParameterException: Auth flow not enabled for this client";
const NO_SCOPE: &str = "InvalidParameterException: None of the requested scopes can be granted.";

/// Clients that may exchange tokens, and a subject who has signed in.
struct Scene {
    site: Site,
    impersonator: String,
    delegate: (String, String),
    tokens: Tokens,
}

async fn scenes() -> Vec<Scene> {
    let mut scenes = Vec::new();
    for site in sites().await {
        let scopes = ["read", "write"].map(|name| json!({"ScopeName": name, "ScopeDescription": name}));
        let server = json!({"UserPoolId": site.pool, "Identifier": "files", "Name": "files", "Scopes": scopes});
        site.call("CreateResourceServer", server).await;
        let impersonator = site
            .another_client(json!({
                "ExplicitAuthFlows": ["ALLOW_TOKEN_EXCHANGE_IMPERSONATION"],
                "AllowedOAuthScopes": ["files/read", "aws.cognito.signin.user.admin"],
            }))
            .await;
        let made = json!({
            "UserPoolId": site.pool, "ClientName": "agent", "GenerateSecret": true,
            "ExplicitAuthFlows": ["ALLOW_TOKEN_EXCHANGE_DELEGATION"], "AllowedOAuthScopes": ["files/read"],
            "AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthFlowsUserPoolClient": true,
        });
        let made = site.call("CreateUserPoolClient", made).await["UserPoolClient"].clone();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let delegate = (text("ClientId"), text("ClientSecret"));
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        scenes.push(Scene { site, impersonator, delegate, tokens });
    }
    scenes
}

impl Scene {
    /// A call of the impersonator, with the subject's access token.
    fn call(&self, members: Value) -> Value {
        let usual = json!({
            "ClientId": self.impersonator, "SubjectToken": self.tokens.access, "SubjectTokenType": "ACCESS_TOKEN",
        });
        with(&usual, members)
    }

    async fn machine_token(&self) -> String {
        let call = json!({"ClientId": self.delegate.0, "Secret": self.delegate.1});
        let output = self.site.call("GetClientToken", call).await;
        output["ClientAuthenticationResult"]["AccessToken"].as_str().unwrap().to_owned()
    }

    /// A call of the delegate, in which this token says who acts.
    fn delegated(&self, subject: &str, actor: &str) -> Value {
        json!({
            "ClientId": self.delegate.0, "ClientSecret": self.delegate.1, "SubjectToken": subject,
            "SubjectTokenType": "ACCESS_TOKEN", "ActorToken": actor, "ActorTokenType": "ACCESS_TOKEN",
        })
    }

    async fn derived(&self, call: Value) -> (Value, String) {
        let output = self.site.call("GetDerivedToken", call).await;
        let token = output["IssuedToken"].as_str().unwrap().to_owned();
        (output, token)
    }

    async fn refused(&self, call: Value) -> String {
        self.site.refused("GetDerivedToken", call).await
    }
}

#[tokio::test]
async fn an_impersonating_token_is_the_users_and_ends_with_the_subjects() {
    for scene in scenes().await {
        scene.site.advance(600);
        let (output, token) = scene.derived(scene.call(json!({}))).await;
        assert_eq!((&output["IssuedTokenType"], &output["TokenType"]), (&json!("ACCESS_TOKEN"), &json!("Bearer")));
        assert_eq!(output["ExpiresIn"], 3000);
        assert_eq!(output["Scopes"], json!(["aws.cognito.signin.user.admin"]));
        let (before, after) = (claims(&scene.tokens.access), claims(&token));
        for same in ["sub", "username", "origin_jti", "auth_time", "iss", "scope", "exp"] {
            assert_eq!(after[same], before[same], "{same}");
        }
        assert_eq!(after["client_id"], json!(scene.impersonator));
        assert_ne!(after["jti"], before["jti"]);
        assert_eq!((&after["act"], &after["aud"]), (&Value::Null, &Value::Null));
        let user = scene.site.call("GetUser", json!({"AccessToken": token})).await;
        assert_eq!(user["Username"], "ann");
        let (again, _) = scene.derived(scene.call(json!({"SubjectToken": token}))).await;
        assert_eq!(again["ExpiresIn"], 3000, "never longer, however often it is derived");
        scene.site.advance(3000);
        assert_eq!(scene.refused(scene.call(json!({}))).await, "NotAuthorizedException: Access Token has expired");
    }
}

#[tokio::test]
async fn scopes_are_narrowed_and_never_widened() {
    for scene in scenes().await {
        let wanted = |scopes: Value| scene.call(json!({"Scopes": scopes}));
        // The subject has the API's own scope alone.
        for scopes in [json!(["files/read"]), json!(["openid"]), json!(["nowhere/read"])] {
            assert_eq!(scene.refused(wanted(scopes)).await, NO_SCOPE);
        }
        let mixed = wanted(json!(["files/read", "aws.cognito.signin.user.admin", "files/write"]));
        let (output, token) = scene.derived(mixed).await;
        assert_eq!(output["Scopes"], json!(["aws.cognito.signin.user.admin"]));
        assert_eq!(claims(&token)["scope"], "aws.cognito.signin.user.admin");
        // The delegate may not have that one.
        let actor = scene.machine_token().await;
        let call = scene.delegated(&scene.tokens.access, &actor);
        let call = with(&call, json!({"Scopes": ["aws.cognito.signin.user.admin"]}));
        assert_eq!(scene.refused(call).await, NO_SCOPE);
    }
}

#[tokio::test]
async fn a_delegated_token_says_who_acts_and_who_acted_before() {
    for scene in scenes().await {
        let machine = scene.machine_token().await;
        assert_eq!(
            scene.refused(scene.call(json!({"ClientId": scene.delegate.0, "ClientSecret": scene.delegate.1}))).await,
            FLOW
        );
        let (_, token) = scene.derived(scene.delegated(&scene.tokens.access, &machine)).await;
        assert_eq!(claims(&token)["act"], json!({"sub": scene.delegate.0}));
        assert_eq!(claims(&token)["sub"], claims(&scene.tokens.access)["sub"]);

        scene.site.person("bob").await;
        let bob = scene.site.tokens("bob").await;
        let (_, again) = scene.derived(scene.delegated(&token, &bob.access)).await;
        let bobs = claims(&bob.access)["sub"].clone();
        assert_eq!(claims(&again)["act"], json!({"sub": bobs, "act": {"sub": scene.delegate.0}}));
        let (_, hidden) = scene.derived(scene.call(json!({"SubjectToken": again}))).await;
        assert_eq!(claims(&hidden)["act"], claims(&again)["act"], "impersonation does not wash it off");

        let call = scene.delegated(&scene.tokens.access, &bob.id);
        let by_id = with(&call, json!({"ActorTokenType": "ID_TOKEN"}));
        assert_eq!(claims(&scene.derived(by_id).await.1)["act"], json!({"sub": bobs}));
        assert_eq!(scene.refused(call).await, INVALID_TOKEN, "it is not what it was said to be");
        scene.site.call("AdminDisableUser", scene.site.named("bob")).await;
        assert_eq!(scene.refused(scene.delegated(&scene.tokens.access, &bob.access)).await, INVALID_TOKEN);
        let impersonating = with(
            &scene.delegated(&scene.tokens.access, &machine),
            json!({"ClientId": scene.impersonator, "ClientSecret": null}),
        );
        assert_eq!(scene.refused(impersonating).await, FLOW);
    }
}

#[tokio::test]
async fn an_id_token_tells_no_more_than_the_subjects() {
    for scene in scenes().await {
        let (output, token) = scene.derived(scene.call(json!({"RequestedTokenType": "ID_TOKEN"}))).await;
        assert_eq!((&output["IssuedTokenType"], &output["TokenType"]), (&json!("ID_TOKEN"), &json!("N_A")));
        assert_eq!(output["Scopes"], Value::Null);
        let told = claims(&token);
        assert_eq!((&told["aud"], &told["email"]), (&json!(scene.impersonator), &json!("ann@example.com")));
        assert_eq!((&told["token_use"], &told["at_hash"]), (&json!("id"), &Value::Null));

        // Of an ID token nothing but what it tells, and no scopes.
        let site = &scene.site;
        let shy = site.another_client(json!({"ReadAttributes": ["email_verified"]})).await;
        let id = Tokens::of(&site.call("InitiateAuth", site.password_at(&shy, "ann", PASSWORD)).await).id;
        let subject = json!({"SubjectToken": id, "SubjectTokenType": "ID_TOKEN"});
        let wants_id = with(&subject, json!({"RequestedTokenType": "ID_TOKEN"}));
        let told = claims(&scene.derived(scene.call(wants_id)).await.1);
        assert_eq!((&told["email"], &told["email_verified"]), (&Value::Null, &json!(true)));
        let (output, token) = scene.derived(scene.call(subject.clone())).await;
        assert_eq!((&output["Scopes"], &claims(&token)["scope"]), (&Value::Null, &Value::Null));
        let refusal = site.refused("GetUser", json!({"AccessToken": token})).await;
        assert_eq!(refusal, "NotAuthorizedException: Access Token does not have required scopes");
        assert_eq!(scene.refused(scene.call(with(&subject, json!({"Scopes": ["files/read"]})))).await, NO_SCOPE);
        let none = json!({"SubjectToken": token, "RequestedTokenType": "ID_TOKEN"});
        let refusal = scene.refused(scene.call(none)).await;
        assert!(refusal.starts_with("InvalidParameterException: "), "{refusal}");
    }
}

#[tokio::test]
async fn a_token_is_bound_to_one_audience() {
    for scene in scenes().await {
        let (_, token) = scene.derived(scene.call(json!({"Audiences": ["billing"]}))).await;
        assert_eq!(claims(&token)["aud"], "billing");
        let (_, token) = scene.derived(scene.call(json!({"Resources": ["files"]}))).await;
        assert_eq!(claims(&token)["aud"], "files");
        let refusals = [
            (json!({"Audiences": ["billing"], "Resources": ["files"]}), "InvalidParameterException: "),
            (json!({"Resources": ["nowhere"]}), "ResourceNotFoundException: Resource server nowhere does not exist."),
            (
                json!({"Audiences": [scene.site.client], "RequestedTokenType": "ID_TOKEN"}),
                "InvalidParameterException: An ID token cannot be issued for another app client.",
            ),
        ];
        for (members, refusal) in refusals {
            let refused = scene.refused(scene.call(members.clone())).await;
            assert!(refused.starts_with(refusal), "{members}: {refused}");
        }
        let own = json!({"Audiences": [scene.impersonator], "RequestedTokenType": "ID_TOKEN"});
        assert_eq!(claims(&scene.derived(scene.call(own)).await.1)["aud"], json!(scene.impersonator));
    }
}

#[tokio::test]
async fn only_a_living_token_of_this_pool_is_exchanged() {
    for scene in scenes().await {
        let site = &scene.site;
        let (_, derived) = scene.derived(scene.call(json!({}))).await;
        let machine = scene.machine_token().await;
        let wrongs = [
            (json!({"SubjectToken": "a.b.c"}), INVALID_TOKEN.to_owned()),
            (json!({"SubjectToken": scene.tokens.id}), INVALID_TOKEN.to_owned()),
            (json!({"SubjectTokenType": "ID_TOKEN"}), INVALID_TOKEN.to_owned()),
            (json!({"SubjectToken": scene.tokens.refresh}), INVALID_TOKEN.to_owned()),
            (json!({"SubjectToken": machine}), NO_USER.to_owned()),
            (json!({"ClientId": site.client}), FLOW.to_owned()),
            (
                json!({"ClientId": "nobody"}),
                "ResourceNotFoundException: User pool client nobody does not exist.".to_owned(),
            ),
            (
                json!({"ClientId": scene.delegate.0}),
                format!("NotAuthorizedException: Unable to verify secret for client {}", scene.delegate.0),
            ),
            (
                json!({"SubjectTokenType": "SAML2"}),
                "InvalidParameterException: SubjectTokenType SAML2 is not built yet in Poolhouse.".to_owned(),
            ),
            (
                json!({"SubjectTokenProviderName": "Example"}),
                "InvalidParameterException: SubjectTokenProviderName is not built yet in Poolhouse.".to_owned(),
            ),
            (
                json!({"ActorToken": machine, "ActorTokenType": "SAML2"}),
                "InvalidParameterException: ActorTokenType SAML2 is not built yet in Poolhouse.".to_owned(),
            ),
            (
                json!({"ActorToken": machine}),
                "InvalidParameterException: ActorTokenType is required with an ActorToken.".to_owned(),
            ),
            (
                json!({"ActorTokenType": "ACCESS_TOKEN"}),
                "InvalidParameterException: ActorTokenType and ActorTokenProviderName need an ActorToken.".to_owned(),
            ),
        ];
        for (members, refusal) in wrongs {
            assert_eq!(scene.refused(scene.call(members.clone())).await, refusal, "{members}");
        }
        let elsewhere = site.call("CreateUserPool", json!({"PoolName": "other"})).await;
        let made = json!({
            "UserPoolId": elsewhere["UserPool"]["Id"], "ClientName": "other",
            "ExplicitAuthFlows": ["ALLOW_TOKEN_EXCHANGE_IMPERSONATION"],
        });
        let other = site.call("CreateUserPoolClient", made).await["UserPoolClient"]["ClientId"].clone();
        assert_eq!(scene.refused(scene.call(json!({"ClientId": other}))).await, INVALID_TOKEN);

        site.call("AdminUserGlobalSignOut", site.named("ann")).await;
        assert_eq!(scene.refused(scene.call(json!({}))).await, REVOKED);
        assert_eq!(site.refused("GetUser", json!({"AccessToken": derived})).await, REVOKED, "it ends with the sign-in");
        site.call("AdminDisableUser", site.named("ann")).await;
        assert_eq!(scene.refused(scene.call(json!({}))).await, DISABLED);
        site.call("AdminDeleteUser", site.named("ann")).await;
        assert_eq!(scene.refused(scene.call(json!({}))).await, NO_USER);
    }
}

#[tokio::test]
async fn no_signature_is_needed() {
    for scene in scenes().await {
        let (status, body) = scene.site.send_with("GetDerivedToken", &scene.call(json!({})), &[]).await;
        assert_eq!(status, 200, "{body}");
    }
}
