use serde_json::json;

use super::*;

fn settings(members: Value) -> Result<PoolSettings> {
    PoolSettings::requested(members.as_object().cloned().unwrap())
}

fn refusal(members: Value) -> String {
    settings(members).unwrap_err().to_string()
}

#[test]
fn omitted_members_have_the_services_defaults() {
    let settings = settings(json!({"PoolName": "a"})).unwrap();
    assert_eq!(settings.deletion_protection, Some(DeletionProtection::Inactive));
    assert_eq!(settings.kept["EmailConfiguration"], json!({"EmailSendingAccount": "COGNITO_DEFAULT"}));
    assert_eq!(settings.kept["VerificationMessageTemplate"], json!({"DefaultEmailOption": "CONFIRM_WITH_CODE"}));
    assert_eq!(settings.kept["UserPoolTier"], "ESSENTIALS");
    assert!(!settings.kept.contains_key("PoolName"));
    assert!(settings.policies.password_policy.require_symbols);
}

#[test]
fn a_template_and_the_older_texts_show_each_other() {
    let new = settings(json!({"VerificationMessageTemplate": {"SmsMessage": "code {####}"}})).unwrap();
    let old = settings(json!({"SmsVerificationMessage": "code {####}"})).unwrap();
    assert_eq!(new, old);
    assert_eq!(new.kept["SmsVerificationMessage"], "code {####}");
}

#[test]
fn the_days_of_a_temporary_password_have_two_names_and_one_value() {
    let older = settings(json!({"AdminCreateUserConfig": {"UnusedAccountValidityDays": 3}})).unwrap();
    assert_eq!(older.policies.password_policy.temporary_password_validity_days, 3);
    assert!(older.policies.password_policy.require_symbols);
    let newer = settings(json!({"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}}})).unwrap();
    assert_eq!(newer.admin_create_user_config.unused_account_validity_days, 3);
    let both = json!({
        "Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 3}},
        "AdminCreateUserConfig": {"UnusedAccountValidityDays": 4},
    });
    assert!(refusal(both).starts_with("Please use TemporaryPasswordValidityDays"));
    let zero = settings(json!({"Policies": {"PasswordPolicy": {"TemporaryPasswordValidityDays": 0}}})).unwrap();
    assert_eq!(zero.policies.password_policy.temporary_password_validity_days, 7);
}

#[test]
fn a_trigger_shows_both_its_forms() {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let plain = settings(json!({"LambdaConfig": {"PreTokenGeneration": arn}})).unwrap();
    let versioned = json!({"LambdaConfig": {"PreTokenGenerationConfig": {"LambdaVersion": "V1_0", "LambdaArn": arn}}});
    assert_eq!(plain, settings(versioned).unwrap());
    let other = json!({"LambdaConfig": {
        "PreTokenGeneration": "arn:other", "PreTokenGenerationConfig": {"LambdaVersion": "V1_0", "LambdaArn": arn},
    }});
    assert!(refusal(other).contains("must name the same function"));
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    let cases = [(
        json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "SOFTWARE_TOKEN"]}}}),
        "SignInPolicy.AllowedFirstAuthFactors SOFTWARE_TOKEN",
    )];
    for (members, member) in cases {
        assert_eq!(refusal(members), format!("{member} is not built yet in Poolhouse."));
    }
}

#[test]
fn levels_of_authentication_are_kept_and_told_apart() {
    let acr = json!({"Level1": {"AcrValue": "low"}, "Level2": {"AcrValue": "urn:cognito:loa:2"}, "Level4": {"AcrValue": "high"}});
    let kept = settings(json!({"AcrConfiguration": acr})).unwrap();
    assert_eq!(kept.kept["AcrConfiguration"], acr);
    for (one, other) in [("same", "same"), ("urn:cognito:loa:2", "x"), ("x", "urn:cognito:loa:4")] {
        let acr = json!({"Level1": {"AcrValue": one}, "Level3": {"AcrValue": other}});
        assert!(
            refusal(json!({"AcrConfiguration": acr})).contains("must be unique across all levels"),
            "{one} {other}"
        );
    }
}

