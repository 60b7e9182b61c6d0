//! Sessions that a user can see and end: a token session is a grant, an SSO session is a sign-in on the hosted pages.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-user-sessions.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    client::{Client, ClientId},
    pool::{Pool, PoolId},
    user::Sub,
};
use crate::kit::{clock::Time, ids};

pub const DEFAULT_MOST_PER_USER: u32 = 20;
pub const DEFAULT_SSO_MINUTES: u32 = 60;
/// The longest that any client may let somebody in without asking again, in minutes: 90 days.
pub const LONGEST_SSO_MINUTES: u32 = 129_600;

/// What SetUserPoolSessionConfiguration sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PoolSessions {
    pub is_tracking: bool,
    /// Token sessions that a user may have; with one more, the one that rested longest ends.
    pub most_per_user: u32,
}

impl Default for PoolSessions {
    fn default() -> Self {
        Self { is_tracking: false, most_per_user: DEFAULT_MOST_PER_USER }
    }
}

impl Pool {
    pub fn sessions(&self) -> PoolSessions {
        self.settings.sessions.unwrap_or_default()
    }

    /// How many token sessions a user may have; None in pools that do not track sessions.
    pub fn most_sessions(&self) -> Option<u32> {
        Some(self.sessions()).filter(|sessions| sessions.is_tracking).map(|sessions| sessions.most_per_user)
    }

    pub fn tracks_sessions(&self) -> bool {
        self.sessions().is_tracking
    }

    /// How long a sign-in on the hosted pages is kept for whichever client may still use it.
    pub fn sso_lifetime(&self) -> Duration {
        minutes(if self.tracks_sessions() { LONGEST_SSO_MINUTES } else { DEFAULT_SSO_MINUTES })
    }
}

impl Client {
    pub fn sso_minutes(&self) -> u32 {
        self.settings.sso_minutes.unwrap_or(DEFAULT_SSO_MINUTES)
    }

    /// How long this client is satisfied with a sign-in of earlier. What was set for it rests while the pool tracks nothing.
    pub fn sso_lifetime(&self, pool: &Pool) -> Duration {
        minutes(if pool.tracks_sessions() { self.sso_minutes() } else { DEFAULT_SSO_MINUTES })
    }
}

fn minutes(minutes: u32) -> Duration {
    Duration::from_secs(60 * u64::from(minutes))
}

/// A sign-in on the hosted pages of a pool that tracks sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct SsoSession {
    /// A UUID.
    pub id: String,
    pub pool_id: PoolId,
    pub sub: Sub,
    /// The client that the user came for.
    pub client_id: ClientId,
    pub created_at: Time,
    pub active_at: Time,
    pub expires_at: Time,
    pub last_ip: Option<String>,
    pub device_type: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    Token,
    Sso,
}

impl SessionKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Token => "tkn",
            Self::Sso => "sso",
        }
    }

    /// The name of a session: the UUID of its row in base 36, so that a session has one name for ever and names sort as
    /// UUIDs do. None for what is no UUID.
    pub fn name(self, id: &str) -> Option<String> {
        Some(format!("{}{}", self.prefix(), ids::base36(id)?))
    }

    /// The kind and the row's id of a session's name.
    pub fn read(name: &str) -> Option<(Self, String)> {
        [Self::Token, Self::Sso]
            .into_iter()
            .find_map(|kind| Some((kind, ids::from_base36(name.strip_prefix(kind.prefix())?)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_name_leads_back_to_its_row() {
        for id in ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"] {
            let name = SessionKind::Token.name(id).unwrap();
            assert_eq!(name.len(), 28);
            assert_eq!(SessionKind::read(&name), Some((SessionKind::Token, id.to_owned())));
        }
        assert_eq!(SessionKind::Sso.name("no-uuid"), None);
        assert_eq!(SessionKind::read(&format!("sso{}", "z".repeat(25))), None, "beyond the largest UUID");
        assert_eq!(SessionKind::read("abc"), None);
    }
}
