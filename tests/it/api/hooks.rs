//! The trigger before tokens are made: what it changes, what it cannot, and what its failure leaves behind.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use poolhouse::{
    config::{
        Place,
        function::{Function, Runs},
    },
    functions::Functions,
    hooks::{ClaimsOverride, Event, Hook, Hooks, PreTokenGeneration, PreTokenGenerationResponse},
    store::Store,
};
use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site, Tokens, claims},
    town::{towns_with, with},
};

struct Greeter;

#[async_trait]
impl Hook<PreTokenGeneration> for Greeter {
    async fn call(&self, event: &Event<PreTokenGeneration>) -> Result<PreTokenGenerationResponse, String> {
        if event.user_name == "eve" {
            return Err("not you".into());
        }
        let source = [("source".to_owned(), event.trigger_source.to_owned())].into();
        let details = ClaimsOverride { claims_to_add_or_override: Some(source), ..ClaimsOverride::default() };
        Ok(PreTokenGenerationResponse { claims_override_details: Some(details) })
    }
}

fn section(name: &str, file: &Path) -> Function {
    Function {
        handler: "index.handler".into(),
        timeout: Duration::from_millis(500),
        memory_mib: 32,
        ..Function::new(Place::whole("poolhouse.toml"), name, Runs::Script(file.to_owned()))
    }
}

/// Sites with these handlers, and no trigger set.
pub(super) async fn sites(handlers: &[(&str, &str)]) -> Vec<Site> {
    let folder = tempfile::tempdir().unwrap();
    let sections: Vec<_> = handlers
        .iter()
        .map(|(name, body)| {
            let file = folder.path().join(format!("{name}.js"));
            std::fs::write(&file, format!("exports.handler = async (event) => {{ {body} }};")).unwrap();
            section(name, &file)
        })
        .collect();
    let towns = towns_with(|parts| {
        let mut hooks = Hooks::new(Arc::new(Functions::load(&sections).unwrap()));
        hooks.register::<PreTokenGeneration>("greeter", Arc::new(Greeter));
        parts.hooks = hooks;
    });
    let mut sites = Vec::new();
    for town in towns.await {
        sites.push(Site::at(town, json!({}), json!({})).await);
    }
    sites
}

impl Site {
    async fn trigger(&self, name: &str) {
        let target = format!("arn:aws:lambda:us-east-1:123456789012:function:{name}");
        self.call("UpdateUserPool", json!({"UserPoolId": self.pool, "LambdaConfig": {"PreTokenGeneration": target}}))
            .await;
    }
}

