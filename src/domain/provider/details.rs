//! `ProviderDetails`: which keys each type needs, which it may have, and which follow from them.
//!
//! Keys that are not known are refused rather than kept: a misspelt one would do nothing. What follows can also be sent, as a
//! tool does that sends back what was described; then what was sent counts.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateIdentityProvider.html>

use std::collections::BTreeMap;

use url::Url;

use super::{Kind, SamlPlace, invalid};
use crate::{
    domain::error::Result,
    kit::{clock::Time, host::is_this_machine},
};

pub type Details = BTreeMap<String, String>;

pub(super) const METADATA_FILE: &str = "MetadataFile";
pub(super) const METADATA_URL: &str = "MetadataURL";
/// Ours, not the provider's: it is shown and never kept.
pub const ENCRYPTION_CERTIFICATE: &str = "ActiveEncryptionCertificate";
pub(super) const SIGN_ON: &str = "SSORedirectBindingURI";
pub(super) const LOG_OUT: &str = "SLORedirectBindingURI";
/// What Facebook's addresses hold where none is asked for.
const FACEBOOK_VERSION: &str = "v17.0";

/// What details are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub now: Time,
    /// Providers on a development machine's own network have no certificates.
    pub allows_http: bool,
}

/// The details of a provider, complete. Refuses what lacks a key, has one too many, or one that makes no sense.
pub(super) fn complete(kind: Kind, mut given: Details, rules: Rules) -> Result<Details> {
    if kind == Kind::Saml {
        given.remove(ENCRYPTION_CERTIFICATE);
    }
    let derived = derived(kind, &given);
    let is_known = |key: &&String| {
        let key = key.as_str();
        required(kind).contains(&key) || optional(kind).contains(&key) || derived.iter().any(|(own, _)| *own == key)
    };
    if let Some(unknown) = given.keys().find(|key| !is_known(key)) {
        return invalid(format!("Invalid ProviderDetails: {unknown} is not a key of {} providers.", kind.name()));
    }
    let missing = required(kind).iter().find(|key| given.get(**key).is_none_or(|value| value.trim().is_empty()));
    if let Some(missing) = missing {
        return invalid(format!("Invalid ProviderDetails: {missing} is required for {} providers.", kind.name()));
    }
    check_choices(&given)?;
    for (key, value) in given.iter().filter(|(key, _)| is_address(key)) {
        check_address(key, value, rules)?;
    }
    if kind == Kind::Saml {
        complete_saml(&mut given, rules)?;
    }
    for (key, value) in derived {
        given.entry(key.to_owned()).or_insert(value);
    }
    Ok(given)
}

fn required(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Saml => &[],
        Kind::Oidc => &["client_id", "attributes_request_method", "oidc_issuer", "authorize_scopes"],
        Kind::Google | Kind::Facebook | Kind::LoginWithAmazon => &["client_id", "client_secret", "authorize_scopes"],
        Kind::SignInWithApple => &["client_id", "team_id", "key_id", "private_key", "authorize_scopes"],
    }
}

fn optional(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Saml => &[
            METADATA_FILE,
            METADATA_URL,
            "IDPSignout",
            "IDPInit",
            "EncryptedResponses",
            "RequestSigningAlgorithm",
            SIGN_ON,
            LOG_OUT,
        ],
        Kind::Oidc => &["client_secret", "authorize_url", "token_url", "attributes_url", "jwks_uri"],
        Kind::Facebook => &["api_version"],
        Kind::Google | Kind::LoginWithAmazon | Kind::SignInWithApple => &[],
    }
}

/// What follows from the type, and for Facebook from the version that is asked for.
fn derived(kind: Kind, given: &Details) -> Vec<(&'static str, String)> {
    match kind {
        Kind::Saml => Vec::new(),
        Kind::Oidc => pairs(&[("attributes_url_add_attributes", "false")]),
        Kind::Google => pairs(&[
            ("attributes_url", "https://people.googleapis.com/v1/people/me?personFields="),
            ("attributes_url_add_attributes", "true"),
            ("authorize_url", "https://accounts.google.com/o/oauth2/v2/auth"),
            ("oidc_issuer", "https://accounts.google.com"),
            ("token_request_method", "POST"),
            ("token_url", "https://www.googleapis.com/oauth2/v4/token"),
        ]),
        Kind::Facebook => {
            let version = given.get("api_version").map_or(FACEBOOK_VERSION, String::as_str);
            pairs(&[
                ("attributes_url", &format!("https://graph.facebook.com/{version}/me?fields=")),
                ("attributes_url_add_attributes", "true"),
                ("authorize_url", &format!("https://www.facebook.com/{version}/dialog/oauth")),
                ("token_request_method", "GET"),
                ("token_url", &format!("https://graph.facebook.com/{version}/oauth/access_token")),
            ])
        }
        Kind::LoginWithAmazon => pairs(&[
            ("attributes_url", "https://api.amazon.com/user/profile"),
            ("attributes_url_add_attributes", "false"),
            ("authorize_url", "https://www.amazon.com/ap/oa"),
            ("token_request_method", "POST"),
            ("token_url", "https://api.amazon.com/auth/o2/token"),
        ]),
        Kind::SignInWithApple => pairs(&[
            ("attributes_url_add_attributes", "false"),
            ("authorize_url", "https://appleid.apple.com/auth/authorize"),
            ("oidc_issuer", "https://appleid.apple.com"),
            ("token_request_method", "POST"),
            ("token_url", "https://appleid.apple.com/auth/token"),
        ]),
    }
}

