//! Devices: what a sign-in is told about its own, and what users and administrators do with those that were confirmed.

use serde_json::{Value, json};

use super::{
    people::{NO_USER, PASSWORD, Site, Tokens, attribute, claims, sites, sites_with},
    srp,
    town::{ACCOUNT, NO_POOL, NOWHERE, with},
};

pub(super) const NO_DEVICE: &str = "ResourceNotFoundException: Device does not exist.";
const WRONG_KEY: &str = "InvalidParameterException: Invalid device key given.";
const OFF: &str = "InvalidUserPoolConfigurationException: Device tracking is not enabled for this user pool.";
pub(super) const SECRET: &str = "forty random bytes in base64";

/// Sites whose pool remembers every device that is confirmed, or only those that users say so of.
pub(super) async fn tracking(on_prompt: bool) -> Vec<Site> {
    let configuration = json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": on_prompt});
    sites_with(json!({"DeviceConfiguration": configuration}), json!({})).await
}

/// A device as its client knows it.
#[derive(Clone)]
pub(super) struct Device {
    pub(super) key: String,
    pub(super) group: String,
}

impl Device {
    /// The one that a sign-in was told of.
    pub(super) fn of(output: &Value) -> Self {
        let text = |name: &str| output["AuthenticationResult"]["NewDeviceMetadata"][name].as_str().unwrap().to_owned();
        Self { key: text("DeviceKey"), group: text("DeviceGroupKey") }
    }

    pub(super) fn confirmation(&self, access: &str) -> Value {
        let (salt, verifier) = srp::verifier((&self.group, &self.key), SECRET);
        json!({
            "AccessToken": access, "DeviceKey": self.key, "DeviceName": "Telephone",
            "DeviceSecretVerifierConfig": {"Salt": salt, "PasswordVerifier": verifier},
        })
    }
}

/// A person who has signed in and confirmed the device.
pub(super) async fn confirmed(site: &Site, name: &str) -> (Tokens, Device) {
    let output = site.call("InitiateAuth", site.password(name, PASSWORD)).await;
    let (tokens, device) = (Tokens::of(&output), Device::of(&output));
    site.call("ConfirmDevice", device.confirmation(&tokens.access)).await;
    (tokens, device)
}

fn admin(site: &Site, name: &str, key: &str) -> Value {
    with(&site.named(name), json!({"DeviceKey": key}))
}

#[tokio::test]
async fn a_pool_says_whether_it_tracks_devices() {
    for site in sites().await {
        let describe = || site.call("DescribeUserPool", json!({"UserPoolId": site.pool}));
        assert_eq!(describe().await["UserPool"]["DeviceConfiguration"], Value::Null);
        let update = |configuration: Value| json!({"UserPoolId": site.pool, "DeviceConfiguration": configuration});
        site.call("UpdateUserPool", update(json!({"ChallengeRequiredOnNewDevice": true}))).await;
        let shown = json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false});
        assert_eq!(describe().await["UserPool"]["DeviceConfiguration"], shown);
        site.call("UpdateUserPool", update(json!({}))).await;
        assert_eq!(describe().await["UserPool"]["DeviceConfiguration"], Value::Null, "no member switches nothing on");
    }
}

#[tokio::test]
async fn a_sign_in_is_told_of_its_device_where_the_pool_tracks_them() {
    for site in sites().await {
        site.person("ann").await;
        let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        assert_eq!(output["AuthenticationResult"]["NewDeviceMetadata"], Value::Null);
        let tokens = Tokens::of(&output);
        assert_eq!(claims(&tokens.access)["device_key"], Value::Null);
        let key = "us-east-1_a1b2c3d4-5678-90ab-cdef-111122223333";
        let device = Device { key: key.into(), group: "-Example0".into() };
        assert_eq!(site.refused("ConfirmDevice", device.confirmation(&tokens.access)).await, OFF);
        let own = json!({"AccessToken": tokens.access, "DeviceKey": key});
        for operation in ["GetDevice", "UpdateDeviceStatus", "ForgetDevice"] {
            assert_eq!(site.refused(operation, own.clone()).await, OFF, "{operation}");
        }
        assert_eq!(site.refused("ListDevices", json!({"AccessToken": tokens.access})).await, OFF);
        for operation in ["AdminGetDevice", "AdminUpdateDeviceStatus", "AdminForgetDevice"] {
            assert_eq!(site.refused(operation, admin(&site, "ann", key)).await, OFF, "{operation}");
        }
        assert_eq!(site.refused("AdminListDevices", site.named("ann")).await, OFF);
    }
    for site in tracking(false).await {
        site.person("ann").await;
        let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        let (device, tokens) = (Device::of(&output), Tokens::of(&output));
        let (region, uuid) = device.key.split_once('_').unwrap();
        assert_eq!((region, uuid.len()), ("us-east-1", 36));
        let name = site.pool.split_once('_').unwrap().1;
        assert_eq!(device.group, format!("-{}", &name[..8]));
        assert_eq!(claims(&tokens.access)["device_key"], json!(device.key));
        assert_eq!(claims(&tokens.id)["device_key"], Value::Null);
        let again = Device::of(&site.call("InitiateAuth", site.password("ann", PASSWORD)).await);
        assert_ne!(device.key, again.key);
    }
}

