//! Changing what is known about a user: by an administrator, by the user through a client, and by proving an address.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html>

use super::{
    Cx,
    codes::{self, Prepared},
    messages::{self, About},
    per_address,
};
use crate::{
    domain::{
        Client, Error, Pool, Result, User,
        attribute::{self, Write},
        code::{CodeKind, Delivery, Medium},
        identity,
        message::Occasion,
        user::{Attributes, Status},
    },
    hooks::ClientMetadata,
    store::{self, Tx},
};

/// On whose word attributes change.
#[derive(Clone, Copy)]
pub enum Writer<'a> {
    Administrator,
    /// The user, through a client that may write only some attributes.
    Client(&'a Client),
}

/// What is to change, and on whose word.
pub struct Change<'a> {
    /// An empty value deletes.
    pub given: Attributes,
    pub writer: Writer<'a>,
    pub metadata: Option<&'a ClientMetadata>,
}

impl<'a> Change<'a> {
    pub fn new(given: Attributes, writer: Writer<'a>) -> Self {
        Self { given, writer, metadata: None }
    }

    /// The same, with what the call tells the triggers.
    #[must_use]
    pub fn told(self, metadata: Option<&'a ClientMetadata>) -> Self {
        Self { metadata, ..self }
    }
}

/// Writes attributes. An address that changes is unverified, unless an administrator says otherwise, and is sent a code where
/// the pool verifies it. In pools that want it proven first, it waits for that code, and the old one counts until then. Returns
/// where codes went, by attribute.
pub async fn update(cx: &Cx, pool: &Pool, user: &User, change: Change<'_>) -> Result<Vec<(&'static str, Delivery)>> {
    let Change { given, writer, metadata } = change;
    if let Writer::Client(client) = writer {
        attribute::check_writable(pool, client, given.keys().map(String::as_str))?;
    }
    let given = attribute::check_values(pool, &given, Write::Update)?;
    let required = attribute::missing_required(pool, &given).find(|name| given.contains_key(*name)).map(str::to_owned);
    if let Some(name) = required {
        return Err(Error::InvalidParameter(format!("user.{name}: Attribute is required and cannot be deleted.\n")));
    }

    if matches!(writer, Writer::Client(_)) && !Changed::from(cx, pool, user.clone(), &given)?.to_send.is_empty() {
        per_address::count_code(cx, None).await?;
    }

    let mut read = user.clone();
    for _ in 0..MOST_TRIES {
        // Messages are written before the transaction, for the user as they were read.
        let expected = Changed::from(cx, pool, read, &given)?;
        let codes = expected.prepare(cx, pool, writer, metadata).await?;
        let mut tx = cx.begin().await?;
        let current = store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?;
        let current = current.ok_or(Error::NoSuchUser)?;
        // What changes is told from the user as they are now: two changes at once could otherwise leave another address
        // verified.
        let changed = Changed::from(cx, pool, current.clone(), &given)?;
        if changed.to_send != expected.to_send || changed.waiting != expected.waiting {
            read = current;
            continue;
        }
        claim_aliases(&mut tx, pool, &changed.user).await?;
        store::users::update(&mut tx, pool, &changed.user).await?;
        changed.put_pending(&mut tx, pool, &given).await?;
        let mut deliveries = Vec::new();
        for (medium, code) in codes {
            if let Writer::Client(_) = writer {
                codes::count_change(cx, &mut tx, &changed.user, verification_kind(medium)).await?;
            }
            deliveries.push((medium.attribute(), code.put(&mut tx).await?));
        }
        tx.commit().await?;
        return Ok(deliveries);
    }
    Err(Error::TooManyRequests)
}

/// How often a change is begun anew because the user has become another meanwhile.
const MOST_TRIES: usize = 4;

/// A user after a change, and the addresses that need a code for it.
struct Changed {
    user: User,
    /// The same, with the addresses that wait: what the messages are written for.
    future: User,
    /// Addresses that count only once they are proven.
    waiting: Vec<Medium>,
    to_send: Vec<Medium>,
}

