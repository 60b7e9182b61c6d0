//! Who it is that arrives: accounts, attributes and triggers.

use std::sync::{Arc, Mutex};

use poolhouse::{
    domain::{User, attribute::SchemaAttribute, identity, user::Status},
    functions::{FunctionError, Functions, native::native},
    hooks::Hooks,
    store,
};
use serde_json::{Value, json};

use super::{
    NAME, assert_told, change_provider, come_back, depart, idp::Idp, map, query, tokens, trip, value, with_idp,
};
use crate::app::{Browser, House, POOL, WEB, houses, houses_with};

type Events = Arc<Mutex<Vec<Value>>>;

/// Houses whose triggers are all answered by `answer`, and what they saw in each.
async fn with_triggers(
    answer: impl Fn(&Value) -> Result<Value, String> + Clone + Send + Sync + 'static,
) -> Vec<(House, Idp, Events)> {
    let seen = Mutex::new(Vec::new());
    let houses = houses_with(|parts| {
        let (functions, events) = answering(answer.clone());
        seen.lock().unwrap().push(events);
        parts.hooks = Hooks::new(Arc::new(functions));
    });
    let houses = houses.await;
    let mut all = Vec::new();
    for (house, events) in houses.into_iter().zip(seen.into_inner().unwrap()) {
        let idp = hooked(&house).await;
        all.push((house, idp, events));
    }
    all
}

fn answering(answer: impl Fn(&Value) -> Result<Value, String> + Clone + Send + Sync + 'static) -> (Functions, Events) {
    let events = Events::default();
    let seen = Arc::clone(&events);
    let mut functions = Functions::default();
    functions.insert(
        "all",
        native(move |call| {
            seen.lock().unwrap().push(call.event.clone());
            let mut event = call.event;
            let told = answer(&event);
            async move {
                match told {
                    Ok(Value::Null) => Ok(event),
                    Ok(response) => {
                        event["response"] = response;
                        Ok(event)
                    }
                    Err(message) => Err(FunctionError::Threw { kind: "Error".into(), message, trace: Vec::new() }),
                }
            }
        }),
    );
    (functions, events)
}

async fn hooked(house: &House) -> Idp {
    let arn = "arn:aws:lambda:us-east-1:1:function:all";
    house
        .set_pool(|settings| {
            settings.lambda_config = serde_json::from_value(json!({
                "PreSignUp": arn, "PostConfirmation": arn, "PreAuthentication": arn, "PostAuthentication": arn,
                "PreTokenGeneration": arn, "InboundFederation": {"LambdaArn": arn, "LambdaVersion": "V1_0"},
            }))
            .unwrap();
        })
        .await;
    with_idp(house).await
}

fn sources(events: &Events) -> Vec<String> {
    std::mem::take(&mut *events.lock().unwrap())
        .into_iter()
        .map(|event| event["triggerSource"].as_str().unwrap().to_owned())
        .collect()
}

async fn groups(house: &House, user: &User) -> Vec<String> {
    let mut tx = house.app.store.read().await.unwrap();
    let groups = store::groups::of_user(&mut tx, POOL, &user.sub, "", 10).await.unwrap();
    groups.into_iter().map(|group| group.name).collect()
}

#[tokio::test]
async fn the_first_sign_in_makes_an_account_and_the_next_ones_find_it() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let told = tokens(&house, &trip(&house, &idp).await).await;
        let user = house.find("okta_00u1").await;
        assert_eq!((user.status, &*user.username), (Status::ExternalProvider, "okta_00u1"));
        assert_eq!(user.attribute("email_verified"), Some("false"));
        assert!(user.credential.password_hash.is_none());
        let identities = identity::of(&user);
        let [own] = &identities[..] else { panic!("{:?}", user.attributes) };
        assert_eq!((&*own.user_id, &*own.provider_name, &*own.provider_type), ("00u1", "Okta", "OIDC"));
        assert!(own.primary && own.issuer.is_none());
        assert_eq!(told["cognito:groups"], json!([format!("{POOL}_Okta")]));
        assert_eq!(told["identities"][0]["userId"], "00u1");
        assert_eq!(groups(&house, &user).await, [format!("{POOL}_Okta")]);

        idp.claim("name", json!("Fay the second"));
        idp.claim("email", json!(null));
        let again = tokens(&house, &trip(&house, &idp).await).await;
        assert_eq!(again["sub"], told["sub"]);
        let user = house.find("okta_00u1").await;
        assert_eq!(user.attribute("name"), Some("Fay the second"));
        assert_eq!(user.attribute("email"), Some("fay@idp.example"), "what is not said changes nothing");

        // Names that differ in case alone are two people.
        idp.subject("00U1");
        assert_told(&trip(&house, &idp).await, "Already found an entry for username okta_00u1");
    }
}

