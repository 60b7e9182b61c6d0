//! Signing in without sending the password, with a client of the tests' own: other big numbers than the server's.

use aws_lc_rs::{digest, hmac};
use base64::{Engine, prelude::BASE64_STANDARD};
use rsa::BigUint;
use serde_json::{Value, json};

use super::{
    people::{DISABLED, NO_USER, PASSWORD, Site, Tokens, WRONG, sites, sites_with},
    town::with,
};

const N: &str = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD\
EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F2411\
7C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D\
670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497C\
EA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0\
BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";
/// The frozen clock's time.
pub(super) const NOW: &str = "Fri Jan 15 08:00:00 UTC 2027";

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).unwrap()
}

/// Java's `BigInteger.toByteArray`.
fn pad(number: &BigUint) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    if bytes[0] & 0x80 == 0 { bytes } else { [&[0], &bytes[..]].concat() }
}

fn hash(parts: &[&[u8]]) -> Vec<u8> {
    digest::digest(&digest::SHA256, &parts.concat()).as_ref().to_vec()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &parts.concat()).as_ref().to_vec()
}

pub(super) struct Prover {
    a: BigUint,
}

impl Prover {
    pub(super) fn new() -> Self {
        Self { a: BigUint::from_bytes_be(&hash(&[b"a number that only the client knows"])) }
    }

    pub(super) fn public(&self) -> String {
        BigUint::from(2_u8).modpow(&self.a, &number(N)).to_str_radix(16)
    }

    pub(super) fn signature(&self, pool: &str, password: &str, challenge: &Value, time: &str) -> String {
        let user = challenge["USER_ID_FOR_SRP"].as_str().unwrap();
        self.signature_as((pool.split_once('_').unwrap().1, user), password, challenge, time)
    }

    /// The proof of whoever the arithmetic knows by these names of pool and user.
    pub(super) fn signature_as(&self, names: (&str, &str), password: &str, challenge: &Value, time: &str) -> String {
        let text = |name: &str| challenge[name].as_str().unwrap();
        let (n, g) = (number(N), BigUint::from(2_u8));
        let (pool_name, user) = names;
        let k = BigUint::from_bytes_be(&hash(&[&pad(&n), &pad(&g)]));
        let b = number(text("SRP_B"));
        let u = BigUint::from_bytes_be(&hash(&[&pad(&number(&self.public())), &pad(&b)]));
        let identity = hash(&[format!("{pool_name}{user}:{password}").as_bytes()]);
        let x = BigUint::from_bytes_be(&hash(&[&pad(&number(text("SALT"))), &identity]));
        let masked = (k * g.modpow(&x, &n)) % &n;
        let shared = ((b + &n - masked) % &n).modpow(&(&self.a + &u * x), &n);
        let extracted = mac(&pad(&u), &[&pad(&shared)]);
        let key = &mac(&extracted, &[b"Caldera Derived Key\x01"])[..16];
        let block = BASE64_STANDARD.decode(text("SECRET_BLOCK")).unwrap();
        BASE64_STANDARD.encode(mac(key, &[pool_name.as_bytes(), user.as_bytes(), &block, time.as_bytes()]))
    }
}

/// Salt and verifier of a secret, in base64, as a client makes them for a device.
pub(super) fn verifier(names: (&str, &str), password: &str) -> (String, String) {
    let salt = BigUint::from_bytes_be(&hash(&[b"salt", password.as_bytes()])[..16]);
    let identity = hash(&[format!("{}{}:{password}", names.0, names.1).as_bytes()]);
    let x = BigUint::from_bytes_be(&hash(&[&pad(&salt), &identity]));
    let v = BigUint::from(2_u8).modpow(&x, &number(N));
    (BASE64_STANDARD.encode(pad(&salt)), BASE64_STANDARD.encode(pad(&v)))
}

fn begin(site: &Site, name: &str, srp_a: &str) -> Value {
    json!({"AuthFlow": "USER_SRP_AUTH", "ClientId": site.client, "AuthParameters": {"USERNAME": name, "SRP_A": srp_a}})
}

