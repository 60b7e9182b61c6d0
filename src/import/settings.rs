//! The AWS-named settings of a file against the service's facts, before anything is touched.

use serde_json::{Map, Value, json};

use super::triggers::settings_with_triggers;
use crate::{
    config::{self, Config, Mistake, Place, pool::Settings},
    domain::{
        self, Asker, Client, Error, Pool, ResourceServer, attribute,
        client::{ClientSecret, ClientSettings, RelyingParty},
        pool::PoolSettings,
    },
    kit::{clock::Time, secret::Secret},
    model::MODEL,
};

/// Every mistake in the settings of pools and clients.
pub fn check(config: &Config) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for pool in &config.pools {
        let mut found = Vec::new();
        let given = [("PoolName", json!(pool.name))];
        check_one("CreateUserPoolRequest", &pool.settings, &given, &mut found);
        if let Some(mfa) = &pool.mfa {
            check_one("SetUserPoolMfaConfigRequest", mfa, &[("UserPoolId", json!(pool.id))], &mut found);
        }
        for client in &pool.clients {
            let mut given = vec![("UserPoolId", json!(pool.id)), ("ClientName", json!(client.name))];
            if let Some(secret) = &client.secret {
                given.push(("ClientSecret", json!(secret.expose())));
            }
            check_one("CreateUserPoolClientRequest", &client.settings, &given, &mut found);
        }
        if found.is_empty() {
            check_rules(config, pool, &mut found);
        }
        mistakes.append(&mut found);
    }
    mistakes
}

/// The rules of business for settings of the right shape: what a call with them would be refused for.
fn check_rules(config: &Config, pool: &config::pool::Pool, mistakes: &mut Vec<Mistake>) {
    let mut refused = |at: &Place, error: Error| mistakes.push(Mistake::new(at, error.to_string()));
    let settings = match PoolSettings::requested(settings_with_triggers(&config.account_id, pool)) {
        Ok(settings) => settings,
        Err(error) => return refused(&pool.settings.at, error),
    };
    let settings = match &pool.mfa {
        Some(mfa) => match settings.with_only_second_factors(mfa.value.clone()) {
            Ok(settings) => settings,
            Err(error) => return refused(&mfa.at, error),
        },
        None => settings,
    };
    let made = Pool {
        id: pool.id.clone(),
        name: pool.name.clone(),
        strict_oidc: pool.strict_oidc,
        settings,
        created_at: Time::default(),
        modified_at: Time::default(),
    };
    let servers: Vec<_> = pool.resource_servers.iter().map(|server| resource_server(&pool.id, server)).collect();
    for client in &pool.clients {
        if let Err(error) = check_client(&made, &servers, client) {
            refused(&client.settings.at, error);
        }
    }
    for user in &pool.users {
        let policy = &made.settings.policies.password_policy;
        let password = user.password.iter().map(|password| policy.check(password.expose(), Asker::Administrator));
        let attributes = attribute::check_values(&made, &user.attributes, attribute::Write::Creation).map(drop);
        for error in password.chain([attributes]).filter_map(Result::err) {
            refused(&user.at, error);
        }
    }
}

fn check_client(pool: &Pool, servers: &[ResourceServer], client: &config::pool::Client) -> domain::Result<()> {
    let secret = |value: &Secret| ClientSecret { id: String::new(), value: value.clone(), created_at: Time::default() };
    let generated = client.generates_secret.then(|| Secret::from("generated".to_owned()));
    let client = Client {
        id: client.id.clone(),
        pool_id: pool.id.clone(),
        name: client.name.clone(),
        secrets: client.secret.iter().chain(generated.as_ref()).map(secret).collect(),
        settings: ClientSettings {
            relying_party: relying_party(&client.oidc),
            ..ClientSettings::requested(client.settings.value.clone())?
        },
        created_at: Time::default(),
        modified_at: Time::default(),
    };
    client.check(pool, servers)
}

/// A client's settings with what the file has a key of its own for.
pub(super) fn client_settings(client: &config::pool::Client) -> Map<String, Value> {
    let mut settings = client.settings.value.clone();
    if client.generates_secret {
        settings.insert("GenerateSecret".to_owned(), true.into());
    }
    settings
}

/// What a client of the file is beyond the service's settings.
pub(super) fn relying_party(oidc: &config::pool::Oidc) -> RelyingParty {
    RelyingParty {
        backchannel_logout_uri: oidc.backchannel_logout_uri.clone(),
        backchannel_logout_session_required: oidc.backchannel_logout_session_required,
        device_grant: oidc.device_grant,
        dpop_bound_access_tokens: oidc.dpop_bound_access_tokens,
        jwks: oidc.jwks.clone(),
        jwks_uri: oidc.jwks_uri.clone(),
    }
}

/// A resource server of the file as the domain knows it.
pub(super) fn resource_server(pool_id: &str, server: &config::pool::ResourceServer) -> ResourceServer {
    ResourceServer {
        pool_id: pool_id.to_owned(),
        identifier: server.identifier.clone(),
        name: server.name.clone(),
        scopes: server.scopes.clone(),
    }
}

/// `given` are the members that the file has keys of its own for; they must not stand in the settings as well.
fn check_one(shape: &str, settings: &Settings, given: &[(&str, Value)], mistakes: &mut Vec<Mistake>) {
    for name in settings.value.keys() {
        if given.iter().any(|(own, _)| own == name) || name == "GenerateSecret" {
            let at = settings.place_of(name);
            mistakes.push(Mistake::new(at, format!("`{name}` has a key of its own outside of `settings`")));
        }
    }
    let mut whole: Map<String, Value> = settings.value.clone();
    whole.extend(given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let found = MODEL.findings(shape, &Value::Object(whole));
    for path in found.strays {
        let (around, name) = path.rsplit_once('.').unwrap_or(("", &path));
        let known = members_at(shape, around);
        let operation = shape.trim_end_matches("Request");
        let mistake = Mistake::new(settings.place_of(&path), format!("`{name}` is not a setting of {operation}"));
        mistakes.push(mistake.nearest(name, known));
    }
    for fault in found.type_faults {
        mistakes.push(Mistake::new(settings.place_of(&fault.path), format!("`{}`: {}", fault.path, fault.message)));
    }
    for violation in found.violations {
        mistakes.push(Mistake::new(settings.place_of(&violation.path), violation.message));
    }
}

/// The names of the members of the structure at `path`, which leads through members and list indexes.
fn members_at(shape: &str, path: &str) -> Vec<&'static str> {
    let mut current = MODEL.shape(shape);
    for step in path.split('.').filter(|step| !step.is_empty()) {
        current = current.and_then(|shape| {
            let inner = match step.parse::<usize>() {
                Ok(_) => shape.member,
                Err(_) => shape.members.iter().find(|(name, _)| *name == step).map(|(_, inner)| *inner).or(shape.value),
            };
            MODEL.shape(inner?)
        });
    }
    current.map(|shape| shape.members.iter().map(|(name, _)| *name).collect()).unwrap_or_default()
}
