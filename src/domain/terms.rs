//! Terms that an application shows on its pages: a link for each language.
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateTerms.html>

use std::collections::BTreeMap;

use url::Url;

use super::{ClientId, Error, PoolId, Result};
use crate::kit::clock::Time;

/// Where a language has no link of its own.
const DEFAULT: &str = "cognito:default";

#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// UUID v4.
    pub id: String,
    pub pool_id: PoolId,
    pub client_id: ClientId,
    /// `terms-of-use` or `privacy-policy`.
    pub name: String,
    pub links: Links,
    pub created_at: Time,
    pub modified_at: Time,
}

/// `cognito:<language>` → URL.
pub type Links = BTreeMap<String, String>;

/// Refuses what is no address of a web page: the links stand on pages of ours, where `javascript:` would be our own voice.
pub fn check_links(links: &Links) -> Result<()> {
    if links.is_empty() {
        return Err(Error::InvalidParameter("Links must be provided when TermsSource is LINK.".into()));
    }
    let is_page = |link: &str| {
        Url::parse(link).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        })
    };
    match links.values().find(|link| !is_page(link)) {
        Some(link) => Err(Error::InvalidParameter(format!("Invalid link: {link} is not an http or https URL."))),
        None => Ok(()),
    }
}

impl Terms {
    /// The link for who reads `language`, one of the service's names of languages without their prefix.
    pub fn link(&self, language: &str) -> Option<&str> {
        self.links.get(&format!("cognito:{language}")).or_else(|| self.links.get(DEFAULT)).map(String::as_str)
    }
}

/// The service's name of a language that a page was asked for with `lang`. Our pages are in English.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managed-login.html>
pub fn language(lang: Option<&str>) -> &'static str {
    match lang.unwrap_or_default() {
        "nl" => "dutch",
        "fr" => "french",
        "es" => "spanish",
        "de" => "german",
        "id" => "bahasa-indonesia",
        "it" => "italian",
        "ja" => "japanese",
        "ko" => "korean",
        "pt-BR" => "portuguese-brazil",
        "zh-CN" => "chinese-simplified",
        "zh-TW" => "chinese-traditional",
        _ => "english",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(link: &str) -> Result<()> {
        check_links(&[(DEFAULT.to_owned(), link.to_owned())].into())
    }

    #[test]
    fn a_link_leads_to_a_page() {
        for link in ["https://app.example/terms?a=1#b", "http://localhost:3000/terms"] {
            check(link).unwrap();
        }
        for link in ["javascript:alert(1)", "data:text/html,x", "/terms", "https://", "https://me:pw@app.example/", "x"]
        {
            assert!(check(link).is_err(), "{link}");
        }
        assert!(check_links(&Links::new()).is_err());
    }

    #[test]
    fn a_language_has_its_own_link_or_the_default() {
        let links = [("cognito:german", "https://de.example/"), (DEFAULT, "https://app.example/")];
        let terms = Terms {
            id: String::new(),
            pool_id: String::new(),
            client_id: String::new(),
            name: String::new(),
            links: links.map(|(language, link)| (language.to_owned(), link.to_owned())).into(),
            created_at: Time::default(),
            modified_at: Time::default(),
        };
        assert_eq!(terms.link(language(Some("de"))), Some("https://de.example/"));
        assert_eq!(terms.link(language(Some("fr"))), Some("https://app.example/"));
        assert_eq!(terms.link(language(None)), Some("https://app.example/"));
    }
}
