//! Signing up: an account that its owner makes, and the code that confirms it.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html>

use std::sync::Arc;

use super::{
    Cx,
    auth_events::{self, Happened},
    client_proof, codes,
    messages::{self, About},
    migrate::{self, Stranger},
    passwords, per_address, risk,
    triggers::{self, Confirmed, Newcomer},
    veil,
};
use crate::{
    domain::{
        Asker, Client, Error, Pool, Result, User,
        attribute::{self, Write},
        auth_event::Kind,
        code::{CodeKind, Delivery, Medium},
        message::Occasion,
        risk::PasswordUsage,
        user::{Attempts, Attributes, Credential, Status},
    },
    hooks::{ClientMetadata, ConfirmationSource, PreSignUpResponse, SignUpSource},
    kit::{clock::Time, secret::Secret},
    store::{self, Tx},
};

/// What somebody signs up with.
pub struct SignUp {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub username: String,
    /// None only where a code that is sent lets somebody in.
    pub password: Option<Secret>,
    pub attributes: Attributes,
    pub secret_hash: Option<String>,
    /// For PreSignUp alone.
    pub validation_data: Option<ClientMetadata>,
    pub metadata: Option<ClientMetadata>,
}

/// How the service says that it wants a password after all.
const NO_PASSWORD: &str =
    "1 validation error detected: Value at 'password' failed to satisfy constraint: Member must not be null";

/// A new account.
pub struct SignedUp {
    pub user: User,
    /// Where the code went, if the pool verifies an address that was given.
    pub delivery: Option<Delivery>,
}

pub async fn sign_up(cx: &Cx, given: SignUp) -> Result<SignedUp> {
    let SignUp { pool, client, username, password, attributes, secret_hash, validation_data, metadata } = given;
    client_proof::check_secret_hash(&client, &username, secret_hash.as_deref())?;
    per_address::count_code(cx, Some(&client)).await?;
    if pool.settings.admin_create_user_config.allow_admin_create_user_only {
        return Err(Error::SignUpNotPermitted);
    }
    attribute::check_writable(&pool, &client, attributes.keys().map(String::as_str))?;
    let mut attributes = attribute::check_values(&pool, &attributes, Write::Creation)?;
    if attributes.contains_key("preferred_username") && pool.is_alias("preferred_username") {
        return Err(Error::InvalidParameter("Cannot provide preferred_username for unconfirmed account".into()));
    }
    let names = Names::choose(cx, &pool, &username, &mut attributes)?;
    attribute::check_required(&pool, &attributes)?;
    let given = attributes.clone();
    let mut user = new_user(&pool, names, attributes, Status::Unconfirmed, cx.now());
    // The name is looked at last, so a password that is refused tells nothing about it.
    match &password {
        Some(password) => pool.settings.policies.password_policy.check(password.expose(), Asker::SignUp)?,
        None if pool.needs_no_password(&user.attributes) => {}
        None => return Err(Error::InvalidParameter(NO_PASSWORD.into())),
    }
    let is_compromised = match &password {
        Some(password) => risk::is_compromised(cx, &pool, &client, (PasswordUsage::SignUp, password)).await?,
        None => false,
    };
    refuse_taken(cx, &pool, &user, Asker::SignUp).await?;
    let newcomer = Newcomer {
        pool: &pool,
        client_id: Some(&client.id),
        username: &user.username,
        attributes: &given,
        source: SignUpSource::SignUp,
        validation_data: validation_data.as_ref(),
        metadata: metadata.as_ref(),
    };
    let allowed = triggers::before_sign_up(cx, &newcomer).await?;
    skip(&mut user, allowed)?;
    if let Some(password) = &password {
        user.credential = passwords::credential(cx, &pool, &user, password, false, Asker::SignUp).await?;
    }
    let about = About {
        pool: &pool,
        user: &user,
        occasion: Occasion::SignUp,
        client_id: Some(&client.id),
        metadata: metadata.as_ref(),
    };
    let is_confirmed = user.status == Status::Confirmed;
    let code = match auto_verified_medium(&pool, &user.attributes).filter(|_| !is_confirmed) {
        Some(medium) => Some(codes::prepare(cx, &about, CodeKind::SignUp, medium).await?),
        None => None,
    };

    let mut tx = cx.begin().await?;
    insert(&mut tx, &pool, &user, Asker::SignUp).await?;
    claim_all_verified(&mut tx, &pool, &user, false).await?;
    let delivery = match code {
        Some(code) => Some(code.put(&mut tx).await?),
        None => None,
    };
    tx.commit().await?;
    let happened = Happened::new(&pool, Some(&client), &user.sub, Kind::SignUp);
    auth_events::record(cx, Happened { is_compromised, ..happened }).await;
    if is_confirmed {
        let confirmed = Confirmed {
            pool: &pool,
            client_id: Some(&client.id),
            user: &user,
            source: ConfirmationSource::ConfirmSignUp,
            metadata: metadata.as_ref(),
        };
        triggers::after_confirmation(cx, &confirmed).await?;
    }
    Ok(SignedUp { user, delivery })
}

