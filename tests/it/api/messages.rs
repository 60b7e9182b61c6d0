//! What messages say: the pool's templates, and the words of the CustomMessage trigger.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use poolhouse::{
    domain::{code::Medium, message::Message},
    functions::Functions,
    hooks::{CustomMessage, CustomMessageResponse, Event, Hook, Hooks},
    store,
};
use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site, sites_with},
    town::{towns_with, with},
};

impl Site {
    /// The newest message to an address.
    async fn message(&self, address: &str) -> Message {
        let mut tx = self.app.store.read().await.unwrap();
        store::messages::newest(&mut tx, Some(address), 1).await.unwrap().into_iter().next().unwrap()
    }
}

/// Answers as it is told, and remembers what it was asked.
#[derive(Clone, Default)]
struct Writer {
    answer: Arc<Mutex<Option<CustomMessageResponse>>>,
    seen: Arc<Mutex<Vec<Value>>>,
}

#[async_trait]
impl Hook<CustomMessage> for Writer {
    async fn call(&self, event: &Event<CustomMessage>) -> Result<CustomMessageResponse, String> {
        self.seen.lock().unwrap().push(serde_json::to_value(event).unwrap());
        self.answer.lock().unwrap().clone().ok_or_else(|| "no words".to_owned())
    }
}

impl Writer {
    fn says(&self, email_subject: &str, email_message: &str, sms_message: &str) {
        *self.answer.lock().unwrap() = Some(CustomMessageResponse {
            sms_message: Some(sms_message.to_owned()),
            email_message: Some(email_message.to_owned()),
            email_subject: Some(email_subject.to_owned()),
        });
    }

    fn last(&self) -> Value {
        self.seen.lock().unwrap().last().cloned().unwrap()
    }
}

/// Sites on which a writer of its own answers CustomMessage.
async fn written(pool: Value) -> Vec<(Site, Writer)> {
    let writer = Writer::default();
    let towns = towns_with(|parts| {
        let mut hooks = Hooks::new(Arc::new(Functions::default()));
        hooks.register::<CustomMessage>("writer", Arc::new(writer.clone()));
        parts.hooks = hooks;
    });
    let trigger = json!({"LambdaConfig": {"CustomMessage": "arn:aws:lambda:us-east-1:123456789012:function:writer"}});
    let mut sites = Vec::new();
    for town in towns.await {
        sites.push((Site::at(town, with(&pool, trigger.clone()), json!({})).await, writer.clone()));
    }
    sites
}

