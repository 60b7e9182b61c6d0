//! What is asked before an account is made, and told after it was confirmed. The other triggers are fired where they belong:
//! those of a sign-in in [`sign_in`](super::sign_in), of tokens in [`issue`](super::issue), of messages in
//! [`messages`](super::messages).

use super::{Cx, factors};
use crate::{
    domain::{Pool, Result, User, mfa::Mode, user::Attributes},
    hooks::{self, ClientMetadata, ConfirmationSource, PostConfirmation, PreSignUp, PreSignUpResponse, SignUpSource},
};

/// A user as every trigger is told of them. No transaction may be open.
pub async fn user_attributes(cx: &Cx, pool: &Pool, user: &User) -> Result<Attributes> {
    let factors = match pool.settings.mfa_configuration {
        Mode::Off => Vec::new(),
        Mode::Optional | Mode::On => factors::active(cx, pool, user).await?,
    };
    Ok(hooks::user_attributes(pool, user, &factors))
}

/// Somebody whom the pool may get.
pub struct Newcomer<'a> {
    pub pool: &'a Pool,
    /// None where an administrator acts.
    pub client_id: Option<&'a str>,
    pub username: &'a str,
    /// As they were given.
    pub attributes: &'a Attributes,
    pub source: SignUpSource,
    pub validation_data: Option<&'a ClientMetadata>,
    pub metadata: Option<&'a ClientMetadata>,
}

/// Asks PreSignUp, which may refuse. Call it before anything is stored, and after what the pool itself would refuse.
pub async fn before_sign_up(cx: &Cx, newcomer: &Newcomer<'_>) -> Result<PreSignUpResponse> {
    if !cx.app.hooks.is_set::<PreSignUp>(newcomer.pool) {
        return Ok(PreSignUpResponse::default());
    }
    let request = PreSignUp {
        source: newcomer.source,
        user_attributes: newcomer.attributes.clone(),
        validation_data: newcomer.validation_data.cloned(),
        client_metadata: newcomer.metadata.cloned(),
    };
    cx.ask(newcomer.pool, newcomer.client_id, newcomer.username, request).await
}

/// Somebody who has confirmed an account or a new password.
pub struct Confirmed<'a> {
    pub pool: &'a Pool,
    pub client_id: Option<&'a str>,
    /// As they are now.
    pub user: &'a User,
    pub source: ConfirmationSource,
    pub metadata: Option<&'a ClientMetadata>,
}

/// Tells PostConfirmation, after the commit. What it throws reaches the caller, and what was confirmed stays so.
pub async fn after_confirmation(cx: &Cx, confirmed: &Confirmed<'_>) -> Result<()> {
    if !cx.app.hooks.is_set::<PostConfirmation>(confirmed.pool) {
        return Ok(());
    }
    let request = PostConfirmation {
        source: confirmed.source,
        user_attributes: user_attributes(cx, confirmed.pool, confirmed.user).await?,
        client_metadata: confirmed.metadata.cloned(),
    };
    cx.ask(confirmed.pool, confirmed.client_id, &confirmed.user.username, request).await?;
    Ok(())
}
