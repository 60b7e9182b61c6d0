//! Signing in through an identity provider: the way there and back, and who it is that arrives.
//!
//! Each protocol has a file of its own, which ends in an [`Arrival`]: what a provider has said, verified. From there on everybody
//! is treated alike. Nobody is ever linked by what they are called: whoever comes with the address of an account that exists gets
//! an account of their own, unless an administrator has linked the two.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation.html>

mod endpoints;
pub mod oidc;
mod trip;

pub use trip::{Memo, Returned, Trip, depart, hold, take};

use serde_json::Value;

use super::{
    Cx,
    attributes::{claim_aliases, verified_flag},
    auth_events::{self, Happened},
    authorize::Request,
    sign_up::{Names, new_user},
    triggers::{self, Confirmed, Newcomer},
};
use crate::{
    domain::{
        Client, Error, Group, Pool, Provider, Result, User,
        assurance::Assurance,
        attribute::{self, NEVER_WRITABLE, Write},
        auth_event::Kind,
        code::Medium,
        identity::{self, Identity, SUBJECT},
        provider::Claims,
        user::{Attributes, Status},
    },
    hooks::{
        ConfirmationSource, ExternalAttributes, InboundFederation, PostAuthentication, PreAuthentication, SignUpSource,
    },
    store::{self, Tx, links::Source},
};

const LONGEST_USERNAME: usize = 128;
/// What of a token response can be mapped.
const TOKENS: [&str; 3] = ["access_token", "id_token", "refresh_token"];

/// Why a provider's answer makes nobody of it.
#[derive(Debug)]
pub enum Fault {
    /// It is none to our question. For the log: whoever has brought it is told nothing.
    Foreign(String),
    /// The provider does not do its part. The application reads it.
    Provider(String),
    Ours(Error),
}

impl Fault {
    fn foreign(reason: &str) -> Self {
        Self::Foreign(reason.to_owned())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

/// Somebody whom a provider vouches for. Everything in it has been verified: whoever makes one has checked signatures, times,
/// audience, and that the answer belongs to the question that this browser has asked.
#[derive(Debug)]
pub struct Arrival {
    /// What the provider itself calls them, never to change: `sub`, `id`, `user_id` or NameID.
    pub subject: String,
    /// What it says of them: a function may change it, the mapping makes attributes of it.
    pub said: ExternalAttributes,
    /// The entity id of a SAML provider; none for the others.
    pub issuer: Option<String>,
}

impl Arrival {
    /// How strongly the provider says that they have signed in there.
    pub fn assurance(&self, provider: &Provider) -> Assurance {
        let claims = self.said.id_token.as_ref();
        let claim = |name: &str| claims.and_then(|claims| claims.get(name));
        let methods = claim("amr").and_then(Value::as_array);
        let methods: Vec<&str> = methods.into_iter().flatten().filter_map(Value::as_str).collect();
        Assurance::federated(&provider.settings.acr_mapping, claim("acr").and_then(Value::as_str), &methods)
    }
}

/// Who it is that arrives: the account that they are linked to, their own, or a new one. Asks no second factor; the triggers are
/// asked and told. What the client reads of a refusal is the text of [`Error::InvalidParameter`].
pub async fn arrive(cx: &Cx, request: &Request, provider: &Provider, arrival: Arrival) -> Result<User> {
    let Arrival { subject, said, issuer } = arrival;
    let username = username(&request.pool, provider, &subject)?;
    let claims = claims(cx, request, provider, (&username, said)).await?;
    let visitor = Visitor {
        cx,
        pool: &request.pool,
        client: &request.client,
        provider,
        attributes: provider.attributes_of(&claims),
        claims,
        subject,
        username,
        issuer,
    };
    let known = visitor.known(&mut cx.read().await?).await?;
    match known {
        Some(user) => visitor.return_as(user).await,
        None => visitor.sign_up().await,
    }
}

/// The name of the account that is made for somebody.
fn username(pool: &Pool, provider: &Provider, subject: &str) -> Result<String> {
    let is_strange = |c: char| c.is_whitespace() || c.is_control();
    if subject.is_empty() || subject.contains(is_strange) {
        return invalid("The identity provider sent no subject that could be a user name.");
    }
    let name = format!("{}_{subject}", provider.name);
    if name.chars().count() > LONGEST_USERNAME {
        return invalid(format!("The user name would have more than {LONGEST_USERNAME} characters."));
    }
    Ok(if pool.is_case_sensitive() { name } else { name.to_lowercase() })
}

/// What was said, or what the pool's function makes of it.
async fn claims(
    cx: &Cx,
    request: &Request,
    provider: &Provider,
    (username, said): (&str, ExternalAttributes),
) -> Result<Claims> {
    if cx.app.hooks.is_set::<InboundFederation>(&request.pool) {
        let event = InboundFederation {
            provider_name: provider.name.clone(),
            provider_type: provider.kind.name().to_owned(),
            attributes: said.clone(),
        };
        let answer = cx.ask(&request.pool, Some(&request.client.id), username, event).await?;
        if !answer.user_attributes_to_map.is_empty() {
            return Ok(answer.user_attributes_to_map.into_iter().collect());
        }
    }
    let tokens = said.token_response.into_iter().flatten().filter(|(name, _)| TOKENS.contains(&name.as_str()));
    let others = [said.id_token, said.user_info, said.saml_response].into_iter().flatten().flatten();
    // A provider's claim cannot pass for one of its tokens.
    Ok(others.filter(|(name, _)| !TOKENS.contains(&name.as_str())).chain(tokens).collect())
}

fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

/// Somebody on the doorstep.
struct Visitor<'a> {
    cx: &'a Cx,
    pool: &'a Pool,
    client: &'a Client,
    provider: &'a Provider,
    subject: String,
    username: String,
    claims: Claims,
    attributes: Attributes,
    issuer: Option<String>,
}

impl Visitor<'_> {
    /// Their account: one that they are linked to comes before one of their own.
    async fn known(&self, tx: &mut Tx) -> Result<Option<User>> {
        let subject = std::iter::once((SUBJECT, self.subject.as_str()));
        for (attribute, value) in subject.chain(self.provider.names_in(&self.claims)) {
            let source = Source { pool_id: &self.pool.id, provider: &self.provider.name, attribute, value };
            if let Some(sub) = store::links::owner(tx, source).await? {
                return Ok(store::users::by_sub(tx, &self.pool.id, &sub).await?);
            }
        }
        let key = |name: &str| store::users::key(self.pool, name);
        let found = store::users::by_login(tx, self.pool, &self.username).await?;
        match found.filter(|user| key(&user.username) == key(&self.username)) {
            None => Ok(None),
            Some(user) if self.is_theirs(&user) => Ok(Some(user)),
            Some(_) => self.taken(),
        }
    }