impl Changed {
    fn from(cx: &Cx, pool: &Pool, mut user: User, given: &Attributes) -> Result<Self> {
        check_flags(&user, given)?;
        let (waiting, at_once): (Vec<_>, Vec<_>) = changed_addresses(&user, given)
            .into_iter()
            .partition(|medium| pool.proves_before_update(medium.attribute()));
        for medium in &at_once {
            user.attributes.insert(verified_flag(*medium), "false".to_owned());
        }
        let mut future = Attributes::new();
        for (name, value) in given {
            if waiting.iter().any(|medium| medium.attribute() == name) {
                future.insert(name.clone(), value.clone());
            } else if value.is_empty() {
                user.attributes.remove(name);
            } else {
                user.attributes.insert(name.clone(), value.clone());
            }
        }
        drop_flags_of_missing_addresses(&mut user);
        user.modified_at = cx.now();
        let is_sent = |medium: &Medium| waiting.contains(medium) || pool.auto_verifies(medium.attribute());
        let to_send = [Medium::Email, Medium::Sms]
            .into_iter()
            .filter(|medium| (waiting.contains(medium) || at_once.contains(medium)) && is_sent(medium));
        Ok(Self { to_send: to_send.collect(), future: with(&user, future), waiting, user })
    }

    /// Remembers what waits, and forgets what another word about the same address has overtaken.
    async fn put_pending(&self, tx: &mut Tx, pool: &Pool, given: &Attributes) -> Result<()> {
        for medium in [Medium::Email, Medium::Sms] {
            let name = medium.attribute();
            let Some(value) = given.get(name) else { continue };
            if !self.waiting.contains(&medium) {
                store::pending_attributes::remove(tx, &self.user, name).await?;
                continue;
            }
            if pool.is_alias(name) {
                let owner = store::users::alias_owner(tx, pool, name, value).await?;
                if owner.is_some_and(|owner| owner != self.user.sub) {
                    return Err(Error::AliasExists(name));
                }
            }
            store::pending_attributes::put(tx, &self.user, name, value).await?;
        }
        Ok(())
    }

    async fn prepare(
        &self,
        cx: &Cx,
        pool: &Pool,
        writer: Writer<'_>,
        metadata: Option<&ClientMetadata>,
    ) -> Result<Vec<(Medium, Prepared)>> {
        let client_id = match writer {
            Writer::Client(client) => Some(client.id.as_str()),
            Writer::Administrator => None,
        };
        let about = About { pool, user: &self.future, occasion: Occasion::UpdateUserAttribute, client_id, metadata };
        let mut codes = Vec::new();
        for medium in &self.to_send {
            codes.push((*medium, codes::prepare(cx, &about, verification_kind(*medium), *medium).await?));
        }
        Ok(codes)
    }
}

/// Deletes attributes by name. An address takes its verification with it.
pub async fn delete(cx: &Cx, pool: &Pool, user: &User, names: &[String], writer: Writer<'_>) -> Result<()> {
    if let Writer::Client(client) = writer {
        attribute::check_writable(pool, client, names.iter().map(String::as_str))?;
    }
    let schema = &pool.settings.schema;
    let unknown: String = names
        .iter()
        .filter(|name| !schema.iter().any(|attribute| attribute.name == **name))
        .map(|name| format!("user.{name}: Attribute does not exist in the schema.\n"))
        .collect();
    if !unknown.is_empty() {
        return Err(Error::InvalidParameter(format!("Invalid user attributes: {unknown}")));
    }
    let emptied = names.iter().map(|name| (name.clone(), String::new())).collect();
    update(cx, pool, user, Change::new(emptied, writer)).await.map(drop)
}

/// A user whose addresses that wait have been proven. Whether they are verified is not said.
fn with(user: &User, pending: Attributes) -> User {
    let mut user = user.clone();
    user.attributes.extend(pending);
    user
}

/// Sends the user a code for an address that they have, or have asked for. What the message is about is a [`Occasion::VerifyUserAttribute`].
pub async fn send_verification(cx: &Cx, about: &About<'_>, attribute: &str) -> Result<Delivery> {
    let medium = Medium::of_attribute(attribute).ok_or_else(|| {
        Error::InvalidParameter("Invalid attribute name. Only phone_number and email can be verified.".into())
    })?;
    per_address::count_code(cx, None).await?;
    let pending = store::pending_attributes::of(&mut cx.read().await?, about.user).await?;
    let user = &with(about.user, pending);
    if user.attribute(attribute).is_none() {
        return Err(Error::InvalidParameter(format!("User does not have a value for attribute {attribute}.")));
    }
    messages::check_delivery(cx, about.pool, medium)?;
    let kind = verification_kind(medium);
    codes::count_request(cx, user, kind).await?;
    let code = codes::prepare(cx, &About { user, ..*about }, kind, medium).await?;
    let mut tx = cx.begin().await?;
    let delivery = code.put(&mut tx).await?;
    tx.commit().await?;
    Ok(delivery)
}