#[tokio::test]
async fn a_device_is_confirmed_once_and_by_the_token_that_it_was_given() {
    for site in tracking(false).await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        let (tokens, device) = (Tokens::of(&output), Device::of(&output));
        let right = device.confirmation(&tokens.access);
        let bobs = site.tokens("bob").await;
        assert_eq!(site.refused("ConfirmDevice", device.confirmation(&bobs.access)).await, WRONG_KEY);
        let other = site.tokens("ann").await;
        assert_eq!(site.refused("ConfirmDevice", device.confirmation(&other.access)).await, WRONG_KEY);
        let verifier = |salt: &str, verifier: &str| {
            with(&right, json!({"DeviceSecretVerifierConfig": {"Salt": salt, "PasswordVerifier": verifier}}))
        };
        let useless = [
            with(&right, json!({"DeviceSecretVerifierConfig": null})),
            verifier("", "AQ=="),
            verifier("!", "AQ=="),
            verifier("AQ==", ""),
            verifier("AQ==", "AA=="),
            verifier("AQ==", "!"),
            verifier(&"AAAA".repeat(22), "AQ=="),
            verifier("AQ==", &"////".repeat(128)),
        ];
        for call in useless {
            let refusal = site.refused("ConfirmDevice", call.clone()).await;
            assert!(refusal.starts_with("InvalidParameterException: "), "{call}: {refusal}");
        }
        assert_eq!(site.call("ConfirmDevice", right.clone()).await, json!({"UserConfirmationNecessary": false}));
        assert_eq!(site.refused("ConfirmDevice", right).await, "DeviceKeyExistsException: Device key already exists.");
    }
}

#[tokio::test]
async fn a_user_is_asked_before_a_device_is_remembered_where_the_pool_says_so() {
    for site in tracking(true).await {
        site.person("ann").await;
        let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        let (tokens, device) = (Tokens::of(&output), Device::of(&output));
        let confirmed = site.call("ConfirmDevice", device.confirmation(&tokens.access)).await;
        assert_eq!(confirmed, json!({"UserConfirmationNecessary": true}));
        let status = async || {
            let shown = site.call("AdminGetDevice", admin(&site, "ann", &device.key)).await;
            attribute(&shown["Device"]["DeviceAttributes"], "dev:device_remembered_status").unwrap()
        };
        assert_eq!(status().await, "not_remembered");
        site.advance(5);
        let update = |status: Value| json!({"AccessToken": tokens.access, "DeviceKey": device.key, "DeviceRememberedStatus": status});
        assert_eq!(site.call("UpdateDeviceStatus", update(json!("remembered"))).await, json!({}));
        assert_eq!(status().await, "remembered");
        site.call("UpdateDeviceStatus", update(Value::Null)).await;
        assert_eq!(status().await, "remembered");
        let shown = site.call("AdminGetDevice", admin(&site, "ann", &device.key)).await["Device"].clone();
        assert_eq!(shown["DeviceCreateDate"], json!(1_800_000_000.0));
        assert_eq!(shown["DeviceLastModifiedDate"], json!(1_800_000_005.0));
        assert_eq!(shown["DeviceLastAuthenticatedDate"], json!(1_800_000_000.0));
        let forgotten = with(&admin(&site, "ann", &device.key), json!({"DeviceRememberedStatus": "not_remembered"}));
        assert_eq!(site.call("AdminUpdateDeviceStatus", forgotten).await, json!({}));
        assert_eq!(status().await, "not_remembered");
    }
}

#[tokio::test]
async fn users_see_less_of_a_device_than_administrators() {
    for site in tracking(false).await {
        site.person("ann").await;
        let (tokens, device) = confirmed(&site, "ann").await;
        let own = site.call("GetDevice", json!({"AccessToken": tokens.access, "DeviceKey": device.key})).await;
        let listed = json!([
            {"Name": "device_status", "Value": "valid"}, {"Name": "device_name", "Value": "Telephone"},
        ]);
        assert_eq!(own["Device"]["DeviceAttributes"], listed);
        assert_eq!(own["Device"]["DeviceKey"], json!(device.key));
        let all = site.call("ListDevices", json!({"AccessToken": tokens.access})).await;
        assert_eq!(all, json!({"Devices": [own["Device"]]}));

        let shown = site.call("AdminGetDevice", admin(&site, "ann", &device.key)).await["Device"].clone();
        let value = |name: &str| attribute(&shown["DeviceAttributes"], name).unwrap();
        let owner = format!("ann.{}", site.pool);
        assert_eq!(value("dev:device_owner"), owner);
        let arn = format!("arn:aws:cognito-idp:us-east-1:{ACCOUNT}:owner/{owner}/device/{}", device.key);
        assert_eq!(value("dev:device_arn"), arn);
        assert_eq!(value("dev:device_sdk"), "aws-sdk");
        let all = site.call("AdminListDevices", site.named("ann")).await;
        assert_eq!(all, json!({"Devices": [shown]}));
    }
}

