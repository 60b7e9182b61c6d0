//! App clients from the administrator's side, their secrets, and clients applied from a configuration file.
//!
//! What a client's settings may be is decided in [`Client::check`], against the pool and the resource servers as they are in the
//! transaction that writes the client.

use serde_json::Value;

use super::{
    Applied, Cx,
    cursor::{self, Page},
    directory,
    pools::held,
    resource_servers::all,
};
use crate::{
    domain::{
        Client, ClientId, Error, Pool, Result,
        client::{ClientSecret, ClientSettings, ClientType, MOST_SECRETS, RelyingParty, registration::Wanted},
        pool::Members,
    },
    kit::{ids, secret::Secret},
    model::{self, MODEL},
    store::{self, Tx},
};

const SHAPE: &str = "CreateUserPoolClientRequest";
pub const MOST_CLIENTS: usize = 1_000;
/// Of those, clients that may register themselves without a token: strangers do not use up what administrators need.
pub const MOST_OPEN_CLIENTS: i64 = 500;

fn invalid<T>(text: &str) -> Result<T> {
    Err(Error::InvalidParameter(text.into()))
}

/// Makes a client, with a secret when it is asked for.
pub async fn create(cx: &Cx, pool_id: &str, members: Members) -> Result<Client> {
    directory::pool(cx, pool_id).await?;
    let mut members = MODEL.pruned(SHAPE, members);
    let name = take_text(&mut members, "ClientName").unwrap_or_default();
    let given = Given::take(&mut members)?;
    let id = ids::client_id(cx.random());
    insert(cx, new(cx, pool_id, id, name, given, members)?).await
}

/// What a call says about the secret.
struct Given {
    secret: Option<Secret>,
    generates: bool,
}

impl Given {
    fn take(members: &mut Members) -> Result<Self> {
        let secret = take_text(members, "ClientSecret").map(Secret::from);
        let generates = members.remove("GenerateSecret").and_then(|value| value.as_bool()).unwrap_or(false);
        if generates && secret.is_some() {
            return invalid("ClientSecret cannot be given together with GenerateSecret.");
        }
        Ok(Self { secret, generates })
    }
}

fn take_text(members: &mut Members, name: &str) -> Option<String> {
    match members.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

fn new(cx: &Cx, pool_id: &str, id: ClientId, name: String, given: Given, members: Members) -> Result<Client> {
    let now = cx.now();
    let settings = ClientSettings::requested(members)?;
    let secrets = Vec::new();
    let pool_id = pool_id.to_owned();
    let mut client = Client { id, pool_id, name, secrets, settings, created_at: now, modified_at: now };
    let generated = given.generates.then(|| ids::client_secret(cx.random()).into());
    if let Some(secret) = given.secret.or(generated) {
        push_secret(cx, &mut client, secret);
    }
    Ok(client)
}

fn push_secret(cx: &Cx, client: &mut Client, value: Secret) {
    let now = cx.now();
    let ids = |millis: i64| format!("{}--{millis}", client.id);
    let mut millis = now.millis();
    while client.secrets.iter().any(|secret| secret.id == ids(millis)) {
        millis += 1;
    }
    let secret = ClientSecret { id: ids(millis), value, created_at: now };
    client.secrets.push(secret);
}

/// Makes a client that registers itself. Without an administrator's token only so many do.
pub(super) async fn register(cx: &Cx, pool_id: &str, wanted: Wanted, is_open: bool) -> Result<Client> {
    let violations = MODEL.violations(SHAPE, &Value::Object(wanted.named(pool_id)));
    if !violations.is_empty() {
        return invalid(&model::summary(&violations));
    }
    let id = ids::client_id(cx.random());
    let name = wanted.name.unwrap_or_else(|| id.clone());
    let given = Given { secret: None, generates: wanted.has_secret };
    let mut client = new(cx, pool_id, id, name, given, wanted.members)?;
    client.settings.client_type = Some(ClientType::Dcr);
    client.settings.relying_party = wanted.relying_party;
    insert_among(cx, client, is_open.then_some(MOST_OPEN_CLIENTS)).await
}

async fn insert(cx: &Cx, client: Client) -> Result<Client> {
    insert_among(cx, client, None).await
}

/// Inserts a client unless as many as `most` have registered themselves in its pool.
async fn insert_among(cx: &Cx, client: Client, most: Option<i64>) -> Result<Client> {
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, &client.pool_id).await?;
    if let Some(most) = most
        && store::clients::count_registered(&mut tx, &pool.id).await? >= most
    {
        return Err(Error::LimitExceeded(format!(
            "No more than {most} app clients register themselves in a user pool."
        )));
    }
    check(&mut tx, &pool, &client).await?;
    if store::clients::ids(&mut tx, &pool.id).await?.len() >= MOST_CLIENTS {
        return Err(Error::LimitExceeded(format!("A user pool holds at most {MOST_CLIENTS} app clients.")));
    }
    if !store::clients::insert(&mut tx, &client).await? {
        return Err(Error::InvalidParameter(format!("User pool client {} already exists.", client.id)));
    }
    tx.commit().await?;
    cx.app.directory.forget_client(&client.id);
    Ok(client)
}

