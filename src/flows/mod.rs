//! What the server does, told once: signing in, signing up, recovering, administering. Doors call flows; flows decide.
//!
//! A flow's shape is always: read, decide (domain), ask (hooks), begin, re-read what matters, write, commit, tell. No hook, no
//! mail and no password hash runs while a transaction is open: SQLite has one writer.

pub mod attributes;
pub mod auth_events;
pub mod authorize;
mod back_channel;
pub mod bearer;
pub mod branding;
pub mod certificates;
pub mod client_assertion;
pub mod client_proof;
pub mod clients;
pub mod codes;
pub mod cursor;
pub mod device_grant;
pub mod devices;
pub mod directory;
pub mod domains;
pub mod exchange;
pub mod factors;
pub mod federate;
pub mod groups;
pub mod http_apis;
pub mod issue;
pub mod key_ring;
pub mod links;
pub mod log_delivery;
pub mod looks;
pub mod machine;
pub mod messages;
pub mod migrate;
pub mod outbox;
pub mod passkeys;
pub mod passwords;
pub mod per_address;
pub mod pools;
pub mod population;
pub mod possession;
pub mod providers;
pub mod provisioned_limits;
pub mod pushed;
pub mod recover;
pub mod refresh;
pub mod register;
pub mod replicas;
pub mod resource_servers;
pub mod revoke;
pub mod risk;
pub mod saml;
pub mod sign_in;
pub mod sign_up;
pub mod site;
pub mod software_tokens;
pub mod step_up;
pub mod takeover;
pub mod terms;
pub mod triggers;
pub mod ui_customizations;
pub mod user_sessions;
pub mod users;
pub mod users_import;
pub mod veil;

use std::{sync::Arc, time::Duration};

use crate::{
    config::{Mode, admin::AccessKey, limits::Limits, server::Issuer},
    domain::{Error, Pool, Result, origin::Origin},
    hooks::{CallerContext, Event, Hooks, Trigger},
    keys::{KeyError, compromised::Compromised, hashing::Hasher, seal::Sealer},
    kit::{
        clock::{Clock, Time},
        ids,
        lineage::Lineage,
        random::Random,
    },
    outside::Outside,
    post::Post,
    store::{Store, StoreError, Tx},
};

/// Everything that a running server shares between requests.
pub struct App {
    pub store: Store,
    pub clock: Clock,
    pub random: Random,
    pub sealer: Sealer,
    pub hasher: Hasher,
    pub compromised: Compromised,
    pub turns: passwords::Turns,
    pub hooks: Hooks,
    pub post: Post,
    pub outside: Outside,
    pub directory: directory::Directory,
    pub key_ring: key_ring::KeyRing,
    pub population: population::Population,
    pub client_keys: client_assertion::ClientKeys,
    pub setup: Setup,
}

/// What an [`App`] is made of. The rest follows from these.
pub struct Parts {
    pub store: Store,
    pub clock: Clock,
    pub random: Random,
    pub sealer: Sealer,
    pub hasher: Hasher,
    pub compromised: Compromised,
    pub hooks: Hooks,
    pub post: Post,
    pub setup: Setup,
}

impl App {
    pub fn new(parts: Parts) -> Self {
        let Parts { store, clock, random, sealer, hasher, compromised, hooks, post, setup } = parts;
        let (directory, key_ring) = (directory::Directory::new(&store), key_ring::KeyRing::new(&store));
        let outside = Outside::new(post.client().clone());
        let (turns, population) = (passwords::Turns::new(), population::Population::default());
        let client_keys = client_assertion::ClientKeys::default();
        Self {
            store,
            clock,
            random,
            sealer,
            hasher,
            compromised,
            turns,
            hooks,
            post,
            outside,
            directory,
            key_ring,
            population,
            client_keys,
            setup,
        }
    }
}

/// What flows need to know of the configuration.
#[derive(Clone, Debug)]
pub struct Setup {
    pub mode: Mode,
    /// Twelve digits.
    pub account_id: String,
    /// The region of calls that carry no signature.
    pub region: String,
    /// Without a trailing slash.
    pub public_url: String,
    pub issuer: Issuer,
    pub admin_keys: Vec<AccessKey>,
    pub limits: Limits,
}

