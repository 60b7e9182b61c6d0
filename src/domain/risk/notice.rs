//! What a user is written about a sign-in at risk: the pool's own words or ours, with what is known of the sign-in filled in.
//!
//! A text is read once from front to back, and what is filled in is escaped: a name can hold neither a placeholder nor HTML.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-message-customizations.html>

use serde_json::Value;

use super::RiskSettings;
use crate::domain::template::{Sender, escape};

/// What became of the sign-in when it was found to be a risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Allowed,
    /// A second factor is asked for.
    Challenged,
    Blocked,
}

/// What can be told of it.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    pub username: &'a str,
    pub address: Option<&'a str>,
    pub device_name: Option<&'a str>,
    pub time: &'a str,
    /// Where the user says that it was them, and that it was not.
    pub link_valid: &'a str,
    pub link_invalid: &'a str,
    pub event_id: &'a str,
    pub feedback_token: &'a str,
}

/// An e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub subject: String,
    /// HTML.
    pub body: String,
    pub sender: Sender,
}

/// What stands for whatever a server without maps and devices cannot know.
const UNKNOWN: &str = "unknown";

const BODY: &str = "<p>Hello {username},</p>\n<p>{what}</p>\n\
    <ul>\n<li>Time: {login-time}</li>\n<li>Device: {device-name}</li>\n<li>Address: {ip-address}</li>\n</ul>\n\
    <p>If this was not you, change your password and <a href=\"{one-click-link-invalid}\">tell us</a>.</p>\n\
    <p>If this was you, <a href=\"{one-click-link-valid}\">tell us that</a>.</p>";

impl Outcome {
    /// The member of `NotifyConfiguration` with its words.
    fn template(self) -> &'static str {
        match self {
            Self::Allowed => "NoActionEmail",
            Self::Challenged => "MfaEmail",
            Self::Blocked => "BlockEmail",
        }
    }

    fn own_words(self) -> (&'static str, &'static str) {
        match self {
            Self::Allowed => {
                ("New sign-in to your account", "Somebody has signed in to your account in a way that is new to us.")
            }
            Self::Challenged => (
                "New sign-in attempt",
                "Somebody has begun to sign in to your account in a way that is new to us. We have asked them for another proof.",
            ),
            Self::Blocked => (
                "Blocked sign-in attempt",
                "Somebody has tried to sign in to your account in a way that is new to us. We have refused it.",
            ),
        }
    }
}

impl Notice {
    pub fn write(settings: &RiskSettings, outcome: Outcome, facts: &Facts<'_>) -> Self {
        let takeover = settings.account_takeover_risk_configuration.as_ref().unwrap_or(&Value::Null);
        let notify = &takeover["NotifyConfiguration"];
        let own = &notify[outcome.template()];
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let (subject, what) = outcome.own_words();
        let body = text(&own["HtmlBody"])
            .or_else(|| text(&own["TextBody"]).map(|text| escape(&text).replace('\n', "<br>\n")))
            .unwrap_or_else(|| BODY.replace("{what}", what));
        let identity = || notify["SourceArn"].as_str()?.rsplit_once("identity/").map(|(_, name)| name.to_owned());
        Self {
            subject: fill(&text(&own["Subject"]).unwrap_or_else(|| subject.to_owned()), facts, false),
            body: fill(&body, facts, true),
            sender: Sender {
                from: text(&notify["From"]).or_else(identity).filter(|from| from.contains('@')),
                reply_to: text(&notify["ReplyTo"]),
            },
        }
    }
}

fn fill(text: &str, facts: &Facts<'_>, html: bool) -> String {
    let values = [
        ("{username}", facts.username),
        ("{ip-address}", facts.address.unwrap_or(UNKNOWN)),
        ("{city}", UNKNOWN),
        ("{country}", UNKNOWN),
        ("{login-time}", facts.time),
        ("{device-name}", facts.device_name.unwrap_or(UNKNOWN)),
        ("{one-click-link-valid}", facts.link_valid),
        ("{one-click-link-invalid}", facts.link_invalid),
        ("{event-id}", facts.event_id),
        ("{feedback-token}", facts.feedback_token),
    ];
    let mut filled = String::with_capacity(text.len() + 256);
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let named = values.iter().find_map(|(name, value)| Some((rest.strip_prefix(name)?, *value)));
        if let Some((behind, value)) = named {
            if html {
                filled.push_str(&escape(value))
            } else {
                filled.push_str(value)
            }
            rest = behind;
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FACTS: Facts<'_> = Facts {
        username: "{city} <b>",
        address: Some("203.0.113.9"),
        device_name: None,
        time: "2027-01-15 08:00 UTC",
        link_valid: "https://id.example/a?b=1&value=valid",
        link_invalid: "https://id.example/a?b=1&value=invalid",
        event_id: "e",
        feedback_token: "t",
    };

    fn settings(notify: Value) -> RiskSettings {
        let takeover = json!({ "NotifyConfiguration": notify });
        serde_json::from_value(json!({ "AccountTakeoverRiskConfiguration": takeover })).unwrap()
    }

    #[test]
    fn a_pools_own_words_are_filled_in_and_what_fills_them_is_escaped() {
        let notify = json!({
            "SourceArn": "arn:aws:ses:us-east-1:123456789012:identity/security@app.example", "ReplyTo": "help@app.example",
            "BlockEmail": {"Subject": "{username} {event-id}", "HtmlBody": "{username} {ip-address} {country} {name} {device-name}"},
            "MfaEmail": {"Subject": "Proof", "TextBody": "<{login-time}>\n{one-click-link-valid} {feedback-token}"},
        });
        let written = Notice::write(&settings(notify.clone()), Outcome::Blocked, &FACTS);
        assert_eq!(written.subject, "{city} <b> e");
        assert_eq!(written.body, "{city} &lt;b&gt; 203.0.113.9 unknown {name} unknown");
        let sender = Sender { from: Some("security@app.example".into()), reply_to: Some("help@app.example".into()) };
        assert_eq!(written.sender, sender);
        let written = Notice::write(&settings(notify), Outcome::Challenged, &FACTS);
        assert_eq!(written.body, "&lt;2027-01-15 08:00 UTC&gt;<br>\nhttps://id.example/a?b=1&amp;value=valid t");
    }

    #[test]
    fn without_words_of_its_own_a_pool_has_ours() {
        for outcome in [Outcome::Allowed, Outcome::Challenged, Outcome::Blocked] {
            let written = Notice::write(&settings(json!({})), outcome, &FACTS);
            assert_eq!(written.subject, outcome.own_words().0);
            assert!(
                written.body.contains("<a href=\"https://id.example/a?b=1&amp;value=invalid\">"),
                "{}",
                written.body
            );
            assert!(!written.body.contains("{what}") && written.sender == Sender::default());
        }
    }
}
