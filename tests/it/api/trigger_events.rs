//! Events as a function in JavaScript gets them, member for member.

use serde_json::{Value, json};

use super::{
    hooks::sites,
    people::{PASSWORD, Site},
    town::with,
};

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:tell";

/// Sites whose function throws what it was told.
async fn telling() -> Vec<Site> {
    sites(&[("tell", "throw new Error(JSON.stringify(event))")]).await
}

impl Site {
    async fn only(&self, trigger: &str) {
        self.call("UpdateUserPool", json!({"UserPoolId": self.pool, "LambdaConfig": {trigger: ARN}})).await;
    }

    /// The event of a call that fires `trigger` and no other.
    async fn told(&self, trigger: &str, operation: &str, input: Value) -> Value {
        self.only(trigger).await;
        let refusal = self.refused(operation, input).await;
        let start = format!("UserLambdaValidationException: {trigger} failed with error ");
        let event = refusal.strip_prefix(&start).and_then(|rest| rest.strip_suffix('.'));
        serde_json::from_str(event.unwrap_or_else(|| panic!("{refusal}"))).unwrap()
    }

    /// What stands around every request.
    fn event(&self, source: &str, username: &str, request: Value, response: Value) -> Value {
        json!({
            "version": "1", "triggerSource": source, "region": "us-east-1", "userPoolId": self.pool,
            "userName": username,
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": self.client},
            "request": request, "response": response,
        })
    }

    async fn attributes(&self, status: &str) -> Value {
        json!({"sub": self.attribute("ann", "sub").await, "email": "ann@example.com", "email_verified": "true",
               "cognito:user_status": status})
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ups_and_confirmations() {
    for site in telling().await {
        let response = json!({"autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false});
        let request = json!({"userAttributes": {"email": "ann@example.com"}, "validationData": null});
        let event = site.event("PreSignUp_SignUp", "ann", request, response.clone());
        assert_eq!(site.told("PreSignUp", "SignUp", site.sign_up("ann")).await, event);

        let request = json!({"userAttributes": {"email": "ann@example.com"}, "validationData": {"a": "b"},
                             "clientMetadata": {"c": "d"}});
        let mut event = site.event("PreSignUp_AdminCreateUser", "ann", request, response);
        event["callerContext"]["clientId"] = "CLIENT_ID_NOT_APPLICABLE".into();
        let input = json!({"UserAttributes": [{"Name": "email", "Value": "ann@example.com"}],
            "ValidationData": [{"Name": "a", "Value": "b"}], "ClientMetadata": {"c": "d"}});
        assert_eq!(site.told("PreSignUp", "AdminCreateUser", with(&site.named("ann"), input)).await, event);

        site.call("UpdateUserPool", json!({"UserPoolId": site.pool})).await;
        site.stranger("ann").await;
        let told = site.told("PostConfirmation", "AdminConfirmSignUp", site.named("ann")).await;
        let mut attributes = site.attributes("CONFIRMED").await;
        attributes["email_verified"] = "false".into();
        let request = json!({"userAttributes": attributes});
        let mut event = site.event("PostConfirmation_ConfirmSignUp", "ann", request, json!({}));
        event["callerContext"]["clientId"] = "CLIENT_ID_NOT_APPLICABLE".into();
        assert_eq!(told, event);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins() {
    for site in telling().await {
        site.person("ann").await;
        let attributes = site.attributes("CONFIRMED").await;
        let sign_in = site.password("ann", PASSWORD);
        let noted = with(&sign_in, json!({"ClientMetadata": {"a": "b"}}));

        let request = |validation: Value| json!({"userAttributes": attributes, "validationData": validation, "userNotFound": false});
        let event = |validation| site.event("PreAuthentication_Authentication", "ann", request(validation), json!({}));
        let told = site.told("PreAuthentication", "InitiateAuth", sign_in.clone()).await;
        assert_eq!(told, event(json!({})));
        let told = site.told("PreAuthentication", "InitiateAuth", noted.clone()).await;
        assert_eq!(told, event(json!({"a": "b"})));

        let request = json!({"userAttributes": attributes, "newDeviceUsed": false});
        let event = site.event("PostAuthentication_Authentication", "ann", request, json!({}));
        assert_eq!(site.told("PostAuthentication", "InitiateAuth", noted.clone()).await, event);

        let groups = json!({"groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": null});
        let request = json!({"userAttributes": attributes, "groupConfiguration": groups});
        let response = json!({"claimsOverrideDetails": null});
        let event = site.event("TokenGeneration_Authentication", "ann", request, response);
        assert_eq!(site.told("PreTokenGeneration", "InitiateAuth", noted).await, event);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers() {
    for site in telling().await {
        let response = json!({"userAttributes": null, "finalUserStatus": null, "messageAction": null,
            "desiredDeliveryMediums": null, "forceAliasCreation": null, "enableSMSMFA": null});
        let request = json!({"password": PASSWORD, "validationData": null});
        let event = site.event("UserMigration_Authentication", "ann", request, response.clone());
        assert_eq!(site.told("UserMigration", "InitiateAuth", site.password("ann", PASSWORD)).await, event);
        let request = json!({"validationData": null});
        let event = site.event("UserMigration_ForgotPassword", "ann", request, response);
        assert_eq!(site.told("UserMigration", "ForgotPassword", site.by_client("ann")).await, event);
    }
}
