//! The sessions of a user, and what pools and clients say about sessions.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Operation,
        shapes::{Empty, Timestamp},
    },
    domain::{
        Pool, Result,
        session::{PoolSessions, SessionKind},
    },
    flows::{
        Cx, bearer,
        cursor::Page,
        directory,
        user_sessions::{self, Listed, Revocation},
        users,
    },
};

/// `SessionDescriptionType`. Places on a map are nothing that this server knows.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SessionDescription {
    session_id: String,
    session_type: &'static str,
    client_id: String,
    create_date: Timestamp,
    last_active_date: Timestamp,
    device_type: String,
    #[serde(rename = "LastIPAddress", skip_serializing_if = "Option::is_none")]
    last_ip_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_session_id: Option<String>,
    is_current_session: bool,
}

impl From<Listed> for SessionDescription {
    fn from(session: Listed) -> Self {
        Self {
            session_id: session.name,
            session_type: match session.kind {
                SessionKind::Token => "TOKEN",
                SessionKind::Sso => "SSO",
            },
            client_id: session.client_id,
            create_date: session.created_at.into(),
            last_active_date: session.active_at.into(),
            device_type: session.device_type.unwrap_or_else(|| "unknown".to_owned()),
            last_ip_address: session.last_ip,
            origin_session_id: session.origin,
            is_current_session: session.is_current,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionsOutput {
    sessions: Vec<SessionDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl From<Page<Listed>> for SessionsOutput {
    fn from(page: Page<Listed>) -> Self {
        Self { sessions: page.items.into_iter().map(Into::into).collect(), next_token: page.next }
    }
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Associated {
    #[default]
    None,
    Linked,
}

/// The sessions of the signed-in user, in every client.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUserSessions {
    access_token: String,
    next_token: Option<String>,
}

impl Operation for ListUserSessions {
    type Output = SessionsOutput;

    async fn run(self, cx: Cx) -> Result<SessionsOutput> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        let own = bearer.claims.origin_jti.as_deref();
        Ok(user_sessions::list(&cx, &bearer.user, own, self.next_token.as_deref()).await?.into())
    }
}

/// Ends a session of the signed-in user, but not the one that asks.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RevokeUserSession {
    access_token: String,
    session_id: String,
    #[serde(default)]
    revoke_associated_sessions: Associated,
}

impl Operation for RevokeUserSession {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        let revocation = Revocation {
            user: &bearer.user,
            name: &self.session_id,
            linked: self.revoke_associated_sessions == Associated::Linked,
            own: bearer.claims.origin_jti.as_deref(),
        };
        user_sessions::revoke(&cx, revocation).await?;
        Ok(Empty {})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminListUserSessions {
    user_pool_id: String,
    username: String,
    next_token: Option<String>,
}

impl Operation for AdminListUserSessions {
    type Output = SessionsOutput;

    async fn run(self, cx: Cx) -> Result<SessionsOutput> {
        let (_, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        Ok(user_sessions::list(&cx, &user, None, self.next_token.as_deref()).await?.into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminRevokeUserSession {
    user_pool_id: String,
    username: String,
    session_id: String,
    #[serde(default)]
    revoke_associated_sessions: Associated,
}

impl Operation for AdminRevokeUserSession {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (_, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        let linked = self.revoke_associated_sessions == Associated::Linked;
        let revocation = Revocation { user: &user, name: &self.session_id, linked, own: None };
        user_sessions::revoke(&cx, revocation).await?;
        Ok(Empty {})
    }
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Tracking {
    Enabled,
    Disabled,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TokenSession {
    max_per_user: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PoolSessionsOutput {
    user_pool_id: String,
    user_session_tracking: Tracking,
    token_session: TokenSession,
}

impl From<&Pool> for PoolSessionsOutput {
    fn from(pool: &Pool) -> Self {
        let sessions = pool.sessions();
        Self {
            user_pool_id: pool.id.clone(),
            user_session_tracking: if sessions.is_tracking { Tracking::Enabled } else { Tracking::Disabled },
            token_session: TokenSession { max_per_user: sessions.most_per_user },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserPoolSessionConfiguration {
    user_pool_id: String,
}

impl Operation for GetUserPoolSessionConfiguration {
    type Output = PoolSessionsOutput;

    async fn run(self, cx: Cx) -> Result<PoolSessionsOutput> {
        Ok((&*directory::pool(&cx, &self.user_pool_id).await?).into())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetUserPoolSessionConfiguration {
    user_pool_id: String,
    user_session_tracking: Tracking,
    token_session: TokenSession,
}

impl Operation for SetUserPoolSessionConfiguration {
    type Output = PoolSessionsOutput;

    async fn run(self, cx: Cx) -> Result<PoolSessionsOutput> {
        let sessions = PoolSessions {
            is_tracking: self.user_session_tracking == Tracking::Enabled,
            most_per_user: self.token_session.max_per_user,
        };
        user_sessions::configure(&cx, &self.user_pool_id, sessions).await?;
        Ok((&*directory::pool(&cx, &self.user_pool_id).await?).into())
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SsoSession {
    max_validity_minutes: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClientSessionsOutput {
    user_pool_id: String,
    client_id: String,
    #[serde(rename = "SSOSession")]
    sso_session: SsoSession,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserPoolClientSessionConfiguration {
    user_pool_id: String,
    client_id: String,
}

impl Operation for GetUserPoolClientSessionConfiguration {
    type Output = ClientSessionsOutput;

    async fn run(self, cx: Cx) -> Result<ClientSessionsOutput> {
        let (_, client) = directory::client_of(&cx, &self.user_pool_id, &self.client_id).await?;
        let sso_session = SsoSession { max_validity_minutes: client.sso_minutes() };
        Ok(ClientSessionsOutput { user_pool_id: self.user_pool_id, client_id: self.client_id, sso_session })
    }
}

/// Sets how long the client is satisfied with a sign-in of earlier on the hosted pages.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetUserPoolClientSessionConfiguration {
    user_pool_id: String,
    client_id: String,
    #[serde(rename = "SSOSession")]
    sso_session: SsoSession,
}

impl Operation for SetUserPoolClientSessionConfiguration {
    type Output = ClientSessionsOutput;

    async fn run(self, cx: Cx) -> Result<ClientSessionsOutput> {
        let Self { user_pool_id, client_id, sso_session } = self;
        user_sessions::configure_client(&cx, &user_pool_id, &client_id, sso_session.max_validity_minutes).await?;
        Ok(ClientSessionsOutput { user_pool_id, client_id, sso_session })
    }
}