async fn grants(store: &Store) -> i64 {
    let mut tx = store.read().await.unwrap();
    tx.sql("SELECT COUNT(*) FROM user_grant").one::<(i64,)>().await.unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_function_gives_no_token_and_leaves_no_grant() {
    const UNRECOGNIZABLE: &str = "InvalidLambdaResponseException: Unrecognizable lambda output";
    let unavailable = "UnexpectedLambdaException: PreTokenGeneration invocation failed due to error ";
    let failures = [
        (
            "throws",
            "throw new Error('go away')",
            "UserLambdaValidationException: PreTokenGeneration failed with error go away.",
        ),
        ("loops", "for (;;) {}", unavailable),
        ("garbage", "return 'garbage'", UNRECOGNIZABLE),
        (
            "numbers",
            "event.response = { claimsOverrideDetails: { claimsToAddOrOverride: { a: 1 } } }; return event",
            UNRECOGNIZABLE,
        ),
        ("list", "event.response = { claimsOverrideDetails: [1] }; return event", UNRECOGNIZABLE),
        (
            "circular",
            "const a = {}; a.a = a; return a",
            "InvalidLambdaResponseException: Invalid lambda function output : Invalid JSON",
        ),
    ];
    let handlers: Vec<_> = failures.iter().map(|(name, body, _)| (*name, *body)).collect();
    for site in sites(&handlers).await {
        site.person("ann").await;
        let before = site.tokens("ann").await;
        let kept = grants(&site.app.store).await;
        for (name, refusal) in
            failures.iter().map(|(name, _, refusal)| (name, refusal)).chain([(&"missing", &unavailable)])
        {
            site.trigger(name).await;
            let said = site.refused("InitiateAuth", site.password("ann", PASSWORD)).await;
            assert!(said.starts_with(refusal), "{name}: {said}");
            let said = site.refused("InitiateAuth", site.refresh(&before.refresh)).await;
            assert!(said.starts_with(refusal), "{name}: {said}");
            assert_eq!(grants(&site.app.store).await, kept, "{name}");
        }
        site.call("UpdateUserPool", json!({"UserPoolId": site.pool})).await;
        site.tokens("ann").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_changes_the_id_token_but_not_what_is_protected() {
    let body = "event.response = { claimsOverrideDetails: {
            claimsToAddOrOverride: { tier: 'gold', email: 'x@y.z', gone: '1', sub: 'root', iss: 'evil', aud: 'evil',
                token_use: 'access', exp: '9', iat: '9', auth_time: '9', jti: 'x', client_id: 'evil', origin_jti: 'x', 'cognito:username': 'root', 'dev:custom:a': '1',
                saw: event.triggerSource + ' ' + event.request.userAttributes['cognito:user_status'] },
            claimsToSuppress: ['gone', 'email_verified', 'sub', 'iss', 'aud', 'exp', 'iat', 'token_use', 'jti', 'origin_jti',
                'auth_time', 'cognito:username', 'client_id'],
            groupOverrideDetails: { groupsToOverride: ['other'] } } };
        return event";
    for site in sites(&[("changer", body)]).await {
        site.person("ann").await;
        site.call("CreateGroup", json!({"UserPoolId": site.pool, "GroupName": "admin"})).await;
        site.call("AdminAddUserToGroup", with(&site.named("ann"), json!({"GroupName": "admin"}))).await;
        let plain = site.tokens("ann").await;
        assert_eq!(claims(&plain.access)["cognito:groups"], json!(["admin"]));
        site.trigger("changer").await;
        let tokens = site.tokens("ann").await;
        let (id, access) = (claims(&tokens.id), claims(&tokens.access));
        assert_eq!((&id["tier"], &id["email"]), (&json!("gold"), &json!("x@y.z")));
        assert_eq!(id["saw"], "TokenGeneration_Authentication CONFIRMED");
        assert!(id.get("gone").is_none() && id.get("email_verified").is_none() && id.get("dev:custom:a").is_none());
        let before = claims(&plain.id);
        for claim in ["sub", "iss", "aud", "token_use", "exp", "iat", "auth_time", "cognito:username", "client_id"] {
            assert_eq!(id.get(claim), before.get(claim), "{claim}");
        }
        let of_access = ["sub", "iss", "client_id", "token_use", "exp", "iat", "auth_time", "username"];
        for claim in of_access {
            assert_eq!(access.get(claim), claims(&plain.access).get(claim), "{claim}");
        }
        assert!(id["jti"].as_str().is_some_and(|id| id.len() == 36) && id["jti"] != before["jti"]);
        assert_eq!(id["origin_jti"], access["origin_jti"]);
        assert_eq!((&id["cognito:groups"], &access["cognito:groups"]), (&json!(["other"]), &json!(["other"])));
        assert!(access.get("tier").is_none());
        let renewed = Tokens::of(&site.call("InitiateAuth", site.refresh(&tokens.refresh)).await);
        assert_eq!(claims(&renewed.id)["saw"], "TokenGeneration_RefreshTokens CONFIRMED");
    }
}

#[tokio::test]
async fn the_built_in_rule_turns_groups_into_scopes() {
    for site in sites(&[]).await {
        site.person("ann").await;
        for group in ["admin", "regular"] {
            site.call("CreateGroup", json!({"UserPoolId": site.pool, "GroupName": group})).await;
            site.call("AdminAddUserToGroup", with(&site.named("ann"), json!({"GroupName": group}))).await;
        }
        site.trigger("groups-to-scopes").await;
        let tokens = site.tokens("ann").await;
        let scope = format!("admin-{0} regular-{0}", site.client);
        assert_eq!(claims(&tokens.id)["scope"], scope);
        assert_eq!(claims(&tokens.access)["scope"], "aws.cognito.signin.user.admin");
    }
}

#[tokio::test]
async fn a_hook_in_rust_answers_like_a_function() {
    for site in sites(&[]).await {
        for name in ["ann", "eve"] {
            site.person(name).await;
        }
        site.trigger("greeter").await;
        assert_eq!(claims(&site.tokens("ann").await.id)["source"], "TokenGeneration_Authentication");
        assert_eq!(
            site.refused("InitiateAuth", site.password("eve", PASSWORD)).await,
            "UserLambdaValidationException: PreTokenGeneration failed with error not you."
        );
        assert_eq!(grants(&site.app.store).await, 1);
        site.newcomer("new", "Right-1234").await;
        let asked: Value = site.call("InitiateAuth", site.password("new", PASSWORD)).await;
        let answer = json!({"ClientId": site.client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": asked["Session"],
                            "ChallengeResponses": {"USERNAME": "new", "NEW_PASSWORD": "Other-1234"}});
        let tokens = Tokens::of(&site.call("RespondToAuthChallenge", answer).await);
        assert_eq!(claims(&tokens.id)["source"], "TokenGeneration_NewPasswordChallenge");
    }
}