    /// Whether the account was made for exactly this subject: names may differ in case alone, and anybody may have signed up
    /// under a name that looks like one of these.
    fn is_theirs(&self, user: &User) -> bool {
        identity::of(user)
            .iter()
            .any(|one| one.primary && one.provider_name == self.provider.name && one.user_id == self.subject)
    }

    fn taken<T>(&self) -> Result<T> {
        invalid(format!("Already found an entry for username {}", self.username.to_lowercase()))
    }

    /// The attributes as they are stored. What this client may not write is refused, as is what cannot change.
    fn checked(&self, write: Write) -> Result<Attributes> {
        let may_write = |name: &String| {
            let allowed = self.client.settings.write_attributes.as_ref();
            // Those that prove something are on no client's list; a provider's word is what they are mapped for.
            NEVER_WRITABLE.contains(&name.as_str()) || allowed.is_none_or(|names| names.contains(name))
        };
        if let Some(name) = self.attributes.keys().find(|name| !may_write(name)) {
            return invalid(format!("user.{name}: Attribute cannot be updated."));
        }
        attribute::check_values(self.pool, &self.attributes, write)
    }

    async fn return_as(&self, user: User) -> Result<User> {
        let Self { cx, pool, client, .. } = self;
        if cx.app.hooks.is_set::<PreAuthentication>(pool) {
            let request = PreAuthentication {
                user_attributes: triggers::user_attributes(cx, pool, &user).await?,
                validation_data: Default::default(),
                user_not_found: false,
            };
            cx.ask(pool, Some(&client.id), &user.username, request).await?;
        }
        let attributes = self.checked(Write::Update)?;
        let mut tx = cx.begin().await?;
        let user = store::users::by_sub_for_update(&mut tx, &pool.id, &user.sub).await?;
        let mut user = user.ok_or(Error::WrongCredentials)?;
        if !user.enabled {
            return Err(Error::UserDisabled);
        }
        if !attributes.is_empty() {
            for medium in write(&mut user, attributes) {
                store::pending_attributes::remove(&mut tx, &user, medium.attribute()).await?;
            }
            user.modified_at = cx.now();
            claim_aliases(&mut tx, pool, &user).await?;
            store::users::update(&mut tx, pool, &user).await?;
        }
        tx.commit().await?;
        if cx.app.hooks.is_set::<PostAuthentication>(pool) {
            let request = PostAuthentication {
                user_attributes: triggers::user_attributes(cx, pool, &user).await?,
                new_device_used: false,
                client_metadata: None,
            };
            cx.ask(pool, Some(&client.id), &user.username, request).await?;
        }
        auth_events::record(cx, Happened::new(pool, Some(client), &user.sub, Kind::SignIn)).await;
        Ok(user)
    }

