//! An authenticator and the browser in front of it, in software: honest unless a test makes it lie.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ciborium::Value as Cbor;
use serde_json::{Value, json};

const ES256: i64 = -7;
const RS256: i64 = -257;
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const HOLDS_KEY: u8 = 0x40;

pub(crate) struct Authenticator {
    /// The page that asks.
    pub(crate) origin: &'static str,
    /// Whether the page is a frame in one of another origin.
    pub(crate) framed: bool,
    /// Signs for this relying party whatever it is asked for.
    pub(crate) relying_party: Option<&'static str>,
    /// Whether it recognises its user by more than a touch.
    pub(crate) recognises: bool,
    /// Of the next signature.
    pub(crate) counter: u32,
    /// Names another user than the one that the key was made for.
    pub(crate) handle: Option<String>,
    id: Vec<u8>,
    user: String,
    key: Key,
}

enum Key {
    Elliptic(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl Authenticator {
    pub(crate) fn new() -> Self {
        Self::holding(Key::Elliptic(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()))
    }

    /// One that is not as honest, or not as able.
    pub(crate) fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut authenticator = Self::new();
        change(&mut authenticator);
        authenticator
    }

    pub(crate) fn rsa() -> Self {
        Self::holding(Key::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())))
    }

    fn holding(key: Key) -> Self {
        let id = digest(&SHA256, &key.public().1).as_ref().to_vec();
        Self {
            origin: "http://localhost:3000",
            framed: false,
            relying_party: None,
            recognises: true,
            counter: 1,
            handle: None,
            id,
            user: String::new(),
            key,
        }
    }

    pub(crate) fn id(&self) -> String {
        encode(&self.id)
    }

    /// `navigator.credentials.create`, in JSON.
    pub(crate) fn create(&mut self, options: &Value) -> Value {
        options["user"]["id"].as_str().unwrap().clone_into(&mut self.user);
        let client_data = self.client_data("webauthn.create", options);
        let rp_id = options["rp"]["id"].as_str().unwrap();
        let mut data = self.authenticator_data(rp_id, HOLDS_KEY);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend_from_slice(&self.id);
        data.extend_from_slice(&self.key.public().1);
        let text = |text: &str| Cbor::Text(text.to_owned());
        let attestation = cbor(&Cbor::Map(vec![
            (text("fmt"), text("none")),
            (text("attStmt"), Cbor::Map(Vec::new())),
            (text("authData"), Cbor::Bytes(data)),
        ]));
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {"credProps": {"rk": true}},
            "response": {
                "clientDataJSON": encode(&client_data), "attestationObject": encode(&attestation),
                "transports": ["internal", "hybrid"], "publicKeyAlgorithm": self.key.public().0,
            },
        })
    }

    /// `navigator.credentials.get`, in JSON. Signs whether or not it is one of the keys that were asked for.
    pub(crate) fn get(&mut self, options: &Value) -> Value {
        let client_data = self.client_data("webauthn.get", options);
        let data = self.authenticator_data(options["rpId"].as_str().unwrap(), 0);
        self.counter = self.counter.saturating_add(u32::from(self.counter > 0));
        let signed = [&data, digest(&SHA256, &client_data).as_ref()].concat();
        json!({
            "id": self.id(), "rawId": self.id(), "type": "public-key",
            "authenticatorAttachment": "platform", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": encode(&client_data), "authenticatorData": encode(&data),
                "signature": encode(&self.key.sign(&signed)),
                "userHandle": self.handle.as_ref().unwrap_or(&self.user),
            },
        })
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": self.framed,
        });
        data.to_string().into_bytes()
    }

    fn authenticator_data(&self, asked_for: &str, flags: u8) -> Vec<u8> {
        let relying_party = self.relying_party.unwrap_or(asked_for);
        let mut data = digest(&SHA256, relying_party.as_bytes()).as_ref().to_vec();
        data.push(flags | USER_PRESENT | if self.recognises { USER_VERIFIED } else { 0 });
        data.extend_from_slice(&self.counter.to_be_bytes());
        data
    }
}

impl Key {
    /// The algorithm and the COSE key. <https://www.rfc-editor.org/rfc/rfc9053>
    fn public(&self) -> (i64, Vec<u8>) {
        let number = |number: i64| Cbor::Integer(number.into());
        let bytes = |bytes: &[u8]| Cbor::Bytes(bytes.to_vec());
        match self {
            Self::Elliptic(pair) => {
                let point = pair.public_key().as_ref();
                let key = Cbor::Map(vec![
                    (number(1), number(2)),
                    (number(3), number(ES256)),
                    (number(-1), number(1)),
                    (number(-2), bytes(&point[1..33])),
                    (number(-3), bytes(&point[33..])),
                ]);
                (ES256, cbor(&key))
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let key = Cbor::Map(vec![
                    (number(1), number(3)),
                    (number(3), number(RS256)),
                    (number(-1), bytes(public.modulus().big_endian_without_leading_zero())),
                    (number(-2), bytes(public.exponent().big_endian_without_leading_zero())),
                ]);
                (RS256, cbor(&key))
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Elliptic(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

fn cbor(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
