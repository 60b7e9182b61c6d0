//! Devices: what a user signs in from, once its owner has confirmed it, and how it proves that it is the same one again.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-device-tracking.html>

use serde::{Deserialize, Serialize};

use super::{
    pool::{Pool, PoolId},
    user::{SrpVerifier, Sub},
};
use crate::kit::{clock::Time, ids};

/// `<region>_<UUID>`
pub type DeviceKey = String;

/// A device that was confirmed.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    pub pool_id: PoolId,
    pub key: DeviceKey,
    pub sub: Sub,
    pub name: Option<String>,
    /// Whether its proof stands in for a second factor.
    pub is_remembered: bool,
    /// What the secret that it keeps is checked against. The store seals the verifier.
    pub srp: SrpVerifier,
    /// Where it was used last.
    pub last_ip: Option<String>,
    pub created_at: Time,
    pub modified_at: Time,
    pub authenticated_at: Time,
}

/// `DeviceConfiguration` of a pool that remembers devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceConfiguration {
    /// A remembered device signs in without a second factor.
    pub challenge_required_on_new_device: bool,
    /// A device that was confirmed is remembered only once its user has said so.
    pub device_only_remembered_on_user_prompt: bool,
}

impl Pool {
    /// None: the pool does not track devices.
    pub fn device_tracking(&self) -> Option<DeviceConfiguration> {
        self.settings.device_configuration
    }

    /// The group of all devices of the pool: what the proof's arithmetic calls the pool.
    pub fn device_group_key(&self) -> String {
        format!("-{:.8}", ids::pool_name_of(&self.id))
    }
}