    async fn sign_up(&self) -> Result<User> {
        let Self { cx, pool, client, .. } = self;
        let attributes = self.checked(Write::Creation)?;
        let missing: Vec<&str> = attribute::missing_required(pool, &attributes).collect();
        if !missing.is_empty() {
            return invalid(format!("attributes required: [{}]", missing.join(", ")));
        }
        let newcomer = Newcomer {
            pool,
            client_id: Some(&client.id),
            username: &self.username,
            attributes: &attributes,
            source: SignUpSource::ExternalProvider,
            validation_data: None,
            metadata: None,
        };
        triggers::before_sign_up(cx, &newcomer).await?;

        let now = cx.now();
        let names = Names { sub: cx.random().uuid(), username: self.username.clone() };
        let mut user = new_user(pool, names, attributes, Status::ExternalProvider, now);
        let own = Identity {
            user_id: self.subject.clone(),
            provider_name: self.provider.name.clone(),
            provider_type: self.provider.kind.name().to_owned(),
            issuer: self.issuer.clone(),
            primary: true,
            date_created: now.millis(),
        };
        identity::set(&mut user, &[own])?;
        let mut tx = cx.begin().await?;
        // The function may have linked them, and another browser of theirs may have been faster.
        if let Some(known) = self.known(&mut tx).await? {
            drop(tx);
            return self.return_as(known).await;
        }
        if !store::users::insert(&mut tx, pool, &user).await? {
            drop(tx);
            let known = self.known(&mut cx.read().await?).await?;
            return match known {
                Some(known) => self.return_as(known).await,
                None => self.taken(),
            };
        }
        self.join(&mut tx, &user).await?;
        tx.commit().await?;
        let confirmed = Confirmed {
            pool,
            client_id: Some(&client.id),
            user: &user,
            source: ConfirmationSource::ConfirmSignUp,
            metadata: None,
        };
        triggers::after_confirmation(cx, &confirmed).await?;
        auth_events::record(cx, Happened::new(pool, Some(client), &user.sub, Kind::SignIn)).await;
        Ok(user)
    }

    /// Everybody who comes through a provider is in its group, which comes with the first of them.
    async fn join(&self, tx: &mut Tx, user: &User) -> Result<()> {
        let group = Group {
            pool_id: self.pool.id.clone(),
            name: self.provider.group(),
            description: Some(format!("Autogenerated group for users who sign in using {}", self.provider.name)),
            role_arn: None,
            precedence: None,
            created_at: user.created_at,
            modified_at: user.created_at,
        };
        store::groups::insert(tx, &group).await?;
        Ok(store::groups::add_member(tx, &self.pool.id, &group.name, &user.sub).await?)
    }
}

/// Writes what a provider has said, and tells which addresses it has spoken of. One that has changed is unverified, unless the
/// provider says otherwise.
fn write(user: &mut User, attributes: Attributes) -> Vec<Medium> {
    let mut spoken_of = Vec::new();
    for medium in [Medium::Email, Medium::Sms] {
        let Some(value) = attributes.get(medium.attribute()) else { continue };
        if user.attribute(medium.attribute()) != Some(value) {
            user.attributes.insert(verified_flag(medium), "false".to_owned());
        }
        spoken_of.push(medium);
    }
    user.attributes.extend(attributes);
    for medium in [Medium::Email, Medium::Sms] {
        if user.attribute(medium.attribute()).is_none() {
            user.attributes.remove(&verified_flag(medium));
        }
    }
    spoken_of
}
