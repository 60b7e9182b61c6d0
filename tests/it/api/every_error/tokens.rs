//! What becomes of tokens: refreshed, revoked, exchanged, and those of machines.

use serde_json::json;

use crate::api::{
    every_error::Report,
    people::{INVALID_TOKEN, NO_USER, PASSWORD, Site, sites_with},
    town::with,
};

pub(super) async fn ask() -> Report {
    let mut report = Report::default();
    for site in sites_with(json!({"AutoVerifiedAttributes": ["email"]}), json!({})).await {
        for name in ["ann", "bob", "cy"] {
            site.person(name).await;
        }
        refreshed(&mut report, &site).await;
        revoked(&mut report, &site).await;
        derived(&mut report, &site).await;
        machines(&mut report, &site).await;
        report.note(&site);
    }
    report
}

async fn refreshed(report: &mut Report, site: &Site) {
    let refresh = |client: &str, token: &str| json!({"ClientId": client, "RefreshToken": token});
    let tokens = site.tokens("ann").await;
    report.given(site, "GetTokensFromRefreshToken", refresh(&site.client, &tokens.refresh)).await;
    let call = refresh(&site.client, "forged");
    report.refused(site, ("GetTokensFromRefreshToken", call), "NotAuthorizedException: Invalid Refresh Token.").await;
    let rotating = site
        .another_client(json!({
            "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"],
        }))
        .await;
    let first = report.given(site, "InitiateAuth", site.password_at(&rotating, "ann", PASSWORD)).await;
    let first = first["AuthenticationResult"]["RefreshToken"].as_str().unwrap().to_owned();
    report.given(site, "GetTokensFromRefreshToken", refresh(&rotating, &first)).await;
    site.advance(1);
    let reused = "RefreshTokenReuseException: Refresh Token has been revoked";
    report.refused(site, ("GetTokensFromRefreshToken", refresh(&rotating, &first)), reused).await;
}

async fn revoked(report: &mut Report, site: &Site) {
    let tokens = site.tokens("ann").await;
    let lasting = site.another_client(json!({"EnableTokenRevocation": false})).await;
    let revoke = |client: &str, token: &str| ("RevokeToken", json!({"ClientId": client, "Token": token}));
    report.given(site, "RevokeToken", revoke(&site.client, &tokens.refresh).1).await;
    report.given(site, "RevokeToken", revoke(&site.client, "forged").1).await;
    for (call, text) in [
        (revoke("none", &tokens.refresh), "UnauthorizedException: Client is not authorized"),
        (revoke(&site.client, &tokens.access), "UnsupportedTokenTypeException: Unsupported token type"),
        (
            revoke(&lasting, &tokens.refresh),
            "UnsupportedOperationException: Token revocation is not enabled for this client",
        ),
    ] {
        report.refused(site, call, text).await;
    }
}

async fn derived(report: &mut Report, site: &Site) {
    let flows = json!({"ExplicitAuthFlows": ["ALLOW_TOKEN_EXCHANGE_IMPERSONATION"],
                       "AllowedOAuthScopes": ["aws.cognito.signin.user.admin"]});
    let client = site.another_client(flows).await;
    let call = |token: &str| json!({"ClientId": client, "SubjectToken": token, "SubjectTokenType": "ACCESS_TOKEN"});
    let subject = site.tokens("bob").await.access;
    report.given(site, "GetDerivedToken", call(&subject)).await;
    report.refused(site, ("GetDerivedToken", call("a.b.c")), INVALID_TOKEN).await;
    site.call("AdminDeleteUser", site.named("bob")).await;
    report.refused(site, ("GetDerivedToken", call(&subject)), NO_USER).await;
}

async fn machines(report: &mut Report, site: &Site) {
    let server =
        json!({"Identifier": "files", "Name": "files", "Scopes": [{"ScopeName": "read", "ScopeDescription": "r"}]});
    site.call("CreateResourceServer", site.of_pool(server)).await;
    let made = json!({"ClientName": "machine", "GenerateSecret": true, "AllowedOAuthScopes": ["files/read"],
                      "ExplicitAuthFlows": ["ALLOW_CLIENT_TOKEN_AUTH"]});
    let made = site.call("CreateUserPoolClient", site.of_pool(made)).await["UserPoolClient"].clone();
    let call = json!({"ClientId": made["ClientId"], "Secret": made["ClientSecret"]});
    report.given(site, "GetClientToken", call.clone()).await;
    let text =
        format!("NotAuthorizedException: Unable to verify secret for client {}", made["ClientId"].as_str().unwrap());
    report.refused(site, ("GetClientToken", with(&call, json!({"Secret": "x".repeat(24)}))), &text).await;
}