async fn check(tx: &mut Tx, pool: &Pool, client: &Client) -> Result<()> {
    client.check(pool, &all(tx, &pool.id).await?)?;
    client.check_providers(&store::providers::names(tx, &pool.id).await?)
}

/// Replaces the settings; what the call does not name falls back to its default, but for the name and the secrets.
pub async fn update(cx: &Cx, pool_id: &str, client_id: &str, members: Members) -> Result<Client> {
    let mut members = MODEL.pruned("UpdateUserPoolClientRequest", members);
    let name = take_text(&mut members, "ClientName");
    let settings = ClientSettings::requested(members)?;
    change(cx, pool_id, client_id, |client| {
        client.settings = settings.replacing(&client.settings);
        if let Some(name) = name {
            client.name = name;
        }
        Ok(())
    })
    .await
}

/// Sets for how long the client is satisfied with a sign-in of earlier on the hosted pages.
pub(super) async fn set_sso_minutes(cx: &Cx, pool_id: &str, client_id: &str, minutes: u32) -> Result<()> {
    let set = |client: &mut Client| {
        client.settings.sso_minutes = Some(minutes);
        Ok(())
    };
    change(cx, pool_id, client_id, set).await.map(|_| ())
}

/// Changes the client while nobody else does, and holds changed settings against the pool.
async fn change(
    cx: &Cx,
    pool_id: &str,
    client_id: &str,
    how: impl FnOnce(&mut Client) -> Result<()>,
) -> Result<Client> {
    let mut tx = cx.begin().await?;
    let pool = held(&mut tx, pool_id).await?;
    let mut client = held_of(&mut tx, pool_id, client_id).await?;
    let before = client.settings.clone();
    how(&mut client)?;
    // A scope or a provider may have been deleted since; that is no reason to refuse the client another secret.
    if client.settings != before {
        check(&mut tx, &pool, &client).await?;
    }
    client.modified_at = cx.now();
    store::clients::update(&mut tx, &client).await?;
    tx.commit().await?;
    cx.app.directory.forget_client(client_id);
    Ok(client)
}

/// The pool's client, held until the transaction ends. The pool is held before it.
pub(super) async fn held_of(tx: &mut Tx, pool_id: &str, client_id: &str) -> Result<Client> {
    let client = store::clients::find_for_update(tx, client_id).await?.filter(|client| client.pool_id == pool_id);
    client.ok_or_else(|| Error::NoSuchClient(client_id.to_owned()))
}

/// Deletes the client and every grant given to it.
pub async fn delete(cx: &Cx, pool_id: &str, client_id: &str) -> Result<()> {
    directory::client_of(cx, pool_id, client_id).await?;
    let mut tx = cx.begin().await?;
    let is_deleted = store::clients::delete(&mut tx, client_id).await?;
    tx.commit().await?;
    cx.app.directory.forget_client(client_id);
    if is_deleted { Ok(()) } else { Err(Error::NoSuchClient(client_id.to_owned())) }
}

/// By id; of one type where one is asked for.
pub async fn list(
    cx: &Cx,
    pool_id: &str,
    kind: Option<ClientType>,
    limit: usize,
    cursor: Option<&str>,
) -> Result<Page<Client>> {
    directory::pool(cx, pool_id).await?;
    let list = match kind {
        None => format!("clients:{pool_id}"),
        Some(kind) => format!("clients:{kind:?}:{pool_id}"),
    };
    let after = cursor::open(cx, &list, cursor)?;
    let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let clients =
        store::clients::page(&mut cx.read().await?, pool_id, kind.map(|kind| kind == ClientType::Dcr), &after, wanted)
            .await?;
    cursor::page(cx, &list, clients, limit, |client| client.id.clone())
}

