//! Password hashes: argon2id in PHC text, a bounded number at a time, off the executor.
//!
//! A hash costs about 16 ms and 19 MiB. The bound keeps a flood of sign-ins from taking all memory and all threads; waiting
//! is fair, so nobody starves. A user who does not exist costs the same as one who does: see [`Permit::decoy`]. The hashes have
//! threads of their own, each with the memory of one hash, because the allocator keeps what a thread gave back: spread over the
//! runtime's many, a flood left half a gigabyte behind, and two threads that asked for memory each time still a fifth of one.
//! Hashes that other systems made ([`imported`]) are verified in the same queue and by the same threads.
//! <https://www.rfc-editor.org/rfc/rfc9106>
//! <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>

pub mod imported;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, PasswordHash, Salt},
};
use aws_lc_rs::constant_time;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::KeyError;
use crate::{
    config::hashing::Hashing,
    kit::{random::Random, secret::Secret},
};

/// A stored hash may have other parameters than ours (an import, an older setting), but not ones that take the machine down.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_ITERATIONS: u32 = 64;
const MAX_PARALLELISM: u32 = 64;

/// How many may wait for each worker. With OWASP's cost the last of them waits for about two seconds.
const MOST_WAITING: usize = 128;

/// Hashes and verifies passwords. Clones share one queue.
#[derive(Clone)]
pub struct Hasher {
    settings: Arc<Settings>,
    workers: Arc<Semaphore>,
    /// A place in the queue, from the asking to the end of the work.
    queue: Arc<Semaphore>,
    crew: Crew,
}

struct Settings {
    params: Params,
    /// A well-formed hash of nobody's password, with the current parameters.
    decoy: String,
    random: Random,
}

impl Hasher {
    /// At most `workers` hashes run at the same time. Refuses parameters outside of argon2's range or ours.
    pub fn new(config: Hashing, workers: usize) -> Result<Self, KeyError> {
        let Hashing { memory_kib, iterations, parallelism } = config;
        // A product inside of argon2 would overflow before its own check of the range.
        within_bounds(memory_kib, iterations, parallelism)
            .map_err(|reason| KeyError::HashingParameters(reason.to_owned()))?;
        let params = Params::new(memory_kib, iterations, parallelism, None)
            .map_err(|error| KeyError::HashingParameters(error.to_string()))?;
        // 22 and 43 characters are 16 and 32 bytes. No password leads to this output but by chance of 2^-256.
        let decoy = format!(
            "$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${}${}",
            "A".repeat(22),
            "A".repeat(43)
        );
        let kept = params.block_count();
        let settings = Settings { params, decoy, random: Random::system() };
        let workers = workers.clamp(1, Semaphore::MAX_PERMITS);
        Ok(Self {
            settings: Arc::new(settings),
            workers: Arc::new(Semaphore::new(workers)),
            queue: Arc::new(Semaphore::new(workers.saturating_mul(1 + MOST_WAITING).min(Semaphore::MAX_PERMITS))),
            crew: Crew::of(workers, kept)?,
        })
    }

    /// Waits for a turn, or answers [`KeyError::Busy`] at once where too many wait already: a flood ends in refusals, not in
    /// minutes of waiting. Time passes here: read what decides whether the attempt is allowed (a lockout) again afterwards.
    pub async fn permit(&self) -> Result<Permit, KeyError> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| KeyError::Busy)?;
        // The semaphore is never closed, so that every wait ends with a turn; without one the bound would silently be gone.
        let turn = Arc::clone(&self.workers).acquire_owned().await.expect("the semaphore is never closed");
        Ok(Permit { settings: Arc::clone(&self.settings), crew: self.crew.clone(), turn, place })
    }

    pub async fn hash(&self, password: Secret) -> Result<String, KeyError> {
        self.permit().await?.hash(password).await
    }

    pub async fn verify(&self, password: Secret, phc: String) -> Result<bool, KeyError> {
        self.permit().await?.verify(password, phc).await
    }

    /// Spends the time of a verification, for a user who does not exist.
    pub async fn decoy(&self, password: Secret) -> Result<(), KeyError> {
        self.permit().await?.decoy(password).await
    }

    /// Whether the hash was made with other parameters than today's; then hash again when the password is at hand.
    pub fn needs_rehash(&self, phc: &str) -> bool {
        let Ok(hash) = PasswordHash::new(phc) else { return true };
        let Ok(params) = Params::try_from(&hash) else { return true };
        let wanted = &self.settings.params;
        hash.algorithm != Algorithm::Argon2id.ident()
            || hash.version != Some(Version::V0x13.into())
            || (params.m_cost(), params.t_cost(), params.p_cost())
                != (wanted.m_cost(), wanted.t_cost(), wanted.p_cost())
            || hash.hash.is_none_or(|output| output.len() != Params::DEFAULT_OUTPUT_LEN)
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("params", &self.settings.params).finish_non_exhaustive()
    }
}

