//! What users prove themselves with besides passwords: passkeys, devices, authenticator apps.

use poolhouse::{domain::passkey::MOST_PASSKEYS, flows::passkeys, store};
use serde_json::{Value, json};

use crate::{
    api::{
        devices::{Device, NO_DEVICE},
        every_error::Report,
        mfa::every_factor,
        people::{PASSWORD, Site, Tokens, sites_with},
        town::{towns_with, with},
    },
    authenticator::Authenticator,
};

const KEY: &str = "us-east-1_a1b2c3d4-5678-90ab-cdef-111122223333";

pub(super) async fn ask() -> Report {
    let mut report = Report::default();
    let pool = json!({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}}});
    let flows = json!({"ExplicitAuthFlows": ["ALLOW_USER_AUTH", "ALLOW_USER_PASSWORD_AUTH"]});
    for site in sites_with(with(&pool, every_factor()), flows.clone()).await {
        site.person("ann").await;
        passkeys(&mut report, &site, &flows).await;
        many_passkeys(&mut report, &site).await;
        preferences(&mut report, &site).await;
        devices(&mut report, &site).await;
        report.note(&site);
    }
    for town in towns_with(|parts| parts.setup.public_url = "http://127.0.0.1:9229".into()).await {
        let site = Site::at(town, pool.clone(), flows.clone()).await;
        site.person("ann").await;
        let token = json!({"AccessToken": site.tokens("ann").await.access});
        let text = "WebAuthnConfigurationMissingException: The user pool has no relying party configured.";
        report.refused(&site, ("StartWebAuthnRegistration", token), text).await;
        report.note(&site);
    }
    report
}

async fn passkeys(report: &mut Report, site: &Site, flows: &Value) {
    let token = site.tokens("ann").await.access;
    let complete = |credential: &Value| json!({"AccessToken": token, "Credential": credential});
    let plain = site.another_client(json!({})).await;
    let plain = Tokens::of(&site.call("InitiateAuth", site.password_at(&plain, "ann", PASSWORD)).await).access;
    let other = site.another_client(flows.clone()).await;
    let other = Tokens::of(&site.call("InitiateAuth", site.password_at(&other, "ann", PASSWORD)).await).access;
    let off = "WebAuthnNotEnabledException: Passkeys are not enabled for this user pool or app client.";
    for operation in ["StartWebAuthnRegistration", "CompleteWebAuthnRegistration"] {
        report.refused(site, (operation, json!({"AccessToken": plain, "Credential": {}})), off).await;
    }
    let begun = report.given(site, "StartWebAuthnRegistration", json!({"AccessToken": token})).await;
    let options = &begun["CredentialCreationOptions"];
    let good = Authenticator::new().create(options);
    let with_other = |change: fn(&mut Authenticator)| complete(&Authenticator::with(change).create(options));
    let mut unknown = good.clone();
    unknown["type"] = json!("password");
    for (input, text) in [
        (complete(&json!({})), "InvalidParameterException: Invalid credential."),
        (
            with(&complete(&good), json!({"AccessToken": other})),
            "WebAuthnClientMismatchException: The access token is of another app client than the challenge.",
        ),
        (
            with_other(|it| it.origin = "https://example.com"),
            "WebAuthnOriginNotAllowedException: The credential was made at an origin that is not allowed.",
        ),
        (
            with_other(|it| it.relying_party = Some("example.com")),
            "WebAuthnRelyingPartyMismatchException: The credential is for another relying party.",
        ),
        (complete(&unknown), "WebAuthnCredentialNotSupportedException: The credential is not supported."),
    ] {
        report.refused(site, ("CompleteWebAuthnRegistration", input), text).await;
    }
    report.given(site, "CompleteWebAuthnRegistration", complete(&good)).await;
    let used = "WebAuthnChallengeNotFoundException: The passkey challenge was not found or has expired.";
    report.refused(site, ("CompleteWebAuthnRegistration", complete(&good)), used).await;
    report.given(site, "ListWebAuthnCredentials", json!({"AccessToken": token})).await;
    let by_id = json!({"AccessToken": token, "CredentialId": good["id"]});
    report.given(site, "DeleteWebAuthnCredential", by_id.clone()).await;
    let none = "ResourceNotFoundException: The passkey does not exist.";
    report.refused(site, ("DeleteWebAuthnCredential", by_id), none).await;
}

/// As many passkeys as a user can have, which came while another one was being made.
async fn many_passkeys(report: &mut Report, site: &Site) {
    let token = site.tokens("ann").await.access;
    let start = json!({"AccessToken": token});
    let complete = |credential: Value| json!({"AccessToken": token, "Credential": credential});
    let begun = report.given(site, "StartWebAuthnRegistration", start.clone()).await;
    let made = Authenticator::new().create(&begun["CredentialCreationOptions"]);
    report.given(site, "CompleteWebAuthnRegistration", complete(made)).await;
    let begun = report.given(site, "StartWebAuthnRegistration", start.clone()).await;
    let made = Authenticator::new().create(&begun["CredentialCreationOptions"]);
    let user = poolhouse::flows::users::find(&site.cx(), &site.pool, "ann").await.unwrap();
    let one = passkeys::all(&site.cx(), &user.0, &user.1.sub).await.unwrap().remove(0);
    let mut tx = site.app.store.begin().await.unwrap();
    for number in 1..MOST_PASSKEYS {
        let mut another = one.clone();
        another.id = format!("passkey{number}");
        assert!(store::passkeys::insert(&mut tx, &another).await.unwrap());
    }
    tx.commit().await.unwrap();
    let full = "LimitExceededException: A user can have at most 20 passkeys.";
    report.refused(site, ("CompleteWebAuthnRegistration", complete(made)), full).await;
    report.refused(site, ("StartWebAuthnRegistration", start), full).await;
}