#[tokio::test]
async fn a_devices_address_is_the_one_that_it_was_confirmed_from() {
    for site in tracking(false).await {
        site.person("ann").await;
        let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
        let (tokens, device) = (Tokens::of(&output), Device::of(&output));
        site.call_from("203.0.113.7", "ConfirmDevice", device.confirmation(&tokens.access)).await;
        let own = site.call("GetDevice", json!({"AccessToken": tokens.access, "DeviceKey": device.key})).await;
        assert_eq!(attribute(&own["Device"]["DeviceAttributes"], "last_ip_used").unwrap(), "203.0.113.7");
    }
}

#[tokio::test]
async fn lists_of_devices_have_pages() {
    for site in tracking(false).await {
        site.person("ann").await;
        let mut keys = Vec::new();
        let mut access = String::new();
        for _ in 0..3 {
            let (tokens, device) = confirmed(&site, "ann").await;
            keys.push(device.key);
            access = tokens.access;
        }
        keys.sort();
        let twins = [("ListDevices", json!({"AccessToken": access})), ("AdminListDevices", site.named("ann"))];
        for (operation, call) in twins {
            let first = site.call(operation, with(&call, json!({"Limit": 2}))).await;
            let cursor = json!({"Limit": 2, "PaginationToken": first["PaginationToken"]});
            let second = site.call(operation, with(&call, cursor)).await;
            assert_eq!(second["PaginationToken"], Value::Null);
            let pages = [&first, &second].map(|page| page["Devices"].as_array().unwrap().clone()).concat();
            let listed: Vec<_> = pages.iter().map(|device| device["DeviceKey"].as_str().unwrap()).collect();
            assert_eq!(listed, keys);
            let all = site.call(operation, with(&call, json!({"Limit": 0}))).await;
            assert_eq!(all["Devices"].as_array().unwrap().len(), 3);
            let refusal = site.refused(operation, with(&call, json!({"PaginationToken": "x"}))).await;
            assert_eq!(refusal, "InvalidParameterException: Invalid pagination token");
        }
    }
}

#[tokio::test]
async fn a_forgotten_device_is_gone_and_anothers_does_not_exist() {
    for site in tracking(false).await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let (tokens, device) = confirmed(&site, "ann").await;
        let (bobs, bobs_device) = confirmed(&site, "bob").await;
        let call = |access: &str, key: &str| json!({"AccessToken": access, "DeviceKey": key});
        for operation in ["GetDevice", "UpdateDeviceStatus", "ForgetDevice"] {
            assert_eq!(site.refused(operation, call(&bobs.access, &device.key)).await, NO_DEVICE, "{operation}");
        }
        let status = json!({"DeviceRememberedStatus": "remembered"});
        let others = with(&call(&bobs.access, &device.key), status);
        assert_eq!(site.refused("UpdateDeviceStatus", others).await, NO_DEVICE);
        assert_eq!(site.call("ForgetDevice", call(&tokens.access, &device.key)).await, Value::Null);
        assert_eq!(site.refused("GetDevice", call(&tokens.access, &device.key)).await, NO_DEVICE);
        assert_eq!(site.refused("ForgetDevice", call(&tokens.access, &device.key)).await, NO_DEVICE);
        site.call("ConfirmDevice", device.confirmation(&tokens.access)).await;

        assert_eq!(site.refused("AdminForgetDevice", admin(&site, "ann", &bobs_device.key)).await, NO_DEVICE);
        assert_eq!(site.call("AdminForgetDevice", admin(&site, "bob", &bobs_device.key)).await, Value::Null);
        assert_eq!(site.refused("AdminGetDevice", admin(&site, "bob", &bobs_device.key)).await, NO_DEVICE);
        site.call("AdminDeleteUser", site.named("ann")).await;
        site.person("ann").await;
        assert_eq!(site.call("AdminListDevices", site.named("ann")).await, json!({"Devices": []}));
    }
}

#[tokio::test]
async fn who_and_what_is_unknown_is_refused() {
    for site in tracking(false).await {
        let key = "us-east-1_a1b2c3d4-5678-90ab-cdef-111122223333";
        for operation in ["AdminUpdateDeviceStatus", "AdminForgetDevice"] {
            assert_eq!(site.refused(operation, admin(&site, "nobody", key)).await, NO_USER, "{operation}");
        }
        assert_eq!(site.refused("AdminGetDevice", admin(&site, "nobody", key)).await, NO_DEVICE);
        let refusal = site.refused("AdminListDevices", site.named("nobody")).await;
        assert_eq!(refusal, "ResourceNotFoundException: User does not exist.");
        for operation in ["AdminGetDevice", "AdminListDevices", "AdminUpdateDeviceStatus", "AdminForgetDevice"] {
            let call = json!({"UserPoolId": NOWHERE, "Username": "ann", "DeviceKey": key});
            assert_eq!(site.refused(operation, call).await, NO_POOL, "{operation}");
        }
        for operation in ["GetDevice", "ForgetDevice"] {
            let refusal = site.refused(operation, json!({"DeviceKey": key})).await;
            assert_eq!(refusal, "NotAuthorizedException: Invalid Access Token", "{operation}");
        }
    }
}