/// A turn at hashing. It is given back when the work is done, also when the caller stopped waiting for it.
pub struct Permit {
    settings: Arc<Settings>,
    crew: Crew,
    turn: OwnedSemaphorePermit,
    place: OwnedSemaphorePermit,
}

impl Permit {
    /// The PHC text of a new hash, with its own salt.
    pub async fn hash(self, password: Secret) -> Result<String, KeyError> {
        self.work(move |settings, memory| memory.hash(&settings.params, &settings.random.bytes(), &password)).await
    }

    /// Whether the password is the one of the hash. A hash that cannot be read is an error, not a wrong password.
    pub async fn verify(self, password: Secret, phc: String) -> Result<bool, KeyError> {
        self.work(move |_, memory| memory.verify(&password, &phc)).await
    }

    /// Spends the time of a verification with today's parameters. There is no answer: nobody has this password.
    pub async fn decoy(self, password: Secret) -> Result<(), KeyError> {
        self.work(move |settings, memory| memory.verify(&password, &settings.decoy).map(|_| ())).await
    }

    async fn work<T: Send + 'static>(
        self,
        job: impl FnOnce(&Settings, &mut Memory) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let Self { settings, crew, turn, place } = self;
        let (done, result) = oneshot::channel();
        crew.give(Box::new(move |memory| {
            let outcome = job(&settings, memory);
            drop((turn, place));
            // Who does not wait any more misses nothing.
            let _ = done.send(outcome);
        }));
        result.await.map_err(|_| KeyError::Hash("a hash broke off".to_owned()))?
    }
}

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// Threads that hash, one for each turn. They end with the last clone.
#[derive(Clone)]
struct Crew(mpsc::Sender<Job>);

impl Crew {
    /// `size` threads, each of which keeps `blocks` of memory once it has needed them.
    fn of(size: usize, blocks: usize) -> Result<Self, KeyError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..size {
            let queue = Arc::clone(&queue);
            let work = move || {
                let mut memory = Memory { blocks: Vec::new(), kept: blocks };
                while let Some(job) = next(&queue) {
                    // Whoever waits for it learns of it; the thread has others to serve.
                    let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
                }
            };
            let thread = thread::Builder::new().name("hash".to_owned());
            thread.spawn(work).map_err(|error| KeyError::Hash(error.to_string()))?;
        }
        Ok(Self(jobs))
    }

    /// There is a thread that is free for whoever holds a turn. Were there none, the job would be dropped, which ends the wait for it.
    fn give(&self, job: Job) {
        let _ = self.0.send(job);
    }
}

/// The next job; none when nobody can bring another one.
fn next(queue: &Mutex<mpsc::Receiver<Job>>) -> Option<Job> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// What one thread hashes in. Argon2 writes every block before it reads it, so nothing of an earlier password has a say.
struct Memory {
    blocks: Vec<Block>,
    /// As many as today's parameters need. What a hash with greater ones took is given back.
    kept: usize,
}

