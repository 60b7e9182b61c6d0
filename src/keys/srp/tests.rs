use base64::{Engine, prelude::BASE64_STANDARD};
use crypto_bigint::U1024;

use super::*;
use crate::{keys::same, kit::random::Random};

const POOL: &str = "AbCdEf123";
const USER: &str = "11111111-2222-3333-4444-555555555555";
const TIME: &str = "Tue Jan 6 07:08:09 UTC 2026";

fn four_times(text: &str) -> U1024 {
    U1024::from_be_slice(&hash(&[text.as_bytes()]).repeat(4))
}

fn salt() -> [u8; 16] {
    hex::decode("a1b2c3d4e5f60718293a4b5c6d7e8f90").unwrap().try_into().unwrap()
}

fn digest_of(number: &[u8]) -> String {
    hex::encode(hash(&[&pad(number)]))
}

/// The client's side, written from the specification with the same big numbers.
struct Client {
    a: U1024,
}

impl Client {
    fn public(&self) -> String {
        // As JavaScript and Java print numbers: no leading zeros, any number of digits.
        let text = hex::encode(bytes(&GENERATOR.pow(&self.a)));
        text.trim_start_matches('0').to_owned()
    }

    /// S = (B − k·g^x)^(a + u·x), as two powers, so that the exponent needs no reduction.
    fn shared(&self, x: &U256, u: &U256, server: &str) -> Vec<u8> {
        let server = parse_a(server).unwrap().reduced;
        let base = server - MULTIPLIER * GENERATOR.pow(x);
        bytes(&(base.pow(&self.a) * base.pow(u).pow(x)))
    }

    fn proof(&self, password: &str, salt: &str, server: &str, block: &[u8]) -> [u8; 32] {
        let salt = hex::decode(salt).unwrap();
        let inner = hash(&[format!("{POOL}{USER}:{password}").as_bytes()]);
        let x = U256::from_be_slice(&hash(&[&pad(&salt), &inner]));
        let u =
            U256::from_be_slice(&hash(&[&parse_a(&self.public()).unwrap().padded, &parse_a(server).unwrap().padded]));
        let key = derive(&u, &self.shared(&x, &u, server));
        hmac_of(&key, &[POOL.as_bytes(), USER.as_bytes(), block, TIME.as_bytes()])
    }
}

#[test]
fn the_group_is_the_published_one() {
    let n = bytes(&Element::new(Element::MODULUS.as_ref()));
    assert!(n.iter().all(|byte| *byte == 0), "N is zero modulo N");
    let n = Element::MODULUS.as_ref().to_be_bytes();
    assert_eq!(pad(n.as_ref()).len(), 385);
    assert_eq!(hash(&[&pad(n.as_ref()), &pad(&[2])]).to_vec(), minimal(&bytes(&MULTIPLIER)));
}

#[test]
fn the_published_vectors_come_out() {
    let password = Secret::from("P@ssw0rd!");
    let x = private_value(POOL, USER, &password, &salt());
    assert_eq!(hex::encode(x.to_be_bytes()), "87f9c54f49d3f73a1f69665ffd071bd04d2b6094811b25e563cc0b057318ec57");

    let (a, b) = (four_times("client-a"), four_times("server-b"));
    let client = Client { a };
    let public = client.public();
    assert!(public.starts_with("28afc59b10103d2a84e2c1fd16a0b550"), "{public}");
    let parsed = parse_a(&public).unwrap();
    assert_eq!(
        hex::encode(hash(&[&parsed.padded])),
        "513109fbf947a1c49172ba8c6c6a0803b30471e122af10819ede7edf7919a1bf"
    );

    let v = verifier(POOL, USER, &password, salt()).v;
    assert_eq!(digest_of(&v), "eee0262f7718d5c2832878ec38750be2055346645c19e807d66f99ab6216de39");
    let server = bytes(&public_value(element(&v).unwrap(), &b));
    assert_eq!(digest_of(&server), "4a5c4b898d0a38a56c9e2ac2ee788e6eeb36a72d82388bdf3e335b3d680d31ae");

    let u = scrambler(&parsed.padded, &server).unwrap();
    assert_eq!(hex::encode(u.to_be_bytes()), "6ceaba84155766b685fc754f13750732e0f953504fc012150a82b91066cf2b85");
    let shared = bytes(&(parsed.reduced * element(&v).unwrap().pow(&u)).pow(&b));
    assert_eq!(digest_of(&shared), "98991d329cf7746e913731f545d417d24426ee82d0711b72c9116e3907b6a94e");
    assert_eq!(client.shared(&x, &u, &hex::encode(&server)), shared, "both sides agree");

    let key = session_key(&parsed, element(&v).unwrap(), &b).unwrap();
    assert_eq!(hex::encode(key), "f30a8851fdb86aaca2cb32e11b14e11c");
    let proof = hmac_of(&key, &[POOL.as_bytes(), USER.as_bytes(), b"secret-block-bytes", TIME.as_bytes()]);
    assert_eq!(BASE64_STANDARD.encode(proof), "e9w6GbSMr9PG+ENmGQuYnrCYbDWiilVpSodtwdUXi78=");
    assert_eq!(client.proof("P@ssw0rd!", &hex::encode(salt()), &hex::encode(&server), b"secret-block-bytes"), proof);
}

#[test]
fn the_secret_hash_vector_comes_out() {
    let mac = hmac_of(b"9example87654321", &[b"mary", b"1example23456789"]);
    assert_eq!(BASE64_STANDARD.encode(mac), "mqW7eJBo9bs5FgykTghenpI48rMx2C5mPtXOG/8avIw=");
}

