//! Where the pages of a pool live: a prefix of a host of this server, or a name of its owner's.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain.html>

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    error::{Error, PoolFault, Result},
    pool::{Pool, PoolId},
};
use crate::kit::clock::Time;

/// What stands behind a prefix in a host's name.
pub const PREFIX_HOST: &str = ".auth.localhost";
const LONGEST: usize = 63;
/// A prefix must not look like the service's own.
const RESERVED: [&str; 3] = ["cognito", "amazon", "aws"];
const NO_PREFIX: &str = "The domain name contains an invalid character. Domain names can only contain lower-case letters, \
    numbers, and hyphens. Please enter a different name that follows this format: \
    ^[a-z0-9](?:[a-z0-9\\-]{0,61}[a-z0-9])?$";

#[derive(Clone, Debug, PartialEq)]
pub struct PoolDomain {
    /// The prefix, or the whole name of a custom domain. Only the latter has a dot.
    pub name: String,
    pub pool_id: PoolId,
    pub settings: DomainSettings,
    pub modified_at: Time,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DomainSettings {
    /// Of a custom domain.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub custom_domain_config: Option<CustomDomain>,
    /// Which generation of pages: 1 or 2.
    pub managed_login_version: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub routing: Option<Value>,
    /// The name that a custom domain would point to; made up once, so that tools that keep it see no change.
    pub distribution: String,
}

/// Kept and returned: certificates of this server are its own configuration's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CustomDomain {
    pub certificate_arn: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub security_policy: Option<String>,
}

fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

impl PoolDomain {
    pub fn is_custom(&self) -> bool {
        self.settings.custom_domain_config.is_some()
    }

    /// What a browser calls it.
    pub fn host(&self) -> String {
        if self.is_custom() { self.name.clone() } else { format!("{}{PREFIX_HOST}", self.name) }
    }

    /// Whether the name and the settings are in order and fit the pool.
    pub fn check(&self, pool: &Pool) -> Result<()> {
        match &self.settings.custom_domain_config {
            Some(custom) => {
                check_host(&self.name)?;
                check_certificate(&custom.certificate_arn)?;
            }
            None => check_prefix(&self.name)?,
        }
        match self.settings.managed_login_version {
            1 => Ok(()),
            2 if pool.is_lite() => {
                let text = "ManagedLoginVersion 2 is not available in the LITE tier of user pools.";
                Err(Error::PoolState(PoolFault::Tier(text.into())))
            }
            2 => Ok(()),
            other => invalid(format!("ManagedLoginVersion {other} is neither 1 nor 2.")),
        }
    }
}

fn is_label(label: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !label.is_empty()
        && label.len() <= LONGEST
        && label.bytes().all(is_inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn check_prefix(name: &str) -> Result<()> {
    if !is_label(name) {
        return invalid(NO_PREFIX);
    }
    match RESERVED.iter().find(|word| name.contains(**word)) {
        Some(word) => invalid(format!("Domain cannot contain reserved word: {word}")),
        None => Ok(()),
    }
}

/// A name of several parts that is no address and no place of prefixes.
fn check_host(name: &str) -> Result<()> {
    let labels: Vec<&str> = name.split('.').collect();
    let is_name = labels.len() > 1 && labels.iter().all(|label| is_label(label));
    let is_address = labels.last().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if !is_name || is_address || name.len() > LONGEST || name.ends_with(PREFIX_HOST) {
        return invalid(format!("Custom domain is not a valid subdomain: {name}."));
    }
    Ok(())
}

/// Certificates for the service's distributions live in one region.
fn check_certificate(arn: &str) -> Result<()> {
    let parts: Vec<&str> = arn.split(':').collect();
    match parts[..] {
        ["arn", partition, "acm", "us-east-1", account, resource]
            if partition.starts_with("aws") && !account.is_empty() && resource.starts_with("certificate/") =>
        {
            Ok(())
        }
        _ => invalid(format!("{arn} is not the ARN of an ACM certificate in us-east-1.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_one_label_without_reserved_words() {
        for name in ["a", "my-app", "0", &"a".repeat(63)] {
            assert!(check_prefix(name).is_ok(), "{name}");
        }
        for name in ["", "-a", "a-", "A", "a.b", "ä", "a_b", "mycognito", "aws-app", "amazonia", &"a".repeat(64)] {
            assert!(check_prefix(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_custom_domain_is_a_name_of_several_labels() {
        for name in ["auth.example.com", "a.localhost", "login.aws-partner.example"] {
            assert!(check_host(name).is_ok(), "{name}");
        }
        for name in ["auth", "auth..com", ".auth.com", "127.0.0.1", "a.auth.localhost", "a.b-.com", "a.com."] {
            assert!(check_host(name).is_err(), "{name}");
        }
    }
}
