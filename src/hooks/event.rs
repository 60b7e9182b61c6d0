//! The event that every trigger shares.

use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

/// One kind of trigger: what it is told, and what it may answer.
pub trait Trigger: Serialize + Send + Sync + 'static {
    /// Its name in `LambdaConfig` and in error texts.
    const NAME: &'static str;
    /// The event's `version`.
    const VERSION: &'static str;
    /// The default answer changes nothing.
    type Response: DeserializeOwned + Default + Send;
    /// `response` as the function finds it, to fill in.
    fn empty_response() -> serde_json::Value;
}

/// What a function receives. Serialises to the service's JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Event<T> {
    version: &'static str,
    pub trigger_source: &'static str,
    pub region: String,
    pub user_pool_id: String,
    pub user_name: String,
    pub caller_context: CallerContext,
    pub request: T,
    response: serde_json::Value,
}

/// What a call's `ClientMetadata` tells the functions that it brings about. It is kept nowhere.
pub type ClientMetadata = BTreeMap<String, String>;

/// Through which application the user came.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerContext {
    pub aws_sdk_version: String,
    pub client_id: String,
}

impl<T: Trigger> Event<T> {
    pub fn new(
        trigger_source: &'static str,
        pool_id: &str,
        user_name: &str,
        caller_context: CallerContext,
        request: T,
    ) -> Self {
        Self {
            version: T::VERSION,
            trigger_source,
            region: crate::kit::ids::region_of(pool_id).to_owned(),
            user_pool_id: pool_id.to_owned(),
            user_name: user_name.to_owned(),
            caller_context,
            request,
            response: T::empty_response(),
        }
    }
}

impl CallerContext {
    /// What the service writes where an administrator called and no client was involved.
    pub fn of_administrator() -> Self {
        Self::of_client("CLIENT_ID_NOT_APPLICABLE")
    }

    pub fn of_client(client_id: &str) -> Self {
        Self { aws_sdk_version: "aws-sdk-unknown-unknown".to_owned(), client_id: client_id.to_owned() }
    }
}
