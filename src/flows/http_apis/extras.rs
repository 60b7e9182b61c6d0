//! What APIs of the file have beyond the service, and no template and no OpenAPI document can say. It is told beside the template,
//! and no document is written: an authorizer that lets more pass than the one it was made of must not surprise anybody.

use crate::config::api::{Api, Authorizer, Beyond};

/// One line for each setting that is left out of an API.
pub fn of(api: &Api) -> Vec<String> {
    let mut found = Vec::new();
    if api.cors.as_ref().is_some_and(|cors| cors.default_route_quirk) {
        found.push(format!("`default_route_quirk` of the API {}", api.name));
    }
    for (name, authorizer) in &api.authorizers {
        let settings = match authorizer {
            Authorizer::Jwt(jwt) => beyond(&jwt.beyond),
            Authorizer::Lambda(lambda) if lambda.result_ttl_ends_with_token => vec!["result_ttl_ends_with_token"],
            Authorizer::Lambda(_) | Authorizer::Pools(_) | Authorizer::RestJwt(_) => Vec::new(),
        };
        let told = |setting| format!("`{setting}` of the authorizer {name} of the API {}", api.name);
        found.extend(settings.into_iter().map(told));
    }
    for route in &api.routes {
        let settings = [
            ("allow_encoded_slash", route.allow_encoded_slash),
            ("claims_json", route.claims_json),
            ("forward_claims", !route.forward_claims.is_empty()),
        ];
        let told = |setting| format!("`{setting}` of the route {:?} of the API {}", route.key, api.name);
        found.extend(said(settings).map(told));
    }
    found
}

fn beyond(own: &Beyond) -> Vec<&'static str> {
    let Beyond { additional_issuers, unavailable_is_503, require_token_use, required_claims } = own;
    said([
        ("additional_issuers", !additional_issuers.is_empty()),
        ("on_jwks_unavailable", *unavailable_is_503),
        ("require_token_use", require_token_use.is_some()),
        ("required_claims", !required_claims.is_empty()),
    ])
    .collect()
}

fn said<const N: usize>(settings: [(&'static str, bool); N]) -> impl Iterator<Item = &'static str> {
    settings.into_iter().filter_map(|(name, is_said)| is_said.then_some(name))
}