/// What PreSignUp lets a newcomer do without: the code, and the proof of an address.
fn skip(user: &mut User, allowed: PreSignUpResponse) -> Result<()> {
    if !allowed.auto_confirm_user {
        return Ok(());
    }
    user.status = Status::Confirmed;
    for (medium, is_verified) in [(Medium::Email, allowed.auto_verify_email), (Medium::Sms, allowed.auto_verify_phone)]
    {
        let name = medium.attribute();
        if !is_verified {
            continue;
        }
        if user.attribute(name).is_none() {
            return Err(Error::InvalidParameter(format!("Unable to verify {name}. The user has no such attribute.")));
        }
        user.attributes.insert(format!("{name}_verified"), "true".to_owned());
    }
    Ok(())
}

/// What a new user is called.
pub struct Names {
    pub sub: String,
    pub username: String,
}

impl Names {
    /// In pools whose user names are addresses, the address becomes an attribute and the name a UUID.
    pub fn choose(cx: &Cx, pool: &Pool, username: &str, attributes: &mut Attributes) -> Result<Self> {
        let sub = cx.random().uuid();
        let invalid = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
        if pool.has_username_attributes() {
            let allows = |name: &str| pool.settings.username_attributes.iter().any(|allowed| allowed == name);
            let name = match (allows("email"), allows("phone_number")) {
                (true, _) if attribute::is_email(username) => "email",
                (_, true) if attribute::is_phone_number(username) => "phone_number",
                (true, true) => return invalid("Username should be either an email or a phone number."),
                (true, false) => return invalid("Username should be an email."),
                (false, _) => return invalid("Username should be a phone number."),
            };
            attributes.insert(name.to_owned(), username.to_owned());
            return Ok(Self { username: sub.clone(), sub });
        }
        if pool.is_alias("email") && attribute::is_email(username) {
            return invalid("Username cannot be of email format, since user pool is configured for email alias.");
        }
        if pool.is_alias("phone_number") && attribute::is_phone_number(username) {
            return invalid(
                "Username cannot be of phone number format, since user pool is configured for phone_number alias.",
            );
        }
        let username = if pool.is_case_sensitive() { username.to_owned() } else { username.to_lowercase() };
        Ok(Self { sub, username })
    }
}

pub fn new_user(pool: &Pool, names: Names, mut attributes: Attributes, status: Status, now: Time) -> User {
    attributes.retain(|_, value| !value.is_empty());
    for medium in [Medium::Email, Medium::Sms] {
        let verified = format!("{}_verified", medium.attribute());
        if attributes.contains_key(medium.attribute()) {
            attributes.entry(verified).or_insert_with(|| "false".to_owned());
        } else {
            attributes.remove(&verified);
        }
    }
    User {
        pool_id: pool.id.clone(),
        sub: names.sub,
        username: names.username,
        status,
        enabled: true,
        attributes,
        credential: Credential::default(),
        attempts: Attempts::default(),
        created_at: now,
        modified_at: now,
    }
}

/// Refuses a name or an address in use before a password is hashed for nothing. The insertion decides.
pub async fn refuse_taken(cx: &Cx, pool: &Pool, user: &User, asker: Asker) -> Result<()> {
    let mut tx = cx.read().await?;
    if store::users::by_login(&mut tx, pool, &user.username).await?.is_some() {
        return Err(Error::UsernameExists(asker));
    }
    for (name, value) in username_attributes(pool, user) {
        if store::users::alias_owner(&mut tx, pool, name, value).await?.is_some() {
            return Err(Error::AccountExists(name));
        }
    }
    Ok(())
}

/// Writes a new user together with the addresses that are its user name.
pub async fn insert(tx: &mut Tx, pool: &Pool, user: &User, asker: Asker) -> Result<()> {
    if !store::users::insert(tx, pool, user).await? {
        return Err(Error::UsernameExists(asker));
    }
    for (name, value) in username_attributes(pool, user) {
        if !store::users::claim_alias(tx, pool, name, value, &user.sub).await? {
            return Err(Error::AccountExists(name));
        }
    }
    Ok(())
}

