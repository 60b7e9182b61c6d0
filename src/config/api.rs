//! `[[api]]`: an HTTP API of the gateway in API Gateway's own words.

use std::collections::BTreeMap;

use super::place::{Place, Placed};

#[derive(Clone, Debug)]
pub struct Api {
    pub at: Place,
    pub name: String,
    /// Ten lower-case alphanumerics. Without one it is derived from the name, so that it stays the same.
    pub id: String,
    pub authorizers: BTreeMap<String, JwtAuthorizer>,
    pub routes: Vec<Route>,
}

/// An authorizer of type `JWT`.
#[derive(Clone, Debug)]
pub struct JwtAuthorizer {
    pub at: Place,
    pub identity_source: IdentitySource,
    pub issuer: Issuer,
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

#[derive(Clone, Debug)]
pub struct Route {
    pub at: Place,
    /// `GET /path`, `ANY /path/{proxy+}` or `$default`.
    pub key: String,
    /// The name of one of the API's authorizers; without one the route is open.
    pub authorizer: Option<Placed<String>>,
    /// A token needs any one of these. Empty: any valid token will do.
    pub scopes: Vec<String>,
    pub integration: Integration,
}

/// What answers an authorised request.
#[derive(Clone, Debug)]
pub enum Integration {
    /// A function of the configuration, called with payload `format`.
    Function {
        name: Placed<String>,
        format: PayloadFormat,
    },
    /// A streaming reverse proxy to this URL.
    Http(Placed<String>),
    Respond {
        status: u16,
        headers: BTreeMap<String, String>,
        body: String,
    },
}

/// The shape of the event that a function integration receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadFormat {
    V1,
    V2,
}