impl Setup {
    /// The `iss` claim of a pool's tokens.
    pub fn issuer_of(&self, pool: &Pool) -> String {
        match self.issuer {
            Issuer::Local => self.local_issuer_of(&pool.id),
            Issuer::Aws if pool.has_updated_issuer() => Self::updated_aws_issuer_of(&pool.id),
            Issuer::Aws => Self::aws_issuer_of(&pool.id),
        }
    }

    pub fn local_issuer_of(&self, pool_id: &str) -> String {
        format!("{}/{pool_id}", self.public_url)
    }

    /// The newer of the service's two addresses, for pools whose `IssuerConfiguration` asks for it.
    pub fn updated_aws_issuer_of(pool_id: &str) -> String {
        format!("https://issuer-cognito-idp.{}.amazonaws.com/{pool_id}", ids::region_of(pool_id))
    }

    pub fn aws_issuer_of(pool_id: &str) -> String {
        format!("https://cognito-idp.{}.amazonaws.com/{pool_id}", ids::region_of(pool_id))
    }
}

/// One request's view of the server. Cheap to clone.
#[derive(Clone)]
pub struct Cx {
    pub app: Arc<App>,
    /// The region that the call is answered in.
    pub region: Arc<str>,
    /// A UUID; in every log line of the request.
    pub request_id: Arc<str>,
    /// What the host shows: everything in the API, at a pool's domain only that pool.
    pub site: site::Site,
    /// What the caller's program calls itself; empty where nobody asked.
    agent: Arc<str>,
    pub origin: Arc<Origin>,
    /// What led to the request, where code made it that runs for us.
    lineage: Lineage,
}

impl Cx {
    pub fn new(app: Arc<App>, region: &str, request_id: String) -> Self {
        Self {
            app,
            region: region.into(),
            request_id: request_id.into(),
            site: site::Site::Everywhere,
            agent: "".into(),
            origin: Arc::default(),
            lineage: Lineage::default(),
        }
    }

    /// The same view of a request that came by this host.
    pub async fn by_host(mut self, authority: &str) -> Result<Self> {
        self.site = site::Site::of(&self, authority).await?;
        Ok(self)
    }

    /// The same for a caller whose program calls itself `agent`.
    #[must_use]
    pub fn called_by(self, agent: &str) -> Self {
        Self { agent: agent.into(), ..self }
    }

    /// Asks whoever `pool` names for `T`, about the user of this name. Without a client the call is an administrator's. No
    /// transaction may be open.
    pub async fn ask<T: Trigger>(
        &self,
        pool: &Pool,
        client_id: Option<&str>,
        username: &str,
        request: T,
    ) -> Result<T::Response> {
        let event = Event::new(&pool.id, username, CallerContext::new(&self.agent, client_id), request);
        self.app.hooks.fire(pool, (&self.request_id, self.lineage), event).await
    }

    /// The same for a request that code makes which runs for us.
    #[must_use]
    pub fn led_to_by(self, lineage: Lineage) -> Self {
        Self { lineage, ..self }
    }

    /// The same for a request that is known to come from `origin`.
    #[must_use]
    pub fn seen_from(self, origin: Origin) -> Self {
        Self { origin: Arc::new(origin), ..self }
    }

    pub fn now(&self) -> Time {
        self.app.clock.now()
    }

    pub fn random(&self) -> &Random {
        &self.app.random
    }

    pub async fn read(&self) -> Result<Tx> {
        Ok(self.app.store.read().await?)
    }

    pub async fn begin(&self) -> Result<Tx> {
        Ok(self.app.store.begin().await?)
    }

    /// For a change that is one statement.
    pub async fn single(&self) -> Result<Tx> {
        Ok(self.app.store.single().await?)
    }

    /// Now and `span` later.
    pub fn from_now(&self, span: Duration) -> (Time, Time) {
        let now = self.now();
        (now, now.plus(span))
    }
}

/// What applying a part of the configuration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Created,
    Changed,
    /// It was so already; nothing was written.
    Unchanged,
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            // Another transaction was in the way: the same call may well succeed in a moment, and clients try it again.
            error if error.is_passing() => Self::TooManyRequests,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Busy => Self::TooManyRequests,
            other => Self::Internal(other.to_string()),
        }
    }
}