/// The addresses of a user that count as user names in this pool, verified or not.
fn username_attributes<'a>(pool: &Pool, user: &'a User) -> impl Iterator<Item = (&'static str, &'a str)> {
    let counts: Vec<&'static str> = ["email", "phone_number"]
        .into_iter()
        .filter(|name| pool.settings.username_attributes.iter().any(|allowed| allowed == name))
        .collect();
    counts.into_iter().filter_map(|name| user.attribute(name).map(|value| (name, value)))
}

/// Where the confirmation code goes: the telephone comes first where both are verified.
pub fn auto_verified_medium(pool: &Pool, attributes: &Attributes) -> Option<Medium> {
    [Medium::Sms, Medium::Email]
        .into_iter()
        .find(|medium| pool.auto_verifies(medium.attribute()) && attributes.contains_key(medium.attribute()))
}

/// Whom a sign-up operation means, and through which client.
pub struct Named<'a> {
    pub pool: Arc<Pool>,
    pub client: Arc<Client>,
    pub username: &'a str,
    pub secret_hash: Option<&'a str>,
    pub metadata: Option<&'a ClientMetadata>,
}

impl Named<'_> {
    /// None when there is no such user and the client hides that.
    pub async fn find(&self, cx: &Cx) -> Result<Option<User>> {
        let user = self.look_up(cx).await?;
        self.judged(user)
    }

    /// The same, also of somebody whom only a function knows as yet.
    pub async fn find_or_migrate(&self, cx: &Cx) -> Result<Option<User>> {
        let mut user = self.look_up(cx).await?;
        if user.is_none() {
            let stranger = Stranger {
                pool: &self.pool,
                client: &self.client,
                username: self.username,
                password: None,
                validation_data: None,
                metadata: self.metadata,
            };
            user = migrate::migrate(cx, &stranger).await?;
        }
        self.judged(user)
    }

    /// Comes before anything is asked that may have a code sent.
    pub async fn count_code(&self, cx: &Cx) -> Result<()> {
        client_proof::check_secret_hash(&self.client, self.username, self.secret_hash)?;
        per_address::count_code(cx, Some(&self.client)).await
    }

    async fn look_up(&self, cx: &Cx) -> Result<Option<User>> {
        client_proof::check_secret_hash(&self.client, self.username, self.secret_hash)?;
        Ok(store::users::by_login(&mut cx.read().await?, &self.pool, self.username).await?)
    }

    fn judged(&self, user: Option<User>) -> Result<Option<User>> {
        if user.is_none() && !self.client.hides_users() {
            return Err(Error::NoSuchUserForClient);
        }
        Ok(user)
    }

    /// A message to `user` that this call brings about.
    pub fn about<'b>(&'b self, user: &'b User, occasion: Occasion) -> About<'b> {
        About { pool: &self.pool, user, occasion, client_id: Some(&self.client.id), metadata: self.metadata }
    }

    /// Somebody whom this operation has confirmed.
    pub fn confirmed<'u>(&'u self, user: &'u User, source: ConfirmationSource) -> Confirmed<'u> {
        Confirmed { pool: &self.pool, client_id: Some(&self.client.id), user, source, metadata: self.metadata }
    }

    /// Something that this call has done to `user`.
    pub fn happened<'b>(&'b self, user: &'b User, kind: Kind) -> Happened<'b> {
        Happened::new(&self.pool, Some(&self.client), &user.sub, kind)
    }

    /// Where an invented code went: to what was typed if it is an address, else to an e-mail address that nobody has.
    pub fn invented_delivery(&self) -> Delivery {
        if attribute::is_phone_number(self.username) {
            return Delivery::to(Medium::Sms, self.username);
        }
        if attribute::is_email(self.username) {
            return Delivery::to(Medium::Email, self.username);
        }
        Delivery::to(Medium::Email, &format!("{}@{}", self.username, self.pool.id))
    }
}

pub async fn confirm(cx: &Cx, named: Named<'_>, code: &str, force_alias: bool) -> Result<()> {
    veil::hide(cx, &named.client, redeem(cx, &named, code, force_alias)).await
}

