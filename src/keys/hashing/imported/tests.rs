use super::{super::Hasher, *};
use crate::config::hashing::Hashing;

/// Algorithm, hash and password, each from a published test vector.
const VECTORS: [(HashAlgorithm, &str, &str); 8] = [
    // jBCrypt.
    (HashAlgorithm::Bcrypt, "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a"),
    (
        HashAlgorithm::Bcrypt,
        "$2a$08$aTsUwsyowQuzRrDqFflhgekJ8d9/7Z3GV3UcgvzQW3J5zMyrTvlz.",
        "abcdefghijklmnopqrstuvwxyz",
    ),
    // crypt_blowfish; the newer marks say that neither fault of older ones is in it, and this password meets none.
    (HashAlgorithm::Bcrypt, "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    (HashAlgorithm::Bcrypt, "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"),
    // RFC 7914, section 12, the third.
    (
        HashAlgorithm::Scrypt,
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU\
         $cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
        "pleaseletmein",
    ),
    // The reference implementation of Argon2.
    (
        HashAlgorithm::Argon2id,
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "password",
    ),
    // The vectors of RFC 6070 as they are widely published for SHA-256, the fifth.
    (
        HashAlgorithm::Pbkdf2Sha256,
        "$pbkdf2-sha256$i=4096,l=40$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0\
         $NIyJ28vTKy8y2BS4EW6EzysXNH68GAAYHE4qH7jdU+HGNVGMfaxH6Q",
        "passwordPASSWORDpassword",
    ),
    // Django's own tests.
    (
        HashAlgorithm::Pbkdf2Sha256,
        "pbkdf2_sha256$600000$seasalt2$OSllgFdJjYQjb0RfMzrx8u0XYl4Fkt+wKpI1yq4lZlo=",
        "lètmein",
    ),
];

fn hasher() -> Hasher {
    Hasher::new(Hashing { memory_kib: 64, iterations: 1, parallelism: 1 }, 2).unwrap()
}

#[tokio::test]
async fn hashes_of_other_systems_verify() {
    let hasher = hasher();
    for (algorithm, hash, password) in VECTORS {
        assert_eq!(check(algorithm, hash), Ok(()), "{hash}");
        assert!(hasher.verify(password.into(), hash.to_owned()).await.unwrap(), "{hash}");
        for wrong in [password.to_uppercase() + "x", password[1..].to_owned()] {
            assert!(!hasher.verify(wrong.as_str().into(), hash.to_owned()).await.unwrap(), "{wrong} {hash}");
        }
        assert!(hasher.needs_rehash(hash), "{hash}");
        for other in HashAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert_eq!(check(other, hash), Err(HashFault::Algorithm { wanted: other, found: algorithm }), "{hash}");
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
