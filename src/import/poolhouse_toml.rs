//! `poolhouse.toml`: its pools with all that is in them.

use std::{collections::BTreeSet, sync::Arc};

use anyhow::Context;

use super::{
    settings::{self, resource_server},
    triggers::settings_with_triggers,
};
use crate::{
    config::{self, Config},
    domain::{Pool, User, code::Medium, pool_domain::CustomDomain, provider::Kind, user::Attributes},
    flows::{
        Cx,
        attributes::{self, Change, Writer},
        clients::{self, DesiredClient},
        directory, domains,
        groups::{self, Details},
        key_ring,
        pools::{self, DesiredPool},
        providers, resource_servers,
        users::{self, Create, Invitation},
    },
    keys::{same, seal::Purpose},
    store,
};

/// A user is in at most so many groups.
const ALL_GROUPS: i64 = 1_000;

/// Makes the database hold what the file says. What was applied before an error stays, and the error names it.
pub async fn apply(cx: &Cx, config: &Config) -> anyhow::Result<()> {
    for (index, pool) in config.pools.iter().enumerate() {
        apply_pool(cx, config, pool)
            .await
            .with_context(|| format!("{}: pool {}", pool.at, pool.id))
            .with_context(|| so_far(&config.pools[..index], Some(pool)))?;
    }
    if config.prune {
        prune(cx, config).await.context("prune").with_context(|| so_far(&config.pools, None))?;
    }
    Ok(())
}

/// What has been applied when something could not be.
fn so_far(whole: &[config::pool::Pool], broken: Option<&config::pool::Pool>) -> String {
    let whole: Vec<&str> = whole.iter().map(|pool| pool.id.as_str()).collect();
    let whole = if whole.is_empty() { "no pool".to_owned() } else { whole.join(", ") };
    match broken {
        Some(broken) => format!("applied so far: {whole}, and {} up to the mistake", broken.id),
        None => format!("applied so far: {whole}"),
    }
}

async fn apply_pool(cx: &Cx, config: &Config, pool: &config::pool::Pool) -> anyhow::Result<()> {
    let desired = DesiredPool {
        id: pool.id.clone(),
        name: pool.name.clone(),
        strict_oidc: pool.strict_oidc,
        settings: settings_with_triggers(&config.account_id, pool),
        second_factors: pool.mfa.as_ref().map(|mfa| mfa.value.clone()),
    };
    let applied = pools::apply(cx, desired).await?;
    tracing::debug!(pool = pool.id, ?applied, "pool");
    for server in &pool.resource_servers {
        resource_servers::apply(cx, resource_server(&pool.id, server))
            .await
            .with_context(|| format!("{}: resource server {}", server.at, server.identifier))?;
    }
    for provider in &pool.identity_providers {
        apply_provider(cx, &pool.id, provider)
            .await
            .with_context(|| format!("{}: identity provider {}", provider.at, provider.name))?;
    }
    for domain in &pool.domains {
        apply_domain(cx, &pool.id, domain).await.with_context(|| format!("{}: domain {}", domain.at, domain.name))?;
    }
    for client in &pool.clients {
        let desired = DesiredClient {
            id: client.id.clone(),
            name: client.name.clone(),
            secret: client.secret.clone(),
            settings: settings::client_settings(client),
            relying_party: settings::relying_party(&client.oidc),
        };
        clients::apply(cx, &pool.id, desired).await.with_context(|| format!("{}: client {}", client.at, client.id))?;
    }
    for group in &pool.groups {
        let details = Details {
            description: group.description.clone(),
            role_arn: group.role_arn.clone(),
            precedence: group.precedence,
        };
        groups::apply(cx, &pool.id, &group.name, details)
            .await
            .with_context(|| format!("{}: group {}", group.at, group.name))?;
    }
    let stored = directory::pool(cx, &pool.id).await?;
    for user in &pool.users {
        apply_user(cx, &stored, user).await.with_context(|| format!("{}: user {}", user.at, user.username))?;
    }
    key_ring::prepare(cx, &pool.id);
    Ok(())
}

async fn apply_provider(cx: &Cx, pool_id: &str, wanted: &config::pool::IdentityProvider) -> anyhow::Result<()> {
    let kind = Kind::from_name(&wanted.kind).with_context(|| format!("there is no type {:?}", wanted.kind))?;
    let desired = providers::Wanted {
        details: Some(wanted.details.clone()),
        mapping: Some(wanted.attribute_mapping.clone()),
        identifiers: Some(wanted.idp_identifiers.clone()),
        acr_mapping: None,
    };
    providers::apply(cx, pool_id, &wanted.name, kind, desired).await?;
    Ok(())
}

async fn apply_domain(cx: &Cx, pool_id: &str, wanted: &config::pool::Domain) -> anyhow::Result<()> {
    let custom = wanted.certificate_arn.clone();
    let desired = domains::Wanted {
        name: wanted.name.clone(),
        pool_id: pool_id.to_owned(),
        custom: custom
            .map(|certificate_arn| CustomDomain { certificate_arn, security_policy: wanted.security_policy.clone() }),
        managed_login_version: wanted.managed_login_version,
        routing: None,
    };
    domains::apply(cx, desired).await?;
    Ok(())
}

