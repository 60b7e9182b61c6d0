//! What a sign-in by challenges of one's own remembers.

use serde::{Deserialize, Serialize};

/// One challenge that was answered, as the triggers are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    pub challenge_name: String,
    pub challenge_result: bool,
    /// What the question's maker calls it.
    pub challenge_metadata: Option<String>,
}
