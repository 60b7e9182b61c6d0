//! How risky a sign-in is, and what is done about it.
//!
//! The service judges by reputation data and learnt habits; here a user's own past is all there is. Whoever comes from where
//! and with what the user has come before is no risk, whatever failed meanwhile: others could fail on purpose, to have the user
//! kept out. The rule is [`Past::judge`] and nothing else.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-adaptive-authentication.html>

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RiskSettings;
use crate::{
    domain::auth_event::{AuthEvent, Response},
    kit::network::Block,
};

/// How far back failures count.
pub const RECENT: Duration = Duration::from_secs(3_600);
/// One wrong password is a slip.
const SOME_FAILURES: usize = 2;
/// As many as bring a lock.
const MANY_FAILURES: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Level {
    Low,
    Medium,
    High,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Medium => "Medium",
            Self::High => "High",
        }
    }
}

/// Where somebody signs in, and with what.
#[derive(Clone, Debug)]
pub struct Place {
    /// None where nobody knows; that is not held against anybody.
    pub address: Option<IpAddr>,
    /// As [`Origin::device_name`](crate::domain::origin::Origin::device_name) tells it.
    pub device_name: Option<String>,
    /// The client has named a device of the user's. It has to prove itself before the sign-in ends.
    pub has_device: bool,
}

/// What a user's past says about a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    pub has_signed_in: bool,
    pub knows_address: bool,
    pub knows_device: bool,
    /// Wrong proofs within [`RECENT`].
    pub failures: usize,
}

impl Past {
    /// `known` are the events that were the user: those that passed and those that the user has said it of. `failures` are those
    /// of late.
    pub fn of(place: &Place, known: &[AuthEvent], failures: &[AuthEvent]) -> Self {
        let around = |address: IpAddr| Block::around(address, 24, 64);
        let seen = |event: &AuthEvent| event.detail.address.as_ref()?.parse().ok().map(around);
        let device = place.device_name.as_deref().map(kind_of_device);
        let known = || known.iter().filter(|event| was_the_user(event));
        let is_wrong_proof = |event: &&AuthEvent| event.detail.challenges.iter().any(|(_, held)| !held);
        Self {
            has_signed_in: known().next().is_some(),
            knows_address: place.address.is_none_or(|own| known().any(|event| seen(event) == Some(around(own)))),
            knows_device: place.has_device
                || known().any(|event| event.detail.device_name.as_deref().map(kind_of_device) == device),
            failures: failures.iter().filter(is_wrong_proof).count(),
        }
    }

    /// None is no risk. What is new can only be told once something was seen.
    pub fn judge(self) -> Option<Level> {
        let Self { has_signed_in, knows_address, knows_device, failures } = self;
        match (knows_address, knows_device) {
            _ if !has_signed_in => None,
            (true, true) => None,
            _ if failures >= MANY_FAILURES => Some(Level::High),
            (false, false) => Some(Level::Medium),
            _ if failures >= SOME_FAILURES => Some(Level::Medium),
            _ => Some(Level::Low),
        }
    }
}

/// Whatever was said of an event counts more than how it ended.
fn was_the_user(event: &AuthEvent) -> bool {
    event.feedback.as_ref().map_or(event.response == Response::Pass, |feedback| feedback.is_valid)
}

/// `Chrome, Windows 10` of `Chrome 126, Windows 10`: browsers renew themselves every few weeks.
fn kind_of_device(name: &str) -> String {
    let (browser, system) = name.split_once(", ").unwrap_or((name, ""));
    format!("{}, {system}", browser.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end())
}

/// What a pool does about a sign-in of some risk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    #[default]
    Nothing,
    Block,
    /// A second factor is asked of those who have one, also on devices that spare them it.
    MfaIfConfigured,
    /// And nobody else gets in.
    MfaRequired,
}

/// What was found, and what follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub level: Option<Level>,
    pub action: Action,
    /// Whether the user is told.
    pub notifies: bool,
}

impl Verdict {
    /// What a pool that only watches does.
    pub fn watched(level: Option<Level>) -> Self {
        Self { level, ..Self::default() }
    }

    /// What `settings` say about it.
    pub fn enforced(level: Option<Level>, settings: &RiskSettings) -> Self {
        let Some(found) = level else { return Self::default() };
        let takeover = settings.account_takeover_risk_configuration.as_ref();
        let set = takeover.map_or(&Value::Null, |takeover| &takeover["Actions"][format!("{}Action", found.name())]);
        let action = match set["EventAction"].as_str() {
            Some("BLOCK") => Action::Block,
            Some("MFA_IF_CONFIGURED") => Action::MfaIfConfigured,
            Some("MFA_REQUIRED") => Action::MfaRequired,
            _ => Action::Nothing,
        };
        Self { level, action, notifies: set["Notify"] == true }
    }

    /// Whether a second factor is asked for that might be spared otherwise.
    pub fn asks_for_factor(self) -> bool {
        matches!(self.action, Action::MfaIfConfigured | Action::MfaRequired)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        domain::auth_event::{Detail, Factor, Feedback, Kind, Provider},
        kit::clock::Time,
    };

