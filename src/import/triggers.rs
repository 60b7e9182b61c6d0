//! The triggers of a file as the service writes them, and who answers them.

use serde_json::{Map, Value, json};

use crate::{
    config::{self, Config, Mistake},
    domain::pool::Triggers,
    kit::ids,
};

/// The members of `LambdaConfig` that are objects with a version.
const VERSIONED: [&str; 3] = ["CustomSMSSender", "CustomEmailSender", "InboundFederation"];

/// The pool's settings with its `[pool.triggers]` as the service writes them: names become ARNs.
pub(super) fn settings_with_triggers(account_id: &str, pool: &config::pool::Pool) -> Map<String, Value> {
    let mut settings = pool.settings.value.clone();
    if pool.triggers.is_empty() {
        return settings;
    }
    let region = ids::region_of(&pool.id);
    let triggers = settings.entry("LambdaConfig").or_insert_with(|| json!({}));
    let Some(triggers) = triggers.as_object_mut() else { return settings };
    for (name, trigger) in &pool.triggers {
        let arn = format!("arn:aws:lambda:{region}:{account_id}:function:{}", trigger.function.value);
        let versioned = json!({ "LambdaVersion": trigger.version, "LambdaArn": arn });
        if VERSIONED.contains(&name.as_str()) {
            triggers.insert(name.clone(), versioned);
            continue;
        }
        if name == "PreTokenGeneration" {
            triggers.insert(format!("{name}Config"), versioned);
        }
        triggers.insert(name.clone(), json!(arn));
    }
    settings
}

/// Triggers in the settings of pools, by ARN, that nobody would answer. `answers` knows, for a member of `LambdaConfig`, the
/// names that somebody does.
pub fn unanswered_triggers(config: &Config, answers: impl Fn(&str, &str) -> bool) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for settings in config.pools.iter().map(|pool| &pool.settings) {
        let Some(triggers) = settings.value.get("LambdaConfig") else { continue };
        // What has another shape is a mistake that the settings' own check tells.
        let Ok(triggers) = serde_json::from_value::<Triggers>(triggers.clone()) else { continue };
        for (trigger, target) in triggers.functions() {
            let name = ids::function_name(target);
            if answers(trigger.strip_suffix("Config").unwrap_or(trigger), name) {
                continue;
            }
            let functions = config.functions.iter().map(|function| function.name.as_str());
            let at = settings.place_of(&format!("LambdaConfig.{trigger}"));
            mistakes.push(Mistake::new(at, format!("there is no function `{name}`")).nearest(name, functions));
        }
    }
    mistakes
}
