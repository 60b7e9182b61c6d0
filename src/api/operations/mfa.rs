//! Second factors: authenticator apps, and what users want to be asked for.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Operation,
        shapes::{Empty, MfaSettings},
    },
    domain::{
        Error, Pool, Result, User,
        challenge::FirstFactor,
        error::AccessTokenFault,
        mfa::{Factor, Wish, Wishes},
    },
    flows::{Cx, bearer, factors, sign_in::mfa_setup, software_tokens, users},
};

/// Who is meant by an operation that takes either.
enum Proof {
    AccessToken(String),
    Session(String),
}

fn one_of(access_token: Option<String>, session: Option<String>) -> Result<Proof> {
    match (access_token, session) {
        (Some(token), None) => Ok(Proof::AccessToken(token)),
        (None, Some(session)) => Ok(Proof::Session(session)),
        _ => Err(Error::InvalidParameter("Exactly one of AccessToken and Session must be given.".into())),
    }
}

/// A secret for a new authenticator app. It counts once VerifySoftwareToken has proven it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssociateSoftwareToken {
    access_token: Option<String>,
    session: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AssociateSoftwareTokenOutput {
    secret_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
}

impl Operation for AssociateSoftwareToken {
    type Output = AssociateSoftwareTokenOutput;

    async fn run(self, cx: Cx) -> Result<AssociateSoftwareTokenOutput> {
        match one_of(self.access_token, self.session)? {
            Proof::AccessToken(token) => {
                let bearer = bearer::self_service(&cx, &token).await.map_err(without_state)?;
                let secret_code = software_tokens::associate(&cx, &bearer.pool, &bearer.user).await?;
                Ok(AssociateSoftwareTokenOutput { secret_code, session: None })
            }
            Proof::Session(session) => {
                let (secret_code, session) = mfa_setup::associate(&cx, &session).await?;
                Ok(AssociateSoftwareTokenOutput { secret_code, session: Some(session) })
            }
        }
    }
}

/// The operation declares no exceptions for users who are gone or have to do something else first.
fn without_state(error: Error) -> Error {
    match error {
        Error::NoSuchUser | Error::UserNotConfirmed | Error::PasswordResetRequired => {
            Error::AccessToken(AccessTokenFault::Revoked)
        }
        other => other,
    }
}

/// Proves a new app with its first code. With an access token it is asked for after SetUserMFAPreference only.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifySoftwareToken {
    access_token: Option<String>,
    session: Option<String>,
    user_code: String,
    friendly_device_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifySoftwareTokenOutput {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
}

impl Operation for VerifySoftwareToken {
    type Output = VerifySoftwareTokenOutput;

    async fn run(self, cx: Cx) -> Result<VerifySoftwareTokenOutput> {
        let proof = (self.user_code.as_str(), self.friendly_device_name.as_deref());
        let session = match one_of(self.access_token, self.session)? {
            Proof::AccessToken(token) => {
                let bearer = bearer::self_service(&cx, &token).await?;
                let tx = software_tokens::verify(&cx, &bearer.pool, &bearer.user, proof).await?;
                tx.commit().await?;
                None
            }
            Proof::Session(session) => Some(mfa_setup::verify(&cx, &session, proof).await?),
        };
        Ok(VerifySoftwareTokenOutput { status: "SUCCESS", session })
    }
}

/// What a user wants to be asked for. Blocks that are absent change nothing.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MfaPreference {
    #[serde(rename = "SMSMfaSettings")]
    sms: Option<Settings>,
    #[serde(rename = "SoftwareTokenMfaSettings")]
    totp: Option<Settings>,
    #[serde(rename = "EmailMfaSettings")]
    email: Option<Settings>,
    #[serde(rename = "WebAuthnMfaSettings")]
    passkey: Option<Settings>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Settings {
    enabled: bool,
    preferred_mfa: bool,
}

