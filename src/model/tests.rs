use serde_json::{Value, json};

use super::*;

fn sentences(shape: &str, value: &Value) -> Vec<String> {
    let found = MODEL.findings(shape, value);
    assert_eq!(found.type_faults, [], "{shape}");
    found.violations.into_iter().map(|violation| violation.message).collect()
}

fn first_type_fault(shape: &str, value: &Value) -> String {
    MODEL.findings(shape, value).type_faults.remove(0).message
}

#[test]
fn the_model_holds_every_operation() {
    assert_eq!(MODEL.operations().count(), 141);
    assert_eq!(MODEL.operations().filter(|(_, facts)| facts.public).count(), 34);
    let unknown = MODEL.shapes().flat_map(|(_, shape)| {
        let parts = shape.members.iter().map(|(_, name)| *name);
        parts.chain(shape.member).chain(shape.key).chain(shape.value)
    });
    assert_eq!(unknown.filter(|name| MODEL.shape(name).is_none()).count(), 0);
}

#[test]
fn a_missing_member_is_null() {
    let expected =
        "1 validation error detected: Value null at 'userPoolId' failed to satisfy constraint: Member must not be null";
    assert_eq!(summary(&MODEL.violations("DescribeUserPoolRequest", &json!({}))), expected);
    assert_eq!(
        summary(&MODEL.violations("DescribeUserPoolRequest", &json!({"UserPoolId": null, "Other": 1}))),
        expected
    );
}

#[test]
fn lengths_are_counted_in_characters() {
    let too_long = "ü".repeat(129);
    let found = sentences("CreateGroupRequest", &json!({"UserPoolId": "r_p", "GroupName": too_long}));
    assert_eq!(
        found,
        [format!(
            "Value '{too_long}' at 'groupName' failed to satisfy constraint: Member must have length less than or equal to 128"
        )]
    );
    assert!(sentences("CreateGroupRequest", &json!({"UserPoolId": "r_p", "GroupName": "ü".repeat(128)})).is_empty());
    assert_eq!(
        sentences("CreateUserPoolRequest", &json!({"PoolName": ""}))[0],
        "Value '' at 'poolName' failed to satisfy constraint: Member must have length greater than or equal to 1"
    );
}

#[test]
fn patterns_and_ranges_are_quoted() {
    assert_eq!(
        sentences("DescribeUserPoolRequest", &json!({"UserPoolId": "bad"})),
        [
            r"Value 'bad' at 'userPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+"
        ]
    );
    assert_eq!(
        sentences("ListUserPoolsRequest", &json!({"MaxResults": 61})),
        ["Value '61' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 60"]
    );
    assert_eq!(
        sentences("CreateGroupRequest", &json!({"UserPoolId": "r_p", "GroupName": "g", "Precedence": -1})),
        ["Value '-1' at 'precedence' failed to satisfy constraint: Member must have value greater than or equal to 0"]
    );
}

#[test]
fn enums_list_what_is_allowed() {
    let found = sentences("InitiateAuthRequest", &json!({"AuthFlow": "NO_SUCH_FLOW", "ClientId": "c"}));
    assert!(
        found[0].starts_with(
            "Value 'NO_SUCH_FLOW' at 'authFlow' failed to satisfy constraint: Member must satisfy enum value set: [USER_SRP_AUTH, "
        ),
        "{found:?}"
    );
}

#[test]
fn sensitive_values_are_not_shown() {
    let found = sentences("SignUpRequest", &json!({"ClientId": "c", "Username": "u", "Password": "x"}));
    assert_eq!(
        found,
        [
            r"Value at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[\S]+.*[\S]+$"
        ]
    );
    let long = "x".repeat(131_073);
    let auth = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "c", "AuthParameters": {"PASSWORD": long}});
    assert_eq!(
        sentences("InitiateAuthRequest", &auth),
        [
            "Value at 'authParameters.PASSWORD.member' failed to satisfy constraint: Member must have length less than or equal to 131072"
        ]
    );
    assert_eq!(
        sentences("SignUpRequest", &json!({"ClientId": "c", "Username": "u"})),
        Vec::<String>::new(),
        "the password may be left out"
    );
}