#[tokio::test]
async fn an_account_of_the_pool_with_the_same_address_or_name_stays_its_owners() {
    for house in houses().await {
        house.set_pool(|settings| settings.alias_attributes = vec!["email".into(), "preferred_username".into()]).await;
        let idp = with_idp(&house).await;
        map(&house, json!({"email": "email", "email_verified": "email_verified", "preferred_username": "nick"})).await;
        let ann = house.find("ann").await;
        house.user("early", "Right-1234", Status::Unconfirmed).await;
        for (subject, address) in [("1", "ann@example.com"), ("2", "early@example.com")] {
            idp.subject(subject);
            idp.claim("email", json!(address));
            idp.claim("email_verified", json!(true));
            idp.claim("nick", json!("ann"));
            let told = tokens(&house, &trip(&house, &idp).await).await;
            let user = house.find(&format!("okta_{subject}")).await;
            assert_eq!(told["sub"], json!(user.sub));
            assert_eq!((user.attribute("email"), user.has_verified("email")), (Some(address), true));
            assert_ne!(user.sub, ann.sub);
            tokens(&house, &trip(&house, &idp).await).await;
        }
        assert_eq!(house.find("ann").await, ann);
        assert_eq!(house.find("early").await.status, Status::Unconfirmed);

        // Somebody has signed up under the name that the account would have.
        house.user("okta_victim", "Right-1234", Status::Confirmed).await;
        idp.subject("victim");
        assert_told(&trip(&house, &idp).await, "Already found an entry for username okta_victim");
    }
}

#[tokio::test]
async fn whoever_is_disabled_does_not_come_in_by_another_door() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        trip(&house, &idp).await;
        let mut user = house.find("okta_00u1").await;
        user.enabled = false;
        house.update(&user).await;
        assert_told(&trip(&house, &idp).await, "User is disabled.");
    }
}

#[tokio::test]
async fn two_first_sign_ins_at_once_make_one_user() {
    for house in houses().await {
        with_idp(&house).await;
        let request = request(&house).await;
        let mut tx = house.app.store.read().await.unwrap();
        let provider = store::providers::find(&mut tx, POOL, "Okta").await.unwrap().unwrap();
        drop(tx);
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (cx, request, provider) = (house.cx(), request.clone(), provider.clone());
            all.spawn(async move {
                let arrival = poolhouse::flows::federate::Arrival {
                    subject: "twin".into(),
                    said: Default::default(),
                    issuer: None,
                };
                Box::pin(poolhouse::flows::federate::arrive(&cx, &request, &provider, arrival)).await.unwrap().sub
            });
        }
        let subs = all.join_all().await;
        assert!(subs.iter().all(|sub| *sub == subs[0]), "{subs:?}");
    }
}

async fn request(house: &House) -> poolhouse::flows::authorize::Request {
    use poolhouse::flows::{authorize, directory};
    let (pool, client) = directory::client(&house.cx(), WEB).await.unwrap();
    let redirect_uri = authorize::RedirectUri::registered(&pool, &client, crate::app::CALLBACK).unwrap();
    authorize::Request {
        pool,
        client,
        redirect_uri,
        response_type: authorize::ResponseType::Code,
        scopes: Vec::new(),
        nonce: None,
        challenge: None,
        resource: None,
        key: None,
        levels: Vec::new(),
        pushed: None,
    }
}

