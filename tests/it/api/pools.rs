//! User pools, their second factors and their tags.

use poolhouse::{
    config::server::Issuer,
    flows::{
        Applied, Parts,
        pools::{self, DesiredPool},
    },
};
use serde_json::{Value, json};

use super::{
    people::{Site, claims},
    town::{ACCOUNT, NO_POOL, NOWHERE, towns, towns_with, with},
};

#[tokio::test]
async fn a_new_pool_has_the_services_defaults() {
    for town in towns().await {
        let pool = town.call("CreateUserPool", json!({"PoolName": "example"})).await["UserPool"].clone();
        let id = pool["Id"].as_str().unwrap();
        assert!(id.starts_with("us-east-1_") && id.len() == 19, "{id}");
        let expected = json!({
            "Id": id, "Name": "example", "Arn": format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{id}"),
            "Policies": {
                "PasswordPolicy": {
                    "MinimumLength": 8, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true,
                    "RequireSymbols": true, "TemporaryPasswordValidityDays": 7,
                },
                "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
            },
            "DeletionProtection": "INACTIVE", "MfaConfiguration": "OFF", "LambdaConfig": {}, "EstimatedNumberOfUsers": 0,
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7},
            "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
            "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
            "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": []},
            "UserPoolTier": "ESSENTIALS", "UserPoolTags": {}, "SchemaAttributes": pool["SchemaAttributes"],
            "CreationDate": 1_800_000_000.0, "LastModifiedDate": 1_800_000_000.0,
            "AcrConfiguration": {
                "Level1": {"AcrValue": "urn:cognito:loa:1"}, "Level2": {"AcrValue": "urn:cognito:loa:2"},
                "Level3": {"AcrValue": "urn:cognito:loa:3"}, "Level4": {"AcrValue": "urn:cognito:loa:4"},
            },
        });
        assert_eq!(pool, expected);
        let schema = pool["SchemaAttributes"].as_array().unwrap();
        assert_eq!(schema.len(), 21);
        let described = town.call("DescribeUserPool", json!({"UserPoolId": id})).await;
        assert_eq!(described["UserPool"], pool);
    }
}

#[tokio::test]
async fn a_custom_id_is_taken_from_a_tag() {
    for town in towns().await {
        let make = |id: &str| json!({"PoolName": "a", "UserPoolTags": {"_custom_id_": id}});
        assert_eq!(town.call("CreateUserPool", make("Mine1")).await["UserPool"]["Id"], "us-east-1_Mine1");
        assert_eq!(town.call("CreateUserPool", make("eu-west-1_Mine")).await["UserPool"]["Id"], "eu-west-1_Mine");
        assert_eq!(
            town.refused("CreateUserPool", make("Mine1")).await,
            "InvalidParameterException: User pool us-east-1_Mine1 already exists."
        );
        assert!(town.refused("CreateUserPool", make("no id")).await.contains("is no user pool id"));
    }
}