#[test]
fn client_and_server_agree_for_the_right_password_only() {
    let random = Random::seeded(1);
    for round in 0..8 {
        let client = Client { a: U1024::from_be_slice(&random.bytes::<128>()) };
        let mut salt: [u8; 16] = random.bytes();
        // Salts that change their length when they are padded.
        salt[0] = [0x00, 0x80, 0x7f, 0xff][round % 4];
        let verifier = verifier(POOL, USER, &"pässword 1".into(), salt);
        let b: [u8; 32] = random.bytes();
        let server = challenge(&verifier.v, &b).unwrap();
        let block: [u8; 40] = random.bytes();
        let expected =
            |b, block, time| expected_proof(POOL, USER, &verifier.v, b, &client.public(), block, time).unwrap();
        let right = expected(&b, &block[..], TIME);
        assert!(same(&right, &client.proof("pässword 1", &verifier.salt_hex(), &server, &block)));
        assert!(!same(&right, &client.proof("pässword 2", &verifier.salt_hex(), &server, &block)));
        assert_ne!(right, expected(&[0x55; 32], &block[..], TIME));
        assert_ne!(right, expected(&b, &block[1..], TIME));
        assert_ne!(right, expected(&b, &block[..], "Tue Jan 6 07:08:10 UTC 2026"));
    }
}

#[test]
fn a_public_value_of_zero_modulo_n_is_refused() {
    let n = Element::MODULUS.as_ref().resize::<{ U6144::LIMBS }>();
    for k in 0..5_u64 {
        let multiple = n.wrapping_mul(&U6144::from_u64(k));
        let text = hex::encode(multiple.to_be_bytes());
        assert_eq!(parse_a(&text).unwrap_err(), SrpError::Zero, "{k}·N");
        let trimmed = text.trim_start_matches('0');
        if k > 0 {
            assert_eq!(parse_a(trimmed).unwrap_err(), SrpError::Zero, "{k}·N");
        }
        let next = hex::encode(multiple.wrapping_add(&U6144::ONE).to_be_bytes());
        assert!(parse_a(&next).is_ok(), "{k}·N + 1");
    }
    // The largest multiple of 1536 digits: N times N.
    let square: U6144 = Element::MODULUS.as_ref().widening_mul(Element::MODULUS.as_ref()).into();
    assert_eq!(parse_a(&hex::encode(square.to_be_bytes())).unwrap_err(), SrpError::Zero);
    assert_eq!(parse_a("0").unwrap_err(), SrpError::Zero);
    assert_eq!(parse_a("000").unwrap_err(), SrpError::Zero);
    let v = verifier(POOL, USER, &"x".into(), salt()).v;
    assert_eq!(expected_proof(POOL, USER, &v, &[1; 32], "00", b"", TIME), Err(SrpError::Zero));
}

#[test]
fn what_is_no_number_is_refused() {
    for text in ["", "-1", "-0", "+1", "0x12", "12g4", " 12", "12 ", "12\n", "１２", "é", "1.5", "1_0"] {
        assert_eq!(parse_a(text).unwrap_err(), SrpError::NotHex, "{text}");
    }
    assert_eq!(parse_a(&"1".repeat(MAX_HEX_DIGITS + 1)).unwrap_err(), SrpError::NotHex);
    assert_eq!(parse_a(&"0".repeat(1_000_000)).unwrap_err(), SrpError::NotHex);
    assert!(parse_a(&"1".repeat(MAX_HEX_DIGITS)).is_ok());
}

#[test]
fn leading_zeros_and_case_do_not_change_a_number() {
    let expected = parse_a("abc").unwrap();
    for text in ["ABC", "0abc", "00abc", "000000abc", "aBc"] {
        let parsed = parse_a(text).unwrap();
        assert_eq!((parsed.reduced, &parsed.padded), (expected.reduced, &expected.padded), "{text}");
    }
    assert_eq!(expected.padded, [0x0a, 0xbc]);
    assert_eq!(parse_a("80").unwrap().padded, [0x00, 0x80]);
    assert_eq!(parse_a("7f").unwrap().padded, [0x7f]);
    assert_eq!((pad(&[0, 0]), pad(&[])), (vec![0], vec![0]));
}

#[test]
fn a_damaged_verifier_is_an_error_and_no_way_in() {
    let n = Element::MODULUS.as_ref().to_be_bytes();
    for v in [&[][..], &[0; 384], &[1; 385], n.as_ref(), &[0xff; 384]] {
        assert_eq!(challenge(v, &[1; 32]), Err(SrpError::Verifier));
        assert_eq!(expected_proof(POOL, USER, v, &[1; 32], "2", b"", TIME), Err(SrpError::Verifier));
    }
}

#[test]
fn unknown_users_have_a_lasting_salt_and_a_usable_verifier() {
    let sealer = Sealer::new(&[1; 32], &Random::seeded(1));
    let fake = fake_verifier(&sealer, "eu-west-1_A", "nobody");
    assert_eq!(fake, fake_verifier(&sealer, "eu-west-1_A", "nobody"));
    assert_eq!(fake.salt, fake_salt(&sealer, "eu-west-1_A", "nobody"));
    let other_server = Sealer::new(&[2; 32], &Random::seeded(1));
    for other in [
        fake_verifier(&sealer, "eu-west-1_A", "nobodz"),
        fake_verifier(&sealer, "eu-west-1_B", "nobody"),
        fake_verifier(&sealer, "eu-west-1_An", "obody"),
        fake_verifier(&other_server, "eu-west-1_A", "nobody"),
    ] {
        assert!(other.salt != fake.salt && other.v != fake.v);
    }
    assert_eq!(fake.v.len(), 384);
    assert!(challenge(&fake.v, &[5; 32]).unwrap().len() > 700);
    assert!(expected_proof("A", "nobody", &fake.v, &[5; 32], "2", b"", TIME).is_ok());
}