#[tokio::test]
async fn attributes_follow_the_rules_of_the_pool_and_of_the_client() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let custom: SchemaAttribute = serde_json::from_value(
        json!({"Name": "custom:token", "AttributeDataType": "String", "Mutable": true, "DeveloperOnlyAttribute": false}),
    )
    .unwrap();
        house
            .set_pool(|settings| {
                settings.schema.push(custom);
                let required = settings.schema.iter_mut().find(|attribute| attribute.name == "nickname").unwrap();
                required.required = Some(true);
                let fixed = settings.schema.iter_mut().find(|attribute| attribute.name == "birthdate").unwrap();
                fixed.mutable = Some(false);
            })
            .await;
        map(&house, json!({"nickname": "nick", "name": "roles", "custom:token": "access_token"})).await;
        assert_told(&trip(&house, &idp).await, "attributes required: [nickname]");
        idp.claim("nick", json!("fay"));
        idp.claim("roles", json!(["a b", "c&d"]));
        idp.claim("access_token", json!("forged"));
        assert!(trip(&house, &idp).await.told("code").is_some());
        let user = house.find("okta_00u1").await;
        assert_eq!(user.attribute("name"), Some("[a+b,c%26d]"));
        assert_eq!(user.attribute("custom:token"), Some("at-of-idp"));

        // What the client may not write.
        house.set_client(WEB, |client| client.write_attributes = Some(vec!["nickname".into(), "name".into()])).await;
        assert_told(&trip(&house, &idp).await, "user.custom:token: Attribute cannot be updated.");
        house.set_client(WEB, |client| client.write_attributes = None).await;

        // A token that is too long for an attribute.
        map(&house, json!({"nickname": "nick", "custom:token": "long"})).await;
        idp.claim("long", json!("x".repeat(2_049)));
        let reply = trip(&house, &idp).await;
        assert!(reply.told("error_description").unwrap().contains("no longer than 2048 characters"));

        // What cannot change can be said once.
        map(&house, json!({"nickname": "nick", "birthdate": "born"})).await;
        idp.subject("00u2");
        idp.claim("born", json!("2000-01-01"));
        assert!(trip(&house, &idp).await.told("code").is_some());
        assert_told(&trip(&house, &idp).await, "user.birthdate: Attribute cannot be updated.");
    }
}

#[tokio::test]
async fn an_address_that_goes_to_somebody_else_takes_no_account_along() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        map(&house, json!({"email": "email", "email_verified": "email_verified"})).await;
        idp.claim("email_verified", json!(true));
        assert!(trip(&house, &idp).await.told("code").is_some());
        let first = house.find("okta_00u1").await;
        // The provider gives the address to another user, verified or not.
        for (subject, verified) in [("00u2", true), ("00u3", false)] {
            idp.subject(subject);
            idp.claim("email_verified", json!(verified));
            assert!(trip(&house, &idp).await.told("code").is_some());
            let other = house.find(&format!("okta_{subject}")).await;
            assert_ne!(other.sub, first.sub);
            assert_eq!(other.has_verified("email"), verified);
        }
        // More than anybody may say of themselves is no answer at all.
        idp.set(|script| script.user_info = json!({"sub": "00u3", "name": "x".repeat(2_000_000)}));
        assert_told(&trip(&house, &idp).await, "Invalid response from IdP userInfo endpoint");
    }
}

#[tokio::test]
async fn an_address_is_as_verified_as_the_provider_says() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        map(&house, json!({"email": "email", "email_verified": "email_verified"})).await;
        idp.claim("email_verified", json!(true));
        trip(&house, &idp).await;
        assert!(house.find("okta_00u1").await.has_verified("email"));
        idp.claim("email", json!("other@idp.example"));
        idp.claim("email_verified", json!(null));
        trip(&house, &idp).await;
        let user = house.find("okta_00u1").await;
        assert_eq!((user.attribute("email"), user.has_verified("email")), (Some("other@idp.example"), false));
    }
}

