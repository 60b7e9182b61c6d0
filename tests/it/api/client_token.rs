//! GetClientToken: a token for a machine, on the word of its secret.

use serde_json::{Value, json};

use super::{
    people::{Site, claims, sites},
    town::with,
};

/// A resource server with two scopes, and a client that may have both, by this flow.
async fn machine(site: &Site, members: Value) -> (String, String) {
    let scopes = ["read", "write"].map(|name| json!({"ScopeName": name, "ScopeDescription": name}));
    let server = json!({"UserPoolId": site.pool, "Identifier": "files", "Name": "files", "Scopes": scopes});
    site.send("CreateResourceServer", &server).await;
    let usual = json!({
        "UserPoolId": site.pool, "ClientName": "machine", "GenerateSecret": true,
        "AllowedOAuthScopes": ["files/read", "files/write"],
    });
    let made = site.call("CreateUserPoolClient", with(&usual, members)).await["UserPoolClient"].clone();
    let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
    (text("ClientId"), text("ClientSecret"))
}

fn own_flow() -> Value {
    json!({"ExplicitAuthFlows": ["ALLOW_CLIENT_TOKEN_AUTH"]})
}

fn by_grant() -> Value {
    json!({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthFlowsUserPoolClient": true})
}

#[tokio::test]
async fn a_machine_gets_the_scopes_that_it_asks_for_or_all() {
    for site in sites().await {
        for members in [own_flow(), by_grant()] {
            let (client, secret) = machine(&site, members).await;
            let call = json!({"ClientId": client, "Secret": secret});
            let output = site.call("GetClientToken", call.clone()).await["ClientAuthenticationResult"].clone();
            assert_eq!((&output["ExpiresIn"], &output["TokenType"]), (&json!(3600), &json!("Bearer")));
            let told = claims(output["AccessToken"].as_str().unwrap());
            assert_eq!((&told["sub"], &told["client_id"]), (&json!(client), &json!(client)));
            assert_eq!((&told["scope"], &told["token_use"]), (&json!("files/read files/write"), &json!("access")));
            let one = with(&call, json!({"Scopes": ["files/write"]}));
            let output = site.call("GetClientToken", one).await;
            let token = output["ClientAuthenticationResult"]["AccessToken"].as_str().unwrap();
            assert_eq!(claims(token)["scope"], "files/write");
            let refusal = site.refused("GetUser", json!({"AccessToken": token})).await;
            assert!(
                refusal.starts_with("UserNotFoundException: ") || refusal.starts_with("NotAuthorized"),
                "{refusal}"
            );
        }
    }
}

#[tokio::test]
async fn the_secret_is_the_caller_and_no_signature_counts() {
    for site in sites().await {
        let (client, secret) = machine(&site, own_flow()).await;
        let call = json!({"ClientId": client, "Secret": secret});
        let (status, body) = site.send_with("GetClientToken", &call, &[]).await;
        assert_eq!(status, 200, "{body}");
        let wrong = with(&call, json!({"Secret": "another0secret0another0secret0"}));
        let refusal = format!("NotAuthorizedException: Unable to verify secret for client {client}");
        assert_eq!(site.refused("GetClientToken", wrong).await, refusal);
        let unknown = with(&call, json!({"ClientId": "nobody"}));
        let refusal = "ResourceNotFoundException: User pool client nobody does not exist.";
        assert_eq!(site.refused("GetClientToken", unknown).await, refusal);
    }
}

#[tokio::test]
async fn what_the_client_may_not_have_is_refused() {
    for site in sites().await {
        let (client, secret) = machine(&site, own_flow()).await;
        let call = json!({"ClientId": client, "Secret": secret});
        for scope in ["files/delete", "openid", "nowhere/read"] {
            let refusal = site.refused("GetClientToken", with(&call, json!({"Scopes": [scope]}))).await;
            assert_eq!(refusal, format!("InvalidParameterException: Invalid scope requested: {scope}"));
        }
        let (other, secret) = machine(&site, json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]})).await;
        let refusal = site.refused("GetClientToken", json!({"ClientId": other, "Secret": secret})).await;
        assert_eq!(refusal, "InvalidParameterException: Auth flow not enabled for this client");
        let public = json!({"ClientId": site.client, "Secret": "another0secret0another0secret0"});
        let refusal = site.refused("GetClientToken", public).await;
        assert_eq!(refusal, format!("NotAuthorizedException: Unable to verify secret for client {}", site.client));
        site.call("DeleteResourceServer", json!({"UserPoolId": site.pool, "Identifier": "files"})).await;
        let refusal = site.refused("GetClientToken", call).await;
        assert!(refusal.starts_with("InvalidParameterException: "), "{refusal}");
    }
}

#[tokio::test]
async fn the_flow_of_machines_stands_alone_and_needs_a_secret() {
    for site in sites().await {
        let make = |members: Value| with(&json!({"UserPoolId": site.pool, "ClientName": "c"}), members);
        let both = json!({"GenerateSecret": true, "ExplicitAuthFlows": ["ALLOW_CLIENT_TOKEN_AUTH", "ALLOW_USER_AUTH"]});
        for members in [both, own_flow()] {
            let refusal = site.refused("CreateUserPoolClient", make(members)).await;
            assert!(refusal.starts_with("InvalidParameterException: ALLOW_CLIENT_TOKEN_AUTH "), "{refusal}");
        }
    }
}
