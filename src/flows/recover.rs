//! A forgotten password: a code to a verified address, and a new password for it.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html>

use super::{
    Cx,
    auth_events::{self, Happened},
    codes, factors,
    messages::{self, About},
    passwords, revoke, risk,
    sign_up::{Named, claim_verified},
    triggers, veil,
};
use crate::{
    domain::{
        Asker, Error, Pool, Result, User,
        auth_event::{Kind, Response},
        code::{CodeKind, Delivery, Medium},
        message::Occasion,
        mfa::Factor,
        pool::{RecoveryMechanism, RecoveryName},
        risk::PasswordUsage,
        user::Status,
    },
    hooks::{ClientMetadata, ConfirmationSource},
    kit::secret::Secret,
    store,
};

const NO_ADDRESS: &str = "Cannot reset password for the user as there is no registered/verified email or phone_number";

pub async fn forgot(cx: &Cx, named: Named<'_>) -> Result<Delivery> {
    named.count_code(cx).await?;
    veil::hide(cx, &named.client, send_code(cx, &named)).await
}

async fn send_code(cx: &Cx, named: &Named<'_>) -> Result<Delivery> {
    let Some(user) = named.find_or_migrate(cx).await? else {
        codes::count_request_of_nobody(cx, &named.pool, named.username, CodeKind::ForgotPassword).await?;
        return Ok(named.invented_delivery());
    };
    if !user.enabled {
        if !named.client.hides_users() {
            return Err(Error::UserDisabled);
        }
        codes::count_request_of_nobody(cx, &named.pool, named.username, CodeKind::ForgotPassword).await?;
        return Ok(named.invented_delivery());
    }
    if matches!(user.status, Status::ForceChangePassword | Status::ExternalProvider) {
        return Err(Error::CannotResetPassword);
    }
    let medium = recovery_medium(cx, &named.pool, &user).await?;
    messages::check_delivery(cx, &named.pool, medium)?;
    codes::count_request(cx, &user, CodeKind::ForgotPassword).await?;
    let about = named.about(&user, Occasion::ForgotPassword);
    let code = codes::prepare(cx, &about, CodeKind::ForgotPassword, medium).await?;
    let mut tx = cx.begin().await?;
    let delivery = code.put(&mut tx).await?;
    tx.commit().await?;
    let asked = named.happened(&user, Kind::ForgotPassword);
    auth_events::record(cx, Happened { response: Response::InProgress, ..asked }).await;
    Ok(delivery)
}

/// The first of the pool's mechanisms whose address is there and verified, and is not where the user's second factor goes: both
/// factors would be one then. Pools without the setting try the telephone, then e-mail, whatever the second factor is.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html>
async fn recovery_medium(cx: &Cx, pool: &Pool, user: &User) -> Result<Medium> {
    let mut mechanisms = pool.settings.account_recovery_setting.clone().unwrap_or_default().recovery_mechanisms;
    mechanisms.sort_by_key(|mechanism| mechanism.priority);
    if mechanisms.iter().any(|mechanism| mechanism.name == RecoveryName::AdminOnly) {
        return Err(Error::AdministratorResetsPasswords);
    }
    let (media, factors) = match mechanisms.is_empty() {
        true => (vec![Medium::Sms, Medium::Email], Vec::new()),
        false => {
            let medium = |mechanism: &RecoveryMechanism| match mechanism.name {
                RecoveryName::VerifiedPhoneNumber => Medium::Sms,
                RecoveryName::VerifiedEmail | RecoveryName::AdminOnly => Medium::Email,
            };
            (mechanisms.iter().map(medium).collect(), factors::active(cx, pool, user).await?)
        }
    };
    media
        .into_iter()
        .filter(|medium| !factors.contains(&Factor::of_medium(*medium)))
        .find(|medium| user.has_verified(medium.attribute()))
        .ok_or_else(|| Error::InvalidParameter(NO_ADDRESS.into()))
}

pub async fn confirm(cx: &Cx, named: Named<'_>, code: &str, password: &Secret) -> Result<()> {
    veil::hide(cx, &named.client, redeem(cx, &named, code, password)).await
}

async fn redeem(cx: &Cx, named: &Named<'_>, code: &str, password: &Secret) -> Result<()> {
    let found = named.find(cx).await?;
    // The policy is asked first, whoever is meant: a password that is refused must not cost a guess, nor tell who exists.
    named.pool.settings.policies.password_policy.check(password.expose(), Asker::User)?;
    let user = match found {
        Some(user) if user.enabled => user,
        Some(_) if !named.client.hides_users() => return Err(Error::UserDisabled),
        _ => {
            let kind = CodeKind::ForgotPassword;
            return codes::check_nobody(cx, &named.pool, named.username, kind).await;
        }
    };
    let checked = codes::check(cx, &user, CodeKind::ForgotPassword, code).await;
    if let Err(Error::CodeMismatch | Error::CodeExpired) = &checked {
        let failed = named.happened(&user, Kind::ForgotPassword);
        auth_events::record(cx, Happened { response: Response::Fail, ..failed }).await;
    }
    let code = checked?;
    // Only who has the code learns what the history says of a password: without it that would be a way to guess.
    let usage = (PasswordUsage::Change, password);
    let is_compromised = risk::is_compromised(cx, &named.pool, &named.client, usage).await?;
    let credential = passwords::credential(cx, &named.pool, &user, password, false, Asker::User).await?;
    let now = cx.now();
    let mut tx = cx.begin().await?;
    let user = store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?;
    let mut user = user.filter(|user| user.enabled).ok_or(Error::CodeExpired)?;
    codes::redeem(&mut tx, &user, &code).await?;
    user.status = Status::Confirmed;
    user.credential = credential;
    user.modified_at = now;
    user.attributes.insert(format!("{}_verified", code.attribute()), "true".to_owned());
    claim_verified(&mut tx, &named.pool, &user, code.attribute(), false, now).await?;
    store::users::update(&mut tx, &named.pool, &user).await?;
    store::users::set_credential(&mut tx, &user).await?;
    revoke::with_password(cx, &mut tx, &named.pool, &user, None, now).await?;
    tx.commit().await?;
    let happened = named.happened(&user, Kind::ForgotPassword);
    auth_events::record(cx, Happened { is_compromised, ..happened }).await;
    triggers::after_confirmation(cx, &named.confirmed(&user, ConfirmationSource::ConfirmForgotPassword)).await
}

/// An administrator asks a user to choose a new password: the old one stops working, and a code is sent.
pub async fn reset(cx: &Cx, pool: &Pool, user: &User, metadata: Option<&ClientMetadata>) -> Result<()> {
    if !user.enabled {
        return Err(Error::UserDisabled);
    }
    if !matches!(user.status, Status::Confirmed | Status::ResetRequired) {
        return Err(Error::CannotResetPassword);
    }
    let medium = recovery_medium(cx, pool, user).await?;
    let about = About { pool, user, occasion: Occasion::ForgotPassword, client_id: None, metadata };
    let code = codes::prepare(cx, &about, CodeKind::ForgotPassword, medium).await?;
    let now = cx.now();
    let mut tx = cx.begin().await?;
    let mut user =
        store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?.ok_or(Error::NoSuchUser)?;
    user.status = Status::ResetRequired;
    user.modified_at = now;
    store::users::update(&mut tx, pool, &user).await?;
    revoke::with_password(cx, &mut tx, pool, &user, None, now).await?;
    code.put(&mut tx).await?;
    Ok(tx.commit().await?)
}
