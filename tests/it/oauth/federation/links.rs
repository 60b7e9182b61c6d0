//! Somebody at a provider who is linked to a user of the pool.

use std::sync::{Arc, Mutex};

use poolhouse::{
    domain::user::Status,
    flows::{
        App, Cx,
        links::{self, Person},
    },
    functions::{Functions, native::native},
    hooks::Hooks,
    store,
};
use serde_json::json;

use super::{map, tokens, trip, with_idp};
use crate::app::{POOL, houses, houses_with};

fn person(provider: &str, attribute: Option<&str>, value: &str) -> Person {
    Person { provider: provider.into(), attribute: attribute.map(Into::into), value: value.into() }
}

#[tokio::test]
async fn a_linked_identity_signs_in_as_the_user_of_the_pool() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        let cx = house.cx();
        let ann = house.find("ann").await;
        let source = person("Okta", Some("Cognito_Subject"), "00u1");
        links::link(&cx, POOL, &person("Cognito", None, "ann"), &source).await.unwrap();
        let told = tokens(&house, &trip(&house, &idp).await).await;
        assert_eq!((&told["sub"], &told["cognito:username"]), (&json!(ann.sub), &json!("ann")));
        assert_eq!(told["identities"][0]["primary"], "false");
        assert_eq!(told.get("cognito:groups"), None);
        let user = house.find("ann").await;
        assert_eq!((user.attribute("name"), user.status), (Some("Fay"), Status::Confirmed));
        assert!(user.credential.password_hash.is_some());

        // Taken away, it is somebody of their own.
        links::disable(&cx, POOL, &source).await.unwrap();
        let told = tokens(&house, &trip(&house, &idp).await).await;
        assert_eq!(told["cognito:username"], "okta_00u1");
        // And that one is disabled in the same way.
        links::disable(&cx, POOL, &source).await.unwrap();
        super::assert_told(&trip(&house, &idp).await, "User is disabled.");
    }
}

#[tokio::test]
async fn a_link_by_a_mapped_claim_and_an_account_without_a_password_do_too() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        map(&house, json!({"name": "employee"})).await;
        let fresh = house.user("fresh", "Right-1234", Status::ForceChangePassword).await;
        let source = person("Okta", Some("employee"), "E-7");
        links::link(&house.cx(), POOL, &person("Cognito", None, "fresh"), &source).await.unwrap();
        idp.claim("employee", json!("E-7"));
        let told = tokens(&house, &trip(&house, &idp).await).await;
        assert_eq!(told["sub"], json!(fresh.sub));
        idp.claim("employee", json!("E-8"));
        let told = tokens(&house, &trip(&house, &idp).await).await;
        assert_eq!(told["cognito:username"], "okta_00u1");
    }
}

#[tokio::test]
async fn a_function_links_somebody_before_they_get_an_account() {
    let place: Arc<Mutex<Option<Arc<App>>>> = Arc::default();
    let at = Arc::clone(&place);
    let mut functions = Functions::default();
    functions.insert(
        "link",
        native(move |call| {
            let app = Arc::clone(at.lock().unwrap().as_ref().unwrap());
            async move {
                assert_eq!(call.event["triggerSource"], "PreSignUp_ExternalProvider");
                let cx = Cx::new(app, "us-east-1", "hook".into());
                let source = person("Okta", Some("Cognito_Subject"), "00u1");
                links::link(&cx, POOL, &person("Cognito", None, "ann"), &source).await.unwrap();
                Ok(call.event)
            }
        }),
    );
    let functions = Arc::new(functions);
    for house in houses_with(|parts| parts.hooks = Hooks::new(Arc::clone(&functions))).await {
        *place.lock().unwrap() = Some(Arc::clone(&house.app));
        let arn = "arn:aws:lambda:us-east-1:1:function:link";
        house
            .set_pool(|settings| settings.lambda_config = serde_json::from_value(json!({"PreSignUp": arn})).unwrap())
            .await;
        let idp = with_idp(&house).await;
        let ann = house.find("ann").await;
        let told = tokens(&house, &trip(&house, &idp).await).await;
        assert_eq!(told["sub"], json!(ann.sub));
        let pool = house.pool().await;
        let mut tx = house.app.store.read().await.unwrap();
        assert_eq!(store::users::by_login(&mut tx, &pool, "okta_00u1").await.unwrap(), None);
    }
}
