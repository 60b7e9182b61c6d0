//! `[api.authorizer.NAME]`: who may pass.

use super::{Place, Placed, Reader, check_url};

/// An authorizer of type `JWT`.
#[derive(Clone, Debug)]
pub struct JwtAuthorizer {
    pub at: Place,
    pub identity_source: IdentitySource,
    pub issuer: Issuer,
    pub issuer_at: Place,
    /// Accepted values of `aud`, or of `client_id` when a token has no `aud`.
    pub audience: Vec<Placed<String>>,
}

/// Where the token stands in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentitySource {
    /// `$request.header.NAME`, lower-cased.
    Header(String),
    /// `$request.querystring.NAME`
    Query(String),
}

/// Who signed the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// `pool:<pool id>`: a pool of this server, whatever form its issuer has.
    Pool(String),
    /// Any issuer URL, exactly as in the `iss` claim.
    Url(String),
}

impl JwtAuthorizer {
    pub(super) fn read(mut section: Reader, exposed: bool) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        if let Some(kind) = section.required("type") {
            match kind.value.as_str() {
                "JWT" => {}
                "REQUEST" => reading.refuse(&kind.at, "`REQUEST` authorizers are not built yet"),
                other => {
                    let message = format!("`{}` must be \"JWT\", found {other:?}", section.path("type"));
                    reading.refuse(&kind.at, message);
                }
            }
        }
        let mut identity_source = IdentitySource::Header("authorization".to_owned());
        if let Some(text) = section.string("identity_source") {
            match read_identity_source(&text.value) {
                Some(source) => identity_source = source,
                None => {
                    let message = format!(
                        "`{}` must be $request.header.NAME or $request.querystring.NAME, found {:?}",
                        section.path("identity_source"),
                        text.value
                    );
                    reading.refuse(&text.at, message);
                }
            }
        }
        let issuer_at = section.place_of("issuer");
        let mut issuer = Issuer::Url(String::new());
        if let Some(text) = section.required("issuer") {
            match text.value.strip_prefix("pool:") {
                Some(pool) => issuer = Issuer::Pool(pool.to_owned()),
                None => {
                    check_url(&section, "issuer", &text, exposed);
                    issuer = Issuer::Url(text.value);
                }
            }
        }
        let said = section.has("audience");
        let audience = section.strings("audience");
        for client in audience.iter().filter(|client| client.value.is_empty()) {
            reading.refuse(&client.at, format!("`{}` must not hold an empty string", section.path("audience")));
        }
        if !said {
            section.missing("audience");
        } else if audience.is_empty() {
            reading.refuse(&at, format!("`{}` must name a client", section.path("audience")));
        }
        section.finish();
        Self { at, identity_source, issuer, issuer_at, audience }
    }
}

fn read_identity_source(text: &str) -> Option<IdentitySource> {
    let (place, name) = text.strip_prefix("$request.")?.split_once('.')?;
    match place {
        "header" => Some(IdentitySource::Header(http::HeaderName::try_from(name).ok()?.as_str().to_owned())),
        "querystring" if !name.is_empty() => Some(IdentitySource::Query(name.to_owned())),
        _ => None,
    }
}
