//! Addresses of our own, made from the configured public URL and never from a request's `Host`, unless that is a pool's domain.

use url::{Url, form_urlencoded};

use crate::flows::{Setup, authorize::RedirectUri, site::Site, takeover};

/// The places that are linked to or published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Authorize,
    Token,
    UserInfo,
    Revoke,
    /// Where OpenID Connect and OAuth providers send their users back to.
    IdpResponse,
    Introspect,
    Register,
    DeviceAuthorization,
    /// Where requests are pushed.
    Par,
    /// Where somebody types the code of a device.
    Device,
    Login,
    SignUp,
    ForgotPassword,
    ConfirmForgotPassword,
    ChangePassword,
    SelectChallenge,
    AddPasskey,
    Mfa,
    MfaSetup,
    Confirm,
    ResendCode,
    /// Where the link of a sign-up's e-mail leads.
    ConfirmUser,
    /// Where the links of a message about a sign-in at risk lead.
    SignInFeedback,
    Logout,
    /// Where somebody is asked whether they want to sign out.
    SignOut,
    /// Where SAML providers have answers posted.
    SamlResponse,
    SamlLogout,
    Error,
    Static,
    /// Where the files of import jobs go.
    UserImport,
    Brand,
}

impl Place {
    /// The query of [`Place::SignOut`] once it is done.
    pub const SIGNED_OUT: &'static str = "done=1";

    pub const fn path(self) -> &'static str {
        match self {
            Self::Authorize => "/oauth2/authorize",
            Self::Token => "/oauth2/token",
            Self::UserInfo => "/oauth2/userInfo",
            Self::Revoke => "/oauth2/revoke",
            Self::IdpResponse => "/oauth2/idpresponse",
            Self::Introspect => "/oauth2/introspect",
            Self::Register => "/oauth2/register",
            Self::DeviceAuthorization => "/oauth2/device_authorization",
            Self::Par => "/oauth2/par",
            Self::Device => "/device",
            Self::Login => "/login",
            Self::SignUp => "/signup",
            Self::ForgotPassword => "/forgotPassword",
            Self::ConfirmForgotPassword => "/confirmForgotPassword",
            Self::ChangePassword => "/changePassword",
            Self::SelectChallenge => "/selectChallenge",
            Self::AddPasskey => "/passkeys/add",
            Self::Mfa => "/mfa",
            Self::MfaSetup => "/mfaSetup",
            Self::Confirm => "/confirm",
            Self::ResendCode => "/resendcode",
            Self::ConfirmUser => "/confirmUser",
            Self::SignInFeedback => takeover::LINK_PATH,
            Self::Logout => "/logout",
            Self::SignOut => "/signOut",
            Self::SamlResponse => "/saml2/idpresponse",
            Self::SamlLogout => "/saml2/logout",
            Self::Error => "/error",
            Self::Static => "/static",
            Self::UserImport => "/user-import",
            Self::Brand => "/brand",
        }
    }
}

/// The full address of a place, for documents.
pub fn full(setup: &Setup, place: Place) -> String {
    format!("{}{}", setup.public_url, place.path())
}

/// The full address of a place under the host that the browser came by, which has its cookies: a pool's domain, or else the
/// public URL.
pub fn at_site(setup: &Setup, site: &Site, place: Place) -> String {
    match site {
        Site::Pool { .. } => format!("{}{}", origin(setup, site), local(setup, place)),
        Site::Everywhere | Site::Nowhere => full(setup, place),
    }
}

/// The address of a place on this server, for links and redirects: a path, so that whoever came by another name of this host
/// stays there with their cookie.
pub fn local(setup: &Setup, place: Place) -> String {
    format!("{}{}", prefix(setup), place.path())
}

/// The same, with a query as it came.
pub fn local_with(setup: &Setup, place: Place, query: &str) -> String {
    if query.is_empty() { local(setup, place) } else { format!("{}?{query}", local(setup, place)) }
}

/// The full address of a place that has nothing but its address to tell of the pool.
pub fn of_pool(setup: &Setup, pool_id: &str, place: Place) -> String {
    format!("{}/{pool_id}{}", setup.public_url, place.path())
}

/// The full address of an image that was uploaded for `subject`: a client, or `ALL` of the pool.
pub fn brand_image(setup: &Setup, pool_id: &str, subject: &str, digest: &str) -> String {
    format!("{}{}/{pool_id}/{subject}/{digest}/image", setup.public_url, Place::Brand.path())
}

/// The full address of a place at the host that the request came to, for a provider that sends the browser back there.
pub fn here(setup: &Setup, site: &Site, place: Place) -> String {
    format!("{}{}", origin(setup, site), local(setup, place))
}

/// The path that the public URL itself has, behind a proxy that serves us below one.
fn prefix(setup: &Setup) -> String {
    Url::parse(&setup.public_url).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
}

/// `https://host:port` of the site, as browsers write it in `Origin`: the public URL's, or that of a pool's domain.
pub fn origin(setup: &Setup, site: &Site) -> String {
    match (Url::parse(&setup.public_url), site) {
        (Ok(url), Site::Pool { authority, .. }) => format!("{}://{authority}", url.scheme()),
        (Ok(url), _) => url.origin().ascii_serialization(),
        (Err(_), _) => String::new(),
    }
}

/// Whether the pages of the site are those of `domain` or of a subdomain of it.
pub fn is_within(setup: &Setup, site: &Site, domain: &str) -> bool {
    let url = Url::parse(&origin(setup, site));
    let host = url.as_ref().ok().and_then(Url::domain).unwrap_or_default();
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

pub fn is_https(setup: &Setup) -> bool {
    setup.public_url.starts_with("https://")
}

/// A client's address with what it is told, behind `?` (or `&` where it has a query) or behind `#`.
pub fn with_answer(uri: &RedirectUri, answer: &[(&str, &str)], in_fragment: bool) -> String {
    let uri = uri.as_str();
    let mark = match (in_fragment, uri.contains('?')) {
        (true, _) => '#',
        (false, true) => '&',
        (false, false) => '?',
    };
    format!("{uri}{mark}{}", encode(answer))
}

/// Pairs as a query. A space is `%20`: some clients decode percent signs only.
pub fn encode(pairs: &[(&str, &str)]) -> String {
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    encoded.replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Mode, limits::Limits, server::Issuer};

    #[test]
    fn a_site_is_within_its_own_and_its_parents_domains() {
        let setup = Setup {
            mode: Mode::Development,
            account_id: String::new(),
            region: String::new(),
            public_url: "https://id.example.com:8443".into(),
            issuer: Issuer::Local,
            admin_keys: Vec::new(),
            limits: Limits::default(),
        };
        let within = |domain| is_within(&setup, &Site::Everywhere, domain);
        assert!(within("id.example.com") && within("example.com"));
        assert!(!within("d.example.com") && !within("other.example.com") && !within("x.id.example.com"));
    }

    #[test]
    fn values_cannot_break_out_of_a_query() {
        assert_eq!(encode(&[("state", "a b+c&d=\r\nSet-Cookie: x")]), "state=a%20b%2Bc%26d%3D%0D%0ASet-Cookie%3A%20x");
    }
}