impl Memory {
    fn hash(&mut self, params: &Params, salt: &[u8; 16], password: &Secret) -> Result<String, KeyError> {
        let failed = |error: &dyn fmt::Display| KeyError::Hash(error.to_string());
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        self.fill(&argon2, password, salt, &mut output).map_err(|error| failed(&error))?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: params.try_into().map_err(|error| failed(&error))?,
            salt: Some(Salt::new(salt).map_err(|error| failed(&error))?),
            hash: Some(Output::new(&output).map_err(|error| failed(&error))?),
        };
        Ok(hash.to_string())
    }

    fn verify(&mut self, password: &Secret, phc: &str) -> Result<bool, KeyError> {
        if let Some(outcome) = imported::verify(password, phc) {
            return outcome;
        }
        let unreadable = |reason: String| KeyError::PasswordHash(reason);
        let hash = PasswordHash::new(phc).map_err(|error| unreadable(error.to_string()))?;
        let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else {
            return Err(unreadable("it has no salt or no output".to_owned()));
        };
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|error| unreadable(error.to_string()))?;
        // A hash without a version is of the first one.
        let version = Version::try_from(hash.version.unwrap_or(Version::V0x10.into()));
        let version = version.map_err(|error| unreadable(error.to_string()))?;
        let params = Params::try_from(&hash).map_err(|error| unreadable(error.to_string()))?;
        within_bounds(params.m_cost(), params.t_cost(), params.p_cost())
            .map_err(|reason| unreadable(reason.to_owned()))?;
        let mut output = vec![0; expected.as_bytes().len()];
        let argon2 = Argon2::new(algorithm, version, params);
        self.fill(&argon2, password, &salt, &mut output).map_err(|error| KeyError::Hash(error.to_string()))?;
        Ok(constant_time::verify_slices_are_equal(&output, expected.as_bytes()).is_ok())
    }

    fn fill(&mut self, argon2: &Argon2, password: &Secret, salt: &[u8], output: &mut [u8]) -> argon2::Result<()> {
        let needed = argon2.params().block_count();
        if self.blocks.len() < needed {
            // Not resized: what stands in the old ones need not be copied.
            self.blocks = Vec::new();
            self.blocks = vec![Block::default(); needed];
        }
        let memory = &mut self.blocks[..needed];
        let outcome = argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, output, memory);
        if needed > self.kept {
            self.blocks = Vec::new();
        }
        outcome
    }
}