#[tokio::test]
async fn every_message_has_its_source_and_the_functions_words() {
    for (site, writer) in written(json!({"AutoVerifiedAttributes": ["email"]})).await {
        writer.says("Hi", "Code {####}", "{####} it is");
        let told = json!({"ClientMetadata": {"campaign": "spring"}});
        let source = |expected: &str| {
            let event = writer.last();
            assert_eq!(event["triggerSource"], expected, "{event}");
            assert_eq!(event["request"]["clientMetadata"], told["ClientMetadata"], "{event}");
            assert_eq!(event["request"]["codeParameter"], "{####}");
            event
        };
        site.call("SignUp", with(&site.sign_up("ann"), told.clone())).await;
        let event = source("CustomMessage_SignUp");
        assert_eq!(event["callerContext"]["clientId"], json!(site.client));
        assert_eq!((&event["userName"], &event["version"]), (&json!("ann"), &json!("1")));
        let attributes = &event["request"]["userAttributes"];
        assert_eq!(attributes["cognito:user_status"], "UNCONFIRMED");
        assert_eq!(attributes["email"], "ann@example.com");
        assert_eq!(
            (&event["request"]["usernameParameter"], &event["request"]["linkParameter"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(event["response"], json!({"smsMessage": null, "emailMessage": null, "emailSubject": null}));
        let code = site.code("ann@example.com").await;
        let message = site.message("ann@example.com").await;
        assert_eq!((message.subject.as_deref(), message.body), (Some("Hi"), format!("Code {code}")));

        site.advance(1);
        site.call("ResendConfirmationCode", with(&site.by_client("ann"), told.clone())).await;
        source("CustomMessage_ResendCode");
        let code = json!({"ConfirmationCode": site.code("ann@example.com").await});
        site.call("ConfirmSignUp", with(&site.by_client("ann"), code)).await;

        site.call("ForgotPassword", with(&site.by_client("ann"), told.clone())).await;
        source("CustomMessage_ForgotPassword");
        let token = site.tokens("ann").await.access;
        let changed = json!([{"Name": "email", "Value": "anna@example.com"}]);
        let update = json!({"AccessToken": token, "UserAttributes": changed});
        site.call("UpdateUserAttributes", with(&update, told.clone())).await;
        let event = source("CustomMessage_UpdateUserAttribute");
        assert_eq!(event["request"]["userAttributes"]["email"], "anna@example.com", "the new address");
        let asked = json!({"AccessToken": token, "AttributeName": "email"});
        site.call("GetUserAttributeVerificationCode", with(&asked, told.clone())).await;
        source("CustomMessage_VerifyUserAttribute");

        let changed = json!([{"Name": "email", "Value": "ann@example.net"}]);
        let update = with(&site.named("ann"), json!({"UserAttributes": changed}));
        site.call("AdminUpdateUserAttributes", with(&update, told.clone())).await;
        let event = source("CustomMessage_UpdateUserAttribute");
        assert_eq!(event["callerContext"]["clientId"], "CLIENT_ID_NOT_APPLICABLE");
        let verified = json!({"UserAttributes": [{"Name": "email_verified", "Value": "true"}]});
        site.call("AdminUpdateUserAttributes", with(&site.named("ann"), verified)).await;
        site.call("AdminResetUserPassword", with(&site.named("ann"), told.clone())).await;
        source("CustomMessage_ForgotPassword");

        writer.says("Hello", "{username} & {####}", "{####} {username}");
        let email = json!({"DesiredDeliveryMediums": ["EMAIL"], "TemporaryPassword": "Aa1<&>bcd",
                           "UserAttributes": [{"Name": "email", "Value": "bob@example.com"}]});
        site.call("AdminCreateUser", with(&with(&site.named("bob<b>"), email), told.clone())).await;
        let event = source("CustomMessage_AdminCreateUser");
        assert_eq!(event["request"]["usernameParameter"], "{username}");
        let message = site.message("bob@example.com").await;
        assert_eq!(message.body, "bob&lt;b&gt; & Aa1&lt;&amp;&gt;bcd", "what is filled in is no HTML");
        assert_eq!(message.code.as_deref(), Some("Aa1<&>bcd"));
    }
}

/// A function writes its own markup. What people call themselves is its business where it writes it, and text where we fill it in.
#[tokio::test]
async fn markup_is_the_functions_own_and_never_of_a_name() {
    let script = "<script>alert(1)</script>";
    let pool = json!({"AutoVerifiedAttributes": ["email"]});
    for (site, writer) in written(pool).await {
        let named = |name: &str| json!({"UserAttributes": [{"Name": "email", "Value": "bob@example.com"}, {"Name": "name", "Value": name}]});
        writer.says("Hi\r\nBcc: all@example.com", &format!("{script}{{username}} {{####}}"), "{username} {####}");
        let told = json!({"TemporaryPassword": "Aa1{####}", "DesiredDeliveryMediums": ["EMAIL"]});
        let user = format!("<img>{{####}}{script}");
        site.call("AdminCreateUser", with(&site.named(&user), with(&named(script), told))).await;
        // The event has an attribute as it is kept, and the message only what the placeholders stand for, read once.
        assert_eq!(writer.last()["request"]["userAttributes"]["name"], script);
        let message = site.message("bob@example.com").await;
        let escaped = "&lt;img&gt;{####}&lt;script&gt;alert(1)&lt;/script&gt;";
        assert_eq!(message.body, format!("{script}{escaped} Aa1{{####}}"));
        // Without the placeholders the pool's own words are used, escaped alike.
        writer.says("Hi", script, script);
        let again = json!({"MessageAction": "RESEND", "DesiredDeliveryMediums": ["EMAIL"]});
        site.call("AdminCreateUser", with(&site.named(&user), again)).await;
        let message = site.message("bob@example.com").await;
        assert!(message.body.contains(escaped) && !message.body.contains("<script>"), "{}", message.body);
        assert_ne!(message.subject.as_deref(), Some("Hi"));
    }
}

#[tokio::test]
async fn words_without_the_code_are_not_used_and_unusable_answers_change_nothing() {
    for (site, writer) in written(json!({"AutoVerifiedAttributes": ["email"]})).await {
        writer.says("Hi", "Welcome!", "Welcome!");
        site.stranger("ann").await;
        let message = site.message("ann@example.com").await;
        assert_eq!(message.subject.as_deref(), Some("Your verification code"));
        assert_eq!(message.body, format!("Your verification code is {}", message.code.unwrap()));

        writer.says(&"s".repeat(141), "{####}", "{####}");
        let unusable = "InvalidLambdaResponseException: Unrecognizable lambda output";
        assert_eq!(site.refused("SignUp", site.sign_up("bob")).await, unusable);
        writer.says("s", &format!("{{####}}{}", "s".repeat(20_000)), "{####}");
        assert_eq!(site.refused("SignUp", site.sign_up("bob")).await, unusable);
        *writer.answer.lock().unwrap() = None;
        let threw = "UserLambdaValidationException: CustomMessage failed with error no words.";
        assert_eq!(site.refused("SignUp", site.sign_up("bob")).await, threw);
        assert_eq!(
            site.refused("AdminGetUser", site.named("bob")).await,
            "UserNotFoundException: User does not exist.",
            "nobody signed up"
        );
    }
}

#[tokio::test]
async fn a_pools_own_words_are_used() {
    let pool = json!({
        "AutoVerifiedAttributes": ["email", "phone_number"],
        "VerificationMessageTemplate": {"SmsMessage": "sms {####}", "EmailMessage": "<b>{####}</b>", "EmailSubject": "code"},
        "AdminCreateUserConfig": {"InviteMessageTemplate": {
            "SMSMessage": "in {username} {####}", "EmailMessage": "come in, {username}: {####}", "EmailSubject": "come"}},
    });
    for site in sites_with(pool, json!({})).await {
        site.stranger("ann").await;
        let message = site.message("ann@example.com").await;
        let code = message.code.unwrap();
        assert_eq!((message.subject.as_deref(), message.body), (Some("code"), format!("<b>{code}</b>")));
        let phone = json!([{"Name": "phone_number", "Value": "+15555550100"}]);
        let by_phone =
            json!({"ClientId": site.client, "Username": "bob", "Password": PASSWORD, "UserAttributes": phone});
        site.call("SignUp", by_phone).await;
        let message = site.message("+15555550100").await;
        assert_eq!((message.medium, message.subject), (Medium::Sms, None));
        assert_eq!(message.body, format!("sms {}", message.code.unwrap()));
        let both = json!({"DesiredDeliveryMediums": ["EMAIL", "SMS"], "TemporaryPassword": "Temp-1234", "UserAttributes": [
            {"Name": "email", "Value": "cy@example.com"}, {"Name": "phone_number", "Value": "+15555550101"}]});
        site.call("AdminCreateUser", with(&site.named("cy"), both)).await;
        assert_eq!(site.message("+15555550101").await.body, "in cy Temp-1234");
        let message = site.message("cy@example.com").await;
        assert_eq!((message.subject.as_deref(), &*message.body), (Some("come"), "come in, cy: Temp-1234"));
    }
}