/// Proves an address with the code that was sent to it. One that waited for it takes the place of the old one.
pub async fn verify(cx: &Cx, pool: &Pool, user: &User, attribute: &str, code: &str) -> Result<()> {
    let medium = Medium::of_attribute(attribute).ok_or_else(|| {
        Error::InvalidParameter("Invalid attribute name. Only phone_number and email can be verified.".into())
    })?;
    let pending = store::pending_attributes::of(&mut cx.read().await?, user).await?;
    let code = codes::check(cx, &with(user, pending), verification_kind(medium), code).await?;
    let now = cx.now();
    let mut tx = cx.begin().await?;
    let mut user =
        store::users::by_sub_for_update(&mut tx, &user.pool_id, &user.sub).await?.ok_or(Error::NoSuchUser)?;
    let pending = store::pending_attributes::of(&mut tx, &user).await?;
    if let Some(value) = pending.get(attribute) {
        user.attributes.insert(attribute.to_owned(), value.clone());
        store::pending_attributes::remove(&mut tx, &user, attribute).await?;
    }
    codes::redeem(&mut tx, &user, &code).await?;
    user.attributes.insert(verified_flag(medium), "true".to_owned());
    user.modified_at = now;
    claim_aliases(&mut tx, pool, &user).await?;
    store::users::update(&mut tx, pool, &user).await?;
    Ok(tx.commit().await?)
}

pub fn verified_flag(medium: Medium) -> String {
    format!("{}_verified", medium.attribute())
}

fn verification_kind(medium: Medium) -> CodeKind {
    match medium {
        Medium::Email => CodeKind::VerifyEmail,
        Medium::Sms => CodeKind::VerifyPhone,
    }
}

/// An address can be called verified only if it is there, or comes along.
fn check_flags(user: &User, given: &Attributes) -> Result<()> {
    for medium in [Medium::Email, Medium::Sms] {
        let name = medium.attribute();
        let is_set = given.get(&verified_flag(medium)).is_some_and(|flag| flag == "true");
        let has_address = match given.get(name) {
            Some(value) => !value.is_empty(),
            None => user.attribute(name).is_some(),
        };
        if is_set && !has_address {
            return Err(Error::InvalidParameter(format!("{name} is required to set {name}_verified to true")));
        }
    }
    Ok(())
}

/// Addresses that get another value, without a word that it is verified.
fn changed_addresses(user: &User, given: &Attributes) -> Vec<Medium> {
    [Medium::Email, Medium::Sms]
        .into_iter()
        .filter(|medium| {
            let value = given.get(medium.attribute()).filter(|value| !value.is_empty());
            let is_vouched = given.get(&verified_flag(*medium)).is_some_and(|flag| flag == "true");
            value.is_some_and(|value| user.attribute(medium.attribute()) != Some(value)) && !is_vouched
        })
        .collect()
}

fn drop_flags_of_missing_addresses(user: &mut User) {
    for medium in [Medium::Email, Medium::Sms] {
        if user.attribute(medium.attribute()).is_none() {
            user.attributes.remove(&verified_flag(medium));
        }
    }
}

/// Brings what the user signs in with in line with the attributes: user-name attributes count at once, aliases when verified,
/// a preferred user name always. An account that was made for somebody at an identity provider, where they sign in, takes nothing
/// from those who sign in here.
pub async fn claim_aliases(tx: &mut Tx, pool: &Pool, user: &User) -> Result<()> {
    if user.status == Status::ExternalProvider && identity::of(user).iter().any(|one| one.primary) {
        return Ok(());
    }
    for name in ["email", "phone_number", "preferred_username"] {
        if !pool.is_alias(name) {
            continue;
        }
        let counts = pool.has_username_attributes() || name == "preferred_username" || user.has_verified(name);
        match user.attribute(name).filter(|_| counts) {
            Some(value) if store::users::claim_alias(tx, pool, name, value, &user.sub).await? => {}
            Some(_) => return Err(Error::AliasExists(name)),
            None => store::users::release_alias(tx, &pool.id, name, &user.sub).await?,
        }
    }
    Ok(())
}
