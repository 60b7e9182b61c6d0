//! UserMigration: somebody whom the pool does not know signs in or has forgotten the password, and a function knows them.
//!
//! The account is made with the password that came, whatever the pool's policy says of it. No welcome message goes out: it would
//! have to quote that password.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-migrate-user.html>

use super::{
    Cx, passwords,
    sign_up::{self, Names},
    triggers::{self, Newcomer},
};
use crate::{
    domain::{
        Asker, Client, Error, Pool, Result, User,
        attribute::{self, Write},
        mfa::{self, Factor, Preference},
        user::{Attributes, Status},
    },
    hooks::{
        ClientMetadata, FinalStatus, MigrationSource, SignUpSource, Trigger, UserMigration, UserMigrationResponse,
    },
    kit::secret::Secret,
    store,
};

/// A name that the pool does not have.
pub struct Stranger<'a> {
    pub pool: &'a Pool,
    pub client: &'a Client,
    /// As it was typed.
    pub username: &'a str,
    /// None where it was forgotten.
    pub password: Option<&'a Secret>,
    pub validation_data: Option<&'a ClientMetadata>,
    pub metadata: Option<&'a ClientMetadata>,
}

/// The user that is in the pool now; none where nobody else knows the name either.
pub async fn migrate(cx: &Cx, stranger: &Stranger<'_>) -> Result<Option<User>> {
    let pool = stranger.pool;
    if !cx.app.hooks.is_set::<UserMigration>(pool) {
        return Ok(None);
    }
    let source = match stranger.password {
        Some(_) => MigrationSource::Authentication,
        None => MigrationSource::ForgotPassword,
    };
    let request = UserMigration {
        source,
        password: stranger.password.cloned(),
        validation_data: stranger.validation_data.cloned(),
        client_metadata: stranger.metadata.cloned(),
    };
    let answer = cx.ask(pool, Some(&stranger.client.id), stranger.username, request).await?;
    if answer.user_attributes.is_empty() {
        return Ok(None);
    }
    let (user, given) = made(cx, stranger, &answer).await?;
    if answer.enable_sms_mfa && !mfa::takes_sms(pool, &user) {
        // Left out it would be a second factor that somebody relies on.
        let text = "enableSMSMFA needs a phone_number, and a user pool that sends MFA codes by SMS";
        return Err(unusable(Error::InvalidParameter(text.to_owned())));
    }
    let newcomer = Newcomer {
        pool,
        client_id: Some(&stranger.client.id),
        username: &user.username,
        attributes: &given,
        source: SignUpSource::SignUp,
        validation_data: stranger.validation_data,
        metadata: stranger.metadata,
    };
    triggers::before_sign_up(cx, &newcomer).await?;
    insert(cx, pool, user, &answer).await.map(Some)
}

/// What the function told of somebody, as a user of this pool, and the attributes as they were told.
async fn made(cx: &Cx, stranger: &Stranger<'_>, answer: &UserMigrationResponse) -> Result<(User, Attributes)> {
    let pool = stranger.pool;
    let mut told = answer.user_attributes.clone();
    // The pool gives out a `sub` of its own. Somebody who came with an alias is called as the function says.
    told.remove("sub");
    let name = told.remove("username").unwrap_or_else(|| stranger.username.to_owned());
    let told = attribute::check_values(pool, &told, Write::Creation).map_err(unusable)?;
    let mut attributes = told.clone();
    let names = Names::choose(cx, pool, &name, &mut attributes).map_err(unusable)?;
    let status = match (answer.final_user_status, stranger.password) {
        (Some(FinalStatus::Confirmed), _) => Status::Confirmed,
        (Some(FinalStatus::ResetRequired) | None, _) => Status::ResetRequired,
    };
    let mut user = sign_up::new_user(pool, names, attributes, status, cx.now());
    if let Some(password) = stranger.password.filter(|_| status == Status::Confirmed) {
        user.credential = passwords::unjudged(cx, &user, password).await?;
    }
    Ok((user, told))
}

/// Of two that bring the same person at once the second finds them here.
async fn insert(cx: &Cx, pool: &Pool, user: User, answer: &UserMigrationResponse) -> Result<User> {
    let mut tx = cx.begin().await?;
    let inserted = match sign_up::insert(&mut tx, pool, &user, Asker::SignUp).await {
        Ok(()) => sign_up::claim_all_verified(&mut tx, pool, &user, answer.force_alias_creation).await,
        Err(error) => Err(error),
    };
    match inserted {
        Ok(()) => {
            if answer.enable_sms_mfa {
                store::factors::set_preference(&mut tx, &user, &Preference::of(Factor::Sms)).await?;
            }
            tx.commit().await?;
            Ok(user)
        }
        Err(error) => {
            drop(tx);
            let present = store::users::by_login(&mut cx.read().await?, pool, &user.username).await?;
            present.ok_or_else(|| taken(error))
        }
    }
}

/// What the function told does not fit the pool.
fn unusable(error: Error) -> Error {
    match error {
        Error::InvalidParameter(text) => {
            tracing::warn!(trigger = UserMigration::NAME, text, "a user cannot be made from a function's answer");
            Error::HookAnswer(UserMigration::NAME)
        }
        other => other,
    }
}

/// A sign-in declares no exception for an address that somebody else has.
fn taken(error: Error) -> Error {
    match error {
        Error::AccountExists(name) | Error::AliasExists(name) => Error::HookThrew {
            trigger: UserMigration::NAME,
            message: format!("An account with the given {name} already exists"),
        },
        other => other,
    }
}
