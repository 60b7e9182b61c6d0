//! Linking: somebody at an identity provider signs in as a user of the pool who was there before.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation-consolidate-users.html>

use super::{Cx, directory, saml};
use crate::{
    domain::{
        Error, Pool, Provider, Result, User,
        identity::{self, Identity, MOST_LINKS, SUBJECT},
        provider::{Kind, OWN},
        user::{Credential, Status},
    },
    kit::text::fold,
    store::{self, Tx, links::Source},
};

/// What a link can hold of a provider's attribute and its value, in bytes: both are part of a key.
const LONGEST_ATTRIBUTE: usize = 256;
const LONGEST_VALUE: usize = 2_048;
const SIGNED_UP: &str =
    "Merging is not currently supported, provide a SourceUser that has not been signed up in order to link";

/// A user as links name them.
#[derive(Debug)]
pub struct Person {
    pub provider: String,
    /// At another provider than the pool itself: by what they are named.
    pub attribute: Option<String>,
    pub value: String,
}

impl Person {
    /// One of the pool's own users.
    fn is_own(&self) -> bool {
        fold(&self.provider) == fold(OWN)
    }

    fn attribute(&self) -> &str {
        self.attribute.as_deref().unwrap_or(SUBJECT)
    }

    fn source<'a>(&'a self, pool: &'a Pool) -> Source<'a> {
        Source { pool_id: &pool.id, provider: &self.provider, attribute: self.attribute(), value: &self.value }
    }

    /// The name of the account that a sign-in through the provider makes.
    fn username(&self) -> String {
        if self.is_own() { self.value.clone() } else { format!("{}_{}", self.provider, self.value) }
    }

    /// The account itself, by its name and nothing else: an alias may be anybody's choice.
    async fn account(&self, tx: &mut Tx, pool: &Pool) -> Result<Option<User>> {
        let name = self.username();
        let found = store::users::by_login(tx, pool, &name).await?;
        let is_name = |user: &User| store::users::key(pool, &user.username) == store::users::key(pool, &name);
        Ok(found.filter(is_name))
    }
}

fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

/// From now on `source` signs in as `destination`, and has no account of their own.
pub async fn link(cx: &Cx, pool_id: &str, destination: &Person, source: &Person) -> Result<()> {
    let pool = directory::pool(cx, pool_id).await?;
    if source.is_own() {
        return invalid("SourceUser must be a user of an external identity provider.");
    }
    let provider = store::providers::find(&mut cx.read().await?, pool_id, &source.provider).await?;
    let missing = || Error::NotFound(format!("Identity provider {} does not exist.", source.provider));
    let provider = provider.ok_or_else(missing)?;
    check_attribute(&provider, source)?;
    let issuer = saml::issuer(cx, &provider).await;

    let now = cx.now();
    let mut tx = cx.begin().await?;
    let found = destination.account(&mut tx, &pool).await?.ok_or(Error::NoSuchUser)?;
    let held = store::users::by_sub_for_update(&mut tx, pool_id, &found.sub).await?;
    let mut user = held.ok_or(Error::NoSuchUser)?;
    if source.attribute() == SUBJECT && source.account(&mut tx, &pool).await?.is_some() {
        return invalid(SIGNED_UP);
    }
    match store::links::owner(&mut tx, source.source(&pool)).await? {
        Some(owner) if owner == user.sub => return invalid("SourceUser is already linked to DestinationUser"),
        Some(_) => return invalid(SIGNED_UP),
        None => {}
    }
    if store::links::count(&mut tx, pool_id, &user.sub).await? >= MOST_LINKS {
        return Err(Error::LimitExceeded(format!("A user can be linked to at most {MOST_LINKS} identities.")));
    }
    if !store::links::insert(&mut tx, source.source(&pool), &user.sub, now).await? {
        return invalid(SIGNED_UP);
    }
    let mut identities = identity::of(&user);
    identities.push(Identity {
        user_id: source.value.clone(),
        provider_name: provider.name.clone(),
        provider_type: provider.kind.name().to_owned(),
        issuer,
        primary: false,
        date_created: now.millis(),
    });
    identity::set(&mut user, &identities)?;
    user.modified_at = now;
    store::users::update(&mut tx, &pool, &user).await?;
    Ok(tx.commit().await?)
}

/// Users of social providers are named by their subject; the others also by a claim that is mapped.
fn check_attribute(provider: &Provider, source: &Person) -> Result<()> {
    let Some(attribute) = source.attribute.as_deref().filter(|attribute| !attribute.is_empty()) else {
        return invalid("ProviderAttributeName is required for SourceUser.");
    };
    let can_name = matches!(provider.kind, Kind::Saml | Kind::Oidc) && provider.maps(attribute);
    if attribute != SUBJECT && !can_name {
        return invalid(format!(
            "Invalid ProviderAttributeName {attribute}: it is neither {SUBJECT} nor a claim that {} maps.",
            provider.name
        ));
    }
    let is_short = attribute.len() <= LONGEST_ATTRIBUTE && source.value.len() <= LONGEST_VALUE;
    if !is_short || source.value.is_empty() || source.value.chars().any(char::is_control) {
        return invalid("Invalid ProviderAttributeValue for SourceUser.");
    }
    Ok(())
}

/// Ends a way of signing in: a link is taken away, an account that is not linked is disabled, and one of the pool's own users
/// who has links keeps only those.
pub async fn disable(cx: &Cx, pool_id: &str, person: &Person) -> Result<()> {
    let pool = directory::pool(cx, pool_id).await?;
    let mut tx = cx.begin().await?;
    let owner = if person.is_own() { None } else { store::links::owner(&mut tx, person.source(&pool)).await? };
    let sub = match &owner {
        Some(sub) => sub.clone(),
        None => person.account(&mut tx, &pool).await?.ok_or(Error::NoSuchUser)?.sub,
    };
    let held = store::users::by_sub_for_update(&mut tx, pool_id, &sub).await?;
    let mut user = held.ok_or(Error::NoSuchUser)?;
    user.modified_at = cx.now();
    if person.is_own() {
        keep_only_links(&mut tx, &mut user).await?;
    } else if owner.is_some() {
        unlink(&mut tx, &pool, &mut user, person).await?;
    } else {
        user.enabled = false;
        store::users::update(&mut tx, &pool, &user).await?;
        store::grants::revoke_all(&mut tx, pool_id, &user.sub, user.modified_at).await?;
    }
    Ok(tx.commit().await?)
}

/// Without a password and in the state of users from elsewhere nobody signs in here; an administrator who sets a password
/// takes it back.
async fn keep_only_links(tx: &mut Tx, user: &mut User) -> Result<()> {
    if store::links::count(tx, &user.pool_id, &user.sub).await? == 0 {
        return invalid("Only a user who is linked to another identity provider can be disabled for this one.");
    }
    let history = std::mem::take(&mut user.credential.history);
    user.credential = Credential { history, ..Credential::default() };
    user.status = Status::ExternalProvider;
    store::users::set_credential(tx, user).await?;
    Ok(())
}

async fn unlink(tx: &mut Tx, pool: &Pool, user: &mut User, person: &Person) -> Result<()> {
    if !store::links::delete(tx, person.source(pool), &user.sub).await? {
        return Err(Error::NoSuchUser);
    }
    let mut identities = identity::of(user);
    let is_linked =
        |one: &Identity| !one.primary && one.provider_name == person.provider && one.user_id == person.value;
    if let Some(place) = identities.iter().position(is_linked) {
        identities.remove(place);
    }
    identity::set(user, &identities)?;
    store::users::update(tx, pool, user).await?;
    Ok(())
}
