//! What every page has: its frame, its headers.

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::{
    assets, brand,
    text::{Language, Text},
};
use crate::{
    domain::terms,
    flows::{App, authorize::RedirectUri, looks::Look},
    web::{
        csrf,
        headers::{self, Script},
        paths::{self, Place},
    },
};

/// The frame of a page. What the client has of its own is none where no client is known.
pub struct Frame {
    pub text: &'static Text,
    /// The language of the text.
    pub lang: &'static str,
    pub style: String,
    /// Of pages that ask for a passkey, which nothing but a script can do.
    pub script: Option<String>,
    pub own_style: Option<String>,
    pub logo: Option<String>,
    /// In place of the logo where the browser asks for dark colours.
    pub dark_logo: Option<String>,
    pub favicon: Option<String>,
    pub terms: Vec<TermsLink>,
}

/// A link below the form.
pub struct TermsLink {
    pub label: &'static str,
    pub address: String,
}

impl Frame {
    pub fn new(app: &App, language: Language) -> Self {
        Self {
            text: language.text,
            lang: language.tag,
            style: assets::address(&app.setup, "pages.css"),
            script: None,
            own_style: None,
            logo: None,
            dark_logo: None,
            favicon: None,
            terms: Vec::new(),
        }
    }

    /// With the script of passkeys. The policy must let it run: [`respond_with_script`].
    pub fn with_passkeys(self, app: &App) -> Self {
        Self { script: Some(assets::address(&app.setup, "passkeys.js")), ..self }
    }

    /// With what the client's pages show of its own.
    pub fn styled(app: &App, language: Language, pool_id: &str, look: &Look) -> Self {
        let mut frame = Self { terms: terms_links(look, language), ..Self::new(app, language) };
        if let Some(style) = &look.style {
            let address = |digest: &String, file| brand::address(&app.setup, [pool_id, &style.subject, digest, file]);
            let image = |digest: &Option<String>| digest.as_ref().map(|digest| address(digest, "image"));
            frame.own_style = (!style.sheet.is_empty()).then(|| address(&style.digest, "style.css"));
            frame.logo = image(&style.images.logo);
            frame.dark_logo = image(&style.images.dark_logo).filter(|dark| frame.logo.as_ref() != Some(dark));
            frame.favicon = image(&style.images.favicon);
        }
        frame
    }
}

fn terms_links(look: &Look, Language { asked, text, .. }: Language) -> Vec<TermsLink> {
    let language = terms::language(Some(asked));
    let label = |name: &str| if name == "privacy-policy" { &*text.common.privacy } else { &*text.common.terms };
    let link =
        |terms: &terms::Terms| Some(TermsLink { label: label(&terms.name), address: terms.link(language)?.to_owned() });
    look.terms.iter().filter_map(link).collect()
}

/// Where a form goes, and the token that lets it in.
pub struct Form {
    pub action: String,
    pub token: String,
}

impl Form {
    pub fn new(app: &App, place: Place, query: &str, secret: &str) -> Self {
        Self { action: paths::local_with(&app.setup, place, query), token: csrf::token(app, secret, query) }
    }
}

/// A page whose form, if it has one, may end at `target`.
pub fn respond(status: StatusCode, page: &impl Template, target: Option<&RedirectUri>) -> Response {
    let mut response = match page.render() {
        Ok(html) => Response::new(html.into()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            let mut response = Response::default();
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return response;
        }
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, headers::page_policy(target, Script::None));
    response
}

/// The same for a page that has the script of passkeys.
pub fn respond_with_script(page: &impl Template, target: &RedirectUri) -> Response {
    let mut response = respond(StatusCode::OK, page, Some(target));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, headers::page_policy(Some(target), Script::Own));
    response
}
