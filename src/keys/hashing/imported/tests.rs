use serde::Deserialize;

use super::{super::Hasher, *};
use crate::config::hashing::Hashing;

/// A published test vector.
#[derive(Deserialize)]
struct Vector {
    algorithm: HashAlgorithm,
    hash: String,
    password: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../../../tests/data/password_hashes.json")).unwrap()
}

fn hasher() -> Hasher {
    Hasher::new(Hashing { memory_kib: 64, iterations: 1, parallelism: 1 }, 2).unwrap()
}

#[tokio::test]
async fn hashes_of_other_systems_verify() {
    let hasher = hasher();
    for Vector { algorithm, hash, password } in vectors() {
        assert_eq!(check(algorithm, &hash), Ok(()), "{hash}");
        assert!(hasher.verify(password.as_str().into(), hash.clone()).await.unwrap(), "{hash}");
        for wrong in [password.to_uppercase() + "x", password[1..].to_owned()] {
            assert!(!hasher.verify(wrong.as_str().into(), hash.clone()).await.unwrap(), "{wrong} {hash}");
        }
        assert!(hasher.needs_rehash(&hash), "{hash}");
        for other in HashAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert_eq!(check(other, &hash), Err(HashFault::Algorithm { wanted: other, found: algorithm }), "{hash}");
        }
    }
}

#[test]
fn what_is_no_hash_of_its_algorithm_is_refused() {
    let (salt, output) = ("A".repeat(22), "A".repeat(43));
    let phc = |start: &str| format!("{start}${salt}${output}");
    let bcrypt = ".".repeat(53);
    let cases = [
        (HashAlgorithm::Bcrypt, "secret".to_owned()),
        (HashAlgorithm::Bcrypt, format!("$2x$10${bcrypt}")),
        (HashAlgorithm::Bcrypt, format!("$2$10${bcrypt}")),
        (HashAlgorithm::Bcrypt, format!("$2b$03${bcrypt}")),
        (HashAlgorithm::Bcrypt, format!("$2b$+9${bcrypt}")),
        (HashAlgorithm::Bcrypt, format!("$2b$10${bcrypt}A")),
        (HashAlgorithm::Bcrypt, format!("$2b$10${}", &bcrypt[1..])),
        (HashAlgorithm::Bcrypt, format!("$2b$10${}ä", &bcrypt[2..])),
        (HashAlgorithm::Scrypt, phc("$scrypt$ln=14,r=8")),
        (HashAlgorithm::Scrypt, phc("$scrypt$ln=0,r=8,p=1")),
        (HashAlgorithm::Scrypt, phc("$scrypt$ln=14,r=0,p=1")),
        (HashAlgorithm::Scrypt, phc("$scrypt$ln=14,r=8,p=0")),
        (HashAlgorithm::Scrypt, phc("$scrypt$ln=14,r=8,p=1,x=1")),
        (HashAlgorithm::Scrypt, phc("$scrypt$v=1$ln=14,r=8,p=1")),
        (HashAlgorithm::Scrypt, format!("$scrypt$ln=14,r=8,p=1${salt}")),
        (HashAlgorithm::Argon2id, phc("$argon2id$v=16$m=65536,t=2,p=1")),
        (HashAlgorithm::Argon2id, phc("$argon2id$m=65536,t=2,p=1")),
        (HashAlgorithm::Argon2id, phc("$argon2id$v=19$m=65536,t=2")),
        (HashAlgorithm::Argon2id, phc("$argon2id$v=19$m=65536,t=0,p=1")),
        (HashAlgorithm::Argon2id, phc("$argon2id$v=19$m=7,t=1,p=1")),
        (HashAlgorithm::Argon2id, phc("$argon2id$v=19$m=64,t=1,p=1,keyid=AAAA")),
        (HashAlgorithm::Argon2id, phc("$argon2i$v=19$m=65536,t=2,p=1")),
        (HashAlgorithm::Argon2id, format!("$argon2id$v=19$m=65536,t=2,p=1${salt}")),
        (HashAlgorithm::Pbkdf2Sha256, phc("$pbkdf2-sha256$l=32")),
        (HashAlgorithm::Pbkdf2Sha256, phc("$pbkdf2-sha256$i=0,l=32")),
        (HashAlgorithm::Pbkdf2Sha256, phc("$pbkdf2-sha256$i=1000,l=31")),
        (HashAlgorithm::Pbkdf2Sha256, phc("$pbkdf2-sha512$i=1000,l=32")),
        (HashAlgorithm::Pbkdf2Sha256, format!("pbkdf2_sha256$1000$salt${output}")),
        (HashAlgorithm::Pbkdf2Sha256, format!("pbkdf2_sha256$1000$${output}=")),
        (HashAlgorithm::Pbkdf2Sha256, format!("pbkdf2_sha256$+10$salt${output}=")),
        (HashAlgorithm::Pbkdf2Sha256, format!("pbkdf2_sha256$0$salt${output}=")),
        (HashAlgorithm::Pbkdf2Sha256, format!("pbkdf2_sha256$1000$salt${output}=$")),
        (HashAlgorithm::Pbkdf2Sha256, format!("pbkdf2_sha256$1000$${}${output}=", "s".repeat(129))),
    ];
    for (algorithm, hash) in cases {
        assert_eq!(check(algorithm, &hash), Err(HashFault::Form(algorithm)), "{hash}");
    }
}

