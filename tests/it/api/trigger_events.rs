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
async fn custom_challenges() {
    let define = "event.response = { challengeName: 'CUSTOM_CHALLENGE' }; return event";
    let create = "event.response = { publicChallengeParameters: { a: '1' }, privateChallengeParameters: { b: '2' },
                      challengeMetadata: 'sum' }; return event";
    let verify = "event.response = { answerCorrect: false }; return event";
    let second = "if (event.request.session.length) throw new Error(JSON.stringify(event)); event.response = \
                  { challengeName: 'CUSTOM_CHALLENGE' }; return event";
    let tell = "throw new Error(JSON.stringify(event))";
    let handlers = [("tell", tell), ("define", define), ("create", create), ("verify", verify), ("second", second)];
    for mut site in sites(&handlers).await {
        site.client = site.another_client(json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"]})).await;
        site.person("ann").await;
        let attributes = site.attributes("CONFIRMED").await;
        let begin = json!({"ClientId": site.client, "AuthFlow": "CUSTOM_AUTH", "AuthParameters": {"USERNAME": "ann"}});
        let answer = |challenge: &Value| {
            json!({"ClientId": site.client, "ChallengeName": "CUSTOM_CHALLENGE", "Session": challenge["Session"],
                   "ChallengeResponses": {"USERNAME": "ann", "ANSWER": "3"}, "ClientMetadata": {"c": "d"}})
        };
        let arn = |name: &str| ARN.replace("tell", name);
        let told = async |triggers: [&str; 3]| {
            let [define, create, verify] = triggers.map(arn);
            let config = json!({"DefineAuthChallenge": define, "CreateAuthChallenge": create,
                                "VerifyAuthChallengeResponse": verify});
            site.call("UpdateUserPool", json!({"UserPoolId": site.pool, "LambdaConfig": config})).await;
            let refusal = match triggers {
                ["define" | "second", "create", _] => {
                    let challenge = site.call("InitiateAuth", begin.clone()).await;
                    site.refused("RespondToAuthChallenge", answer(&challenge)).await
                }
                _ => site.refused("InitiateAuth", begin.clone()).await,
            };
            let event = refusal.split_once(" failed with error ").unwrap().1.strip_suffix('.').unwrap();
            serde_json::from_str::<Value>(event).unwrap()
        };
        let request = json!({"userAttributes": attributes, "session": [], "userNotFound": false});
        let response = json!({"challengeName": null, "issueTokens": null, "failAuthentication": null});
        let event = site.event("DefineAuthChallenge_Authentication", "ann", request, response.clone());
        assert_eq!(told(["tell", "create", "verify"]).await, event);

        let request = json!({"userAttributes": attributes, "challengeName": "CUSTOM_CHALLENGE", "session": [],
                             "userNotFound": false});
        let empty =
            json!({"publicChallengeParameters": null, "privateChallengeParameters": null, "challengeMetadata": null});
        let event = site.event("CreateAuthChallenge_Authentication", "ann", request, empty);
        assert_eq!(told(["define", "tell", "verify"]).await, event);

        let request = json!({"userAttributes": attributes, "privateChallengeParameters": {"b": "2"},
                             "challengeAnswer": "3", "clientMetadata": {"c": "d"}, "userNotFound": false});
        let verdict = json!({"answerCorrect": null});
        let event = site.event("VerifyAuthChallengeResponse_Authentication", "ann", request, verdict);
        assert_eq!(told(["define", "create", "tell"]).await, event);

        let round = json!({"challengeName": "CUSTOM_CHALLENGE", "challengeResult": false, "challengeMetadata": "sum"});
        let request = json!({"userAttributes": attributes, "session": [round], "clientMetadata": {"c": "d"},
                             "userNotFound": false});
        let event = site.event("DefineAuthChallenge_Authentication", "ann", request, response);
        assert_eq!(told(["second", "create", "verify"]).await, event);
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
