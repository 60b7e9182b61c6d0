//! A REST API's authorizer of the type `JWT`: several issuers, each with audiences and claims of its own.
//! <https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html>

use super::{Issuer, Place, Placed, Reader, authorizer::sources_of_rest};

#[derive(Clone, Debug)]
pub struct RestJwtAuthorizer {
    pub at: Place,
    /// The name of a header, lower-cased.
    pub header: String,
    pub issuers: Vec<RestIssuer>,
    /// Names of signature algorithms, of RSA and of elliptic curves.
    pub algorithms: Vec<&'static str>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct RestIssuer {
    pub issuer: Placed<Issuer>,
    pub audiences: Vec<Placed<String>>,
    pub claims: Vec<AdditionalClaim>,
}

/// A claim that is looked at beside those of every token. Its value is one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdditionalClaim {
    pub name: String,
    pub required: bool,
    /// Without values any text will do.
    pub expected: Vec<String>,
}

const ALGORITHMS: [(&str, &str); 6] = [
    ("RS256", "RS256"),
    ("RS384", "RS384"),
    ("RS512", "RS512"),
    ("ES256", "ES256"),
    ("ES384", "ES384"),
    ("ES512", "ES512"),
];

/// Claims that have checks of their own.
const OTHERS: [&str; 7] = ["aud", "exp", "iat", "iss", "nbf", "scope", "scp"];

/// Authorizers are the same that decide the same.
impl PartialEq for RestJwtAuthorizer {
    fn eq(&self, other: &Self) -> bool {
        self.header == other.header && self.issuers == other.issuers && self.algorithms == other.algorithms
    }
}

impl RestJwtAuthorizer {
    pub(super) fn read(mut section: Reader, exposed: bool) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        let source_at = section.place_of("identity_source");
        let sources = sources_of_rest(&mut section);
        let header = match sources.as_slice() {
            [one] => one.value.trim_start_matches("$request.header.").to_ascii_lowercase(),
            _ => {
                let message = format!("`{}` of a JWT authorizer must name one header", section.path("identity_source"));
                reading.refuse(&source_at, message);
                String::new()
            }
        };
        let mut algorithms = Vec::new();
        for text in section.strings("default_algorithms") {
            match ALGORITHMS.iter().find(|(name, _)| *name == text.value) {
                Some((name, _)) => algorithms.push(*name),
                None => {
                    let known = ALGORITHMS.map(|(name, _)| name).join(", ");
                    let path = section.path("default_algorithms");
                    reading.refuse(&text.at, format!("`{path}` must be of {known}, found {:?}", text.value));
                }
            }
        }
        if algorithms.is_empty() {
            algorithms = ALGORITHMS.map(|(name, _)| name).to_vec();
        }
        let issuers: Vec<RestIssuer> =
            section.tables("issuers").into_iter().map(|table| RestIssuer::read(table, exposed)).collect();
        if issuers.is_empty() {
            reading.refuse(&at, format!("`{}` must hold an issuer", section.path("issuers")));
        }
        section.finish();
        Self { at, header, issuers, algorithms }
    }
}

impl RestIssuer {
    fn read(mut section: Reader, exposed: bool) -> Self {
        let at = section.place_of("issuer");
        let issuer = section.required("issuer").map(|text| Issuer::read(&section, "issuer", text, exposed));
        let audiences = section.strings("audiences");
        if audiences.is_empty() || audiences.iter().any(|audience| audience.value.is_empty()) {
            let path = section.path("audiences");
            section.reading.refuse(&section.at, format!("`{path}` must hold audiences, and none that is empty"));
        }
        let claims = section.tables("additional_claims").into_iter().filter_map(AdditionalClaim::read).collect();
        section.finish();
        let value = issuer.unwrap_or_else(|| Issuer::Url(String::new()));
        Self { issuer: Placed { value, at }, audiences, claims }
    }
}

impl AdditionalClaim {
    fn read(mut section: Reader) -> Option<Self> {
        let name = section.required("claim_name");
        if let Some(name) = name.as_ref().filter(|name| OTHERS.contains(&name.value.as_str())) {
            let path = section.path("claim_name");
            section.reading.refuse(&name.at, format!("`{path}` cannot be {}: it is checked anyway", name.value));
        }
        section.choice("format", &[("SINGLE_STRING", ())]);
        let required = section.boolean("required").is_some_and(|said| said.value);
        let expected = section.strings("expected_values").into_iter().map(|text| text.value).collect();
        section.finish();
        Some(Self { name: name?.value, required, expected })
    }
}