#[tokio::test]
async fn triggers_see_a_first_sign_in_and_a_later_one() {
    for (house, idp, events) in with_triggers(|_| Ok(Value::Null)).await {
        tokens(&house, &trip(&house, &idp).await).await;
        {
            let events = events.lock().unwrap();
            let inbound = &events[0]["request"];
            assert_eq!((&inbound["providerName"], &inbound["providerType"]), (&json!("Okta"), &json!("OIDC")));
            assert_eq!(inbound["attributes"]["idToken"]["sub"], "00u1");
            assert_eq!(inbound["attributes"]["tokenResponse"]["access_token"], "at-of-idp");
            assert_eq!(inbound["attributes"]["userInfo"]["sub"], "00u1");
            let sign_up = &events[1];
            assert_eq!(sign_up["userName"], "okta_00u1");
            assert_eq!(sign_up["callerContext"]["clientId"], WEB);
            assert_eq!(sign_up["request"]["userAttributes"]["email"], "fay@idp.example");
            assert_eq!(events[2]["request"]["userAttributes"]["cognito:user_status"], "EXTERNAL_PROVIDER");
        }
        assert_eq!(
            sources(&events),
            [
                "InboundFederation_ExternalProvider",
                "PreSignUp_ExternalProvider",
                "PostConfirmation_ConfirmSignUp",
                "TokenGeneration_HostedAuth"
            ]
        );
        tokens(&house, &trip(&house, &idp).await).await;
        assert_eq!(
            sources(&events),
            [
                "InboundFederation_ExternalProvider",
                "PreAuthentication_Authentication",
                "PostAuthentication_Authentication",
                "TokenGeneration_HostedAuth"
            ]
        );
    }
}

#[tokio::test]
async fn a_function_changes_what_is_mapped_and_never_who_it_is() {
    let all = with_triggers(|event| {
        Ok(match event["triggerSource"].as_str() {
            Some("InboundFederation_ExternalProvider") => {
                json!({"userAttributesToMap": {"sub": "somebody-else", "name": "Renamed"}})
            }
            _ => Value::Null,
        })
    })
    .await;
    for (house, idp, _) in all {
        trip(&house, &idp).await;
        let user = house.find("okta_00u1").await;
        assert_eq!((user.attribute("name"), user.attribute("email")), (Some("Renamed"), None));
    }
}

#[tokio::test]
async fn a_function_that_refuses_is_heard_and_makes_nobody() {
    for (source, text) in [
        ("PreSignUp_ExternalProvider", "PreSignUp failed with error go away. "),
        ("InboundFederation_ExternalProvider", "InboundFederation failed with error go away. "),
    ] {
        let all =
            with_triggers(
                move |event| {
                    if event["triggerSource"] == source { Err("go away".to_owned()) } else { Ok(Value::Null) }
                },
            )
            .await;
        for (house, idp, _) in all {
            assert_told(&trip(&house, &idp).await, text);
            let pool = house.pool().await;
            let mut tx = house.app.store.read().await.unwrap();
            assert_eq!(store::users::by_login(&mut tx, &pool, "okta_00u1").await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn levels_are_asked_for_and_told_in_the_words_of_either_side() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        change_provider(&house, |provider| {
            provider.settings.acr_mapping = [("Level3".to_owned(), "urn:okta:two".to_owned())].into();
        })
        .await;
        let wish = [("acr_values", "urn:cognito:loa:4 urn:cognito:loa:3")];
        for (acr, level) in [("urn:okta:two", "urn:cognito:loa:3"), ("urn:okta:odd", "urn:cognito:loa:1")] {
            let mut browser = Browser::new(&house);
            let asked = depart(&mut browser, &idp, &wish).await;
            assert_eq!(value(&asked, "acr_values"), "urn:okta:two");
            idp.claim("acr", json!(acr));
            idp.claim("amr", json!(["pwd", "otp", "retina"]));
            let told = tokens(&house, &come_back(&mut browser, &asked).await).await;
            assert_eq!((&told["acr"], &told["amr"]), (&json!(level), &json!(["fed", "pwd", "otp"])));
            // The session is as good as what the provider has said.
            let again = query(&[("identity_provider", NAME), wish[0], ("prompt", "none")]);
            let again = browser.get(&format!("/oauth2/authorize?{again}")).await;
            assert_eq!(again.told("code").is_some(), level.ends_with('3'), "{}", again.location());
        }
        let asked = depart(&mut Browser::new(&house), &idp, &[]).await;
        assert_eq!(value(&asked, "acr_values"), "");
    }
}