async fn redeem(cx: &Cx, named: &Named<'_>, code: &str, force_alias: bool) -> Result<()> {
    let Some(user) = named.find(cx).await? else {
        return codes::check_nobody(cx, &named.pool, named.username, CodeKind::SignUp).await;
    };
    if user.status != Status::Unconfirmed {
        return Err(Error::CannotConfirm(user.status));
    }
    let code = codes::check(cx, &user, CodeKind::SignUp, code).await?;
    let now = cx.now();
    let mut tx = cx.begin().await?;
    let user = store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?;
    let mut user = user.ok_or(Error::CodeExpired)?;
    codes::redeem(&mut tx, &user, &code).await?;
    if user.status != Status::Unconfirmed {
        return Err(Error::CannotConfirm(user.status));
    }
    user.status = Status::Confirmed;
    user.modified_at = now;
    user.attributes.insert(format!("{}_verified", code.attribute()), "true".to_owned());
    claim_verified(&mut tx, &named.pool, &user, code.attribute(), force_alias, now).await.map_err(
        |error| match error {
            Error::AliasExists(name) => Error::AliasConfirmed(name),
            other => other,
        },
    )?;
    store::users::update(&mut tx, &named.pool, &user).await?;
    tx.commit().await?;
    triggers::after_confirmation(cx, &named.confirmed(&user, ConfirmationSource::ConfirmSignUp)).await
}

/// Claims the verified addresses of a user who was just made. In these operations the service declares no AliasExistsException.
pub async fn claim_all_verified(tx: &mut Tx, pool: &Pool, user: &User, force: bool) -> Result<()> {
    for medium in [Medium::Email, Medium::Sms].into_iter().filter(|medium| user.has_verified(medium.attribute())) {
        let name = medium.attribute();
        claim_verified(tx, pool, user, name, force, user.created_at).await.map_err(|error| match error {
            Error::AliasExists(name) => Error::AccountExists(name),
            other => other,
        })?;
    }
    Ok(())
}

/// A verified address that is an alias becomes this user's. With `force` its former owner loses it and its verification.
pub async fn claim_verified(
    tx: &mut Tx,
    pool: &Pool,
    user: &User,
    attribute: &str,
    force: bool,
    now: Time,
) -> Result<()> {
    let Some(medium) = Medium::of_attribute(attribute).filter(|_| pool.is_alias(attribute)) else { return Ok(()) };
    let name = medium.attribute();
    let Some(value) = user.attribute(name) else { return Ok(()) };
    if store::users::claim_alias(tx, pool, name, value, &user.sub).await? {
        return Ok(());
    }
    if !force || pool.has_username_attributes() {
        return Err(Error::AliasExists(name));
    }
    if let Some(owner) = store::users::alias_owner(tx, pool, name, value).await?
        && let Some(mut former) = store::users::by_sub_for_update(tx, &pool.id, &owner).await?
    {
        former.attributes.insert(format!("{name}_verified"), "false".to_owned());
        former.modified_at = now;
        store::users::update(tx, pool, &former).await?;
        store::users::release_alias(tx, &pool.id, name, &owner).await?;
    }
    if store::users::claim_alias(tx, pool, name, value, &user.sub).await? {
        Ok(())
    } else {
        Err(Error::AliasExists(name))
    }
}

pub async fn resend(cx: &Cx, named: Named<'_>) -> Result<Delivery> {
    named.count_code(cx).await?;
    veil::hide(cx, &named.client, send_again(cx, &named)).await
}

async fn send_again(cx: &Cx, named: &Named<'_>) -> Result<Delivery> {
    let Some(user) = named.find(cx).await? else {
        codes::count_request_of_nobody(cx, &named.pool, named.username, CodeKind::SignUp).await?;
        return Ok(named.invented_delivery());
    };
    if user.status != Status::Unconfirmed {
        return Err(Error::InvalidParameter("User is already confirmed.".into()));
    }
    let medium = auto_verified_medium(&named.pool, &user.attributes)
        .ok_or_else(|| Error::InvalidParameter("Cannot resend codes. Auto verification not turned on.".into()))?;
    messages::check_delivery(cx, &named.pool, medium)?;
    codes::count_request(cx, &user, CodeKind::SignUp).await?;
    let about = named.about(&user, Occasion::ResendCode);
    let code = codes::prepare(cx, &about, CodeKind::SignUp, medium).await?;
    let mut tx = cx.begin().await?;
    let delivery = code.put(&mut tx).await?;
    tx.commit().await?;
    auth_events::record(cx, named.happened(&user, Kind::ResendCode)).await;
    Ok(delivery)
}
