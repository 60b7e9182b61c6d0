//! Names that must exist, and names that must not exist twice.

use std::collections::BTreeMap;

use super::{
    Config, Mistake, Place, Placed,
    api::{Api, Authorizer, Integration, Issuer},
    domain::Domain,
    form,
    pool::Pool,
    reader::Reading,
};

/// The functions that are always there, and the only trigger that each of them answers.
const BUILT_IN: [(&str, &str); 1] = [("PreTokenGeneration", "groups-to-scopes")];

pub(super) fn check(reading: &Reading, config: &Config) {
    let functions: Vec<&str> = config.functions.iter().map(|function| function.name.as_str()).collect();
    unique(reading, "pool id", config.pools.iter().map(|pool| (&pool.at, pool.id.clone())));
    unique(reading, "pool name", config.pools.iter().map(|pool| (&pool.at, pool.name.clone())));
    let clients = config.pools.iter().flat_map(|pool| &pool.clients);
    unique(reading, "client id", clients.map(|client| (&client.at, client.id.clone())));
    for pool in &config.pools {
        check_pool(reading, pool, &functions);
    }
    unique(reading, "API name", config.apis.iter().map(|api| (&api.at, api.name.clone())));
    unique(reading, "API id", config.apis.iter().map(|api| (&api.at, api.id.clone())));
    for api in &config.apis {
        check_api(reading, api, &config.pools, &functions);
    }
    unique(reading, "domain", config.domains.iter().map(|domain| (&domain.at, domain.name.clone())));
    for domain in &config.domains {
        check_domain(reading, domain, &config.apis);
    }
}

fn check_domain(reading: &Reading, domain: &Domain, apis: &[Api]) {
    let names: Vec<&str> = apis.iter().map(|api| api.name.as_str()).collect();
    for mapping in &domain.mappings {
        exists(reading, &mapping.api, &names, || format!("there is no API {:?}", mapping.api.value));
        let Some(api) = apis.iter().find(|api| api.name == mapping.api.value) else { continue };
        let stages: Vec<&str> = api.stages.keys().map(String::as_str).collect();
        let what = || format!("there is no stage {:?} of the API {}", mapping.stage.value, api.name);
        exists(reading, &mapping.stage, &stages, what);
    }
    // A slash in front lets the empty key be one of them.
    let keys = domain.mappings.iter().map(|mapping| (&mapping.at, format!("/{}", mapping.key)));
    unique(reading, "API mapping key", keys);
}

fn check_pool(reading: &Reading, pool: &Pool, functions: &[&str]) {
    unique(reading, "client name", pool.clients.iter().map(|client| (&client.at, client.name.clone())));
    unique(reading, "group", pool.groups.iter().map(|group| (&group.at, group.name.clone())));
    unique(reading, "user", pool.users.iter().map(|user| (&user.at, user.username.clone())));
    unique(reading, "domain of the pool", pool.domains.iter().map(|domain| (&domain.at, domain.name.clone())));
    let providers = pool.identity_providers.iter();
    unique(reading, "identity provider", providers.map(|provider| (&provider.at, provider.name.clone())));
    let servers = pool.resource_servers.iter();
    unique(reading, "resource server", servers.map(|server| (&server.at, server.identifier.clone())));
    let groups: Vec<&str> = pool.groups.iter().map(|group| group.name.as_str()).collect();
    for group in pool.users.iter().flat_map(|user| &user.groups) {
        exists(reading, group, &groups, || format!("there is no group {:?} in the pool {}", group.value, pool.id));
    }
    for (name, trigger) in &pool.triggers {
        let built_in = BUILT_IN.iter().filter(|(answered, _)| answered == name).map(|(_, function)| *function);
        let known: Vec<&str> = functions.iter().copied().chain(built_in).collect();
        let function = &trigger.function;
        exists(reading, function, &known, || format!("there is no function {:?}", function.value));
    }
}

