//! How strongly somebody has signed in: the methods that they completed, which tokens tell as `amr`, and the level that those
//! reach, which they tell as `acr`.
//!
//! The service has four levels, whose names a pool may change, and says of none what reaches it but that two factors with a
//! code of an app are the third. Here the first is one factor, the second two, the third two of which one cannot be read from
//! a message, and the fourth a passkey that recognised its user.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-step-up-authentication.html>

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{code::Medium, pool::Pool};

/// A method of signing in, by the names of RFC 8176 where that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Method {
    #[serde(rename = "pwd")]
    Password,
    /// The code of an authenticator app.
    #[serde(rename = "otp")]
    Totp,
    #[serde(rename = "sms")]
    Sms,
    #[serde(rename = "email_otp")]
    Email,
    /// A passkey that its owner's devices share.
    #[serde(rename = "swk")]
    SoftwareKey,
    /// A passkey that does not leave its device.
    #[serde(rename = "hwk")]
    HardwareKey,
    /// Whatever another identity provider asked.
    #[serde(rename = "fed")]
    Federated,
}

impl Method {
    const ALL: [Self; 7] =
        [Self::Password, Self::Totp, Self::Sms, Self::Email, Self::SoftwareKey, Self::HardwareKey, Self::Federated];

    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Totp => "otp",
            Self::Sms => "sms",
            Self::Email => "email_otp",
            Self::SoftwareKey => "swk",
            Self::HardwareKey => "hwk",
            Self::Federated => "fed",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    fn is_key(self) -> bool {
        matches!(self, Self::SoftwareKey | Self::HardwareKey)
    }
}

impl From<Medium> for Method {
    fn from(medium: Medium) -> Self {
        match medium {
            Medium::Sms => Self::Sms,
            Medium::Email => Self::Email,
        }
    }
}

/// `MFA` among the methods: there was more than one factor.
const MFA: &str = "mfa";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    One,
    Two,
    Three,
    Four,
}

impl Level {
    pub const ALL: [Self; 4] = [Self::One, Self::Two, Self::Three, Self::Four];

    /// What the API calls it.
    pub fn key(self) -> &'static str {
        match self {
            Self::One => "Level1",
            Self::Two => "Level2",
            Self::Three => "Level3",
            Self::Four => "Level4",
        }
    }

    /// What tokens call it where the pool has no word of its own.
    pub fn usual_name(self) -> &'static str {
        match self {
            Self::One => "urn:cognito:loa:1",
            Self::Two => "urn:cognito:loa:2",
            Self::Three => "urn:cognito:loa:3",
            Self::Four => "urn:cognito:loa:4",
        }
    }
}

impl Pool {
    fn own_levels(&self) -> Option<&Value> {
        self.settings.kept.get("AcrConfiguration")
    }

    /// Whether the pool has words of its own for levels. Its tokens then tell them whether they were asked for or not.
    pub fn names_levels(&self) -> bool {
        self.own_levels().and_then(Value::as_object).is_some_and(|levels| !levels.is_empty())
    }

    /// What the pool's tokens call a level.
    pub fn level_name(&self, level: Level) -> &str {
        let own = self.own_levels().and_then(|levels| levels.get(level.key())?.get("AcrValue")?.as_str());
        own.unwrap_or(level.usual_name())
    }

    /// The levels of a list with spaces, the most wanted first. What the pool does not know is left out.
    pub fn levels_named(&self, list: &str) -> Vec<Level> {
        let level = |name: &str| Level::ALL.into_iter().find(|level| self.level_name(*level) == name);
        list.split_ascii_whitespace().filter_map(level).collect()
    }
}

/// What somebody has completed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assurance {
    /// Each once, in the order of completion.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    methods: Vec<Method>,
    /// A passkey has recognised its user.
    #[serde(rename = "v", default, skip_serializing_if = "std::ops::Not::not")]
    user_verified: bool,
    /// What the identity provider answers for.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    vouched: Option<Level>,
    /// Tokens tell of it, since the client asked for a level.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_told: bool,
}

impl Assurance {
    pub fn add(&mut self, method: Method) {
        if !self.methods.contains(&method) {
            self.methods.push(method);
        }
    }

    #[must_use]
    pub fn with(mut self, method: Method) -> Self {
        self.add(method);
        self
    }

