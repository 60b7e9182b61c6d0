//! Identity providers: what each type needs, what is shown of it, and who may use it.

use base64::{Engine, prelude::BASE64_STANDARD};
use poolhouse::{
    keys::{
        certificate::{CertificateUse, self_signed},
        signing::SigningKey,
    },
    kit::clock::Time,
};
use serde_json::{Value, json};

use super::town::{NO_POOL, NOWHERE, Town, towns, with};

fn google(pool: &str) -> Value {
    let details = json!({"client_id": "1.apps", "client_secret": "shh", "authorize_scopes": "openid email"});
    json!({"UserPoolId": pool, "ProviderName": "Google", "ProviderType": "Google", "ProviderDetails": details})
}

pub(super) fn oidc(pool: &str, name: &str) -> Value {
    let details = json!({
        "client_id": "1", "client_secret": "shh", "attributes_request_method": "GET",
        "oidc_issuer": "https://idp.example", "authorize_scopes": "openid email",
    });
    json!({"UserPoolId": pool, "ProviderName": name, "ProviderType": "OIDC", "ProviderDetails": details})
}

/// Metadata whose certificate was made at `from`.
fn metadata(from: Time) -> String {
    let key = SigningKey::generate().unwrap().to_pkcs8().unwrap();
    let certificate = self_signed(&key, "idp", from, CertificateUse::Signing).unwrap();
    let certificate = BASE64_STANDARD.encode(certificate);
    format!(
        r#"<?xml version="1.0"?>
        <md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example/saml">
          <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
            <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>
              <ds:X509Certificate>
                {certificate}
              </ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
            <md:SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/out"/>
            <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/post"/>
            <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/in"/>
          </md:IDPSSODescriptor>
        </md:EntityDescriptor>"#
    )
}

fn good_metadata() -> String {
    metadata(Time::from_seconds(1_790_000_000))
}

pub(super) fn saml(pool: &str, name: &str) -> Value {
    let details = json!({"MetadataFile": good_metadata()});
    json!({"UserPoolId": pool, "ProviderName": name, "ProviderType": "SAML", "ProviderDetails": details})
}

async fn create(town: &Town, input: &Value) -> Value {
    town.call("CreateIdentityProvider", input.clone()).await["IdentityProvider"].clone()
}

async fn describe(town: &Town, provider: &Value) -> Value {
    let named = json!({"UserPoolId": provider["UserPoolId"], "ProviderName": provider["ProviderName"]});
    town.call("DescribeIdentityProvider", named).await["IdentityProvider"].clone()
}

