//! What a token, a proof and a sealed session cost. `cargo bench --bench keys`

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should say where")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use poolhouse::{
    keys::{
        jwt::{Token, VerifyingKey},
        seal::{Purpose, Sealer},
        signing::SigningKey,
        srp,
    },
    kit::random::Random,
};
use serde_json::{Value, json};

/// An access token's claims, about as long as real ones.
fn claims() -> Value {
    json!({
        "sub": "11111111-2222-3333-4444-555555555555",
        "cognito:groups": ["admin", "regular"],
        "iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Example01",
        "client_id": "1example23456789abcdefghij",
        "origin_jti": "66666666-7777-8888-9999-000000000000",
        "event_id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "auth_time": 1_767_683_289,
        "exp": 1_767_686_889,
        "iat": 1_767_683_289,
        "jti": "bbbbbbbb-cccc-dddd-eeee-ffffffffffff",
        "username": "adminuser",
    })
}

fn tokens(c: &mut Criterion) {
    let key = SigningKey::generate().unwrap();
    let verifying = VerifyingKey::from_public(&key.public()).unwrap();
    let claims = claims();
    let text = key.sign(&claims).unwrap();
    let token = Token::parse(&text).unwrap();
    c.bench_function("token/sign", |b| b.iter(|| key.sign(black_box(&claims)).unwrap()));
    c.bench_function("token/parse", |b| b.iter(|| Token::parse(black_box(&text)).unwrap()));
    c.bench_function("token/verify", |b| b.iter(|| verifying.verify(black_box(&token)).unwrap()));
    c.bench_function("token/parse and verify", |b| {
        b.iter(|| verifying.verify(&Token::parse(black_box(&text)).unwrap()).unwrap());
    });
    // The alternative that was not taken, for the comment in keys/jwt/verifying.rs.
    let public = key.public();
    let other = jsonwebtoken::DecodingKey::from_rsa_components(&public.n, &public.e).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    c.bench_function("token/jsonwebtoken", |b| {
        b.iter(|| jsonwebtoken::decode::<Value>(black_box(text.as_str()), &other, &validation).unwrap());
    });
}

fn proofs(c: &mut Criterion) {
    let verifier = srp::verifier("Example01", "adminuser", &"Admin-1234".into(), [7; 16]);
    let (b, a) = ([9; 32], "2".repeat(768));
    c.bench_function("srp/verifier", |bench| {
        bench.iter(|| srp::verifier("Example01", "adminuser", &"Admin-1234".into(), [7; 16]));
    });
    c.bench_function("srp/challenge", |bench| bench.iter(|| srp::challenge(black_box(&verifier.v), &b).unwrap()));
    c.bench_function("srp/proof", |bench| {
        bench.iter(|| {
            srp::expected_proof("Example01", "adminuser", black_box(&verifier.v), &b, &a, b"block", "time").unwrap()
        });
    });
}

fn sealing(c: &mut Criterion) {
    let sealer = Sealer::new(&[7; 32], &Random::system());
    let claims = claims();
    let session = sealer.seal_json(Purpose::Session, &claims).unwrap();
    let refresh = sealer.jwe(&claims).unwrap();
    c.bench_function("seal/session", |b| b.iter(|| sealer.seal_json(Purpose::Session, black_box(&claims)).unwrap()));
    c.bench_function("seal/open session", |b| {
        b.iter(|| sealer.open_json::<Value>(Purpose::Session, black_box(&session)).unwrap());
    });
    c.bench_function("seal/refresh token", |b| b.iter(|| sealer.jwe(black_box(&claims)).unwrap()));
    c.bench_function("seal/open refresh token", |b| {
        b.iter(|| sealer.open_jwe::<Value>(black_box(&refresh)).unwrap());
    });
}

criterion_group!(benches, tokens, proofs, sealing);
criterion_main!(benches);
