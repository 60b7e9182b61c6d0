//! What triggers throw, say and fail at, and messages that cannot be delivered.

use poolhouse::{outside::Client, post::Post};
use serde_json::{Value, json};

use crate::api::{
    every_error::{Report, sign_in::pairs},
    hooks,
    people::{PASSWORD, Site},
    town::{towns_with, with},
};

/// Each operation that asks a trigger, and the trigger.
const ASKING: [(&str, &str); 17] = [
    ("SignUp", "PreSignUp"),
    ("ConfirmSignUp", "PostConfirmation"),
    ("ResendConfirmationCode", "CustomMessage"),
    ("ForgotPassword", "CustomMessage"),
    ("ConfirmForgotPassword", "PostConfirmation"),
    ("AdminCreateUser", "PreSignUp"),
    ("AdminConfirmSignUp", "PostConfirmation"),
    ("AdminResetUserPassword", "CustomMessage"),
    ("AdminUpdateUserAttributes", "CustomMessage"),
    ("UpdateUserAttributes", "CustomMessage"),
    ("GetUserAttributeVerificationCode", "CustomMessage"),
    ("InitiateAuth", "PreAuthentication"),
    ("AdminInitiateAuth", "PreAuthentication"),
    ("RespondToAuthChallenge", "PostAuthentication"),
    ("AdminRespondToAuthChallenge", "PostAuthentication"),
    ("GetTokensFromRefreshToken", "PreTokenGeneration"),
    ("GetDerivedToken", "PreTokenGeneration"),
];

pub(super) async fn ask() -> Report {
    let mut report = Report::default();
    let failures = [("throws", "throw new Error('not you')"), ("babbles", "return 'garbage'")];
    for site in hooks::sites(&failures).await {
        for (operation, trigger) in ASKING {
            for (function, text) in [
                ("throws", format!("UserLambdaValidationException: {trigger} failed with error not you.")),
                ("babbles", "InvalidLambdaResponseException: Unrecognizable lambda output".to_owned()),
                (
                    "missing",
                    format!("UnexpectedLambdaException: {trigger} invocation failed due to error ServiceException."),
                ),
            ] {
                site.advance(1);
                site.answers_with(json!({})).await;
                let call = prepared(&site, operation, &format!("{function}-{}", operation.to_lowercase())).await;
                let arn = format!("arn:aws:lambda:us-east-1:123456789012:function:{function}");
                site.answers_with(json!({trigger: arn})).await;
                report.refused(&site, (operation, call), &text).await;
            }
        }
        report.note(&site);
    }
    undelivered(&mut report).await;
    report
}

impl Site {
    async fn answers_with(&self, triggers: Value) {
        let pool = json!({"AutoVerifiedAttributes": ["email"], "LambdaConfig": triggers});
        self.call("UpdateUserPool", self.of_pool(pool)).await;
    }
}

