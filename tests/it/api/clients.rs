//! App clients and their secrets.

use poolhouse::{
    domain::client::RelyingParty,
    flows::{
        Applied,
        clients::{self, DesiredClient},
    },
};
use serde_json::{Value, json};

use super::town::{NO_POOL, NOWHERE, Town, towns, with};

const OWN_SECRET: &str = "own0secret0own0secret0own0";

async fn client(town: &Town, pool: &str, members: Value) -> Value {
    let input = with(&json!({"UserPoolId": pool, "ClientName": "web"}), members);
    town.call("CreateUserPoolClient", input).await["UserPoolClient"].clone()
}

#[tokio::test]
async fn a_new_client_has_the_services_defaults() {
    for town in towns().await {
        let pool = town.pool().await;
        let made = client(&town, &pool, json!({"RefreshTokenValidity": 0})).await;
        let id = made["ClientId"].as_str().unwrap();
        assert_eq!(id.len(), 26);
        let expected = json!({
            "UserPoolId": pool, "ClientId": id, "ClientName": "web", "RefreshTokenValidity": 30, "TokenValidityUnits": {},
            "AllowedOAuthFlowsUserPoolClient": false, "EnableTokenRevocation": true,
            "EnablePropagateAdditionalUserContextData": false, "AuthSessionValidity": 3,
            "CreationDate": 1_800_000_000.0, "LastModifiedDate": 1_800_000_000.0,
        });
        assert_eq!(made, expected);
        let named = json!({"UserPoolId": pool, "ClientId": id});
        assert_eq!(town.call("DescribeUserPoolClient", named).await["UserPoolClient"], made);
    }
}

#[tokio::test]
async fn an_update_replaces_all_but_name_and_secret() {
    for town in towns().await {
        let pool = town.pool().await;
        let callbacks = json!({"CallbackURLs": ["https://app.example/cb"], "GenerateSecret": true});
        let made = client(&town, &pool, callbacks).await;
        assert_eq!(made["ClientSecret"].as_str().unwrap().len(), 51);
        let named = json!({"UserPoolId": pool, "ClientId": made["ClientId"]});
        let flows = json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"], "AccessTokenValidity": 5, "Unknown": [],
            "TokenValidityUnits": {"AccessToken": "minutes"}, "ReadAttributes": null});
        let updated = town.call("UpdateUserPoolClient", with(&named, flows)).await["UserPoolClient"].clone();
        assert_eq!((&updated["ClientName"], &updated["ClientSecret"]), (&made["ClientName"], &made["ClientSecret"]));
        assert_eq!((&updated["CallbackURLs"], &updated["AccessTokenValidity"]), (&Value::Null, &json!(5)));
        assert_eq!(town.call("DescribeUserPoolClient", named.clone()).await["UserPoolClient"], updated);
        let back = with(&updated, json!({"ClientName": "other"}));
        assert_eq!(town.call("UpdateUserPoolClient", back.clone()).await["UserPoolClient"], back);
        let none = json!({"UserPoolId": pool, "ClientId": "none"});
        let gone = "ResourceNotFoundException: User pool client none does not exist.";
        for operation in ["UpdateUserPoolClient", "DescribeUserPoolClient", "DeleteUserPoolClient"] {
            assert_eq!(town.refused(operation, none.clone()).await, gone, "{operation}");
            assert_eq!(town.refused(operation, json!({"UserPoolId": NOWHERE, "ClientId": "none"})).await, NO_POOL);
        }
        assert_eq!(town.call("DeleteUserPoolClient", named.clone()).await, Value::Null);
        assert!(town.refused("DescribeUserPoolClient", named).await.starts_with("ResourceNotFoundException"));
    }
}

