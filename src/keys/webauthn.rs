//! Passkeys: what a relying party asks of an authenticator, and whether the answer holds.
//!
//! CBOR, COSE, attestation and signatures are the business of `webauthn-rs-core`. The layer above it, `webauthn-rs`, would take
//! only UUIDs as user handles and would not ask for discoverable credentials; so what that layer does is done here: origins,
//! user handles, frames of other origins, and which credentials are offered.
//! Nothing is asked about the maker of an authenticator, and an attestation that comes all the same must be whole, but proves
//! nothing further. <https://www.w3.org/TR/webauthn-3/>

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;
use webauthn_rs_core::{
    WebauthnCore,
    error::WebauthnError,
    proto::{
        AllowCredentials, AuthenticationState, COSEAlgorithm, CollectedClientData, Credential, ParsedAttestation,
        PublicKeyCredential, PublicKeyCredentialDescriptor, RegisterPublicKeyCredential, RegistrationState,
        UserVerificationPolicy,
    },
};

use super::{
    KeyError,
    seal::{Purpose, Sealer},
};
use crate::{
    domain::passkey::{Passkey, UserVerification},
    kit::host::is_this_machine,
};

/// What browsers are told; they may take it as a hint.
const TIMEOUT: Duration = Duration::from_secs(60);

/// ES256, which everybody has, and RS256, which Windows Hello may have alone.
const ALGORITHMS: [COSEAlgorithm; 2] = [COSEAlgorithm::ES256, COSEAlgorithm::RS256];

/// The longest that an authenticator may make. <https://www.w3.org/TR/webauthn-3/#credential-id>
const LONGEST_ID: usize = 1_023;

const KIND: &str = "public-key";

/// Why an answer does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("it is not what a browser gives")]
    Malformed,
    #[error("it answers another challenge")]
    Challenge,
    #[error("it comes from an origin that is not the relying party's")]
    Origin,
    #[error("it is for another relying party")]
    RelyingParty,
    #[error("the authenticator did not recognise its user")]
    UserNotVerified,
    #[error("it is of a kind that is not supported")]
    Unsupported,
    #[error("it is of another credential or user")]
    Stranger,
    #[error("the signature is wrong")]
    Signature,
    #[error("the signature counter did not advance")]
    Counter,
}

/// A question to an authenticator.
#[derive(Debug)]
pub struct Asked {
    /// For `navigator.credentials`, in the JSON form of the standard.
    pub options: Value,
    /// What the answer is checked against. Holds no secret, but must come back unchanged.
    pub state: String,
}

/// Who a new passkey is for.
pub struct Person<'a> {
    /// Becomes the user handle, byte by byte.
    pub sub: &'a str,
    pub username: &'a str,
}

/// A key that an authenticator has made.
#[derive(Debug)]
pub struct NewKey {
    pub id: String,
    pub key: String,
    pub counter: u32,
    pub attachment: Option<String>,
    pub transports: Vec<String>,
}

/// A credential that a sign-in offers to use.
pub struct Offer {
    /// Base64url.
    pub id: String,
    pub transports: Vec<String>,
}

impl From<&Passkey> for Offer {
    fn from(passkey: &Passkey) -> Self {
        Self { id: passkey.id.clone(), transports: passkey.transports.clone() }
    }
}

/// What an assertion tells when it holds.
#[derive(Clone, Copy, Debug)]
pub struct Assertion {
    /// To be kept, unless another that is as high was kept meanwhile.
    pub counter: u32,
    pub user_verified: bool,
    /// The key may be on several devices of its owner.
    pub is_shared: bool,
}

/// For whom passkeys are made: a domain, whose pages and whose subdomains' pages may use them.
pub struct RelyingParty {
    id: String,
    core: WebauthnCore,
    policy: UserVerificationPolicy,
}