/// The parameters of the challenge for a user.
async fn challenge(site: &Site, name: &str) -> Value {
    let output = site.call("InitiateAuth", begin(site, name, &Prover::new().public())).await;
    assert_eq!(output["ChallengeName"], "PASSWORD_VERIFIER");
    assert!(output.get("Session").is_none());
    output["ChallengeParameters"].clone()
}

/// What answers the challenge with these parameters.
pub(super) fn proof(site: &Site, password: &str, challenge: &Value, time: &str) -> Value {
    let signature = Prover::new().signature(&site.pool, password, challenge, time);
    json!({
        "USERNAME": challenge["USER_ID_FOR_SRP"], "PASSWORD_CLAIM_SECRET_BLOCK": challenge["SECRET_BLOCK"],
        "PASSWORD_CLAIM_SIGNATURE": signature, "TIMESTAMP": time,
    })
}

pub(super) fn answer(site: &Site, password: &str, challenge: &Value, time: &str) -> Value {
    let responses = proof(site, password, challenge, time);
    json!({"ClientId": site.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": responses})
}

fn changed(answer: &Value, name: &str, value: Value) -> Value {
    let mut changed = answer.clone();
    changed["ChallengeResponses"][name] = value;
    changed
}

#[tokio::test]
async fn a_proof_of_the_password_gives_tokens_once() {
    for site in sites().await {
        site.person("ann").await;
        let asked = challenge(&site, "ann").await;
        assert_eq!((&asked["USERNAME"], &asked["USER_ID_FOR_SRP"]), (&json!("ann"), &json!("ann")));
        let right = answer(&site, PASSWORD, &asked, NOW);
        assert!(!Tokens::of(&site.call("RespondToAuthChallenge", right.clone()).await).id.is_empty());
        assert_eq!(site.refused("RespondToAuthChallenge", right).await, WRONG, "the block is used up");

        let asked = challenge(&site, "ann").await;
        let admin = with(&answer(&site, PASSWORD, &asked, NOW), json!({"UserPoolId": site.pool}));
        site.call("AdminRespondToAuthChallenge", admin).await;
        let asked = challenge(&site, "ann").await;
        assert_eq!(site.refused("RespondToAuthChallenge", answer(&site, "Wrong-1234", &asked, NOW)).await, WRONG);
        assert_eq!(
            site.refused("RespondToAuthChallenge", answer(&site, PASSWORD, &asked, NOW)).await,
            WRONG,
            "a wrong proof uses the block up"
        );
    }
}

#[tokio::test]
async fn a_newcomer_proves_the_temporary_password() {
    for site in sites().await {
        site.newcomer("ann", PASSWORD).await;
        let asked = challenge(&site, "ann").await;
        let output = site.call("RespondToAuthChallenge", answer(&site, PASSWORD, &asked, NOW)).await;
        assert_eq!(output["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    }
}

#[tokio::test]
async fn a_useless_public_value_is_refused() {
    for site in sites().await {
        site.person("ann").await;
        let n = number(N);
        let multiples = (2_u8..=8).map(|k| (&n * k).to_str_radix(16));
        let useless = ["0", "00", "xyz", "-1", "+2", " 2"]
            .map(str::to_owned)
            .into_iter()
            .chain([N.to_owned(), "f".repeat(4_000)]);
        for value in useless.chain(multiples) {
            let refusal = site.refused("InitiateAuth", begin(&site, "ann", &value)).await;
            assert!(refusal.starts_with("InvalidParameterException: "), "{refusal}");
        }
        assert_eq!(
            site.refused("InitiateAuth", begin(&site, "ann", "")).await,
            "InvalidParameterException: Missing required parameter SRP_A"
        );
        assert_eq!(site.refused("InitiateAuth", begin(&site, "nobody", "2")).await, NO_USER);
    }
}

#[tokio::test]
async fn a_proof_that_was_tampered_with_is_wrong() {
    for site in sites().await {
        for name in ["ann", "bob"] {
            site.person(name).await;
        }
        let (anns, bobs) = (challenge(&site, "ann").await, challenge(&site, "bob").await);
        let right = answer(&site, PASSWORD, &anns, NOW);
        let mut block = BASE64_STANDARD.decode(anns["SECRET_BLOCK"].as_str().unwrap()).unwrap();
        *block.last_mut().unwrap() ^= 1;
        let other_client = site.another_client(json!({})).await;
        let wrongs = [
            changed(&right, "PASSWORD_CLAIM_SECRET_BLOCK", json!(BASE64_STANDARD.encode(&block))),
            changed(&right, "PASSWORD_CLAIM_SECRET_BLOCK", json!("AAAA")),
            changed(&right, "USERNAME", json!("bob")),
            changed(&right, "TIMESTAMP", json!("2027-01-15T08:00:00Z")),
            changed(&right, "TIMESTAMP", json!("Thu Jan 14 08:00:00 UTC 2027")),
            changed(&right, "TIMESTAMP", json!("Fri Jan 15 08:05:01 UTC 2027")),
            with(&right, json!({"ClientId": other_client})),
        ];
        for wrong in wrongs {
            assert_eq!(site.refused("RespondToAuthChallenge", wrong.clone()).await, WRONG, "{wrong}");
        }
        for name in ["PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP", "USERNAME"] {
            let mut missing = right.clone();
            missing["ChallengeResponses"].as_object_mut().unwrap().remove(name);
            let refusal = format!("InvalidParameterException: Missing required parameter {name}");
            assert_eq!(site.refused("RespondToAuthChallenge", missing).await, refusal);
        }
        // None of these has used the block up.
        site.call("RespondToAuthChallenge", right).await;

        let swapped = answer(&site, PASSWORD, &with(&bobs, json!({"USER_ID_FOR_SRP": "ann"})), NOW);
        assert_eq!(site.refused("RespondToAuthChallenge", swapped).await, WRONG, "another user's block");
        let anns = challenge(&site, "ann").await;
        for signature in ["", "!!", "AAAA"] {
            let asked = challenge(&site, "ann").await;
            let wrong = changed(&answer(&site, PASSWORD, &asked, NOW), "PASSWORD_CLAIM_SIGNATURE", json!(signature));
            assert_eq!(site.refused("RespondToAuthChallenge", wrong).await, WRONG, "{signature}");
        }
        site.advance(180);
        let late = answer(&site, PASSWORD, &anns, "Fri Jan 15 08:03:00 UTC 2027");
        assert_eq!(site.refused("RespondToAuthChallenge", late).await, WRONG, "the block has expired");

        let asked = challenge(&site, "ann").await;
        site.call("AdminDisableUser", site.named("ann")).await;
        let late = answer(&site, PASSWORD, &asked, "Fri Jan 15 08:03:00 UTC 2027");
        assert_eq!(site.refused("RespondToAuthChallenge", late).await, DISABLED);
    }
}

#[tokio::test]
async fn somebody_unknown_is_shown_the_same_salt_again_and_never_let_in() {
    for site in sites_with(json!({}), json!({"PreventUserExistenceErrors": "ENABLED"})).await {
        site.person("ann").await;
        let (first, second) = (challenge(&site, "nobody").await, challenge(&site, "nobody").await);
        assert_eq!(first["SALT"], second["SALT"]);
        assert_ne!(first["SRP_B"], second["SRP_B"]);
        let known = challenge(&site, "ann").await;
        let members = |challenge: &Value| challenge.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(&first), members(&known));
        assert_eq!(first["SALT"].as_str().unwrap().len(), known["SALT"].as_str().unwrap().len());
        assert_eq!(site.refused("RespondToAuthChallenge", answer(&site, PASSWORD, &first, NOW)).await, WRONG);
    }
}
