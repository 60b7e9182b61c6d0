//! The AWS-named settings of a file against the service's facts, before anything is touched.

use serde_json::{Map, Value, json};

use crate::{
    config::{Config, Mistake, pool::Settings},
    kit::ids,
    model::MODEL,
};

/// Every mistake in the settings of pools and clients.
pub fn check(config: &Config) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for pool in &config.pools {
        let given = [("PoolName", json!(pool.name))];
        check_one("CreateUserPoolRequest", &pool.settings, &given, &mut mistakes);
        for client in &pool.clients {
            let mut given = vec![("UserPoolId", json!(pool.id)), ("ClientName", json!(client.name))];
            if let Some(secret) = &client.secret {
                given.push(("ClientSecret", json!(secret.expose())));
            }
            check_one("CreateUserPoolClientRequest", &client.settings, &given, &mut mistakes);
        }
        check_triggers(config, &pool.settings, &mut mistakes);
    }
    mistakes
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

/// A trigger of the settings must name a function of the file, as one of `[pool.triggers]` must.
fn check_triggers(config: &Config, settings: &Settings, mistakes: &mut Vec<Mistake>) {
    let triggers = settings.value.get("LambdaConfig").and_then(Value::as_object);
    for (trigger, target) in triggers.into_iter().flatten() {
        let Some(name) = target.as_str().map(ids::function_name) else { continue };
        let known =
            || config.functions.iter().map(|function| function.name.as_str()).chain([crate::hooks::GROUPS_TO_SCOPES]);
        if !known().any(|known| known == name) {
            let at = settings.place_of(&format!("LambdaConfig.{trigger}"));
            mistakes.push(Mistake::new(at, format!("there is no function `{name}`")).nearest(name, known()));
        }
    }
}