#[tokio::test]
async fn settings_that_do_not_hold_together_are_refused() {
    for town in towns().await {
        let pool = town.pool().await;
        let invalid = [
            (json!({"ClientSecret": OWN_SECRET, "GenerateSecret": true}), "together with GenerateSecret"),
            (json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ADMIN_NO_SRP_AUTH"]}), "cannot mix"),
            (json!({"AccessTokenValidity": 25}), "Invalid range for token validity."),
            (
                json!({"IdTokenValidity": 4, "TokenValidityUnits": {"IdToken": "minutes"}}),
                "Invalid range for token validity.",
            ),
            (json!({"RefreshTokenValidity": 3651}), "Invalid range for token validity."),
            (
                json!({"RefreshTokenValidity": 1, "AccessTokenValidity": 2, "TokenValidityUnits": {"RefreshToken": "hours"}}),
                "Invalid range for token validity.",
            ),
            (
                json!({"AllowedOAuthFlowsUserPoolClient": true}),
                "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows.",
            ),
            (
                json!({"AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"], "AllowedOAuthScopes": ["openid"]}),
                "CallbackURL is required",
            ),
            (json!({"CallbackURLs": ["javascript:alert(1)"]}), "scheme that is not allowed"),
            (json!({"LogoutURLs": ["data:text/html,x"]}), "scheme that is not allowed"),
            (json!({"CallbackURLs": ["http://app.example/cb"]}), "http://app.example/cb cannot use the HTTP protocol."),
            (json!({"CallbackURLs": ["https://app.example/cb#x"]}), "fragment"),
            (
                json!({"CallbackURLs": ["https://a.example/"], "DefaultRedirectURI": "https://b.example/"}),
                "DefaultRedirectURI must be one of the CallbackURLs.",
            ),
            (json!({"SupportedIdentityProviders": ["Google"]}), "The provider Google does not exist for User Pool"),
            (json!({"ReadAttributes": ["custom:none"]}), "Invalid read attributes specified while creating a client"),
            (
                json!({"WriteAttributes": ["email_verified"]}),
                "Invalid write attributes specified while creating a client",
            ),
            (json!({"EnablePropagateAdditionalUserContextData": true}), "client with a secret"),
            (
                json!({"ExplicitAuthFlows": ["ALLOW_REFRESH_TOKEN_AUTH"], "RefreshTokenRotation": {"Feature": "ENABLED"}}),
                "rotation cannot be enabled together with ALLOW_REFRESH_TOKEN_AUTH",
            ),
            (
                json!({"EnableTokenRevocation": false, "RefreshTokenRotation": {"Feature": "ENABLED"}}),
                "requires EnableTokenRevocation",
            ),
        ];
        let asked = |members: Value| with(&json!({"UserPoolId": pool, "ClientName": "web"}), members);
        for (members, text) in invalid {
            let refusal = town.refused("CreateUserPoolClient", asked(members)).await;
            assert!(refusal.starts_with("InvalidParameterException") && refusal.contains(text), "{refusal}");
        }
        let machine = |members| with(&json!({"AllowedOAuthFlowsUserPoolClient": true}), members);
        let flow = "InvalidOAuthFlowException: client_credentials flow can not be selected";
        let cases = [
            (
                json!({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["api/read"]}),
                format!("{flow} if client does not have a client secret."),
            ),
            (
                json!({"AllowedOAuthFlows": ["client_credentials", "code"], "AllowedOAuthScopes": ["api/read"], "GenerateSecret": true}),
                format!("{flow} along with code flow or implicit flow."),
            ),
            (
                json!({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["openid"], "GenerateSecret": true}),
                format!("{flow} without a custom scope."),
            ),
            (
                json!({"AllowedOAuthFlows": ["client_credentials"], "AllowedOAuthScopes": ["api/read"], "GenerateSecret": true}),
                "ScopeDoesNotExistException: Invalid scope requested: api/read".to_owned(),
            ),
        ];
        for (members, text) in cases {
            assert_eq!(town.refused("CreateUserPoolClient", asked(machine(members))).await, text);
        }
        let none = json!({"UserPoolId": NOWHERE, "ClientName": "web"});
        assert_eq!(town.refused("CreateUserPoolClient", none).await, NO_POOL);
    }
}

#[tokio::test]
async fn a_machine_may_use_the_scopes_of_a_resource_server() {
    for town in towns().await {
        let pool = town.pool().await;
        let scopes = json!([{"ScopeName": "read", "ScopeDescription": "Read"}]);
        let server =
            json!({"UserPoolId": pool, "Identifier": "https://api.example/v1", "Name": "api", "Scopes": scopes});
        town.call("CreateResourceServer", server).await;
        let members = json!({
            "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["client_credentials"],
            "AllowedOAuthScopes": ["https://api.example/v1/read"], "ClientSecret": OWN_SECRET,
        });
        assert_eq!(client(&town, &pool, members).await["ClientSecret"], OWN_SECRET);
    }
}

