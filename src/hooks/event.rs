//! The event that every trigger shares.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-identity-pools-working-with-aws-lambda-triggers.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::domain::{
    Pool, User,
    code::Medium,
    mfa::{Factor, Mode},
    user::{Attributes, Status},
};

/// The version of an SDK that did not say which it is.
const UNKNOWN_SDK: &str = "aws-sdk-unknown-unknown";
/// What stands for the client in calls of administrators that name none.
const NO_CLIENT: &str = "CLIENT_ID_NOT_APPLICABLE";

/// One kind of trigger: what it is told, and what it may answer.
pub trait Trigger: Serialize + Send + Sync + 'static {
    /// Its name in error texts.
    const NAME: &'static str;
    /// The member of `LambdaConfig` that names its function.
    const SETTING: &'static str = Self::NAME;
    /// The default answer changes nothing.
    type Response: DeserializeOwned + Default + Send;

    /// The event's `version`.
    fn version(&self) -> &'static str {
        "1"
    }

    /// At which moment it is asked: the event's `triggerSource`.
    fn source(&self) -> &'static str;

    /// `response` as the function finds it, to fill in.
    fn empty_response(&self) -> serde_json::Value;
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerContext {
    pub aws_sdk_version: String,
    pub client_id: String,
}

impl<T: Trigger> Event<T> {
    pub fn new(pool_id: &str, user_name: &str, caller_context: CallerContext, request: T) -> Self {
        Self {
            version: request.version(),
            trigger_source: request.source(),
            region: crate::kit::ids::region_of(pool_id).to_owned(),
            user_pool_id: pool_id.to_owned(),
            user_name: user_name.to_owned(),
            caller_context,
            response: request.empty_response(),
            request,
        }
    }
}

impl CallerContext {
    /// `agent` is the caller's `User-Agent`. Without a client the call is an administrator's.
    pub fn new(agent: &str, client_id: Option<&str>) -> Self {
        Self {
            aws_sdk_version: sdk_version(agent).unwrap_or_else(|| UNKNOWN_SDK.to_owned()),
            client_id: client_id.unwrap_or(NO_CLIENT).to_owned(),
        }
    }
}

/// `aws-sdk-js/3.300.0 ua/2.0 …` is `aws-sdk-js-3.300.0`. Other programs than the SDKs have no version here.
fn sdk_version(agent: &str) -> Option<String> {
    let (name, version) = agent.split_ascii_whitespace().next()?.split_once('/')?;
    let is_plain = |text: &str| {
        let mut characters = text.chars();
        !text.is_empty() && text.len() <= 64 && characters.all(|c| c.is_ascii_alphanumeric() || ".+-".contains(c))
    };
    (name.starts_with("aws-sdk-") && is_plain(name) && is_plain(version)).then(|| format!("{name}-{version}"))
}

/// A user as triggers see them: every attribute, `sub`, the status, the verified addresses that are names to sign in with, and
/// where the pool asks for second factors, whether the user has one in use (`factors`).
pub fn user_attributes(pool: &Pool, user: &User, factors: &[Factor]) -> Attributes {
    let mut attributes = user.attributes.clone();
    if pool.settings.mfa_configuration != Mode::Off {
        attributes.insert("cognito:mfa_enabled".to_owned(), (!factors.is_empty()).to_string());
    }
    attributes.insert("sub".to_owned(), user.sub.clone());
    attributes.insert("cognito:user_status".to_owned(), user.status.name().to_owned());
    // Somebody who has not confirmed the account holds no alias yet.
    for medium in [Medium::Email, Medium::Sms].into_iter().filter(|_| user.status != Status::Unconfirmed) {
        let name = medium.attribute();
        if let Some(address) = user.attribute(name).filter(|_| pool.is_alias(name) && user.has_verified(name)) {
            attributes.insert(format!("cognito:{name}_alias"), address.to_owned());
        }
    }
    attributes
}

/// Functions often write `null` where they mean nothing: it is the default, and any other type than the member's is an error.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sdk_says_its_version_and_other_programs_none() {
        let version = |agent: &str| CallerContext::new(agent, None).aws_sdk_version;
        assert_eq!(version("aws-sdk-js/3.300.0 ua/2.0 os/linux lang/js"), "aws-sdk-js-3.300.0");
        assert_eq!(version("aws-sdk-java/2.20.1"), "aws-sdk-java-2.20.1");
        for other in ["", "Boto3/1.40.0 Botocore/1.40.0", "aws-sdk-js", "aws-sdk-js/\u{1b}[0m", "Mozilla/5.0 (X11)"] {
            assert_eq!(version(other), UNKNOWN_SDK, "{other}");
        }
    }

    #[test]
    fn a_call_without_a_client_says_so() {
        assert_eq!(CallerContext::new("", None).client_id, "CLIENT_ID_NOT_APPLICABLE");
        assert_eq!(CallerContext::new("", Some("c")).client_id, "c");
    }
}