fn within_bounds(memory_kib: u32, iterations: u32, parallelism: u32) -> Result<(), &'static str> {
    match () {
        () if memory_kib > MAX_MEMORY_KIB => Err("more than 1 GiB of memory"),
        () if iterations > MAX_ITERATIONS => Err("more than 64 iterations"),
        () if parallelism > MAX_PARALLELISM => Err("a parallelism above 64"),
        () => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const CHEAP: Hashing = Hashing { memory_kib: 64, iterations: 1, parallelism: 1 };

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let hasher = Hasher::new(CHEAP, 2).unwrap();
        let hash = hasher.hash("Tr0ub4dor&3".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(hasher.verify("Tr0ub4dor&3".into(), hash.clone()).await.unwrap());
        assert!(!hasher.verify("tr0ub4dor&3".into(), hash.clone()).await.unwrap());
        assert!(!hasher.verify("".into(), hash.clone()).await.unwrap());
        assert_ne!(hasher.hash("Tr0ub4dor&3".into()).await.unwrap(), hash, "a salt of its own");
    }

    #[tokio::test]
    async fn a_hash_of_another_implementation_verifies() {
        // From the test vectors of the reference implementation: t=2, m=65536, p=1, "password", "somesalt".
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hasher = Hasher::new(CHEAP, 1).unwrap();
        assert!(hasher.verify("password".into(), phc.to_owned()).await.unwrap());
        assert!(!hasher.verify("passwore".into(), phc.to_owned()).await.unwrap());
        assert!(hasher.needs_rehash(phc));
    }

    #[tokio::test]
    async fn what_stands_in_the_memory_from_before_changes_no_hash() {
        let phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let dear = Hashing { memory_kib: 65_536, iterations: 1, parallelism: 1 };
        let hasher = Hasher::new(dear, 1).unwrap();
        for _ in 0..2 {
            let hash = hasher.hash("another".into()).await.unwrap();
            assert!(hasher.verify("password".into(), phc.to_owned()).await.unwrap());
            assert!(!hasher.verify("another".into(), phc.to_owned()).await.unwrap());
            assert!(hasher.verify("another".into(), hash).await.unwrap());
        }
    }

    #[test]
    fn memory_beyond_todays_parameters_is_given_back() {
        let params = |blocks| Params::new(blocks, 1, 1, None).unwrap();
        let mut memory = Memory { blocks: Vec::new(), kept: params(64).block_count() };
        for (blocks, left) in [(64, 64), (128, 0), (8, 8), (64, 64), (8, 64)] {
            memory.hash(&params(blocks), &[1; 16], &"x".into()).unwrap();
            assert_eq!(memory.blocks.len(), left, "after {blocks}");
        }
    }

    #[tokio::test]
    async fn unreadable_and_ruinous_hashes_are_errors() {
        let hasher = Hasher::new(CHEAP, 1).unwrap();
        let rest = format!("${}${}", "A".repeat(22), "A".repeat(43));
        for phc in [
            "".to_owned(),
            "plain text".to_owned(),
            format!("$argon2id$v=19$m=4294967295,t=1,p=1{rest}"),
            format!("$argon2id$v=19$m=64,t=4294967295,p=1{rest}"),
            "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            format!("$scrypt$ln=1{rest}"),
        ] {
            let result = hasher.verify("x".into(), phc.clone()).await;
            assert!(matches!(result, Err(KeyError::PasswordHash(_))), "{phc}: {result:?}");
            assert!(hasher.needs_rehash(&phc), "{phc}");
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        for (memory_kib, iterations, parallelism) in
            [(7, 1, 1), (64, 0, 1), (64, 1, 0), (64, 1, 9), (u32::MAX, 1, 1), (64, u32::MAX, 1), (64, 1, u32::MAX)]
        {
            assert!(Hasher::new(Hashing { memory_kib, iterations, parallelism }, 1).is_err());
        }
    }

    #[tokio::test]
    async fn changed_parameters_ask_for_a_new_hash() {
        let hash = Hasher::new(CHEAP, 1).unwrap().hash("x".into()).await.unwrap();
        assert!(!Hasher::new(CHEAP, 1).unwrap().needs_rehash(&hash));
        assert!(Hasher::new(Hashing { iterations: 2, ..CHEAP }, 1).unwrap().needs_rehash(&hash));
        assert!(Hasher::new(Hashing::DEVELOPMENT, 1).unwrap().needs_rehash(&hash));
    }

    #[tokio::test]
    async fn no_more_than_the_permitted_number_works_at_once() {
        let hasher = Hasher::new(CHEAP, 2).unwrap();
        let (first, second) = (hasher.permit().await.unwrap(), hasher.permit().await.unwrap());
        let waiting = tokio::time::timeout(Duration::from_millis(20), hasher.permit()).await;
        assert!(waiting.is_err(), "a third turn while two are taken");
        drop(first);
        second.hash("x".into()).await.unwrap();
        let _both = (hasher.permit().await.unwrap(), hasher.permit().await.unwrap());
    }

    #[tokio::test]
    async fn a_flood_is_refused_and_not_queued_for_ever() {
        let hasher = Hasher::new(CHEAP, 1).unwrap();
        let held = hasher.permit().await.unwrap();
        let waiting: Vec<_> = (0..MOST_WAITING)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.hash("x".into()).await })
            })
            .collect();
        while hasher.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hasher.permit().await.err(), Some(KeyError::Busy)));
        drop(held);
        for work in waiting {
            work.await.unwrap().unwrap();
        }
        assert!(hasher.permit().await.is_ok());
    }

    /// The same function computes both; what it costs are the parameters that stand in the hash.
    #[tokio::test]
    async fn a_decoy_costs_what_a_verification_costs() {
        for hashing in [Hashing::OWASP, Hashing::DEVELOPMENT] {
            let hasher = Hasher::new(hashing, 1).unwrap();
            let hash = hasher.hash("x".into()).await.unwrap();
            let parameters = |phc: &str| phc.rsplitn(3, '$').nth(2).map(str::to_owned);
            assert_eq!(parameters(&hasher.settings.decoy), parameters(&hash));
            assert!(!hasher.needs_rehash(&hasher.settings.decoy), "the decoy's output is as long as any other");
            hasher.decoy("y".into()).await.unwrap();
        }
    }
}