    /// A signature of a passkey: `is_shared` where the key may leave its device.
    #[must_use]
    pub fn with_passkey(mut self, is_shared: bool, user_verified: bool) -> Self {
        self.add(if is_shared { Method::SoftwareKey } else { Method::HardwareKey });
        self.user_verified |= user_verified;
        self
    }

    /// Another identity provider has signed somebody in, at what it calls `acr` and with the methods that it names. What the
    /// pool has no counterpart for is the lowest level.
    pub fn federated(mapping: &BTreeMap<String, String>, acr: Option<&str>, amr: &[&str]) -> Self {
        let counterpart =
            |acr: &str| Level::ALL.into_iter().find(|level| mapping.get(level.key()).is_some_and(|value| value == acr));
        let mut methods = vec![Method::Federated];
        for method in amr.iter().filter_map(|name| Method::from_name(name)) {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        let vouched = Some(acr.and_then(counterpart).unwrap_or(Level::One));
        Self { methods, vouched, ..Self::default() }
    }

    #[must_use]
    pub fn told(self, is_told: bool) -> Self {
        Self { is_told, ..self }
    }

    pub fn is_empty(&self) -> bool {
        self.methods.is_empty()
    }

    pub fn has(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    pub fn has_passkey(&self) -> bool {
        self.methods.iter().any(|method| method.is_key())
    }

    /// Different things that were asked here.
    fn is_two_factors(&self) -> bool {
        self.vouched.is_none() && (self.methods.len() > 1 || (self.has_passkey() && self.user_verified))
    }

    pub fn level(&self) -> Level {
        if let Some(vouched) = self.vouched {
            return vouched;
        }
        match (self.has_passkey(), self.is_two_factors()) {
            (true, _) if self.user_verified => Level::Four,
            (has_passkey, true) if has_passkey || self.has(Method::Totp) => Level::Three,
            (_, true) => Level::Two,
            (_, false) => Level::One,
        }
    }

    /// The value of `amr`.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.methods.iter().map(|method| method.name()).collect();
        if self.is_two_factors() {
            names.push(MFA);
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(methods: &[Method]) -> Assurance {
        methods.iter().fold(Assurance::default(), |assurance, method| assurance.with(*method))
    }

    #[test]
    fn more_factors_and_better_ones_reach_higher_levels() {
        use Method::{Email, Password, Sms, Totp};
        for (methods, level, names) in [
            (&[Password][..], Level::One, &["pwd"][..]),
            (&[Email], Level::One, &["email_otp"]),
            (&[Totp], Level::One, &["otp"]),
            (&[Password, Sms], Level::Two, &["pwd", "sms", "mfa"]),
            (&[Password, Password], Level::One, &["pwd"]),
            (&[Password, Totp], Level::Three, &["pwd", "otp", "mfa"]),
        ] {
            let assurance = of(methods);
            assert_eq!((assurance.level(), &assurance.names()[..]), (level, names));
        }
    }

    #[test]
    fn a_passkey_counts_by_whether_it_recognised_its_user() {
        let alone = Assurance::default().with_passkey(true, false);
        assert_eq!((alone.level(), &alone.names()[..]), (Level::One, &["swk"][..]));
        let verified = Assurance::default().with_passkey(false, true);
        assert_eq!((verified.level(), &verified.names()[..]), (Level::Four, &["hwk", "mfa"][..]));
        assert_eq!(of(&[Method::Password]).with_passkey(false, false).level(), Level::Three);
        assert_eq!(of(&[Method::Password]).with_passkey(false, true).level(), Level::Four);
    }

    #[test]
    fn a_provider_is_believed_as_far_as_it_is_mapped() {
        let mapping = [("Level3".to_owned(), "urn:strong".to_owned())].into();
        let strong = Assurance::federated(&mapping, Some("urn:strong"), &["pwd", "otp", "face", "pwd"]);
        assert_eq!((strong.level(), &strong.names()[..]), (Level::Three, &["fed", "pwd", "otp"][..]));
        assert_eq!(Assurance::federated(&mapping, Some("urn:other"), &[]).level(), Level::One);
        assert_eq!(Assurance::federated(&mapping, None, &["otp", "pwd"]).level(), Level::One);
    }

    #[test]
    fn it_is_kept_in_a_few_letters() {
        let assurance = of(&[Method::Password, Method::Totp]);
        let text = serde_json::to_string(&assurance).unwrap();
        assert_eq!(text, r#"{"m":["pwd","otp"]}"#);
        assert_eq!(serde_json::from_str::<Assurance>(&text).unwrap(), assurance);
    }
}