#[tokio::test]
async fn what_the_service_refuses_is_refused_in_its_words() {
    for town in towns().await {
        let cases = [
            (json!({"Policies": {"PasswordPolicy": {"MinimumLength": 5}}}), "greater than or equal to 6"),
            (json!({"Policies": {"PasswordPolicy": {"MinimumLength": 100}}}), "less than or equal to 99"),
            (json!({"AliasAttributes": ["email"], "UsernameAttributes": ["email"]}), "Only one of the aliasAttributes"),
            (json!({"Schema": [{"Name": "a"}]}), "Invalid AttributeDataType input"),
            (json!({"Schema": [{"AttributeDataType": "String"}]}), "Schema attribute name is required."),
            (
                json!({"Schema": [{"Name": "a", "AttributeDataType": "String", "Required": true}]}),
                "Required custom attributes are not supported currently.",
            ),
            (
                json!({"Schema": [{"Name": "email", "AttributeDataType": "Number"}]}),
                "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute email",
            ),
            (
                json!({"Schema": [{"Name": "a", "AttributeDataType": "String", "StringAttributeConstraints": {"MinLength": "x"}}]}),
                "Invalid StringAttributeConstraints for schema attribute a",
            ),
            (
                json!({"Schema": [{"Name": "a", "AttributeDataType": "String", "StringAttributeConstraints": {"MaxLength": "2049"}}]}),
                "user.a: String attributes cannot have a length of more than 2048",
            ),
            (
                json!({"Schema": [{"Name": "a", "AttributeDataType": "Number", "NumberAttributeConstraints": {"MinValue": "2", "MaxValue": "1"}}]}),
                "user.a: Max value cannot be less than min value.",
            ),
            (
                json!({
                    "AdminCreateUserConfig": {"UnusedAccountValidityDays": 3},
                    "Policies": {"PasswordPolicy": {"MinimumLength": 8, "TemporaryPasswordValidityDays": 4}},
                }),
                "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays",
            ),
        ];
        for (members, text) in cases {
            let refusal = town.refused("CreateUserPool", with(&json!({"PoolName": "a"}), members)).await;
            assert!(refusal.starts_with("InvalidParameterException") && refusal.contains(text), "{refusal}");
        }
    }
}

/// What DescribeUserPool tells, without what an update cannot take: the way of scripts that change one setting.
fn sendable(pool: &Value) -> Value {
    let mut members = pool.clone();
    let fixed = [
        "Id",
        "Name",
        "SchemaAttributes",
        "EstimatedNumberOfUsers",
        "LastModifiedDate",
        "CreationDate",
        "Arn",
        "UsernameAttributes",
        "AliasAttributes",
        "UsernameConfiguration",
    ];
    members.as_object_mut().unwrap().retain(|name, _| !fixed.contains(&name.as_str()));
    members
}

#[tokio::test]
async fn what_is_described_can_be_sent_back() {
    for town in towns().await {
        let arn = format!("arn:aws:lambda:us-east-1:{ACCOUNT}:function:tokens");
        let given = json!({
            "PoolName": "full", "AutoVerifiedAttributes": ["email"], "UsernameAttributes": ["email"],
            "UsernameConfiguration": {"CaseSensitive": false}, "DeletionProtection": "ACTIVE",
            "LambdaConfig": {"PreTokenGeneration": arn}, "EmailVerificationMessage": "your code: {####}",
            "Schema": [{"Name": "tier", "AttributeDataType": "Number", "NumberAttributeConstraints": {"MinValue": "1"}}],
            "AccountRecoverySetting": {"RecoveryMechanisms": [{"Name": "verified_email", "Priority": 1}]},
            "Policies": {"PasswordPolicy": {"MinimumLength": 10, "TemporaryPasswordValidityDays": 3, "PasswordHistorySize": 2}},
            "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true, "InviteMessageTemplate": {"EmailSubject": "Welcome"}},
            "UserPoolTags": {"team": "a"}, "UserPoolAddOns": {"AdvancedSecurityMode": "OFF"}, "UserPoolTier": "PLUS",
        });
        let made = town.call("CreateUserPool", given).await["UserPool"].clone();
        let id = made["Id"].clone();
        assert_eq!(made["AdminCreateUserConfig"]["UnusedAccountValidityDays"], 3);
        assert_eq!(made["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaVersion"], "V1_0");
        assert_eq!(made["VerificationMessageTemplate"]["EmailMessage"], "your code: {####}");
        let back = with(&sendable(&made), json!({"UserPoolId": id}));
        assert_eq!(town.call("UpdateUserPool", back).await, json!({}));
        let described = town.call("DescribeUserPool", json!({"UserPoolId": id})).await["UserPool"].clone();
        assert_eq!(described, made);
    }
}