    const CHROME: &str = "Chrome 126, Windows 10";

    fn event(response: Response, address: &str, device: Option<&str>) -> AuthEvent {
        AuthEvent {
            id: "id".into(),
            pool_id: "pool".into(),
            sub: "sub".into(),
            kind: Kind::SignIn,
            response,
            detail: Detail {
                challenges: vec![(Factor::Password, response == Response::Pass)],
                address: Some(address.into()),
                device_name: device.map(str::to_owned),
                ..Detail::default()
            },
            feedback: None,
            created_at: Time::from_millis(0),
        }
    }

    fn judged(place: (&str, Option<&str>), known: &[AuthEvent], failures: usize) -> Option<Level> {
        let device_name = place.1.map(str::to_owned);
        let place = Place { address: Some(place.0.parse().unwrap()), device_name, has_device: false };
        let failed = vec![event(Response::Fail, "203.0.113.9", None); failures];
        Past::of(&place, known, &failed).judge()
    }

    #[test]
    fn what_is_new_is_a_risk_and_what_is_known_is_none() {
        let known = [event(Response::Pass, "203.0.113.9", Some(CHROME)), event(Response::Pass, "2001:db8::1", None)];
        assert_eq!(judged(("203.0.113.200", Some("Chrome 131, Windows 10")), &known, 9), None);
        assert_eq!(judged(("2001:db8::2", None), &known, 9), None);
        assert_eq!(judged(("198.51.100.1", Some(CHROME)), &known, 1), Some(Level::Low));
        assert_eq!(judged(("203.0.113.9", Some("Firefox 126, Windows 10")), &known, 1), Some(Level::Low));
        assert_eq!(judged(("203.0.113.9", Some("Chrome 126, Android")), &known, 2), Some(Level::Medium));
        assert_eq!(judged(("2001:db8:0:1::1", Some("Safari 17, iOS")), &known, 0), Some(Level::Medium));
        assert_eq!(judged(("198.51.100.1", Some(CHROME)), &known, 5), Some(Level::High));
        assert_eq!(judged(("198.51.100.1", Some("Safari 17, iOS")), &known, 5), Some(Level::High));
        assert_eq!(judged(("198.51.100.1", None), &[], 9), None, "nothing was seen yet");
    }

    #[test]
    fn a_device_of_ones_own_and_an_unknown_address_are_not_new() {
        let known = [event(Response::Pass, "203.0.113.9", Some(CHROME))];
        let place = Place { address: None, device_name: None, has_device: true };
        assert_eq!(Past::of(&place, &known, &[]).judge(), None);
        let place = Place { has_device: false, ..place };
        assert_eq!(Past::of(&place, &known, &[]).judge(), Some(Level::Low));
    }

    #[test]
    fn what_the_user_says_of_an_event_counts() {
        let said = |response, is_valid| {
            let feedback = Feedback { is_valid, provider: Provider::User, given_at: Time::from_millis(0) };
            AuthEvent { feedback: Some(feedback), ..event(response, "198.51.100.1", Some(CHROME)) }
        };
        let own = event(Response::Pass, "203.0.113.9", Some(CHROME));
        let judged = |other| judged(("198.51.100.1", Some(CHROME)), &[own.clone(), other], 0);
        assert_eq!(judged(said(Response::Pass, false)), Some(Level::Low));
        assert_eq!(judged(said(Response::Fail, true)), None);
    }

    #[test]
    fn wrong_proofs_are_failures_and_refusals_are_not() {
        let known = [event(Response::Pass, "203.0.113.9", Some(CHROME))];
        let refused = AuthEvent { detail: Detail::default(), ..event(Response::Fail, "198.51.100.1", None) };
        let place = Place { address: "198.51.100.1".parse().ok(), device_name: Some(CHROME.into()), has_device: false };
        assert_eq!(Past::of(&place, &known, &vec![refused; 9]).judge(), Some(Level::Low));
    }

    #[test]
    fn each_level_has_its_action() {
        let settings: RiskSettings = serde_json::from_value(json!({"AccountTakeoverRiskConfiguration": {"Actions": {
            "LowAction": {"Notify": true, "EventAction": "MFA_IF_CONFIGURED"},
            "HighAction": {"Notify": false, "EventAction": "BLOCK"},
        }}}))
        .unwrap();
        let low = Verdict { level: Some(Level::Low), action: Action::MfaIfConfigured, notifies: true };
        assert_eq!(Verdict::enforced(Some(Level::Low), &settings), low);
        let medium = Verdict::enforced(Some(Level::Medium), &settings);
        assert_eq!((medium.action, medium.notifies), (Action::Nothing, false));
        assert_eq!(Verdict::enforced(Some(Level::High), &settings).action, Action::Block);
        assert_eq!(Verdict::enforced(None, &settings), Verdict::default());
    }
}
