//! Replicas of a pool in other regions. One server is one place: a replica is a record with the states that the service gives
//! it, and nothing is copied anywhere. Several instances on one database are how this server survives the loss of one.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UserPoolReplicaType.html>

use std::collections::BTreeMap;

use super::{Error, Pool, PoolId, Result};
use crate::kit::{clock::Time, ids};

#[derive(Clone, Debug, PartialEq)]
pub struct Replica {
    pub pool_id: PoolId,
    pub region: String,
    pub status: ReplicaStatus,
    /// Not the pool's: the service lets each replica have its own.
    pub tags: BTreeMap<String, String>,
    pub created_at: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaStatus {
    /// What making one answers; there is nothing to wait for, so the next look finds it inactive.
    Creating,
    /// There, and not taking users.
    Inactive,
    Active,
    /// What deleting one answers; the next look does not find it.
    Deleting,
}

impl ReplicaStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Inactive => "INACTIVE",
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Creating, Self::Inactive, Self::Active, Self::Deleting].into_iter().find(|status| status.name() == name)
    }
}

/// Refuses what is no region, and the pool's own.
pub fn check_region(pool: &Pool, region: &str) -> Result<()> {
    if !ids::is_region(region) {
        return Err(Error::InvalidParameter(format!("{region} is not a valid Region.")));
    }
    if ids::region_of(&pool.id) == region {
        return Err(Error::InvalidParameter(format!(
            "User pool {} is in {region}: a replica needs another Region.",
            pool.id
        )));
    }
    Ok(())
}
