//! `LambdaConfig`: which function answers which trigger of a pool, and which version of the event it speaks.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_LambdaConfigType.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::error::{Error, PoolFault, Result};

const PLAIN: &str = "PreTokenGeneration";
const VERSIONED: &str = "PreTokenGenerationConfig";
const SENDERS: [&str; 2] = ["CustomEmailSender", "CustomSMSSender"];
/// The key that encrypts what custom senders are sent; the one member that names no function.
const KEY: &str = "KMSKeyID";

/// A trigger's name → its function's ARN, or `{LambdaArn, LambdaVersion}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Triggers(BTreeMap<String, Value>);

impl Triggers {
    /// The function that answers `trigger`.
    pub fn function(&self, trigger: &str) -> Option<&str> {
        let function = self.0.get(trigger)?;
        function.get("LambdaArn").unwrap_or(function).as_str().filter(|arn| !arn.is_empty())
    }

    /// Every trigger that is answered, and by which function.
    pub fn functions(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.0.keys().map(String::as_str).filter(|name| *name != KEY);
        names.filter_map(|name| Some((name, self.function(name)?)))
    }

    /// Which event PreTokenGeneration's function expects: `V1_0`, `V2_0` or `V3_0`.
    pub fn token_version(&self) -> &str {
        let version = self.0.get(VERSIONED).and_then(|config| config.get("LambdaVersion")?.as_str());
        version.unwrap_or("V1_0")
    }

    pub fn key(&self) -> Option<&str> {
        self.0.get(KEY).and_then(Value::as_str)
    }

    /// Lets PreTokenGeneration and its versioned form show each other, and holds the rules between members.
    pub(super) fn complete(&mut self, tier: &str) -> Result<()> {
        let invalid = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
        let function = match (self.function(PLAIN), self.function(VERSIONED)) {
            (Some(plain), Some(versioned)) if plain != versioned => {
                return invalid("PreTokenGeneration and PreTokenGenerationConfig must name the same function.");
            }
            (plain, versioned) => plain.or(versioned).map(str::to_owned),
        };
        if let Some(function) = function {
            let version = self.token_version().to_owned();
            if version != "V1_0" && tier == "LITE" {
                let text = format!("LambdaVersion {version} of {VERSIONED} is not available in the LITE tier.");
                return Err(Error::PoolState(PoolFault::Tier(text)));
            }
            self.0.insert(VERSIONED.to_owned(), json!({ "LambdaVersion": version, "LambdaArn": function }));
            self.0.insert(PLAIN.to_owned(), function.into());
        }
        if self.key().is_none() && SENDERS.iter().any(|sender| self.function(sender).is_some()) {
            return invalid("KMSKeyID is required when CustomEmailSender or CustomSMSSender is set.");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:tokens";

    fn completed(triggers: Value, tier: &str) -> Result<Triggers> {
        let mut triggers: Triggers = serde_json::from_value(triggers).unwrap();
        triggers.complete(tier)?;
        Ok(triggers)
    }

    #[test]
    fn the_trigger_and_its_versioned_form_show_each_other() {
        let both = |version: &str| json!({ PLAIN: ARN, VERSIONED: { "LambdaVersion": version, "LambdaArn": ARN } });
        assert_eq!(json!(completed(json!({ PLAIN: ARN }), "ESSENTIALS").unwrap()), both("V1_0"));
        for version in ["V1_0", "V2_0", "V3_0"] {
            let given = json!({ VERSIONED: { "LambdaVersion": version, "LambdaArn": ARN } });
            let triggers = completed(given, "PLUS").unwrap();
            assert_eq!((json!(triggers), triggers.token_version()), (both(version), version));
        }
    }

    #[test]
    fn two_functions_for_one_trigger_are_refused() {
        let other = json!({ PLAIN: ARN, VERSIONED: { "LambdaVersion": "V1_0", "LambdaArn": format!("{ARN}2") } });
        assert!(matches!(completed(other, "ESSENTIALS"), Err(Error::InvalidParameter(_))));
    }

    #[test]
    fn the_smallest_tier_has_the_first_version_only() {
        let newer = json!({ VERSIONED: { "LambdaVersion": "V2_0", "LambdaArn": ARN } });
        assert!(matches!(completed(newer, "LITE"), Err(Error::PoolState(PoolFault::Tier(_)))));
        assert!(completed(json!({ PLAIN: ARN }), "LITE").is_ok());
    }

    #[test]
    fn custom_senders_need_a_key_which_is_no_function() {
        for sender in SENDERS {
            let given = json!({ sender: { "LambdaVersion": "V1_0", "LambdaArn": ARN } });
            assert!(matches!(completed(given.clone(), "ESSENTIALS"), Err(Error::InvalidParameter(_))));
            let mut with_key = given;
            with_key[KEY] = "arn:aws:kms:us-east-1:123456789012:key/1".into();
            let triggers = completed(with_key, "ESSENTIALS").unwrap();
            assert_eq!(triggers.functions().collect::<Vec<_>>(), [(sender, ARN)]);
        }
    }
}