#[tokio::test]
async fn an_update_resets_what_it_does_not_name() {
    for town in towns().await {
        let given = json!({
            "PoolName": "a", "AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email"],
            "DeletionProtection": "ACTIVE", "UserPoolTags": {"team": "a"},
        });
        let id = town.call("CreateUserPool", given).await["UserPool"]["Id"].clone();
        town.call("UpdateUserPool", json!({"UserPoolId": id, "PoolName": "b", "Unknown": 1, "LambdaConfig": null}))
            .await;
        let pool = town.call("DescribeUserPool", json!({"UserPoolId": id})).await["UserPool"].clone();
        assert_eq!((&pool["Name"], &pool["DeletionProtection"]), (&json!("b"), &json!("INACTIVE")));
        assert_eq!((&pool["AutoVerifiedAttributes"], &pool["AliasAttributes"]), (&Value::Null, &json!(["email"])));
        assert_eq!(pool["UserPoolTags"], json!({"team": "a"}));
        assert_eq!(town.refused("UpdateUserPool", json!({"UserPoolId": NOWHERE})).await, NO_POOL);
        let dcr = json!({"EnableStatus": "Enabled", "OpenDcrEnabled": false, "AllowedScopes": ["email"]});
        town.call("UpdateUserPool", json!({"UserPoolId": id, "DcrConfiguration": dcr})).await;
        town.call("UpdateUserPool", json!({"UserPoolId": id})).await;
        let pool = town.call("DescribeUserPool", json!({"UserPoolId": id})).await["UserPool"].clone();
        assert_eq!(pool["DcrConfiguration"], dcr, "an update that does not name it leaves it alone");
        let lite = town.refused("UpdateUserPool", json!({"UserPoolId": id, "UserPoolTier": "LITE"})).await;
        assert!(lite.starts_with("FeatureUnavailableInTierException"), "{lite}");
        town.call("UpdateUserPool", json!({"UserPoolId": id, "DcrConfiguration": {}})).await;
        let pool = town.call("DescribeUserPool", json!({"UserPoolId": id})).await["UserPool"].clone();
        assert_eq!(pool["DcrConfiguration"], json!({}), "one that is named is replaced");
    }
}

#[tokio::test]
async fn a_protected_pool_stays_and_another_goes_with_its_clients() {
    for town in towns().await {
        let id = town.pool().await;
        let client = town.call("CreateUserPoolClient", json!({"UserPoolId": id, "ClientName": "c"})).await;
        let client = json!({"UserPoolId": id, "ClientId": client["UserPoolClient"]["ClientId"]});
        town.call("DescribeUserPoolClient", client.clone()).await;
        town.call("UpdateUserPool", json!({"UserPoolId": id, "DeletionProtection": "ACTIVE"})).await;
        assert!(
            town.refused("DeleteUserPool", json!({"UserPoolId": id}))
                .await
                .contains("deletion protection is activated")
        );
        town.call("UpdateUserPool", json!({"UserPoolId": id})).await;
        assert_eq!(town.call("DeleteUserPool", json!({"UserPoolId": id})).await, Value::Null);
        let gone = format!("ResourceNotFoundException: User pool {id} does not exist.");
        for operation in ["DescribeUserPool", "DeleteUserPool", "GetUserPoolMfaConfig"] {
            assert_eq!(town.refused(operation, json!({"UserPoolId": id})).await, gone);
        }
        assert_eq!(town.refused("DescribeUserPoolClient", client).await, gone);
    }
}

#[tokio::test]
async fn pools_are_listed_page_by_page() {
    for town in towns().await {
        let mut made = [town.pool().await, town.pool().await, town.pool().await];
        made.sort_unstable();
        let first = town.call("ListUserPools", json!({"MaxResults": 2})).await;
        assert_eq!(first["UserPools"][0]["LambdaConfig"], json!({}));
        let second = town.call("ListUserPools", json!({"MaxResults": 2, "NextToken": first["NextToken"]})).await;
        let listed = [&first["UserPools"][0], &first["UserPools"][1], &second["UserPools"][0]];
        assert_eq!(listed.map(|pool| pool["Id"].as_str().unwrap()), [&*made[0], &*made[1], &*made[2]]);
        assert_eq!(second["NextToken"], Value::Null);
        assert!(town.refused("ListUserPools", json!({"MaxResults": 2, "NextToken": "x"})).await.contains("token"));
        assert!(town.refused("ListUserPools", json!({"MaxResults": 61})).await.contains("less than or equal to 60"));
    }
}