#[test]
fn paths_name_structures_and_elements() {
    let value = json!({"PoolName": "p", "Policies": {"PasswordPolicy": {"MinimumLength": 5}},
        "Schema": [{"Name": "a"}, {"Name": "b".repeat(21), "AttributeDataType": "String"}]});
    let found = MODEL.violations("CreateUserPoolRequest", &value);
    let places: Vec<_> = found.iter().map(|violation| (violation.at.as_str(), violation.path.as_str())).collect();
    assert_eq!(
        places,
        [
            ("policies.passwordPolicy.minimumLength", "Policies.PasswordPolicy.MinimumLength"),
            ("schema.2.member.name", "Schema.1.Name"),
        ]
    );
    assert!(summary(&found).starts_with("2 validation errors detected: Value '5' at "));
    assert!(summary(&found).contains("equal to 6; Value 'bbb"));
}

#[test]
fn scalars_in_a_list_are_reported_at_the_list() {
    let found =
        sentences("CreateUserPoolRequest", &json!({"PoolName": "p", "AutoVerifiedAttributes": ["phone_numbers"]}));
    assert_eq!(
        found,
        [
            "Value '[phone_numbers]' at 'autoVerifiedAttributes' failed to satisfy constraint: Member must satisfy constraint: \
          [Member must satisfy enum value set: [phone_number, email]]"
        ]
    );
    let tags =
        json!({"ResourceArn": "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_a", "Tags": {"": "v"}});
    assert_eq!(
        sentences("TagResourceRequest", &tags),
        ["Value '{=v}' at 'tags' failed to satisfy constraint: Map keys must satisfy constraint: \
          [Member must have length less than or equal to 128, Member must have length greater than or equal to 1]"]
    );
}

#[test]
fn wrong_types_are_told_apart_from_wrong_values() {
    let list = |limit: Value| first_type_fault("ListUserPoolsRequest", &json!({ "MaxResults": limit }));
    assert_eq!(list(json!("7")), "STRING_VALUE can not be converted to an Integer");
    assert_eq!(list(json!(true)), "TRUE_VALUE can not be converted to an Integer");
    assert_eq!(list(json!(1.5)), "DECIMAL_VALUE can not be converted to an Integer");
    assert_eq!(list(json!(4_294_967_296_i64)), "NUMBER_VALUE can not be converted to an Integer");
    assert_eq!(list(json!({})), "Start of structure or map found where not expected.");
    assert_eq!(list(json!([])), "Start of list found where not expected");
    let pool = |value: Value| first_type_fault("CreateUserPoolRequest", &value);
    assert_eq!(pool(json!({"PoolName": 1})), "NUMBER_VALUE can not be converted to a String");
    assert_eq!(pool(json!({"Schema": "x"})), "Expected list or null");
    assert_eq!(pool(json!({"UserPoolTags": "x"})), "Expected map or null");
    assert_eq!(pool(json!({"Policies": "x"})), "Expected null");
    assert_eq!(pool(json!([])), "Start of list found where not expected");
    let found = MODEL.findings("CreateUserPoolRequest", &json!({"AutoVerifiedAttributes": ["email", 1]}));
    assert_eq!(found.type_faults[0].path, "AutoVerifiedAttributes.1");
}

#[test]
fn blobs_are_base64_and_measured_decoded() {
    let image = |file: &str| json!({"UserPoolId": "r_p", "ImageFile": file});
    assert!(sentences("SetUICustomizationRequest", &image("AAEC")).is_empty());
    assert_eq!(first_type_fault("SetUICustomizationRequest", &image("not base64!")), "Invalid base64 data in a blob");
    let found = sentences("SetUICustomizationRequest", &image(&"AAAA".repeat(43_691)));
    assert_eq!(
        found,
        ["Value 'java.nio.HeapByteBuffer[pos=0 lim=131073 cap=131073]' at 'imageFile' failed to satisfy constraint: \
          Member must have length less than or equal to 131072"]
    );
}

#[test]
fn a_small_request_cannot_make_a_large_answer() {
    let attributes: Vec<_> = (0..5_000).map(|_| json!({})).collect();
    let request = json!({"UserPoolId": "r_p", "Username": "u", "UserAttributes": attributes});
    assert_eq!(MODEL.violations("AdminUpdateUserAttributesRequest", &request).len(), 100);
}

#[test]
fn outputs_are_held_against_their_shapes() {
    assert!(MODEL.output_faults("DeleteGroup", &Value::Null).is_empty());
    assert!(!MODEL.output_faults("DeleteGroup", &json!({})).is_empty());
    let group = |group: Value| MODEL.output_faults("GetGroup", &json!({ "Group": group }));
    assert!(group(json!({"GroupName": "g", "CreationDate": 1_726_784_814.598_f64})).is_empty());
    assert_eq!(group(json!({"GroupNames": "g"})), ["Group.GroupNames: null or unknown"]);
    assert_eq!(group(json!({"Description": null})), ["Group.Description: null or unknown"]);
}