#[tokio::test]
async fn a_hash_that_would_stall_or_exhaust_the_server_is_refused_also_when_it_is_stored() {
    let rest = format!("${}${}", "A".repeat(22), "A".repeat(43));
    let bcrypt = ".".repeat(53);
    let cases = [
        (HashAlgorithm::Bcrypt, format!("$2b$15${bcrypt}"), format!("$2b$14${bcrypt}")),
        (HashAlgorithm::Bcrypt, format!("$2b$99${bcrypt}"), format!("$2b$04${bcrypt}")),
        (HashAlgorithm::Scrypt, format!("$scrypt$ln=18,r=8,p=1{rest}"), format!("$scrypt$ln=17,r=8,p=2{rest}")),
        (HashAlgorithm::Scrypt, format!("$scrypt$ln=17,r=8,p=3{rest}"), format!("$scrypt$ln=14,r=8,p=16{rest}")),
        (HashAlgorithm::Scrypt, format!("$scrypt$ln=64,r=1,p=1{rest}"), format!("$scrypt$ln=20,r=1,p=1{rest}")),
        (HashAlgorithm::Scrypt, format!("$scrypt$ln=4294967295,r=1,p=1{rest}"), format!("$scrypt$ln=1,r=1,p=1{rest}")),
        (
            HashAlgorithm::Scrypt,
            format!("$scrypt$ln=1,r=4294967295,p=4294967295{rest}"),
            format!("$scrypt$ln=1,r=8,p=9{rest}"),
        ),
        (HashAlgorithm::Scrypt, format!("$scrypt$ln=1,r=1,p=4294967295{rest}"), format!("$scrypt$ln=1,r=1,p=8{rest}")),
        (
            HashAlgorithm::Argon2id,
            format!("$argon2id$v=19$m=131073,t=1,p=1{rest}"),
            format!("$argon2id$v=19$m=131072,t=4,p=1{rest}"),
        ),
        (
            HashAlgorithm::Argon2id,
            format!("$argon2id$v=19$m=131072,t=5,p=1{rest}"),
            format!("$argon2id$v=19$m=65536,t=3,p=4{rest}"),
        ),
        (
            HashAlgorithm::Argon2id,
            format!("$argon2id$v=19$m=8,t=65,p=1{rest}"),
            format!("$argon2id$v=19$m=8,t=64,p=1{rest}"),
        ),
        (
            HashAlgorithm::Argon2id,
            format!("$argon2id$v=19$m=4096,t=1,p=65{rest}"),
            format!("$argon2id$v=19$m=4096,t=1,p=64{rest}"),
        ),
        (
            HashAlgorithm::Argon2id,
            format!("$argon2id$v=19$m=4294967295,t=4294967295,p=4294967295{rest}"),
            format!("$argon2id$v=19$m=8,t=1,p=1{rest}"),
        ),
        (
            HashAlgorithm::Pbkdf2Sha256,
            format!("$pbkdf2-sha256$i=2000001,l=32{rest}"),
            format!("$pbkdf2-sha256$i=2000000,l=32{rest}"),
        ),
        (
            HashAlgorithm::Pbkdf2Sha256,
            format!("pbkdf2_sha256$99999999999$salt${}=", "A".repeat(43)),
            format!("pbkdf2_sha256$1200000$salt${}=", "A".repeat(43)),
        ),
    ];
    let hasher = hasher();
    for (algorithm, dear, dearest) in cases {
        assert!(matches!(check(algorithm, &dear), Err(HashFault::Cost(_))), "{dear}: {:?}", check(algorithm, &dear));
        assert_eq!(check(algorithm, &dearest), Ok(()), "{dearest}");
        if algorithm != HashAlgorithm::Argon2id {
            let refused = hasher.verify("x".into(), dear.clone()).await;
            assert!(matches!(refused, Err(KeyError::PasswordHash(_))), "{dear}: {refused:?}");
        }
    }
}