#[tokio::test]
async fn custom_attributes_are_added_once() {
    for town in towns().await {
        let id = town.pool().await;
        let add = |attribute: Value| json!({"UserPoolId": id, "CustomAttributes": [attribute]});
        let tier = json!({"Name": "tier", "AttributeDataType": "String"});
        assert_eq!(town.call("AddCustomAttributes", add(tier.clone())).await, json!({}));
        let hidden = json!({"Name": "hidden", "AttributeDataType": "Number", "DeveloperOnlyAttribute": true});
        town.call("AddCustomAttributes", add(hidden)).await;
        let pool = town.call("DescribeUserPool", json!({"UserPoolId": id})).await["UserPool"].clone();
        assert_eq!(
            pool["SchemaAttributes"][21],
            json!({
                "Name": "custom:tier", "AttributeDataType": "String", "DeveloperOnlyAttribute": false, "Mutable": true,
                "Required": false, "StringAttributeConstraints": {},
            })
        );
        assert_eq!(pool["SchemaAttributes"][22]["Name"], "dev:custom:hidden");
        assert_eq!(
            town.refused("AddCustomAttributes", add(tier.clone())).await,
            "InvalidParameterException: custom:tier: Existing attribute already has name custom:tier."
        );
        let nowhere = json!({"UserPoolId": NOWHERE, "CustomAttributes": [tier]});
        assert_eq!(town.refused("AddCustomAttributes", nowhere).await, NO_POOL);
    }
}

#[tokio::test]
async fn second_factors_are_off_at_first() {
    for town in towns().await {
        let id = town.pool().await;
        let off = json!({"MfaConfiguration": "OFF"});
        assert_eq!(town.call("GetUserPoolMfaConfig", json!({"UserPoolId": id})).await, off);
        let set = |members: Value| with(&json!({"UserPoolId": id}), members);
        assert_eq!(town.call("SetUserPoolMfaConfig", set(json!({"MfaConfiguration": "OFF"}))).await, off);
        assert_eq!(town.refused("SetUserPoolMfaConfig", json!({"UserPoolId": NOWHERE})).await, NO_POOL);
    }
}

#[tokio::test]
async fn tags_are_added_replaced_and_removed() {
    for town in towns().await {
        let id = town.pool().await;
        let arn = format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{id}");
        town.call("TagResource", json!({"ResourceArn": arn, "Tags": {"a": "1", "b": "2"}})).await;
        town.call("TagResource", json!({"ResourceArn": arn, "Tags": {"b": "3"}})).await;
        let tags = town.call("ListTagsForResource", json!({"ResourceArn": arn})).await;
        assert_eq!(tags, json!({"Tags": {"a": "1", "b": "3"}}));
        town.call("UntagResource", json!({"ResourceArn": arn, "TagKeys": ["a", "none"]})).await;
        let pool = town.call("DescribeUserPool", json!({"UserPoolId": id})).await;
        assert_eq!(pool["UserPool"]["UserPoolTags"], json!({"b": "3"}));

        let many: serde_json::Map<_, _> = (0..50).map(|n| (format!("t{n}"), json!(""))).collect();
        assert!(
            town.refused("TagResource", json!({"ResourceArn": arn, "Tags": many})).await.contains("at most 50 tags")
        );
        let topic = format!("arn:aws:sns:us-east-1:{ACCOUNT}:topic-of-mine");
        assert!(town.refused("ListTagsForResource", json!({"ResourceArn": topic})).await.contains("not the ARN"));
        let nowhere = format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{NOWHERE}");
        assert_eq!(town.refused("TagResource", json!({"ResourceArn": nowhere, "Tags": {}})).await, NO_POOL);
        assert_eq!(town.refused("UntagResource", json!({"ResourceArn": nowhere, "TagKeys": []})).await, NO_POOL);
        let foreign = format!("arn:aws:cognito-idp:us-east-1:000000000000:userpool/{id}");
        assert!(
            town.refused("ListTagsForResource", json!({"ResourceArn": foreign})).await.starts_with("ResourceNotFound")
        );
    }
}

