//! Tells users of sign-ins at risk: by e-mail, with links that say whether it was them.

use std::time::Duration;

use time::{OffsetDateTime, macros::format_description};
use url::form_urlencoded;

use super::{Cx, auth_events, messages, messages::About, risk};
use crate::{
    domain::{
        Client, Error, Pool, Result, User,
        auth_event::AuthEvent,
        code::Medium,
        message::Occasion,
        risk::{
            judgement::Verdict,
            notice::{Facts, Notice, Outcome},
        },
    },
    kit::clock::Time,
};

/// A warning that comes later than this warns of nothing any more.
const WORTH_SENDING: Duration = Duration::from_secs(86_400);

/// Where the links lead.
pub const LINK_PATH: &str = "/signInFeedback";

/// A sign-in that was found to be a risk.
pub struct Found<'a> {
    pub pool: &'a Pool,
    pub client: &'a Client,
    pub user: &'a User,
    pub event: &'a AuthEvent,
    pub outcome: Outcome,
}

/// Writes to the user, at an address that they have proven, if the pool wants that at this risk. Whoever has none is not told, and where nothing could be delivered
/// that is no reason to refuse anything.
pub async fn tell(cx: &Cx, found: &Found<'_>) -> Result<()> {
    let Found { pool, client, user, event, outcome } = found;
    if !user.has_verified(Medium::Email.attribute()) {
        return Ok(());
    }
    let settings = risk::settings_for(cx, client).await?;
    if !Verdict::enforced(event.detail.risk, &settings).notifies {
        return Ok(());
    }
    let token = auth_events::feedback_token(cx, event)?;
    let link = |value: &str| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("token", token.as_str()), ("value", value)])
            .finish();
        format!("{}{LINK_PATH}?{query}", cx.app.setup.public_url)
    };
    let facts = Facts {
        username: &user.username,
        address: event.detail.address.as_deref(),
        device_name: event.detail.device_name.as_deref(),
        time: &told(event.created_at),
        link_valid: &link("valid"),
        link_invalid: &link("invalid"),
        event_id: &event.id,
        feedback_token: &token,
    };
    let notice = Notice::write(&settings, *outcome, &facts);
    let occasion = Occasion::AccountTakeOverNotification;
    let about = About { pool, user, occasion, client_id: Some(&client.id), metadata: None };
    match messages::notice(cx, &about, notice, cx.now().plus(WORTH_SENDING)).await {
        Ok(envelope) => envelope.send(cx).await.map(drop),
        Err(Error::DeliveryFailed(reason)) => {
            tracing::warn!(request_id = &*cx.request_id, reason, "a user was not told of a sign-in at risk");
            Ok(())
        }
        Err(other) => Err(other),
    }
}

fn told(time: Time) -> String {
    let minute = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let moment = OffsetDateTime::from_unix_timestamp(time.seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(minute).unwrap_or_default()
}
