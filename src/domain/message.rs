//! A message to a person, ready to be delivered.

use super::{code::Medium, pool::PoolId};
use crate::kit::clock::Time;

/// One message to one person.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: String,
    pub pool_id: PoolId,
    pub medium: Medium,
    pub recipient: String,
    pub subject: Option<String>,
    pub body: String,
    /// The code or the temporary password that it carries.
    pub code: Option<String>,
    pub created_at: Time,
}