#[tokio::test]
async fn applying_a_pool_twice_writes_once() {
    for town in towns().await {
        let cx = town.cx();
        let desired = |settings: Value| DesiredPool {
            second_factors: None,
            id: "us-east-1_Applied".into(),
            name: "applied".into(),
            strict_oidc: false,
            settings: settings.as_object().cloned().unwrap(),
        };
        let verified = json!({"AutoVerifiedAttributes": ["email"]});
        assert_eq!(pools::apply(&cx, desired(verified.clone())).await.unwrap(), Applied::Created);
        assert_eq!(pools::apply(&cx, desired(verified.clone())).await.unwrap(), Applied::Unchanged);
        let schema = json!({"Schema": [{"Name": "tier", "AttributeDataType": "String"}]});
        assert_eq!(pools::apply(&cx, desired(schema.clone())).await.unwrap(), Applied::Changed);
        assert_eq!(pools::apply(&cx, desired(schema)).await.unwrap(), Applied::Unchanged);
        let fixed = pools::apply(&cx, desired(json!({"UsernameAttributes": ["email"]}))).await.unwrap_err();
        assert_eq!(fixed.to_string(), "UsernameAttributes cannot be changed after a user pool was created.");
        let strict = DesiredPool { strict_oidc: true, ..desired(verified) };
        assert_eq!(pools::apply(&cx, strict).await.unwrap(), Applied::Changed);
        assert_eq!(pools::all_ids(&cx).await.unwrap(), ["us-east-1_Applied"]);
    }
}

#[tokio::test]
async fn a_pool_may_have_the_services_newer_address() {
    let aws = |parts: &mut Parts| parts.setup.issuer = Issuer::Aws;
    let updated = json!({"PoolName": "example", "IssuerConfiguration": {"Type": "UPDATED"}});
    for town in towns_with(aws).await {
        let made = town.call("CreateUserPool", updated.clone()).await["UserPool"].clone();
        assert_eq!(made["IssuerConfiguration"], json!({"Type": "UPDATED"}));
        let site = Site::at(town, json!({"IssuerConfiguration": {"Type": "UPDATED"}}), json!({})).await;
        site.person("ann").await;
        let tokens = site.tokens("ann").await;
        let newer = format!("https://issuer-cognito-idp.us-east-1.amazonaws.com/{}", site.pool);
        assert_eq!((&claims(&tokens.access)["iss"], &claims(&tokens.id)["iss"]), (&json!(newer), &json!(newer)));
        site.call("GetUser", json!({"AccessToken": tokens.access})).await;
        site.call("UpdateUserPool", json!({"UserPoolId": site.pool})).await;
        let older = format!("https://cognito-idp.us-east-1.amazonaws.com/{}", site.pool);
        assert_eq!(claims(&site.tokens("ann").await.id)["iss"], older);
    }
    for town in towns().await {
        let site = Site::at(town, json!({"IssuerConfiguration": {"Type": "UPDATED"}}), json!({})).await;
        site.person("ann").await;
        let own = format!("http://localhost:9229/{}", site.pool);
        assert_eq!(claims(&site.tokens("ann").await.id)["iss"], own, "our own address is the same for every pool");
    }
}

