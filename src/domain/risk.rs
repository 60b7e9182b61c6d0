//! Threat protection: what a pool does about risks.
//!
//! Sign-ins are judged by their user's own past, see [`judgement`], and the actions against account takeover are taken. The actions
//! against stolen passwords are taken where a list of them is at hand. The exceptions need nothing but an address.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-threat-protection.html>

pub mod judgement;
pub mod notice;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ClientId, Error, Pool, PoolId, Result};
use crate::kit::{clock::Time, network::Block};

/// Of a pool, or of one of its clients in place of the pool's.
#[derive(Clone, Debug, PartialEq)]
pub struct RiskConfiguration {
    pub pool_id: PoolId,
    pub client_id: Option<ClientId>,
    pub settings: RiskSettings,
    pub modified_at: Time,
}

/// What SetRiskConfiguration sets, by the service's names. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RiskSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compromised_credentials_risk_configuration: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_takeover_risk_configuration: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub risk_exception_configuration: Option<RiskExceptions>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RiskExceptions {
    #[serde(rename = "BlockedIPRangeList", skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Vec<String>>,
    #[serde(rename = "SkippedIPRangeList", skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Vec<String>>,
}

impl RiskSettings {
    pub fn check(&self) -> Result<()> {
        self.check_notifications()?;
        let Some(exceptions) = &self.risk_exception_configuration else { return Ok(()) };
        let ranges = exceptions.blocked.iter().chain(&exceptions.skipped).flatten();
        match ranges.into_iter().find(|range| Block::parse(range).is_none()) {
            Some(range) => Err(Error::InvalidParameter(format!("Invalid IP range: {range}."))),
            None => Ok(()),
        }
    }

    /// A message needs somebody to send it, and words for each action that sends one.
    fn check_notifications(&self) -> Result<()> {
        let Some(takeover) = &self.account_takeover_risk_configuration else { return Ok(()) };
        let actions = ["LowAction", "MediumAction", "HighAction"].map(|level| &takeover["Actions"][level]);
        let notifies = actions.iter().any(|action| action["Notify"] == true);
        let invalid = |text: &str| Err(Error::InvalidParameter(text.into()));
        match &takeover["NotifyConfiguration"] {
            Value::Null if notifies => invalid("NotifyConfiguration is required when an action notifies."),
            Value::Null => Ok(()),
            notify if !notify["SourceArn"].as_str().is_some_and(|arn| arn.contains(":ses:")) => {
                invalid("SourceArn must be the ARN of an Amazon SES identity.")
            }
            _ => Ok(()),
        }
    }

    /// Whether a stolen password is refused there: everywhere, unless `EventFilter` names where.
    pub fn refuses_compromised(&self, usage: PasswordUsage) -> bool {
        let Some(configuration) = &self.compromised_credentials_risk_configuration else { return false };
        let is_meant = match configuration["EventFilter"].as_array() {
            Some(filter) => filter.iter().any(|name| name == usage.name()),
            None => true,
        };
        is_meant && configuration["Actions"]["EventAction"] == "BLOCK"
    }

    /// Whether sign-ins from `address` are refused. The other list spares a judgement and nothing else: to be on both does not
    /// help.
    pub fn blocks(&self, address: IpAddr) -> bool {
        self.risk_exception_configuration
            .as_ref()
            .is_some_and(|exceptions| hold(exceptions.blocked.as_deref(), address))
    }

    /// Whether sign-ins from `address` are not judged.
    pub fn skips(&self, address: IpAddr) -> bool {
        self.risk_exception_configuration
            .as_ref()
            .is_some_and(|exceptions| hold(exceptions.skipped.as_deref(), address))
    }
}

/// What somebody does with a password, as `EventFilter` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordUsage {
    SignIn,
    SignUp,
    Change,
}

impl PasswordUsage {
    fn name(self) -> &'static str {
        match self {
            Self::SignIn => "SIGN_IN",
            Self::SignUp => "SIGN_UP",
            Self::Change => "PASSWORD_CHANGE",
        }
    }
}

fn hold(ranges: Option<&[String]>, address: IpAddr) -> bool {
    let address = address.to_canonical();
    ranges.unwrap_or_default().iter().filter_map(|range| Block::parse(range)).any(|block| block.holds(address))
}

/// `UserPoolAddOns.AdvancedSecurityMode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    Off,
    /// Watches and records, and refuses nobody.
    Audit,
    Enforced,
}

impl Protection {
    pub fn of(pool: &Pool) -> Self {
        Self::named(pool.settings.kept.get("UserPoolAddOns").map(|add_ons| &add_ons["AdvancedSecurityMode"]))
    }

    /// Of custom sign-ins, which are judged only where `AdvancedSecurityAdditionalFlows` says so.
    pub fn of_custom_flow(pool: &Pool) -> Self {
        if Self::of(pool) == Self::Off {
            return Self::Off;
        }
        let add_ons = pool.settings.kept.get("UserPoolAddOns");
        Self::named(add_ons.map(|add_ons| &add_ons["AdvancedSecurityAdditionalFlows"]["CustomAuthMode"]))
    }

    fn named(mode: Option<&Value>) -> Self {
        match mode.and_then(Value::as_str) {
            Some("AUDIT") => Self::Audit,
            Some("ENFORCED") => Self::Enforced,
            _ => Self::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(value: Value) -> RiskSettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_address_is_blocked_by_the_range_that_holds_it() {
        let lists = json!({"RiskExceptionConfiguration": {
            "BlockedIPRangeList": ["203.0.113.0/24", "2001:db8::/32"], "SkippedIPRangeList": ["198.51.100.7"],
        }});
        let settings = settings(lists);
        settings.check().unwrap();
        for blocked in ["203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1"] {
            assert!(settings.blocks(blocked.parse().unwrap()), "{blocked}");
        }
        assert!(!settings.blocks("198.51.100.7".parse().unwrap()) && settings.skips("198.51.100.7".parse().unwrap()));
        assert!(!settings.skips("203.0.113.9".parse().unwrap()));
    }

    #[test]
    fn a_message_needs_a_sender() {
        let action = json!({"Notify": true, "EventAction": "BLOCK"});
        let takeover = |notify: Value| json!({"AccountTakeoverRiskConfiguration": {"Actions": {"HighAction": action}, "NotifyConfiguration": notify}});
        assert!(settings(takeover(Value::Null)).check().is_err());
        assert!(settings(takeover(json!({"SourceArn": "arn:aws:sns:us-east-1:123456789012:topic"}))).check().is_err());
        settings(takeover(json!({"SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/a@b.example"})))
            .check()
            .unwrap();
    }
}