fn pairs(pairs: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    pairs.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
}

/// Values that are one of a few.
fn check_choices(given: &Details) -> Result<()> {
    const METHODS: &[&str] = &["GET", "POST"];
    const SWITCH: &[&str] = &["true", "false"];
    const CHOICES: [(&str, &[&str]); 7] = [
        ("attributes_request_method", METHODS),
        ("token_request_method", METHODS),
        ("attributes_url_add_attributes", SWITCH),
        ("IDPSignout", SWITCH),
        ("IDPInit", SWITCH),
        ("EncryptedResponses", SWITCH),
        ("RequestSigningAlgorithm", &["rsa-sha256"]),
    ];
    let is_version = |text: &str| {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        text.strip_prefix('v').is_some_and(|text| text.split('.').all(is_number))
    };
    if let Some(version) = given.get("api_version").filter(|version| !is_version(version)) {
        return invalid(format!(
            "Invalid ProviderDetails: api_version {version} is no version like {FACEBOOK_VERSION}."
        ));
    }
    for (key, choices) in CHOICES {
        let Some(value) = given.get(key) else { continue };
        if !choices.iter().any(|choice| choice.eq_ignore_ascii_case(value)) {
            return invalid(format!("Invalid ProviderDetails: {key} must be one of {}.", choices.join(", ")));
        }
    }
    Ok(())
}

fn is_address(key: &str) -> bool {
    key == METADATA_URL
        || key == SIGN_ON
        || key == LOG_OUT
        || key == "oidc_issuer"
        || key == "jwks_uri"
        || key.ends_with("_url")
}

pub(super) fn check_address(key: &str, value: &str, rules: Rules) -> Result<()> {
    let refuse = |what: &str| invalid(format!("Invalid ProviderDetails: {key} {what}."));
    let Ok(url) = Url::parse(value) else { return refuse("is no absolute URL") };
    let Some(host) = url.host_str() else { return refuse("has no host") };
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return refuse("must have neither credentials nor a fragment");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if rules.allows_http || is_this_machine(host) => Ok(()),
        _ => refuse("must use HTTPS"),
    }
}

/// Exactly one source of metadata. What follows from a file is kept with it; what follows from an address changes with what is
/// found there.
fn complete_saml(given: &mut Details, rules: Rules) -> Result<()> {
    given.remove(SIGN_ON);
    given.remove(LOG_OUT);
    match (given.get(METADATA_FILE), given.get(METADATA_URL)) {
        (Some(file), None) => {
            let place = SamlPlace::checked(file, rules)?;
            given.extend(place.details());
            Ok(())
        }
        (None, Some(_)) => Ok(()),
        // In the service's words.
        (None, None) => invalid("At least one of the MetadataURL or MetadataFile should be provided."),
        (Some(_), Some(_)) => {
            invalid("Invalid ProviderDetails: SAML providers have either MetadataFile or MetadataURL.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { now: Time::from_seconds(1_800_000_000), allows_http: false };

    fn details(pairs: &[(&str, &str)]) -> Details {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn oidc(change: (&str, &str)) -> Result<Details> {
        let mut given = details(&[
            ("client_id", "1"),
            ("client_secret", "2"),
            ("attributes_request_method", "GET"),
            ("oidc_issuer", "https://idp.example"),
            ("authorize_scopes", "openid"),
        ]);
        given.insert(change.0.to_owned(), change.1.to_owned());
        complete(Kind::Oidc, given, RULES)
    }

    #[test]
    fn what_follows_is_added_and_gives_way_to_what_was_sent() {
        let given =
            [("client_id", "1"), ("client_secret", "2"), ("authorize_scopes", "email"), ("api_version", "v19.0")];
        let complete_once = complete(Kind::Facebook, details(&given), RULES).unwrap();
        assert_eq!(complete_once["token_url"], "https://graph.facebook.com/v19.0/oauth/access_token");
        assert_eq!(complete(Kind::Facebook, complete_once.clone(), RULES).unwrap(), complete_once);
        assert_eq!(oidc(("jwks_uri", "https://a.example/k")).unwrap()["attributes_url_add_attributes"], "false");
    }

    #[test]
    fn addresses_use_https_but_on_the_own_machine_and_in_development() {
        assert!(oidc(("oidc_issuer", "http://idp.example")).is_err());
        assert!(oidc(("oidc_issuer", "http://localhost:8080/realms/a")).is_ok());
        assert!(oidc(("token_url", "https://user:secret@idp.example")).is_err());
        for nonsense in ["idp.example", "javascript:alert(1)", "https://idp.example/#a", ""] {
            assert!(oidc(("authorize_url", nonsense)).is_err(), "{nonsense}");
        }
        let development = Rules { allows_http: true, ..RULES };
        let given = oidc(("oidc_issuer", "https://idp.example")).unwrap();
        let mut plain = given.clone();
        plain.insert("oidc_issuer".into(), "http://keycloak:8080/realms/a".into());
        assert!(complete(Kind::Oidc, plain, development).is_ok());
    }

    #[test]
    fn values_that_are_one_of_a_few_are_checked() {
        assert!(oidc(("attributes_request_method", "PUT")).is_err());
        assert!(oidc(("IDPInit", "true")).is_err(), "a key of another type");
        let facebook =
            [("client_id", "1"), ("client_secret", "2"), ("authorize_scopes", "a"), ("api_version", "v1/../x")];
        assert!(complete(Kind::Facebook, details(&facebook), RULES).is_err());
    }
}