#[test]
fn members_that_contradict_each_other_are_refused() {
    assert_eq!(
        refusal(json!({"AliasAttributes": ["email"], "UsernameAttributes": ["email"]})),
        "Only one of the aliasAttributes or usernameAttributes can be set in a user pool."
    );
    let tags: BTreeMap<String, String> = (0..51).map(|n| (n.to_string(), String::new())).collect();
    assert!(refusal(json!({"UserPoolTags": tags})).contains("at most 50 tags"));
    let mechanism = |name: &str, priority: u32| json!({"Name": name, "Priority": priority});
    let recovery = |one, other| json!({"AccountRecoverySetting": {"RecoveryMechanisms": [one, other]}});
    assert!(refusal(recovery(mechanism("admin_only", 1), mechanism("verified_email", 2))).contains("admin_only"));
    assert!(
        refusal(recovery(mechanism("verified_email", 1), mechanism("verified_phone_number", 1))).contains("priority")
    );
    assert!(refusal(json!({"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER"}})).contains("SourceArn"));
    let before = json!({"AttributesRequireVerificationBeforeUpdate": ["email"]});
    assert!(
        refusal(json!({"UserAttributeUpdateSettings": before})).contains("can only name attributes of AutoVerified")
    );
    assert!(
        settings(json!({"UserAttributeUpdateSettings": before, "AutoVerifiedAttributes": ["email"]})).is_ok(),
        "what is verified anyway can be verified first"
    );
    let key = |kind: &str, arn: Value| json!({"KeyConfiguration": {"KeyType": kind, "KmsKeyArn": arn}});
    assert!(settings(key("CUSTOMER_MANAGED_KEY", json!("arn"))).is_ok());
    assert!(
        refusal(json!({"KeyConfiguration": {"KeyType": "CUSTOMER_MANAGED_KEY"}})).contains("KmsKeyArn is required")
    );
    assert!(refusal(key("AWS_OWNED_KEY", json!("arn"))).contains("can only be set"));
}

#[test]
fn an_update_replaces_all_but_what_it_may_not_touch() {
    let before = settings(json!({
        "AutoVerifiedAttributes": ["email"], "UsernameAttributes": ["email"], "UserPoolTags": {"a": "b"},
        "UsernameConfiguration": {"CaseSensitive": false}, "DeletionProtection": "ACTIVE",
    }))
    .unwrap();
    let after = before.replaced(Map::new()).unwrap();
    assert!(after.auto_verified_attributes.is_empty());
    assert_eq!(after.deletion_protection, Some(DeletionProtection::Inactive));
    assert_eq!(after.username_attributes, ["email"]);
    assert_eq!(after.username_configuration, before.username_configuration);
    assert_eq!(after.user_pool_tags, before.user_pool_tags);
}

#[test]
fn a_file_may_add_custom_attributes_and_change_nothing_immutable() {
    let custom = |name: &str| json!({"Name": name, "AttributeDataType": "String"});
    let members = |members: Value| members.as_object().cloned().unwrap();
    let before = settings(json!({"Schema": [custom("a")]})).unwrap();
    let after = before.applied(members(json!({"Schema": [custom("b")]}))).unwrap();
    let names: Vec<_> = after.schema.iter().rev().take(2).map(|attribute| attribute.name.as_str()).collect();
    assert_eq!(names, ["custom:b", "custom:a"]);
    assert_eq!(before.applied(members(json!({"Schema": [custom("a")]}))).unwrap(), before);

    let refused = |wanted: Value| before.applied(members(wanted)).unwrap_err().to_string();
    assert!(refused(json!({"AliasAttributes": ["email"]})).starts_with("AliasAttributes cannot be changed"));
    assert!(
        refused(json!({"Schema": [{"Name": "email", "Required": true}]})).ends_with("email differs."),
        "a standard attribute's flags are fixed"
    );
}
