//! The client secret of Sign in with Apple: a token of one's own, signed with ECDSA by the key that Apple has given out.
//! <https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret>

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::KeyError;

/// Signs `claims` with ES256. The key is PKCS#8, with or without its lines of PEM.
pub fn sign(private_key: &str, key_id: &str, claims: &Value) -> Result<String, KeyError> {
    let text: Zeroizing<String> = Zeroizing::new(
        private_key.lines().filter(|line| !line.starts_with("-----")).flat_map(str::split_whitespace).collect(),
    );
    let der = Zeroizing::new(BASE64_STANDARD.decode(text.as_bytes()).map_err(|_| KeyError::AssertionKey)?);
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map_err(|_| KeyError::AssertionKey)?;
    let header = json!({ "alg": "ES256", "kid": key_id });
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| KeyError::Sign)?;
    Ok(format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref())))
}
