//! How many calls a second the service would let an account make. This server counts none of them: a limit is kept, between the
//! published default and a bound of ours. <https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html>

use super::{Error, Result};

/// Category and the published default, in calls a second.
const CATEGORIES: [(&str, u32); 17] = [
    ("UserAuthentication", 120),
    ("UserCreation", 50),
    ("UserFederation", 25),
    ("UserAccountRecovery", 30),
    ("UserRead", 120),
    ("UserUpdate", 25),
    ("UserToken", 120),
    ("UserResourceRead", 50),
    ("UserResourceUpdate", 25),
    ("UserList", 30),
    ("UserPoolRead", 15),
    ("UserPoolUpdate", 15),
    ("UserPoolResourceRead", 20),
    ("UserPoolResourceUpdate", 15),
    ("UserPoolClientRead", 15),
    ("UserPoolClientUpdate", 15),
    ("ClientAuthentication", 150),
];

/// An account's highest value is a matter of its service quotas, which nobody has here: this many times the default.
const MOST_TIMES: u32 = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionedLimit {
    pub category: &'static str,
    pub free: u32,
    pub provisioned: u32,
}

impl ProvisionedLimit {
    /// The limit as it is before anybody changes it.
    pub fn of(category: &str) -> Result<Self> {
        let known = CATEGORIES.into_iter().find(|(name, _)| *name == category);
        let (category, free) = known.ok_or_else(|| Error::NotFound(format!("Limit {category} does not exist.")))?;
        Ok(Self { category, free, provisioned: free })
    }

    pub fn requested(mut self, value: i64) -> Result<Self> {
        let most = self.free * MOST_TIMES;
        let value = u32::try_from(value).ok().filter(|value| *value >= self.free).ok_or_else(|| {
            Error::InvalidParameter(format!("RequestedLimitValue must not be below the default of {}.", self.free))
        })?;
        if value > most {
            return Err(Error::QuotaExceeded(format!("RequestedLimitValue must not exceed {most}.")));
        }
        self.provisioned = value;
        Ok(self)
    }
}
