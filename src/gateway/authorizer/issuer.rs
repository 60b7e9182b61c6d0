//! The issuers that an authorizer trusts: pools of this server, whose keys are at hand, and others, whose keys are fetched.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use super::{Denial, ForeignIssuer, KeySet, LocalIssuers};
use crate::{config::api::Issuer, kit::clock::Time};

pub(super) enum TrustedIssuer {
    Pool(String),
    /// The pool is known once the URL was seen to be one of ours.
    Url {
        foreign: Arc<ForeignIssuer>,
        pool: OnceLock<String>,
    },
}

impl TrustedIssuer {
    /// `foreign` makes the other side of an issuer URL; it is asked while the URL is not one of this server's pools.
    pub(super) fn new<E>(
        config: &Issuer,
        foreign: impl FnOnce(&str) -> Result<Arc<ForeignIssuer>, E>,
    ) -> Result<Self, E> {
        Ok(match config {
            Issuer::Pool(pool) => Self::Pool(pool.clone()),
            Issuer::Url(url) => Self::Url { foreign: foreign(url)?, pool: OnceLock::new() },
        })
    }

    /// Every `iss` that counts.
    pub(super) fn accepted(&self, local: &dyn LocalIssuers) -> Vec<String> {
        match (self.pool(local), self) {
            (None, Self::Url { foreign, .. }) => vec![foreign.issuer().to_owned()],
            (pool, _) => local.issuers_of(pool.as_deref().unwrap_or_default()),
        }
    }

    pub(super) fn is(&self, issuer: Option<&str>, local: &dyn LocalIssuers) -> bool {
        match (self.pool(local), self) {
            (None, Self::Url { foreign, .. }) => issuer == Some(foreign.issuer()),
            (pool, _) => {
                let accepted = local.issuers_of(pool.as_deref().unwrap_or_default());
                issuer.is_some_and(|issuer| accepted.iter().any(|one| one == issuer))
            }
        }
    }

    /// The pool of this server that the issuer is, if it is one.
    fn pool(&self, local: &dyn LocalIssuers) -> Option<Cow<'_, str>> {
        match self {
            Self::Pool(pool) => Some(Cow::Borrowed(pool)),
            Self::Url { pool, .. } if pool.get().is_some() => pool.get().map(|pool| Cow::Borrowed(pool.as_str())),
            Self::Url { foreign, pool } => {
                let found = local.pool_of_issuer(foreign.issuer())?;
                Some(Cow::Borrowed(pool.get_or_init(|| found)))
            }
        }
    }

    pub(super) async fn keys(&self, local: &dyn LocalIssuers, now: Time) -> Result<Arc<KeySet>, Denial> {
        match (self.pool(local), self) {
            (None, Self::Url { foreign, .. }) => {
                foreign.keys(now).await.map_err(|error| Denial::Unavailable(error.to_string().into()))
            }
            (pool, _) => {
                let pool = pool.as_deref().unwrap_or_default();
                if let Some(keys) = local.keys_at_hand(pool) {
                    return Ok(keys);
                }
                local.keys(pool).await.ok_or(Denial::Unavailable("OIDC discovery endpoint communication error".into()))
            }
        }
    }

    /// The keys, as new as is needed to know this id. Our own keys are never old.
    pub(super) async fn keys_for(&self, kid: &str, local: &dyn LocalIssuers, now: Time) -> Result<Arc<KeySet>, Denial> {
        let keys = self.keys(local, now).await?;
        if keys.knows(kid) {
            return Ok(keys);
        }
        Ok(match (self.pool(local), self) {
            (None, Self::Url { foreign, .. }) => foreign.keys_after_rotation(keys, now).await,
            _ => keys,
        })
    }
}
