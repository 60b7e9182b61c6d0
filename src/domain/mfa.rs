//! Second factors: which a pool offers, which a user has, and which one is asked for after the first.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-mfa.html>

use serde::{Deserialize, Serialize};

use super::{
    code::Medium,
    error::{Error, Result},
    pool::Pool,
    user::{Status, User},
};

/// In the order in which the service lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Factor {
    Sms,
    Totp,
    Email,
}

impl Factor {
    pub const ALL: [Self; 3] = [Self::Sms, Self::Totp, Self::Email];

    /// The name of its challenge, which is also its name in a user's settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "SMS_MFA",
            Self::Totp => "SOFTWARE_TOKEN_MFA",
            Self::Email => "EMAIL_OTP",
        }
    }

    /// The documentation calls the factor of e-mail `EMAIL_MFA`, clients send the name of its challenge.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "EMAIL_MFA" {
            return Some(Self::Email);
        }
        Self::ALL.into_iter().find(|factor| factor.name() == name)
    }

    /// How its code travels; an authenticator app needs no message.
    pub fn medium(self) -> Option<Medium> {
        match self {
            Self::Sms => Some(Medium::Sms),
            Self::Email => Some(Medium::Email),
            Self::Totp => None,
        }
    }

    pub fn of_medium(medium: Medium) -> Self {
        match medium {
            Medium::Sms => Self::Sms,
            Medium::Email => Self::Email,
        }
    }
}

/// `MfaConfiguration` of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    #[default]
    Off,
    Optional,
    On,
}

/// What a user has told us about second factors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// In the order of [`Factor::ALL`].
    pub enabled: Vec<Factor>,
    /// One of those.
    pub preferred: Option<Factor>,
    /// A passkey that recognises the user stands for the second factor too, where the pool has it so.
    #[serde(default)]
    pub passkey: bool,
}

/// What SetUserMFAPreference asks for.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub factors: Vec<Wish>,
    pub passkey: Option<bool>,
}

/// What one block of SetUserMFAPreference says of a factor.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub factor: Factor,
    pub enabled: bool,
    pub preferred: bool,
}

impl Preference {
    /// Of a new user who brings this one along.
    pub fn of(factor: Factor) -> Self {
        Self { enabled: vec![factor], ..Self::default() }
    }

    pub fn enable(&mut self, factor: Factor) {
        if !self.enabled.contains(&factor) {
            self.enabled.push(factor);
            self.enabled.sort_unstable();
        }
    }

    pub fn disable(&mut self, factor: Factor) {
        self.enabled.retain(|enabled| *enabled != factor);
        self.preferred = self.preferred.filter(|preferred| *preferred != factor);
    }

    /// Factors that no wish names stay as they are. What is switched on must be `usable`.
    pub fn apply(&mut self, wishes: &[Wish], usable: &[Factor]) -> Result<()> {
        let refuse = |text: String| Err(Error::InvalidParameter(text));
        if wishes.iter().filter(|wish| wish.preferred).count() > 1 {
            return refuse("Only one MFA method can be preferred.".to_owned());
        }
        for wish in wishes {
            let name = wish.factor.name();
            if wish.preferred && !wish.enabled {
                return refuse(format!("{name} must be enabled to be preferred."));
            }
            if wish.enabled && !usable.contains(&wish.factor) {
                return refuse(format!("User does not have delivery config set to turn on {name}"));
            }
        }
        for wish in wishes {
            if wish.enabled {
                self.enable(wish.factor);
            } else {
                self.disable(wish.factor);
            }
            match wish.preferred {
                true => self.preferred = Some(wish.factor),
                false => self.preferred = self.preferred.filter(|preferred| *preferred != wish.factor),
            }
        }
        Ok(())
    }
}

impl Preference {
    /// Whoever lets a passkey be both factors needs another second factor for the day when it is lost.
    pub fn set_passkey(&mut self, pool: &Pool, enabled: bool) -> Result<()> {
        let refuse = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
        if enabled && !pool.settings.web_authn().is_multi_factor() {
            return refuse("The user pool does not take passkeys for multi-factor authentication.");
        }
        if enabled && self.enabled.is_empty() {
            return refuse("Another MFA method must be enabled beside passkeys.");
        }
        self.passkey = enabled;
        Ok(())
    }
}