impl MfaPreference {
    fn read(&self) -> Wishes {
        let wish = |factor, settings: Option<Settings>| {
            let Settings { enabled, preferred_mfa } = settings?;
            Some(Wish { factor, enabled, preferred: preferred_mfa })
        };
        let all = [wish(Factor::Sms, self.sms), wish(Factor::Totp, self.totp), wish(Factor::Email, self.email)];
        Wishes { factors: all.into_iter().flatten().collect(), passkey: self.passkey.map(|passkey| passkey.enabled) }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetUserMFAPreference {
    access_token: String,
    #[serde(flatten)]
    wishes: MfaPreference,
}

impl Operation for SetUserMFAPreference {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        factors::prefer(&cx, &bearer.pool, &bearer.user, &self.wishes.read()).await?;
        Ok(Empty {})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminSetUserMFAPreference {
    user_pool_id: String,
    username: String,
    #[serde(flatten)]
    wishes: MfaPreference,
}

impl Operation for AdminSetUserMFAPreference {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        factors::prefer(&cx, &pool, &user, &self.wishes.read()).await?;
        Ok(Empty {})
    }
}

/// Forgets a user's authenticator app, and asks for it no more.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminDeleteSoftwareToken {
    user_pool_id: String,
    username: String,
}

impl Operation for AdminDeleteSoftwareToken {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (_, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        software_tokens::delete(&cx, &user).await?;
        Ok(Empty {})
    }
}

/// `MFAOptions` of the older operations.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MfaOption {
    delivery_medium: Option<String>,
    attribute_name: Option<String>,
}

/// Whether text messages are wanted. Nothing else could ever be said here.
fn wants_sms(options: &[MfaOption]) -> Result<bool> {
    let is_sms = |option: &MfaOption| {
        option.delivery_medium.as_deref() == Some("SMS") && option.attribute_name.as_deref() == Some("phone_number")
    };
    if options.iter().all(is_sms) {
        return Ok(!options.is_empty());
    }
    Err(Error::InvalidParameter("MFAOptions can only hold DeliveryMedium SMS with AttributeName phone_number.".into()))
}

/// The older way to switch text messages on and off.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SetUserSettings {
    access_token: String,
    #[serde(rename = "MFAOptions")]
    options: Vec<MfaOption>,
}

impl Operation for SetUserSettings {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        factors::set_sms(&cx, &bearer.pool, &bearer.user, wants_sms(&self.options)?).await?;
        Ok(Empty {})
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminSetUserSettings {
    user_pool_id: String,
    username: String,
    #[serde(rename = "MFAOptions")]
    options: Vec<MfaOption>,
}

impl Operation for AdminSetUserSettings {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        factors::set_sms(&cx, &pool, &user, wants_sms(&self.options)?).await?;
        Ok(Empty {})
    }
}

/// What a user has to sign in with.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AuthFactors {
    username: String,
    #[serde(flatten)]
    settings: MfaSettings,
    configured_user_auth_factors: Vec<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserAuthFactors {
    access_token: String,
}

impl Operation for GetUserAuthFactors {
    type Output = AuthFactors;

    async fn run(self, cx: Cx) -> Result<AuthFactors> {
        let bearer = bearer::self_service(&cx, &self.access_token).await?;
        shown(&cx, &bearer.pool, bearer.user).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminGetUserAuthFactors {
    user_pool_id: String,
    username: String,
}

impl Operation for AdminGetUserAuthFactors {
    type Output = AuthFactors;

    async fn run(self, cx: Cx) -> Result<AuthFactors> {
        let (pool, user) = users::find(&cx, &self.user_pool_id, &self.username).await?;
        shown(&cx, &pool, user).await
    }
}

async fn shown(cx: &Cx, pool: &Pool, user: User) -> Result<AuthFactors> {
    let configured = factors::configured(cx, pool, &user).await?;
    Ok(AuthFactors {
        settings: MfaSettings::of(&factors::preference(cx, &user).await?),
        configured_user_auth_factors: configured.into_iter().map(FirstFactor::name).collect(),
        username: user.username,
    })
}
