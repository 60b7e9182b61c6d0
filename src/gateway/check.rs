//! Mistakes in APIs that can be seen without a server: `poolhouse check` tells them with the others.

use std::collections::BTreeSet;

use super::{
    authorizer::Policy,
    gateway_response::GatewayResponses,
    integration::Mapping,
    selection::{Template, Variable, with_stage_variables},
};
use crate::config::{
    Mistake, Placed,
    api::{Api, Authorizer, Integration, Route},
};

/// What cannot work in parameter mappings, log formats, identity sources and stage variables.
pub fn mistakes(apis: &[Api]) -> Vec<Mistake> {
    let mut found = Vec::new();
    for api in apis {
        if let Some(policy) = &api.policy {
            let parsed = Policy::parse_of_api(&policy.value, "");
            found.extend(parsed.err().map(|error| Mistake::new(&policy.at, error.to_string())));
        }
        let responses = GatewayResponses::parse(&api.gateway_responses);
        found.extend(responses.err().map(|(at, error)| Mistake::new(&at, error.to_string())));
        for authorizer in api.authorizers.values() {
            let Authorizer::Lambda(authorizer) = authorizer else { continue };
            for source in &authorizer.identity_source {
                let parsed = Variable::parse(&source.value, false);
                found.extend(parsed.err().map(|error| Mistake::new(&source.at, error.to_string())));
            }
        }
        for (name, stage) in &api.stages {
            if let Some(log) = &stage.access_log_settings {
                let parsed = Template::parse_log(&log.format.value);
                found.extend(parsed.err().map(|error| Mistake::new(&log.format.at, error.to_string())));
            }
            for text in api.routes.iter().filter_map(target) {
                let filled = with_stage_variables(&text.value, &stage.stage_variables);
                let missing = |variable| format!("the stage `{name}` has no variable `{variable}`");
                found.extend(filled.err().map(|variable| Mistake::new(&text.at, missing(variable))));
            }
        }
        for route in &api.routes {
            let responses = route.response_parameters.values().map(|rules| Mapping::parse(rules, true));
            for parsed in std::iter::once(Mapping::of_request(route)).chain(responses) {
                found.extend(parsed.err().map(|(at, error)| Mistake::new(&at, error.to_string())));
            }
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|mistake| seen.insert((mistake.at.clone(), mistake.message.clone())));
    found
}

/// Where stage variables may stand.
fn target(route: &Route) -> Option<&Placed<String>> {
    match &route.integration {
        Integration::Function { name, .. } => Some(name),
        Integration::Http { url, .. } => Some(url),
        Integration::Respond { .. } => None,
    }
}