#[tokio::test]
async fn what_is_described_is_what_was_sent_and_what_follows_from_it() {
    let sent = json!({"client_id": "1", "client_secret": "shh", "authorize_scopes": "email"});
    let version =
        json!({"client_id": "1", "client_secret": "shh", "authorize_scopes": "email", "api_version": "v21.0"});
    let apple =
        json!({"client_id": "1", "team_id": "2", "key_id": "3", "private_key": "secret", "authorize_scopes": "email"});
    let mut shown_apple = apple.clone();
    shown_apple.as_object_mut().unwrap().remove("private_key");
    let cases = [
        (
            "Google",
            sent.clone(),
            with(
                &sent,
                json!({
                    "attributes_url": "https://people.googleapis.com/v1/people/me?personFields=",
                    "attributes_url_add_attributes": "true",
                    "authorize_url": "https://accounts.google.com/o/oauth2/v2/auth",
                    "oidc_issuer": "https://accounts.google.com", "token_request_method": "POST",
                    "token_url": "https://www.googleapis.com/oauth2/v4/token",
                }),
            ),
            "sub",
        ),
        (
            "Facebook",
            version.clone(),
            with(
                &version,
                json!({
                    "attributes_url": "https://graph.facebook.com/v21.0/me?fields=",
                    "attributes_url_add_attributes": "true",
                    "authorize_url": "https://www.facebook.com/v21.0/dialog/oauth", "token_request_method": "GET",
                    "token_url": "https://graph.facebook.com/v21.0/oauth/access_token",
                }),
            ),
            "id",
        ),
        (
            "LoginWithAmazon",
            sent.clone(),
            with(
                &sent,
                json!({
                    "attributes_url": "https://api.amazon.com/user/profile", "attributes_url_add_attributes": "false",
                    "authorize_url": "https://www.amazon.com/ap/oa", "token_request_method": "POST",
                    "token_url": "https://api.amazon.com/auth/o2/token",
                }),
            ),
            "user_id",
        ),
        (
            "SignInWithApple",
            apple,
            with(
                &shown_apple,
                json!({
                    "attributes_url_add_attributes": "false",
                    "authorize_url": "https://appleid.apple.com/auth/authorize",
                    "oidc_issuer": "https://appleid.apple.com", "token_request_method": "POST",
                    "token_url": "https://appleid.apple.com/auth/token",
                }),
            ),
            "sub",
        ),
    ];
    for town in towns().await {
        let pool = town.pool().await;
        for (name, sent, shown, subject) in &cases {
            let input = json!({"UserPoolId": pool, "ProviderName": name, "ProviderType": name, "ProviderDetails": sent,
                "AttributeMapping": {"email": "email"}});
            let expected = json!({
                "UserPoolId": pool, "ProviderName": name, "ProviderType": name, "ProviderDetails": shown,
                "AttributeMapping": {"email": "email", "username": subject},
                "CreationDate": 1_800_000_000.0, "LastModifiedDate": 1_800_000_000.0,
            });
            assert_eq!(create(&town, &input).await, expected);
            assert_eq!(describe(&town, &input).await, expected);
        }
        let sent = with(
            &oidc(&pool, "Okta"),
            json!({"AttributeMapping": {"username": "upn", "email_verified": "ev"},
            "IdpIdentifiers": ["example.com", "Example Inc."], "AcrMapping": {"Level1": "urn:a"}}),
        );
        let made = create(&town, &sent).await;
        let mut details = sent["ProviderDetails"].clone();
        details["attributes_url_add_attributes"] = "false".into();
        assert_eq!(made["ProviderDetails"], details);
        for member in ["AttributeMapping", "IdpIdentifiers", "AcrMapping"] {
            assert_eq!(made[member], sent[member], "{member}");
        }
        let identifier = json!({"UserPoolId": pool, "IdpIdentifier": "Example Inc."});
        assert_eq!(town.call("GetIdentityProviderByIdentifier", identifier).await["IdentityProvider"], made);
    }
}

#[tokio::test]
async fn secrets_do_not_lie_open_in_the_database() {
    for town in towns().await {
        let pool = town.pool().await;
        create(&town, &google(&pool)).await;
        let mut tx = town.app.store.read().await.unwrap();
        let (details,): (Vec<u8>,) = tx.sql("SELECT details FROM identity_provider").one().await.unwrap();
        assert!(!String::from_utf8_lossy(&details).contains("shh"));
    }
}

#[tokio::test]
async fn saml_metadata_are_read_and_answered_with_a_certificate_of_ours() {
    for town in towns().await {
        let pool = town.pool().await;
        let input = saml(&pool, "Corp");
        let options = json!({"IDPSignout": "true", "IDPInit": "false", "EncryptedResponses": "true",
            "RequestSigningAlgorithm": "rsa-sha256"});
        let input = with(&input, json!({"ProviderDetails": with(&input["ProviderDetails"], options)}));
        let made = create(&town, &input).await;
        let details = &made["ProviderDetails"];
        assert_eq!(details["SSORedirectBindingURI"], "https://idp.example/in");
        assert_eq!(details["SLORedirectBindingURI"], "https://idp.example/out");
        assert!(made.get("AttributeMapping").is_none(), "{made}");
        let certificate = BASE64_STANDARD.decode(details["ActiveEncryptionCertificate"].as_str().unwrap()).unwrap();
        assert!(x509_parser::parse_x509_certificate(&certificate).is_ok());
        let signing = town.call("GetSigningCertificate", json!({"UserPoolId": pool})).await;
        assert_ne!(signing["Certificate"], details["ActiveEncryptionCertificate"]);
        // What was described can be sent back.
        let back = json!({"UserPoolId": pool, "ProviderName": "Corp", "ProviderDetails": details});
        assert_eq!(town.call("UpdateIdentityProvider", back).await["IdentityProvider"]["ProviderDetails"], *details);
    }
}