fn check_api(reading: &Reading, api: &Api, pools: &[Pool], functions: &[&str]) {
    let ids: Vec<&str> = pools.iter().map(|pool| pool.id.as_str()).collect();
    for authorizer in api.authorizers.values() {
        let authorizer = match authorizer {
            Authorizer::Jwt(authorizer) => authorizer,
            Authorizer::Lambda(authorizer) => {
                let name = &authorizer.function;
                if !name.value.is_empty() {
                    exists(reading, name, functions, || format!("there is no function {:?}", name.value));
                }
                continue;
            }
            Authorizer::RestJwt(authorizer) => {
                for Placed { value, at } in authorizer.issuers.iter().map(|issuer| &issuer.issuer) {
                    if let Issuer::Pool(id) = value {
                        let issuer = Placed { value: id.clone(), at: at.clone() };
                        exists(reading, &issuer, &ids, || format!("there is no pool {id:?}"));
                    }
                }
                continue;
            }
            Authorizer::Pools(authorizer) => {
                for pool in &authorizer.pools {
                    exists(reading, pool, &ids, || format!("there is no pool {:?}", pool.value));
                }
                continue;
            }
        };
        for issuer in &authorizer.beyond.additional_issuers {
            if let Issuer::Pool(id) = &issuer.value {
                let issuer = Placed { value: id.clone(), at: issuer.at.clone() };
                exists(reading, &issuer, &ids, || format!("there is no pool {id:?}"));
            }
        }
        let id = match &authorizer.issuer {
            Issuer::Pool(id) => {
                let issuer = Placed { value: id.clone(), at: authorizer.issuer_at.clone() };
                exists(reading, &issuer, &ids, || format!("there is no pool {id:?}"));
                id.as_str()
            }
            // The URL of a pool of ours ends with its id. A stranger's issuer has audiences of its own.
            Issuer::Url(url) => url.rsplit('/').next().unwrap_or_default(),
        };
        // With other issuers the audience has clients of theirs as well.
        let is_alone = authorizer.beyond.additional_issuers.is_empty();
        let Some(pool) = pools.iter().find(|pool| pool.id == id && is_alone) else { continue };
        let clients: Vec<&str> = pool.clients.iter().map(|client| client.id.as_str()).collect();
        for client in authorizer.audience.iter().filter(|client| !client.value.is_empty()) {
            exists(reading, client, &clients, || format!("there is no client {:?} in the pool {id}", client.value));
        }
    }
    let authorizers: Vec<&str> = api.authorizers.keys().map(String::as_str).collect();
    for route in &api.routes {
        // A function has no scopes: a route that asks it for some would let everybody through who has none.
        let decides = route.authorizer.as_ref().and_then(|name| api.authorizers.get(&name.value));
        if let (Some(Authorizer::Lambda(_)), false) = (decides, route.scopes.is_empty()) {
            reading.refuse(
                &route.at,
                format!("the route {:?} asks for scopes, which a function does not check", route.key),
            );
        }
        if let Some(name) = &route.authorizer {
            let what = || format!("there is no authorizer {:?} in the API {}", name.value, api.name);
            exists(reading, name, &authorizers, what);
        }
        if let Integration::Function { name, .. } = &route.integration
            && !name.value.contains("${")
        {
            exists(reading, name, functions, || format!("there is no function {:?}", name.value));
        }
    }
    unique(reading, "route", api.routes.iter().map(|route| (&route.at, form::route_identity(&route.key))));
}

fn exists(reading: &Reading, name: &Placed<String>, known: &[&str], message: impl FnOnce() -> String) {
    if !known.contains(&name.value.as_str()) {
        reading.note(Mistake::new(&name.at, message()).nearest(&name.value, known.iter().copied()));
    }
}

/// Refuses a name that was given before. An empty one is missing, which is noted where it was read.
fn unique<'a>(reading: &Reading, what: &str, names: impl IntoIterator<Item = (&'a Place, String)>) {
    let mut seen: BTreeMap<String, &Place> = BTreeMap::new();
    for (at, name) in names.into_iter().filter(|(_, name)| !name.is_empty()) {
        match seen.get(&name) {
            Some(first) => reading.refuse(at, format!("the {what} {name:?} is there already, at {first}")),
            None => {
                seen.insert(name, at);
            }
        }
    }
}
