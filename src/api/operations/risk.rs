//! Threat protection: what is done about risks, and what happened to users.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Operation,
        shapes::{Empty, Timestamp},
    },
    domain::{
        Result,
        auth_event::{AuthEvent, Factor},
        risk::{RiskConfiguration, RiskSettings, judgement::Level},
    },
    flows::{Cx, auth_events, risk},
};

const MOST_EVENTS: usize = 60;

/// `RiskConfigurationType`; only the ids while nothing is set.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireRisk {
    user_pool_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(flatten)]
    settings: RiskSettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_date: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RiskOutput {
    risk_configuration: WireRisk,
}

impl RiskOutput {
    fn of(user_pool_id: String, client_id: Option<String>, set: Option<RiskConfiguration>) -> Self {
        let last_modified_date = set.as_ref().map(|set| set.modified_at.into());
        let settings = set.map(|set| set.settings).unwrap_or_default();
        Self { risk_configuration: WireRisk { user_pool_id, client_id, settings, last_modified_date } }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeRiskConfiguration {
    user_pool_id: String,
    client_id: Option<String>,
}

impl Operation for DescribeRiskConfiguration {
    type Output = RiskOutput;

    async fn run(self, cx: Cx) -> Result<RiskOutput> {
        let set = risk::describe(&cx, &self.user_pool_id, self.client_id.as_deref()).await?;
        Ok(RiskOutput::of(self.user_pool_id, self.client_id, set))
    }
}

/// Replaces what was set. Naming only the pool, or the pool and a client, takes it away.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetRiskConfiguration {
    user_pool_id: String,
    client_id: Option<String>,
    #[serde(flatten)]
    settings: RiskSettings,
}

impl Operation for SetRiskConfiguration {
    type Output = RiskOutput;

    async fn run(self, cx: Cx) -> Result<RiskOutput> {
        let set = risk::set(&cx, &self.user_pool_id, self.client_id.as_deref(), self.settings).await?;
        Ok(RiskOutput::of(self.user_pool_id, self.client_id, set))
    }
}

/// `AuthEventType`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireEvent {
    event_id: String,
    event_type: &'static str,
    creation_date: Timestamp,
    event_response: &'static str,
    event_risk: WireEventRisk,
    challenge_responses: Vec<WireChallenge>,
    event_context_data: WireContext,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_feedback: Option<WireFeedback>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireEventRisk {
    risk_decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    risk_level: Option<&'static str>,
    compromised_credentials_detected: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireChallenge {
    challenge_name: &'static str,
    challenge_response: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireContext {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireFeedback {
    feedback_value: &'static str,
    provider: &'static str,
    feedback_date: Timestamp,
}

impl From<AuthEvent> for WireEvent {
    fn from(event: AuthEvent) -> Self {
        let detail = event.detail;
        let challenge = |(factor, held): (Factor, bool)| WireChallenge {
            challenge_name: factor.name(),
            challenge_response: if held { "Success" } else { "Failure" },
        };
        Self {
            event_id: event.id,
            event_type: event.kind.name(),
            creation_date: event.created_at.into(),
            event_response: event.response.name(),
            event_risk: WireEventRisk {
                risk_decision: match detail.risk {
                    _ if detail.is_blocked => "Block",
                    Some(_) => "AccountTakeover",
                    None => "NoRisk",
                },
                risk_level: detail.risk.map(Level::name),
                compromised_credentials_detected: detail.is_compromised,
            },
            challenge_responses: detail.challenges.into_iter().map(challenge).collect(),
            event_context_data: WireContext { ip_address: detail.address, device_name: detail.device_name },
            event_feedback: event.feedback.map(|feedback| WireFeedback {
                feedback_value: if feedback.is_valid { "Valid" } else { "Invalid" },
                provider: feedback.provider.name(),
                feedback_date: feedback.given_at.into(),
            }),
        }
    }
}

/// Newest first. A limit of zero is none.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminListUserAuthEvents {
    user_pool_id: String,
    username: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminListUserAuthEventsOutput {
    auth_events: Vec<WireEvent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for AdminListUserAuthEvents {
    type Output = AdminListUserAuthEventsOutput;

    async fn run(self, cx: Cx) -> Result<AdminListUserAuthEventsOutput> {
        let limit = self.max_results.filter(|limit| *limit > 0).unwrap_or(MOST_EVENTS);
        let part = (limit, self.next_token.as_deref());
        let page = auth_events::list(&cx, &self.user_pool_id, &self.username, part).await?;
        Ok(AdminListUserAuthEventsOutput {
            auth_events: page.items.into_iter().map(Into::into).collect(),
            next_token: page.next,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminUpdateAuthEventFeedback {
    user_pool_id: String,
    username: String,
    event_id: String,
    feedback_value: String,
}

impl Operation for AdminUpdateAuthEventFeedback {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let said = (&*self.event_id, self.feedback_value == "Valid");
        auth_events::judge(&cx, &self.user_pool_id, &self.username, said).await?;
        Ok(Empty {})
    }
}

/// The same from the user, who proves with a token to have been told of the event.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateAuthEventFeedback {
    user_pool_id: String,
    username: String,
    event_id: String,
    feedback_token: String,
    feedback_value: String,
}

impl Operation for UpdateAuthEventFeedback {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let said = (&*self.feedback_token, &*self.event_id, self.feedback_value == "Valid");
        auth_events::answer(&cx, &self.user_pool_id, &self.username, said).await?;
        Ok(Empty {})
    }
}
