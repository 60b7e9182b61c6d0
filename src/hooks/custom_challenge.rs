//! The three triggers of CUSTOM_AUTH: one decides what comes next, one asks a question, one judges the answer.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-challenge.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::{ClientMetadata, Trigger, or_default};
use crate::domain::{custom_challenge::Round, user::Attributes};

/// Decides what comes next, from everything that was asked so far.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DefineAuthChallenge {
    /// Empty for somebody who does not exist.
    pub user_attributes: Attributes,
    /// The oldest first.
    pub session: Vec<Round>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<ClientMetadata>,
    pub user_not_found: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DefineAuthChallengeResponse {
    pub challenge_name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub issue_tokens: bool,
    #[serde(deserialize_with = "or_default")]
    pub fail_authentication: bool,
}

impl Trigger for DefineAuthChallenge {
    const NAME: &'static str = "DefineAuthChallenge";
    type Response = DefineAuthChallengeResponse;

    fn source(&self) -> &'static str {
        "DefineAuthChallenge_Authentication"
    }

    fn empty_response(&self) -> Value {
        json!({ "challengeName": null, "issueTokens": null, "failAuthentication": null })
    }
}

/// Makes a question and what its answer is judged by.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateAuthChallenge {
    pub user_attributes: Attributes,
    pub challenge_name: String,
    pub session: Vec<Round>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<ClientMetadata>,
    pub user_not_found: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateAuthChallengeResponse {
    /// What the client is shown.
    #[serde(deserialize_with = "or_default")]
    pub public_challenge_parameters: BTreeMap<String, String>,
    /// What only [`VerifyAuthChallengeResponse`] is shown.
    #[serde(deserialize_with = "or_default")]
    pub private_challenge_parameters: BTreeMap<String, String>,
    /// The name of this question in later sessions.
    pub challenge_metadata: Option<String>,
}

impl Trigger for CreateAuthChallenge {
    const NAME: &'static str = "CreateAuthChallenge";
    type Response = CreateAuthChallengeResponse;

    fn source(&self) -> &'static str {
        "CreateAuthChallenge_Authentication"
    }

    fn empty_response(&self) -> Value {
        json!({ "publicChallengeParameters": null, "privateChallengeParameters": null, "challengeMetadata": null })
    }
}

/// Judges an answer. A wrong one is no error: what follows from it, [`DefineAuthChallenge`] decides.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifyAuthChallengeResponse {
    pub user_attributes: Attributes,
    pub private_challenge_parameters: BTreeMap<String, String>,
    pub challenge_answer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_metadata: Option<ClientMetadata>,
    pub user_not_found: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Verdict {
    #[serde(deserialize_with = "or_default")]
    pub answer_correct: bool,
}

impl Trigger for VerifyAuthChallengeResponse {
    const NAME: &'static str = "VerifyAuthChallengeResponse";
    type Response = Verdict;

    fn source(&self) -> &'static str {
        "VerifyAuthChallengeResponse_Authentication"
    }

    fn empty_response(&self) -> Value {
        json!({ "answerCorrect": null })
    }
}
