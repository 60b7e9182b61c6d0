//! What a sign-in by challenges of one's own remembers.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-challenge.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the triggers call the challenge that they make themselves.
pub const CUSTOM: &str = "CUSTOM_CHALLENGE";

/// One challenge that was answered, as the triggers are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    pub challenge_name: String,
    pub challenge_result: bool,
    /// What the question's maker calls it.
    pub challenge_metadata: Option<String>,
}

impl Round {
    pub fn new(challenge_name: &str, challenge_result: bool) -> Self {
        Self { challenge_name: challenge_name.to_owned(), challenge_result, challenge_metadata: None }
    }
}

/// A challenge whose answer is awaited, and the way that led to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    /// Its name.
    pub asked: String,
    pub metadata: Option<String>,
    /// What the answer is judged by.
    pub private: BTreeMap<String, String>,
    /// The oldest first.
    pub history: Vec<Round>,
    /// The client's public value, where it began with Secure Remote Password.
    pub srp_a: Option<String>,
}
