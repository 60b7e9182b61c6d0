use serde_json::json;

use super::*;
use crate::{
    domain::{attribute::standard_schema, pool::PoolSettings},
    kit::clock::Time,
};

fn client(members: Value) -> Client {
    Client {
        id: "c".into(),
        pool_id: "r_p".into(),
        name: "web".into(),
        secrets: Vec::new(),
        settings: ClientSettings::requested(members.as_object().cloned().unwrap()).unwrap(),
        created_at: Time::default(),
        modified_at: Time::default(),
    }
}

fn pool() -> Pool {
    let mut schema = standard_schema();
    for attribute in schema.iter_mut().filter(|attribute| attribute.name == "email") {
        attribute.required = Some(true);
    }
    Pool {
        id: "r_p".into(),
        name: "p".into(),
        strict_oidc: false,
        settings: PoolSettings { schema, ..PoolSettings::default() },
        created_at: Time::default(),
        modified_at: Time::default(),
    }
}

fn fits(members: Value) -> bool {
    client(members).check(&pool(), &[]).is_ok()
}

#[test]
fn lifetimes_are_held_against_their_bounds() {
    assert!(fits(json!({})));
    assert!(fits(json!({"AccessTokenValidity": 24, "IdTokenValidity": 24})));
    assert!(fits(json!({"RefreshTokenValidity": 60, "TokenValidityUnits": {"RefreshToken": "minutes"}})));
    assert!(!fits(json!({"RefreshTokenValidity": 59, "TokenValidityUnits": {"RefreshToken": "minutes"}})));
    assert!(!fits(json!({"AccessTokenValidity": 299, "TokenValidityUnits": {"AccessToken": "seconds"}})));
    assert!(fits(json!({"AccessTokenValidity": 300, "TokenValidityUnits": {"AccessToken": "seconds"}})));
    assert!(!fits(json!({"RefreshTokenValidity": 3651})));
}

#[test]
fn required_attributes_must_be_writable() {
    assert!(fits(json!({"WriteAttributes": ["email", "name"], "ReadAttributes": ["email_verified", "sub"]})));
    assert!(!fits(json!({"WriteAttributes": ["name"]})));
    assert!(!fits(json!({"WriteAttributes": ["email", "phone_number_verified"]})));
    assert!(!fits(json!({"ReadAttributes": ["custom:none"]})));
}

#[test]
fn empty_flows_are_those_of_a_client_that_names_none() {
    assert_eq!(client(json!({"ExplicitAuthFlows": []})).settings, client(json!({})).settings);
    assert!(fits(json!({"ExplicitAuthFlows": ["ALLOW_TOKEN_EXCHANGE_DELEGATION"]})));
    assert!(!fits(json!({"ExplicitAuthFlows": ["ALLOW_CLIENT_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"]})));
}