impl Pool {
    /// Whether the pool asks for this factor at all.
    pub fn offers(&self, factor: Factor) -> bool {
        let settings = &self.settings;
        settings.mfa_configuration != Mode::Off
            && match factor {
                Factor::Sms => settings.kept.contains_key("SmsConfiguration"),
                Factor::Totp => settings.takes_apps(),
                Factor::Email => settings.kept.contains_key("EmailMfaConfiguration"),
            }
    }

    fn offered(&self) -> impl Iterator<Item = Factor> {
        Factor::ALL.into_iter().filter(|factor| self.offers(*factor))
    }
}

/// The second factors that could be asked of a user of this pool now: an address, or an authenticator app that was verified.
pub fn usable(pool: &Pool, user: &User, has_totp: bool) -> Vec<Factor> {
    let has = |factor: &Factor| match factor.medium() {
        Some(medium) => user.attribute(medium.attribute()).is_some_and(|address| !address.is_empty()),
        None => has_totp,
    };
    pool.offered().filter(has).collect()
}

/// Second factors that are in use: what the user has switched on, else what the pool asks them for.
pub fn active(pool: &Pool, user: &User, preference: &Preference, usable: &[Factor]) -> Vec<Factor> {
    match demand(pool, user, preference, usable) {
        Demand::Choose(among) => among,
        Demand::Ask(asked) => {
            let is_on = |factor: &Factor| *factor == asked || preference.enabled.contains(factor);
            usable.iter().copied().filter(is_on).collect()
        }
        Demand::Nothing | Demand::SetUp(_) | Demand::Impossible => Vec::new(),
    }
}

/// Whether codes by SMS can be a new user's second factor: the pool asks for them, and there is a telephone.
pub fn takes_sms(pool: &Pool, user: &User) -> bool {
    usable(pool, user, false).contains(&Factor::Sms)
}

/// What is asked for after the first factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    Nothing,
    /// This one.
    Ask(Factor),
    /// One of these, and the user says which.
    Choose(Vec<Factor>),
    /// One of these has to be set up first.
    SetUp(Vec<Factor>),
    /// A factor is required, and the user has nothing that it could be.
    Impossible,
}

/// The decision of the service, for somebody who has proven a password and no remembered device. `usable` is what could be asked.
pub fn demand(pool: &Pool, user: &User, preference: &Preference, usable: &[Factor]) -> Demand {
    let mode = pool.settings.mfa_configuration;
    if mode == Mode::Off || user.status == Status::ExternalProvider {
        return Demand::Nothing;
    }
    let enabled: Vec<Factor> = usable.iter().copied().filter(|factor| preference.enabled.contains(factor)).collect();
    if let Some(preferred) = preference.preferred.filter(|preferred| enabled.contains(preferred)) {
        return Demand::Ask(preferred);
    }
    match (enabled.as_slice(), mode) {
        ([only], _) => return Demand::Ask(*only),
        ([_, _, ..], _) => return Demand::Choose(enabled),
        ([], Mode::Optional) => return Demand::Nothing,
        ([], _) => {}
    }
    // What is deliverable comes first. An authenticator app that was verified and never switched on is better than a new one,
    // which whoever knows the password could set up.
    if let Some(factor) = [Factor::Sms, Factor::Email, Factor::Totp].into_iter().find(|one| usable.contains(one)) {
        return Demand::Ask(factor);
    }
    let to_set_up: Vec<Factor> = pool.offered().filter(|factor| *factor != Factor::Sms).collect();
    if to_set_up.is_empty() { Demand::Impossible } else { Demand::SetUp(to_set_up) }
}

/// The same for a sign-in at risk that nobody gets through without a second factor: one that the user has is asked for whether
/// they want that or not, and none can be set up, for whoever knows the password could do that.
pub fn demand_at_risk(pool: &Pool, user: &User, preference: &Preference, usable: &[Factor]) -> Demand {
    let is_theirs = |factor: &&Factor| factor.medium().is_none_or(|medium| user.has_verified(medium.attribute()));
    match demand(pool, user, preference, usable) {
        Demand::Nothing => usable.iter().find(is_theirs).map_or(Demand::Impossible, |factor| Demand::Ask(*factor)),
        Demand::SetUp(_) => Demand::Impossible,
        demand => demand,
    }
}

#[cfg(test)]
mod tests;