#[tokio::test]
async fn metadata_that_cannot_be_used_are_refused() {
    let good = good_metadata();
    let entity = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>";
    let cases = [
        (json!({}), "At least one of the MetadataURL or MetadataFile should be provided."),
        (json!({"MetadataFile": good, "MetadataURL": "https://idp.example"}), "either MetadataFile or MetadataURL"),
        (json!({"MetadataURL": "ftp://idp.example/m"}), "MetadataURL must use HTTPS"),
        (json!({"MetadataFile": "no xml"}), "no plain XML document"),
        (json!({"MetadataFile": good.replace(r#"<?xml version="1.0"?>"#, entity)}), "no plain XML document"),
        (json!({"MetadataFile": good.replace("</md:IDPSSODescriptor>", "")}), "no plain XML document"),
        (json!({"MetadataFile": "<EntityDescriptor entityID=\"a\"/>"}), "no EntityDescriptor"),
        (json!({"MetadataFile": good.replace("entityID", "entity")}), "no EntityDescriptor"),
        (json!({"MetadataFile": good.replace("IDPSSO", "SPSSO")}), "no IDPSSODescriptor"),
        (
            json!({"MetadataFile": good.replace("SingleSignOnService", "Other")}),
            "No SingleSignOn Http redirect binding",
        ),
        (json!({"MetadataURL": "http://127.0.0.1:9/m"}), "Error retrieving metadata from http://127.0.0.1:9/m"),
        (json!({"MetadataFile": good.replace("https://idp.example/in", "javascript:alert(1)")}), "has no host"),
        (json!({"MetadataFile": good.replace("use=\"signing\"", "use=\"encryption\"")}), "no signing certificate"),
        (json!({"MetadataFile": good.replace("MII", "AAAA")}), "a certificate is"),
        (json!({"MetadataFile": metadata(Time::from_seconds(1_400_000_000))}), "has not expired"),
        (json!({"MetadataFile": good, "IDPInit": "maybe"}), "IDPInit must be one of"),
        (json!({"MetadataFile": good, "client_id": "1"}), "client_id is not a key of SAML providers"),
    ];
    for town in towns().await {
        let pool = town.pool().await;
        for (details, expected) in &cases {
            let input =
                json!({"UserPoolId": pool, "ProviderName": "Corp", "ProviderType": "SAML", "ProviderDetails": details});
            let refused = town.refused("CreateIdentityProvider", input).await;
            assert!(refused.starts_with("InvalidParameterException: "), "{refused}");
            assert!(refused.contains(expected), "{refused} lacks {expected}");
        }
    }
}

#[tokio::test]
async fn names_details_and_mappings_are_held_against_their_rules() {
    for town in towns().await {
        let pool = town.pool().await;
        let missing = |key: &str| {
            let mut input = google(&pool);
            input["ProviderDetails"].as_object_mut().unwrap().remove(key);
            input
        };
        let details = |change: Value| {
            let input = oidc(&pool, "Okta");
            with(&input, json!({"ProviderDetails": with(&input["ProviderDetails"], change)}))
        };
        let mapped = |mapping: Value| with(&google(&pool), json!({"AttributeMapping": mapping}));
        let cases = [
            (missing("client_id"), "client_id is required for Google providers"),
            (missing("client_secret"), "client_secret is required"),
            (missing("authorize_scopes"), "authorize_scopes is required"),
            (details(json!({"oidc_issuer": ""})), "oidc_issuer is required"),
            (details(json!({"attributes_request_method": "PUT"})), "must be one of GET, POST"),
            (details(json!({"scopes": "openid"})), "scopes is not a key of OIDC providers"),
            (details(json!({"jwks_uri": "nowhere"})), "jwks_uri is no absolute URL"),
            (mapped(json!({"custom:none": "a"})), "custom:none is no attribute"),
            (mapped(json!({"sub": "sub"})), "sub is no attribute"),
            (mapped(json!({"identities": "a"})), "identities is no attribute"),
            (mapped(json!({"email": ""})), "email is mapped to nothing"),
            (with(&google(&pool), json!({"ProviderName": "MyGoogle"})), "must be Google"),
            (oidc(&pool, "facebook"), "facebook is reserved"),
            (oidc(&pool, "Cognito"), "Cognito is reserved"),
            (oidc(&pool, "_okta"), "regular expression pattern"),
            (oidc(&pool, "okta_one"), "regular expression pattern"),
            (oidc(&pool, &"a".repeat(33)), "length less than or equal to 32"),
            (with(&google(&pool), json!({"ProviderType": "Github"})), "enum value set"),
            (with(&google(&pool), json!({"IdpIdentifiers": ["a", "a"]})), "given twice"),
            (with(&google(&pool), json!({"IdpIdentifiers": vec!["a"; 51]})), "length less than or equal to 50"),
            (with(&google(&pool), json!({"IdpIdentifiers": ["a/b"]})), "must satisfy"),
        ];
        for (input, expected) in cases {
            let refused = town.refused("CreateIdentityProvider", input).await;
            assert!(refused.starts_with("InvalidParameterException: "), "{refused}");
            assert!(refused.contains(expected), "{refused} lacks {expected}");
        }
        assert_eq!(town.refused("CreateIdentityProvider", google(NOWHERE)).await, NO_POOL);
    }
}

#[tokio::test]
async fn a_development_network_needs_no_certificates() {
    for town in towns().await {
        let pool = town.pool().await;
        let input = oidc(&pool, "Keycloak");
        let details = with(&input["ProviderDetails"], json!({"oidc_issuer": "http://keycloak:8080/realms/a"}));
        create(&town, &with(&input, json!({"ProviderDetails": details}))).await;
    }
}

#[tokio::test]
async fn an_update_replaces_the_members_it_names_and_no_others() {
    for town in towns().await {
        let pool = town.pool().await;
        let extra = json!({"AttributeMapping": {"email": "email"}, "IdpIdentifiers": ["a", "b"]});
        let made = create(&town, &with(&oidc(&pool, "Okta"), extra)).await;
        let named = json!({"UserPoolId": pool, "ProviderName": "Okta"});
        town.app.clock.advance(std::time::Duration::from_secs(1));
        let update = async |members: Value| {
            town.call("UpdateIdentityProvider", with(&named, members)).await["IdentityProvider"].clone()
        };
        let touched = update(json!({})).await;
        assert_eq!(touched, with(&made, json!({"LastModifiedDate": 1_800_000_001.0})));
        let details = json!({"client_id": "2", "attributes_request_method": "POST", "oidc_issuer": "https://b.example",
            "authorize_scopes": "openid", "attributes_url_add_attributes": "false"});
        let changed = update(json!({"ProviderDetails": details, "IdpIdentifiers": ["b", "c"]})).await;
        assert_eq!(changed, with(&touched, json!({"ProviderDetails": details, "IdpIdentifiers": ["b", "c"]})));
        assert_eq!(describe(&town, &named).await, changed);
        let cleared = update(json!({"AttributeMapping": {}, "IdpIdentifiers": []})).await;
        assert_eq!((&cleared["AttributeMapping"], cleared.get("IdpIdentifiers")), (&json!({"username": "sub"}), None));
        for identifier in ["a", "b", "c"] {
            let named = json!({"UserPoolId": pool, "IdpIdentifier": identifier});
            assert_eq!(
                town.refused("GetIdentityProviderByIdentifier", named).await,
                format!("ResourceNotFoundException: Identity provider with identifier {identifier} does not exist.")
            );
        }
        let incomplete = with(&named, json!({"ProviderDetails": {"client_id": "3"}}));
        assert!(town.refused("UpdateIdentityProvider", incomplete).await.contains("is required for OIDC providers"));
        assert_eq!(describe(&town, &named).await, cleared);
    }
}

#[tokio::test]
async fn what_is_not_there_cannot_be_named_and_the_pool_is_no_provider_of_itself() {
    for town in towns().await {
        let pool = town.pool().await;
        let named = |pool: &str, name: &str| json!({"UserPoolId": pool, "ProviderName": name});
        for operation in ["DescribeIdentityProvider", "UpdateIdentityProvider", "DeleteIdentityProvider"] {
            assert_eq!(
                town.refused(operation, named(&pool, "Okta")).await,
                "ResourceNotFoundException: Identity provider Okta does not exist.",
                "{operation}"
            );
            assert_eq!(town.refused(operation, named(NOWHERE, "Okta")).await, NO_POOL, "{operation}");
        }
        for operation in ["UpdateIdentityProvider", "DeleteIdentityProvider"] {
            let refused = town.refused(operation, named(&pool, "COGNITO")).await;
            assert!(refused.starts_with("UnsupportedIdentityProviderException: "), "{refused}");
        }
        let nowhere = json!({"UserPoolId": NOWHERE, "IdpIdentifier": "a"});
        assert_eq!(town.refused("GetIdentityProviderByIdentifier", nowhere).await, NO_POOL);
        assert_eq!(town.refused("ListIdentityProviders", json!({"UserPoolId": NOWHERE})).await, NO_POOL);
    }
}

#[tokio::test]
async fn names_and_identifiers_are_taken_once_in_a_pool() {
    for town in towns().await {
        let (pool, other) = (town.pool().await, town.pool().await);
        let input = |pool: &str, name: &str| with(&oidc(pool, name), json!({"IdpIdentifiers": ["example.com"]}));
        create(&town, &input(&pool, "Okta")).await;
        assert_eq!(
            town.refused("CreateIdentityProvider", oidc(&pool, "Okta")).await,
            "DuplicateProviderException: A provider with the name Okta already exists"
        );
        let refused = town.refused("CreateIdentityProvider", input(&pool, "Auth0")).await;
        assert!(refused.contains("example.com belongs to another provider"), "{refused}");
        create(&town, &oidc(&pool, "Auth0")).await;
        let taken = json!({"UserPoolId": pool, "ProviderName": "Auth0", "IdpIdentifiers": ["example.com"]});
        assert!(town.refused("UpdateIdentityProvider", taken.clone()).await.contains("belongs to another provider"));
        create(&town, &input(&other, "Okta")).await;
        let okta = json!({"UserPoolId": pool, "ProviderName": "Okta"});
        assert_eq!(town.call("DeleteIdentityProvider", okta).await, Value::Null);
        town.call("UpdateIdentityProvider", taken).await;
    }
}

#[tokio::test]
async fn a_list_goes_on_where_it_ended() {
    for town in towns().await {
        let pool = town.pool().await;
        for name in ["abc", "abd", "xyz"] {
            create(&town, &oidc(&pool, name)).await;
        }
        let names = |page: &Value| -> Vec<String> {
            let all = page["Providers"].as_array().unwrap();
            all.iter().map(|line| line["ProviderName"].as_str().unwrap().to_owned()).collect()
        };
        let first = town.call("ListIdentityProviders", json!({"UserPoolId": pool, "MaxResults": 2})).await;
        assert_eq!(names(&first), ["abc", "abd"]);
        assert_eq!(
            first["Providers"][0],
            json!({"ProviderName": "abc", "ProviderType": "OIDC", "CreationDate": 1_800_000_000.0,
                "LastModifiedDate": 1_800_000_000.0})
        );
        let rest = json!({"UserPoolId": pool, "MaxResults": 2, "NextToken": first["NextToken"]});
        let last = town.call("ListIdentityProviders", rest).await;
        assert_eq!((names(&last), last.get("NextToken")), (vec!["xyz".to_owned()], None));
        let all = town.call("ListIdentityProviders", json!({"UserPoolId": pool, "MaxResults": 0})).await;
        assert_eq!(names(&all).len(), 3);
        let other = json!({"UserPoolId": town.pool().await, "NextToken": first["NextToken"]});
        let refused = town.refused("ListIdentityProviders", other).await;
        assert_eq!(refused, "InvalidParameterException: Invalid pagination token");
    }
}

#[tokio::test]
async fn a_pool_has_no_more_than_three_hundred() {
    for town in towns().await {
        let pool = town.pool().await;
        for n in 0..poolhouse::domain::provider::MOST_PROVIDERS {
            create(&town, &oidc(&pool, &format!("idp{n}"))).await;
        }
        let refused = town.refused("CreateIdentityProvider", oidc(&pool, "onemore")).await;
        assert!(refused.starts_with("LimitExceededException: "), "{refused}");
        let page = town.call("ListIdentityProviders", json!({"UserPoolId": pool, "MaxResults": 60})).await;
        assert_eq!(page["Providers"].as_array().unwrap().len(), 50);
    }
}

#[tokio::test]
async fn a_client_names_providers_that_are_there() {
    for town in towns().await {
        let pool = town.pool().await;
        let client = json!({"UserPoolId": pool, "ClientName": "web", "GenerateSecret": true,
            "SupportedIdentityProviders": ["COGNITO", "Okta"]});
        assert_eq!(
            town.refused("CreateUserPoolClient", client.clone()).await,
            format!("InvalidParameterException: The provider Okta does not exist for User Pool {pool}.")
        );
        create(&town, &oidc(&pool, "Okta")).await;
        let made = town.call("CreateUserPoolClient", client.clone()).await["UserPoolClient"].clone();
        assert_eq!(made["SupportedIdentityProviders"], json!(["COGNITO", "Okta"]));
        let named = json!({"UserPoolId": pool, "ClientId": made["ClientId"]});
        let okta = json!({"UserPoolId": pool, "ProviderName": "Okta"});
        town.call("DeleteIdentityProvider", okta).await;
        // The name stays and does nothing; the client can still be given another secret.
        assert_eq!(town.call("DescribeUserPoolClient", named.clone()).await["UserPoolClient"], made);
        town.call("AddUserPoolClientSecret", named.clone()).await;
        let again = with(&named, json!({"SupportedIdentityProviders": ["Okta"]}));
        assert!(town.refused("UpdateUserPoolClient", again).await.contains("The provider Okta does not exist"));
    }
}