/// Ways to sign in without a password are of the larger tiers, wherever they are asked for.
#[tokio::test]
async fn the_smallest_tier_knows_passwords_only() {
    let unavailable =
        |what: &str| format!("FeatureUnavailableInTierException: {what} is not available in the LITE tier.");
    for town in towns().await {
        let lite = json!({"PoolName": "lite", "UserPoolTier": "LITE"});
        let factors =
            |factor: &str| json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", factor]}}});
        let made = town.call("CreateUserPool", lite.clone()).await;
        let pool = json!({"UserPoolId": made["UserPool"]["Id"]});
        let update = with(&pool, json!({"UserPoolTier": "LITE"}));
        for factor in ["EMAIL_OTP", "SMS_OTP", "WEB_AUTHN"] {
            let refusal = unavailable(&format!("{factor} in AllowedFirstAuthFactors"));
            assert_eq!(town.refused("CreateUserPool", with(&lite, factors(factor))).await, refusal);
            assert_eq!(town.refused("UpdateUserPool", with(&update, factors(factor))).await, refusal);
        }
        let history = json!({"Policies": {"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 3}}});
        assert_eq!(town.refused("UpdateUserPool", with(&update, history)).await, unavailable("PasswordHistorySize"));
        let passkeys = with(&pool, json!({"WebAuthnConfiguration": {"RelyingPartyId": "example.com"}}));
        assert_eq!(town.refused("SetUserPoolMfaConfig", passkeys.clone()).await, unavailable("WebAuthnConfiguration"));
        let client = with(&pool, json!({"ClientName": "web", "ExplicitAuthFlows": ["ALLOW_USER_AUTH"]}));
        assert_eq!(town.refused("CreateUserPoolClient", client.clone()).await, unavailable("ALLOW_USER_AUTH"));

        // A pool that becomes smaller keeps none of them, and its older clients lose their flow.
        let larger = with(&pool, json!({"UserPoolTier": "ESSENTIALS"}));
        town.call("UpdateUserPool", with(&larger, factors("WEB_AUTHN"))).await;
        town.call("SetUserPoolMfaConfig", passkeys).await;
        let made = town.call("CreateUserPoolClient", client.clone()).await;
        let id = made["UserPoolClient"]["ClientId"].clone();
        let refusal = unavailable("WEB_AUTHN in AllowedFirstAuthFactors");
        assert_eq!(town.refused("UpdateUserPool", with(&update, factors("WEB_AUTHN"))).await, refusal);
        town.call("UpdateUserPool", update.clone()).await;
        let begin = json!({"AuthFlow": "USER_AUTH", "ClientId": id, "AuthParameters": {"USERNAME": "ann"}});
        assert_eq!(town.refused("InitiateAuth", begin.clone()).await, unavailable("USER_AUTH"));
        assert_eq!(town.refused("AdminInitiateAuth", with(&pool, begin)).await, unavailable("USER_AUTH"));
        let same = with(&client, json!({"ClientId": id, "RefreshTokenValidity": 5}));
        assert_eq!(town.refused("UpdateUserPoolClient", same).await, unavailable("ALLOW_USER_AUTH"));

        // Second factors by e-mail as well.
        let email = super::mfa::every_factor()["EmailConfiguration"].clone();
        let sending = json!({"EmailConfiguration": email, "MfaConfiguration": "OFF"});
        town.call("UpdateUserPool", with(&larger, sending.clone())).await;
        let config = json!({"MfaConfiguration": "OPTIONAL", "EmailMfaConfiguration": {"Message": "Code {####}", "Subject": "Code"}});
        town.call("SetUserPoolMfaConfig", with(&pool, config)).await;
        let smaller = with(&with(&update, sending), json!({"MfaConfiguration": "OPTIONAL"}));
        assert_eq!(town.refused("UpdateUserPool", smaller.clone()).await, unavailable("Email MFA"));
        town.call("SetUserPoolMfaConfig", with(&pool, json!({"MfaConfiguration": "OFF"}))).await;
        town.call("UpdateUserPool", with(&smaller, json!({"MfaConfiguration": "OFF"}))).await;
    }
}