impl RelyingParty {
    /// None when `id` is not a domain name.
    pub fn new(id: &str, verification: UserVerification) -> Option<Self> {
        let origin = |scheme: &str| Url::parse(&format!("{scheme}://{id}")).ok().filter(|url| url.domain() == Some(id));
        let mut origins = vec![origin("https")?];
        // Browsers trust this machine without TLS, and what is developed on it listens anywhere.
        let is_local = is_this_machine(id);
        if is_local {
            origins.push(origin("http")?);
        }
        let policy = match verification {
            UserVerification::Required => UserVerificationPolicy::Required,
            UserVerification::Preferred => UserVerificationPolicy::Preferred,
        };
        // Its name warns of what this module is there to do.
        let core = WebauthnCore::new_unsafe_experts_only(id, id, origins, TIMEOUT, Some(true), Some(is_local));
        Some(Self { id: id.to_owned(), core, policy })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// Asks for a new passkey that `person` can be found by, on an authenticator that has none of `known`.
    pub fn ask_registration(&self, person: &Person<'_>, known: &[Passkey]) -> Result<Asked, KeyError> {
        let builder = self
            .core
            .new_challenge_register_builder(person.sub.as_bytes(), person.username, person.username)?
            .user_verification_policy(self.policy)
            .credential_algorithms(ALGORITHMS.to_vec())
            .require_resident_key(true);
        let (response, state) = self.core.generate_challenge_register(builder)?;
        let mut options = response.public_key;
        let descriptor = |passkey: &Passkey| {
            let id = BASE64_URL_SAFE_NO_PAD.decode(&passkey.id).ok()?;
            Some(PublicKeyCredentialDescriptor { type_: KIND.to_owned(), id, transports: None })
        };
        options.exclude_credentials = Some(known.iter().filter_map(descriptor).collect());
        // Nothing is the default, and the service does not send it.
        options.attestation = None;
        Ok(Asked { options: serde_json::to_value(&options)?, state: serde_json::to_string(&state)? })
    }

    /// The key of a browser's `RegistrationResponseJSON`.
    pub fn register(&self, credential: &Value, state: &str) -> Result<NewKey, Rejection> {
        let response = RegisterPublicKeyCredential::deserialize(credential)?;
        let state: RegistrationState = read(state)?;
        let mut made = self.core.register_credential(&response, &state, None)?;
        if response.type_ != KIND || made.cred_id.len() > LONGEST_ID {
            return Err(Rejection::Unsupported);
        }
        // Certificates of makers would only lie about.
        made.attestation = ParsedAttestation::default();
        Ok(NewKey {
            id: BASE64_URL_SAFE_NO_PAD.encode(&made.cred_id),
            counter: made.counter,
            attachment: credential.get("authenticatorAttachment").and_then(word),
            transports: transports(credential),
            key: serde_json::to_string(&made).map_err(|_| Rejection::Unsupported)?,
        })
    }

    /// Asks for the use of one of `offers`.
    pub fn ask_assertion(&self, offers: &[Offer]) -> Result<Asked, KeyError> {
        // The credential is handed over when it is known which one was used.
        let builder = self.core.new_challenge_authenticate_builder(Vec::new(), Some(self.policy))?;
        let (response, state) = self.core.generate_challenge_authenticate(builder)?;
        let mut options = response.public_key;
        let allowed = |offer: &Offer| {
            let id = BASE64_URL_SAFE_NO_PAD.decode(&offer.id).ok()?;
            let transports: Vec<_> = offer.transports.iter().filter_map(|name| name.parse().ok()).collect();
            let transports = (!transports.is_empty()).then_some(transports);
            Some(AllowCredentials { type_: KIND.to_owned(), id, transports })
        };
        options.allow_credentials = offers.iter().filter_map(allowed).collect();
        Ok(Asked { options: serde_json::to_value(&options)?, state: serde_json::to_string(&state)? })
    }

    /// Whether `presented` was signed by `passkey`, for the question that `state` is of.
    pub fn verify(&self, presented: &Presented, state: &str, passkey: &Passkey) -> Result<Assertion, Rejection> {
        let response = &presented.0;
        let state: AuthenticationState = read(state)?;
        let mut credential: Credential = read(&passkey.key)?;
        credential.counter = passkey.counter;
        if response.get_user_unique_id().is_some_and(|handle| handle != passkey.sub.as_bytes()) {
            return Err(Rejection::Stranger);
        }
        let client_data: CollectedClientData = serde_json::from_slice(&response.response.client_data_json)?;
        if client_data.cross_origin == Some(true) {
            return Err(Rejection::Origin);
        }
        let result = self.core.authenticate_single_credential(response, &state, &credential)?;
        let user_verified = result.user_verified();
        Ok(Assertion { counter: result.counter(), user_verified, is_shared: result.backup_eligible() })
    }
}

/// A browser's `AuthenticationResponseJSON`, of which nothing is proven yet.
pub struct Presented(PublicKeyCredential);

impl Presented {
    pub fn parse(json: &str) -> Result<Self, Rejection> {
        Ok(Self(serde_json::from_str(json)?))
    }

    pub fn credential_id(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.get_credential_id())
    }
}

/// What a user who does not exist is asked to use: always the same for a name of a pool.
pub fn fake_offer(sealer: &Sealer, pool_id: &str, name: &str) -> Offer {
    let id = sealer.mac(Purpose::FakeUser, format!("passkey\0{pool_id}\0{name}").as_bytes());
    Offer { id: BASE64_URL_SAFE_NO_PAD.encode(id), transports: vec!["hybrid".to_owned(), "internal".to_owned()] }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Rejection> {
    serde_json::from_str(text).map_err(|_| Rejection::Malformed)
}

/// What `getTransports()` told, to be told to browsers again.
fn transports(credential: &Value) -> Vec<String> {
    let told = credential.get("response").and_then(|response| response.get("transports")).and_then(Value::as_array);
    let mut transports: Vec<_> = told.into_iter().flatten().take(10).filter_map(word).collect();
    transports.sort_unstable();
    transports.dedup();
    transports
}

/// A name of the standard. Nobody has signed it, and it is shown to others: nothing but a short word will do.
fn word(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    let is_word = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    is_word.then(|| text.to_owned())
}

impl From<serde_json::Error> for Rejection {
    fn from(_: serde_json::Error) -> Self {
        Self::Malformed
    }
}

impl From<WebauthnError> for Rejection {
    fn from(error: WebauthnError) -> Self {
        match error {
            WebauthnError::MismatchedChallenge => Self::Challenge,
            WebauthnError::InvalidRPOrigin | WebauthnError::CredentialCrossOrigin => Self::Origin,
            WebauthnError::InvalidRPIDHash => Self::RelyingParty,
            WebauthnError::UserNotVerified | WebauthnError::UserNotPresent => Self::UserNotVerified,
            WebauthnError::CredentialNotFound => Self::Stranger,
            WebauthnError::AuthenticationFailure | WebauthnError::SignatureInvalid => Self::Signature,
            WebauthnError::CredentialPossibleCompromise => Self::Counter,
            WebauthnError::InvalidClientDataType
            | WebauthnError::ParseBase64Failure(_)
            | WebauthnError::ParseCBORFailure(_)
            | WebauthnError::ParseJSONFailure(_)
            | WebauthnError::ParseNOMFailure
            | WebauthnError::ParseInsufficientBytesAvailable => Self::Malformed,
            // Some fifty ways in which a key or an attestation is not of a kind that the library takes.
            _ => Self::Unsupported,
        }
    }
}