async fn preferences(report: &mut Report, site: &Site) {
    let token = json!({"AccessToken": site.tokens("ann").await.access});
    let app = json!({"SoftwareTokenMfaSettings": {"Enabled": true}});
    site.call(
        "SetUserPoolMfaConfig",
        site.of_pool(json!({"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": true}})),
    )
    .await;
    let none = "InvalidParameterException: User does not have delivery config set to turn on SOFTWARE_TOKEN_MFA";
    let named = with(&site.named("ann"), app.clone());
    report.refused(site, ("SetUserMFAPreference", with(&token, app.clone())), none).await;
    report.refused(site, ("AdminSetUserMFAPreference", named.clone()), none).await;
    let made = report.given(site, "AssociateSoftwareToken", token.clone()).await;
    let secret = made["SecretCode"].as_str().unwrap();
    let proof = |code: String| with(&token, json!({"UserCode": code}));
    let wrong = "EnableSoftwareTokenMFAException: Code mismatch";
    report.refused(site, ("VerifySoftwareToken", proof(site.totp(secret, 100))), wrong).await;
    report.given(site, "VerifySoftwareToken", proof(site.totp(secret, 0))).await;
    report.given(site, "SetUserMFAPreference", with(&token, app)).await;
    report.given(site, "AdminSetUserMFAPreference", named.clone()).await;
    report.given(site, "GetUserAuthFactors", token).await;
    report.given(site, "AdminGetUserAuthFactors", named.clone()).await;
    report.given(site, "AdminDeleteSoftwareToken", named).await;
}

async fn devices(report: &mut Report, site: &Site) {
    let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
    let by_token = json!({"AccessToken": Tokens::of(&output).access, "DeviceKey": KEY});
    let by_name = with(&site.named("ann"), json!({"DeviceKey": KEY}));
    let off = "InvalidUserPoolConfigurationException: Device tracking is not enabled for this user pool.";
    let administrators = ["AdminGetDevice", "AdminListDevices", "AdminUpdateDeviceStatus", "AdminForgetDevice"];
    for operation in ["ConfirmDevice", "GetDevice", "ListDevices", "UpdateDeviceStatus", "ForgetDevice"] {
        report.refused(site, (operation, by_token.clone()), off).await;
    }
    for operation in administrators {
        report.refused(site, (operation, by_name.clone()), off).await;
    }
    let tracking = json!({"DeviceConfiguration": {"ChallengeRequiredOnNewDevice": false}});
    site.call("UpdateUserPool", site.of_pool(tracking)).await;
    let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
    let (token, device) = (Tokens::of(&output).access, Device::of(&output));
    let invalid = "InvalidParameterException: Invalid device key given.";
    let confirmation = device.confirmation(&token);
    report.refused(site, ("ConfirmDevice", with(&confirmation, json!({"DeviceKey": KEY}))), invalid).await;
    report.given(site, "ConfirmDevice", confirmation.clone()).await;
    report.refused(site, ("ConfirmDevice", confirmation), "DeviceKeyExistsException: Device key already exists.").await;
    for operation in ["GetDevice", "UpdateDeviceStatus", "ForgetDevice"] {
        report.refused(site, (operation, by_token.clone()), NO_DEVICE).await;
    }
    for operation in ["AdminGetDevice", "AdminUpdateDeviceStatus", "AdminForgetDevice"] {
        report.refused(site, (operation, by_name.clone()), NO_DEVICE).await;
    }
    let nobody = with(&by_name, json!({"Username": "nobody"}));
    report.refused(site, ("AdminListDevices", nobody), "ResourceNotFoundException: User does not exist.").await;
    let by_name = with(&by_name, json!({"DeviceKey": device.key}));
    let by_token = json!({"AccessToken": token, "DeviceKey": device.key});
    for operation in ["GetDevice", "ListDevices", "UpdateDeviceStatus"] {
        report.given(site, operation, by_token.clone()).await;
    }
    for operation in administrators {
        report.given(site, operation, by_name.clone()).await;
    }
    let output = site.call("InitiateAuth", site.password("ann", PASSWORD)).await;
    let (token, device) = (Tokens::of(&output).access, Device::of(&output));
    report.given(site, "ConfirmDevice", device.confirmation(&token)).await;
    report.given(site, "ForgetDevice", json!({"AccessToken": token, "DeviceKey": device.key})).await;
}