/// A call that comes as far as the operation's trigger.
async fn prepared(site: &Site, operation: &str, name: &str) -> Value {
    let address = format!("{name}@example.com");
    let other = json!({"UserAttributes": [{"Name": "email", "Value": format!("{name}@example.org")}]});
    let pair = pairs(site).into_iter().find(|pair| [pair.begin, pair.answer].contains(&operation));
    match operation {
        "SignUp" => return site.sign_up(name),
        "AdminCreateUser" => return site.named(name),
        "ConfirmSignUp" | "ResendConfirmationCode" | "AdminConfirmSignUp" => site.stranger(name).await,
        "RespondToAuthChallenge" | "AdminRespondToAuthChallenge" => site.newcomer(name, PASSWORD).await,
        _ => site.person(name).await,
    }
    match operation {
        "ConfirmSignUp" => with(&site.by_client(name), json!({"ConfirmationCode": site.code(&address).await})),
        "ConfirmForgotPassword" => {
            site.call("ForgotPassword", site.by_client(name)).await;
            let code = json!({"ConfirmationCode": site.code(&address).await, "Password": "Other-1234"});
            with(&site.by_client(name), code)
        }
        "ResendConfirmationCode" | "ForgotPassword" => site.by_client(name),
        "AdminUpdateUserAttributes" => with(&site.named(name), other),
        "UpdateUserAttributes" => with(&json!({"AccessToken": site.tokens(name).await.access}), other),
        "GetUserAttributeVerificationCode" => {
            json!({"AccessToken": site.tokens(name).await.access, "AttributeName": "email"})
        }
        "InitiateAuth" | "AdminInitiateAuth" => pair.unwrap().password(site, name, PASSWORD).1,
        "RespondToAuthChallenge" | "AdminRespondToAuthChallenge" => {
            let pair = pair.unwrap();
            let (begin, call) = pair.password(site, name, PASSWORD);
            let asked = site.call(begin, call).await;
            pair.reply(site, &asked, json!({"USERNAME": name, "NEW_PASSWORD": "Other-1234"})).1
        }
        "GetTokensFromRefreshToken" => {
            json!({"ClientId": site.client, "RefreshToken": site.tokens(name).await.refresh})
        }
        "GetDerivedToken" => {
            let flows = json!({"ExplicitAuthFlows": ["ALLOW_TOKEN_EXCHANGE_IMPERSONATION"],
                               "AllowedOAuthScopes": ["aws.cognito.signin.user.admin"]});
            let token = site.tokens(name).await.access;
            json!({"ClientId": site.another_client(flows).await, "SubjectToken": token, "SubjectTokenType": "ACCESS_TOKEN"})
        }
        _ => site.named(name),
    }
}

async fn undelivered(report: &mut Report) {
    let text = "This server cannot deliver e-mail: its configuration has no [mail].";
    let failed = format!("CodeDeliveryFailureException: {text}");
    let unset = format!("InvalidUserPoolConfigurationException: {text}");
    let flows = json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH"]});
    let pool = json!({"AutoVerifiedAttributes": ["email"],
                      "Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}}});
    for town in towns_with(|parts| parts.post = Post::new(false, None, None, Client::default()).unwrap()).await {
        let site = Site::at(town, pool.clone(), flows.clone()).await;
        site.person("ann").await;
        site.call("SignUp", with(&site.by_client("eve"), json!({"Password": PASSWORD}))).await;
        let verified = json!({"UserAttributes": [{"Name": "email", "Value": "eve@example.com"}, {"Name": "email_verified", "Value": "true"}]});
        site.call("AdminUpdateUserAttributes", with(&site.named("eve"), verified)).await;
        let email = json!({"UserAttributes": [{"Name": "email", "Value": "new@example.com"}], "DesiredDeliveryMediums": ["EMAIL"], "TemporaryPassword": PASSWORD});
        let token = json!({"AccessToken": site.tokens("ann").await.access, "AttributeName": "email"});
        for (operation, input) in [
            ("SignUp", site.sign_up("bob")),
            ("ResendConfirmationCode", site.by_client("eve")),
            ("ForgotPassword", site.by_client("ann")),
            ("AdminCreateUser", with(&site.named("bob"), email.clone())),
            ("UpdateUserAttributes", with(&token, email)),
            ("GetUserAttributeVerificationCode", token.clone()),
        ] {
            report.refused(&site, (operation, input), &failed).await;
        }
        for pair in pairs(&site) {
            let chosen = json!({"USERNAME": "ann", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
            report.refused(&site, pair.flow(&site, "USER_AUTH", chosen), &unset).await;
            let (begin, call) = pair.flow(&site, "USER_AUTH", json!({"USERNAME": "ann"}));
            let asked = report.given(&site, begin, call).await;
            let choice = pair.reply(&site, &asked, json!({"USERNAME": "ann", "ANSWER": "EMAIL_OTP"}));
            report.refused(&site, choice, &unset).await;
        }
        report.note(&site);
    }
}
