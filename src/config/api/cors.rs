//! `[api.cors_configuration]`: what the gateway answers to preflight requests and adds to answers.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use super::{Placed, Reader};

#[derive(Clone, Debug, Default)]
pub struct Cors {
    /// Origins as browsers send them, `*`, or `http://*` and `https://*`.
    pub allow_origins: Vec<String>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    pub expose_headers: Vec<String>,
    pub allow_credentials: bool,
    /// In seconds; -1 turns the browser's cache off.
    pub max_age: Option<i32>,
    /// As the service does: a `$default` route with an authorizer gets preflight requests too, and refuses them.
    pub default_route_quirk: bool,
}

impl Cors {
    pub(super) fn read(mut section: Reader) -> Self {
        let allow_origins = section.strings("allow_origins");
        for origin in &allow_origins {
            if !is_origin(&origin.value) {
                let message = format!(
                    "`{}` must hold *, http://*, https://* or origins such as https://app.example, found {:?}",
                    section.path("allow_origins"),
                    origin.value
                );
                section.reading.refuse(&origin.at, message);
            }
        }
        // Browsers tell a `put` from a `PUT`.
        let allow_methods = words(&mut section, "allow_methods").into_iter().map(|word| word.to_ascii_uppercase());
        let allow_headers = words(&mut section, "allow_headers");
        let expose_headers = words(&mut section, "expose_headers");
        let allow_credentials = section.boolean("allow_credentials");
        // Browsers refuse the combination, and the service refuses its configuration.
        if let (Some(said), Some(star)) = (&allow_credentials, allow_origins.iter().find(|origin| origin.value == "*"))
            && said.value
        {
            let message =
                format!("`{}` cannot be * with `allow_credentials`: name the origins", section.path("allow_origins"));
            section.reading.refuse(&star.at, message);
        }
        let cors = Self {
            allow_origins: values(allow_origins),
            allow_methods: allow_methods.collect(),
            allow_headers,
            expose_headers,
            allow_credentials: allow_credentials.is_some_and(|said| said.value),
            max_age: section.integer("max_age", -1..=86_400),
            default_route_quirk: section.boolean("default_route_quirk").is_some_and(|said| said.value),
        };
        section.finish();
        cors
    }
}

/// Methods or header names: what may stand in the list of a header.
fn words(section: &mut Reader, key: &str) -> Vec<String> {
    let words = section.strings(key);
    for word in &words {
        if http::HeaderName::try_from(word.value.as_str()).is_err() {
            let message = format!("`{}` must hold single words or *, found {:?}", section.path(key), word.value);
            section.reading.refuse(&word.at, message);
        }
    }
    values(words)
}

fn values(placed: Vec<Placed<String>>) -> Vec<String> {
    placed.into_iter().map(|one| one.value).collect()
}

fn is_origin(text: &str) -> bool {
    if matches!(text, "*" | "http://*" | "https://*") {
        return true;
    }
    // Serialised again it must be the same: anything else would never equal what a browser sends.
    text.split_once("://").is_some_and(|(_, host)| !host.is_empty() && !host.contains(['/', '*', '@', ' ', '?', '#']))
        && url::Url::parse(text).is_ok()
}