#[tokio::test]
async fn clients_are_listed_page_by_page() {
    for town in towns().await {
        let pool = town.pool().await;
        for _ in 0..3 {
            client(&town, &pool, json!({})).await;
        }
        let all = town.call("ListUserPoolClients", json!({"UserPoolId": pool})).await;
        assert_eq!(all["UserPoolClients"].as_array().unwrap().len(), 3);
        let first = town.call("ListUserPoolClients", json!({"UserPoolId": pool, "MaxResults": 2})).await;
        let rest = json!({"UserPoolId": pool, "MaxResults": 2, "NextToken": first["NextToken"]});
        let second = town.call("ListUserPoolClients", rest.clone()).await;
        assert_eq!(second["UserPoolClients"][0], all["UserPoolClients"][2]);
        let other = town.pool().await;
        let moved = with(&rest, json!({"UserPoolId": other}));
        assert!(town.refused("ListUserPoolClients", moved).await.starts_with("InvalidParameterException"));
        let regular = town.call("ListUserPoolClients", json!({"UserPoolId": pool, "ClientType": "REGULAR"})).await;
        assert_eq!(regular, all);
        let registered = json!({"UserPoolId": pool, "ClientType": "DCR"});
        assert_eq!(town.call("ListUserPoolClients", registered).await, json!({"UserPoolClients": []}));
        assert_eq!(town.refused("ListUserPoolClients", json!({"UserPoolId": NOWHERE})).await, NO_POOL);
    }
}

#[tokio::test]
async fn a_second_secret_can_replace_the_first() {
    for town in towns().await {
        let pool = town.pool().await;
        let made = client(&town, &pool, json!({"GenerateSecret": true})).await;
        let named = json!({"UserPoolId": pool, "ClientId": made["ClientId"]});
        let added = town.call("AddUserPoolClientSecret", named.clone()).await["ClientSecretDescriptor"].clone();
        assert_eq!(added["ClientSecretValue"].as_str().unwrap().len(), 51);
        let limit = town.refused("AddUserPoolClientSecret", named.clone()).await;
        assert!(limit.starts_with("LimitExceededException"), "{limit}");
        let listed = town.call("ListUserPoolClientSecrets", named.clone()).await["ClientSecrets"].clone();
        assert_eq!(listed.as_array().unwrap().len(), 2);
        assert_eq!(listed[0]["ClientSecretValue"], Value::Null);
        let first = with(&named, json!({"ClientSecretId": listed[0]["ClientSecretId"]}));
        assert_eq!(town.call("DeleteUserPoolClientSecret", first.clone()).await, json!({}));
        assert!(town.refused("DeleteUserPoolClientSecret", first).await.starts_with("ResourceNotFoundException"));
        let last = with(&named, json!({"ClientSecretId": added["ClientSecretId"]}));
        assert!(town.refused("DeleteUserPoolClientSecret", last).await.contains("last secret"));
        let described = town.call("DescribeUserPoolClient", named.clone()).await["UserPoolClient"].clone();
        assert_eq!(described["ClientSecret"], added["ClientSecretValue"]);
        let own = town.call("AddUserPoolClientSecret", with(&named, json!({"ClientSecret": OWN_SECRET}))).await;
        assert_eq!(own["ClientSecretDescriptor"]["ClientSecretValue"], Value::Null);

        let public = client(&town, &pool, json!({})).await;
        let public = json!({"UserPoolId": pool, "ClientId": public["ClientId"]});
        assert!(town.refused("AddUserPoolClientSecret", public).await.starts_with("InvalidParameterException"));
        for operation in ["AddUserPoolClientSecret", "ListUserPoolClientSecrets"] {
            assert_eq!(town.refused(operation, json!({"UserPoolId": NOWHERE, "ClientId": "none"})).await, NO_POOL);
        }
    }
}

#[tokio::test]
async fn applying_a_client_twice_writes_once() {
    for town in towns().await {
        let (cx, pool) = (town.cx(), town.pool().await);
        let desired = |secret: Option<&str>, settings: Value| DesiredClient {
            id: "1applied".into(),
            name: "web".into(),
            secret: secret.map(Into::into),
            settings: settings.as_object().cloned().unwrap(),
            relying_party: RelyingParty::default(),
        };
        let flows = json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]});
        let apply = |desired| clients::apply(&cx, &pool, desired);
        assert_eq!(apply(desired(None, flows.clone())).await.unwrap(), Applied::Created);
        assert_eq!(apply(desired(None, flows.clone())).await.unwrap(), Applied::Unchanged);
        assert_eq!(apply(desired(Some(OWN_SECRET), flows.clone())).await.unwrap(), Applied::Changed);
        assert_eq!(apply(desired(Some(OWN_SECRET), flows.clone())).await.unwrap(), Applied::Unchanged);
        assert_eq!(apply(desired(None, json!({}))).await.unwrap(), Applied::Changed);
        assert!(apply(desired(Some("short"), json!({}))).await.is_err());
        let other = town.pool().await;
        assert!(clients::apply(&cx, &other, desired(None, flows)).await.is_err());
        assert_eq!(clients::all_ids(&cx, &pool).await.unwrap(), ["1applied"]);
        let described = town.call("DescribeUserPoolClient", json!({"UserPoolId": pool, "ClientId": "1applied"})).await;
        assert_eq!(described["UserPoolClient"]["ClientSecret"], OWN_SECRET);
    }
}