/// Of every client of the pool.
pub async fn all_ids(cx: &Cx, pool_id: &str) -> Result<Vec<ClientId>> {
    Ok(store::clients::ids(&mut cx.read().await?, pool_id).await?)
}

/// Adds a second secret, so that the first can be replaced without an outage. Generated when none is given.
pub async fn add_secret(cx: &Cx, pool_id: &str, client_id: &str, given: Option<Secret>) -> Result<ClientSecret> {
    let client = change(cx, pool_id, client_id, |client| {
        if client.is_public() {
            return invalid("A client that was created without a secret cannot be given one.");
        }
        if client.secrets.len() >= MOST_SECRETS {
            let text = format!("A user pool client can have at most {MOST_SECRETS} active secrets.");
            return Err(Error::LimitExceeded(text));
        }
        let secret = given.unwrap_or_else(|| ids::client_secret(cx.random()).into());
        push_secret(cx, client, secret);
        Ok(())
    })
    .await?;
    client.secrets.last().cloned().ok_or_else(|| Error::Internal("a secret that was added is gone".into()))
}

/// Takes one of two secrets away.
pub async fn delete_secret(cx: &Cx, pool_id: &str, client_id: &str, secret_id: &str) -> Result<()> {
    change(cx, pool_id, client_id, |client| {
        let place = client.secrets.iter().position(|secret| secret.id == secret_id);
        let place = place.ok_or(Error::NoSuchClientSecret)?;
        if client.secrets.len() == 1 {
            return invalid("The last secret of a user pool client cannot be deleted.");
        }
        client.secrets.remove(place);
        Ok(())
    })
    .await
    .map(|_| ())
}

/// A client as a configuration file wants it.
#[derive(Clone, Debug)]
pub struct DesiredClient {
    pub id: ClientId,
    pub name: String,
    /// The only secret. Without one a client keeps those that it has.
    pub secret: Option<Secret>,
    /// CreateUserPoolClient's members. They fit its shape.
    pub settings: Members,
    /// What a strict pool's client is besides.
    pub relying_party: RelyingParty,
}

/// Makes the client what the file says. Scopes of resource servers must be there before.
pub async fn apply(cx: &Cx, pool_id: &str, desired: DesiredClient) -> Result<Applied> {
    let mut members = MODEL.pruned(SHAPE, desired.settings);
    let mut given = Given::take(&mut members)?;
    if desired.secret.is_some() && (given.secret.is_some() || given.generates) {
        return invalid("A secret cannot be given together with ClientSecret or GenerateSecret in the settings.");
    }
    given.secret = desired.secret.or(given.secret);
    if let Some(secret) = &given.secret {
        let violations = MODEL.violations("ClientSecretType", &secret.expose().into());
        if !violations.is_empty() {
            return invalid(&model::summary(&violations));
        }
    }
    let (id, name) = (desired.id, desired.name);
    let Some(current) = store::clients::find(&mut cx.read().await?, &id).await? else {
        let mut client = new(cx, pool_id, id, name, given, members)?;
        client.settings.relying_party = desired.relying_party;
        insert(cx, client).await?;
        return Ok(Applied::Created);
    };
    if current.pool_id != pool_id {
        return invalid(&format!("User pool client {id} belongs to user pool {}.", current.pool_id));
    }
    let relying_party = desired.relying_party;
    let mut settings = ClientSettings::requested(members)?.replacing(&current.settings);
    settings.relying_party = relying_party.clone();
    let has_secret = match &given.secret {
        Some(wanted) => current.secrets.iter().any(|secret| secret.value == *wanted),
        None => !given.generates || !current.is_public(),
    };
    if has_secret && current.name == name && current.settings == settings {
        return Ok(Applied::Unchanged);
    }
    change(cx, pool_id, &id, |client| {
        client.name = name;
        client.settings = ClientSettings { relying_party, ..settings.replacing(&client.settings) };
        if !has_secret {
            client.secrets.clear();
            push_secret(cx, client, given.secret.unwrap_or_else(|| ids::client_secret(cx.random()).into()));
        }
        Ok(())
    })
    .await?;
    Ok(Applied::Changed)
}
