//! What the machine itself needs for the dear parts of a request, in CPU time: nobody can be faster than these.

use std::{hint::black_box, time::Duration};

use anyhow::{Context, anyhow};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair},
};

use crate::process::own_cpu;

/// A token's header and claims are about as long.
const MESSAGE: [u8; 600] = [b'a'; 600];
/// How long each limit is measured in each round.
const TIME: Duration = Duration::from_millis(100);

/// Microseconds of CPU time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// One RSA-2048 signature with a parsed key.
    pub sign: f64,
    pub verify: f64,
    /// Argon2id as development has it: 1 MiB, one iteration.
    pub hash: f64,
    /// Argon2id as OWASP has it and production by default: 19 MiB, two iterations.
    pub owasp_hash: f64,
}

impl Limits {
    pub fn measure() -> anyhow::Result<Self> {
        let (key, random) = (RsaKeyPair::generate(KeySize::Rsa2048)?, SystemRandom::new());
        let mut signature = vec![0; key.public_modulus_len()];
        let sign = cost(|| Ok(key.sign(&RSA_PKCS1_SHA256, &random, black_box(&MESSAGE), &mut signature)?))?;
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
        let public = public.context("the public key cannot be read")?;
        let verify = cost(|| Ok(public.verify_sig(black_box(&MESSAGE), &signature)?))?;
        Ok(Self { sign, verify, hash: argon2id(1_024, 1)?, owasp_hash: argon2id(19_456, 2)? })
    }
}

fn argon2id(memory_kib: u32, iterations: u32) -> anyhow::Result<f64> {
    let params = Params::new(memory_kib, iterations, 1, None).map_err(|error| anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    cost(|| {
        let hash = argon2.hash_password_with_salt(black_box(b"Password-1234"), b"sixteen bytes...");
        black_box(hash).map(drop).map_err(|error| anyhow!("{error}"))
    })
}

/// The mean over the time, after one that does not count.
fn cost(mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    work()?;
    let (began, mut times) = (own_cpu()?, 0_u32);
    loop {
        for _ in 0..4 {
            work()?;
        }
        times += 4;
        let spent = own_cpu()?.saturating_sub(began);
        if spent >= TIME {
            return Ok(spent.as_secs_f64() * 1e6 / f64::from(times));
        }
    }
}