async fn apply_user(cx: &Cx, pool: &Arc<Pool>, wanted: &config::pool::User) -> anyhow::Result<()> {
    let found = store::users::by_login(&mut cx.read().await?, pool, &wanted.username).await?;
    let user = match found {
        None => make_user(cx, pool, wanted).await?,
        Some(user) => {
            // An address goes together with its flag: alone it would count as unproven.
            let differs = |(name, value): &(&String, &String)| {
                let address = name.strip_suffix("_verified").unwrap_or(name);
                let changed = |name: &str, wanted: Option<&String>| {
                    wanted.is_some_and(|value| user.attribute(name) != Some(value))
                };
                changed(name, Some(value)) || changed(address, wanted.attributes.get(address))
            };
            let changed: Attributes =
                wanted.attributes.iter().filter(differs).map(|(name, value)| (name.clone(), value.clone())).collect();
            if !changed.is_empty() {
                attributes::update(cx, pool, &user, Change::new(changed, Writer::Administrator)).await?;
            }
            apply_password(cx, pool, &user, wanted).await?;
            user
        }
    };
    let mut tx = cx.read().await?;
    let held: BTreeSet<String> = store::groups::of_user(&mut tx, &pool.id, &user.sub, "", ALL_GROUPS)
        .await?
        .into_iter()
        .map(|group| group.name)
        .collect();
    drop(tx);
    for group in wanted.groups.iter().filter(|group| !held.contains(&group.value)) {
        groups::add_user(cx, &pool.id, &user.username, &group.value).await?;
    }
    Ok(())
}

async fn make_user(cx: &Cx, pool: &Arc<Pool>, wanted: &config::pool::User) -> anyhow::Result<User> {
    let create = Create {
        pool: Arc::clone(pool),
        username: wanted.username.clone(),
        attributes: wanted.attributes.clone(),
        temporary_password: wanted.password.clone(),
        invitation: invitation(wanted),
        force_alias: false,
        is_asked_about: false,
        validation_data: None,
        metadata: None,
    };
    let user = users::create(cx, create).await?;
    apply_password(cx, pool, &user, wanted).await?;
    Ok(user)
}

/// How a user of the file is told that there is an account now.
fn invitation(wanted: &config::pool::User) -> Invitation {
    let media: Vec<Medium> = wanted.invite.iter().filter_map(|medium| Medium::from_name(&medium.value)).collect();
    if media.is_empty() { Invitation::Suppress } else { Invitation::Send(media) }
}

/// Sets the file's password when it is not the one that was applied last.
async fn apply_password(cx: &Cx, pool: &Arc<Pool>, user: &User, wanted: &config::pool::User) -> anyhow::Result<()> {
    let Some(password) = &wanted.password else { return Ok(()) };
    let subject = format!("password:{}:{}", pool.id, user.sub);
    let message = format!("{subject}\0{}", password.expose());
    let digest = cx.app.sealer.mac(Purpose::Credential, message.as_bytes());
    let last = store::applied::digest(&mut cx.read().await?, &subject).await?;
    if last.is_some_and(|last| same(&last, &digest)) {
        return Ok(());
    }
    users::set_password(cx, pool, user, password, true).await?;
    let mut tx = cx.begin().await?;
    store::applied::put(&mut tx, &subject, &digest).await?;
    Ok(tx.commit().await?)
}

/// Removes the pools, clients and groups that the file does not name. Users are pruned only where the file names some.
async fn prune(cx: &Cx, config: &Config) -> anyhow::Result<()> {
    for pool_id in pools::all_ids(cx).await? {
        let Some(named) = config.pools.iter().find(|pool| pool.id == pool_id) else {
            tracing::warn!(pool = pool_id, "pruning a pool that the file does not name");
            pools::delete(cx, &pool_id).await?;
            continue;
        };
        for client_id in clients::all_ids(cx, &pool_id).await? {
            if !named.clients.iter().any(|client| client.id == client_id) {
                tracing::warn!(client = client_id, "pruning a client that the file does not name");
                clients::delete(cx, &pool_id, &client_id).await?;
            }
        }
        for name in groups::all_names(cx, &pool_id).await? {
            if !named.groups.iter().any(|group| group.name == name) {
                tracing::warn!(group = name, "pruning a group that the file does not name");
                groups::delete(cx, &pool_id, &name).await?;
            }
        }
        prune_users(cx, named).await?;
    }
    Ok(())
}

async fn prune_users(cx: &Cx, named: &config::pool::Pool) -> anyhow::Result<()> {
    if named.users.is_empty() {
        return Ok(());
    }
    let pool = directory::pool(cx, &named.id).await?;
    let mut kept = BTreeSet::new();
    for user in &named.users {
        if let Some(found) = store::users::by_login(&mut cx.read().await?, &pool, &user.username).await? {
            kept.insert(found.sub);
        }
    }
    let mut cursor = None;
    loop {
        let page = users::list(cx, &pool, None, 60, cursor.as_deref()).await?;
        for user in page.items.iter().filter(|user| !kept.contains(&user.sub)) {
            tracing::warn!(user = user.username, "pruning a user that the file does not name");
            users::delete(cx, user).await?;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(());
        }
    }
}
