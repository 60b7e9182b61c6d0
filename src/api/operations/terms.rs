//! Terms that a client's pages link to.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Operation, shapes::Timestamp},
    domain::{
        Result,
        terms::{Links, Terms},
    },
    flows::{
        Cx,
        terms::{self, Change},
    },
};

const MOST_TERMS: usize = 60;
/// The service knows one source and one enforcement; the model refuses others.
const SOURCE: &str = "LINK";
const ENFORCEMENT: &str = "NONE";

/// `TermsType`
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WireTerms {
    terms_id: String,
    user_pool_id: String,
    client_id: String,
    terms_name: String,
    terms_source: &'static str,
    enforcement: &'static str,
    links: Links,
    creation_date: Timestamp,
    last_modified_date: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TermsOutput {
    terms: WireTerms,
}

impl From<Terms> for TermsOutput {
    fn from(terms: Terms) -> Self {
        Self {
            terms: WireTerms {
                terms_id: terms.id,
                user_pool_id: terms.pool_id,
                client_id: terms.client_id,
                terms_name: terms.name,
                terms_source: SOURCE,
                enforcement: ENFORCEMENT,
                links: terms.links,
                creation_date: terms.created_at.into(),
                last_modified_date: terms.modified_at.into(),
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateTerms {
    user_pool_id: String,
    client_id: String,
    terms_name: String,
    #[serde(default)]
    links: Links,
}

impl Operation for CreateTerms {
    type Output = TermsOutput;

    async fn run(self, cx: Cx) -> Result<TermsOutput> {
        let place = (&*self.user_pool_id, &*self.client_id);
        terms::create(&cx, place, self.terms_name, self.links).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTerms {
    user_pool_id: String,
    terms_id: String,
}

impl Operation for DescribeTerms {
    type Output = TermsOutput;

    async fn run(self, cx: Cx) -> Result<TermsOutput> {
        terms::get(&cx, &self.user_pool_id, &self.terms_id.to_ascii_lowercase()).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeTermsByClient {
    user_pool_id: String,
    client_id: String,
    terms_name: String,
}

impl Operation for DescribeTermsByClient {
    type Output = TermsOutput;

    async fn run(self, cx: Cx) -> Result<TermsOutput> {
        terms::of_client(&cx, &self.user_pool_id, &self.client_id, &self.terms_name).await.map(Into::into)
    }
}

/// What is not named stays.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateTerms {
    user_pool_id: String,
    terms_id: String,
    terms_name: Option<String>,
    links: Option<Links>,
}

impl Operation for UpdateTerms {
    type Output = TermsOutput;

    async fn run(self, cx: Cx) -> Result<TermsOutput> {
        let change = Change { name: self.terms_name, links: self.links };
        terms::update(&cx, &self.user_pool_id, &self.terms_id.to_ascii_lowercase(), change).await.map(Into::into)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteTerms {
    user_pool_id: String,
    terms_id: String,
}

impl Operation for DeleteTerms {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        terms::delete(&cx, &self.user_pool_id, &self.terms_id.to_ascii_lowercase()).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTerms {
    user_pool_id: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListTermsOutput {
    terms: Vec<TermsDescription>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TermsDescription {
    terms_id: String,
    terms_name: String,
    enforcement: &'static str,
    creation_date: Timestamp,
    last_modified_date: Timestamp,
}

impl Operation for ListTerms {
    type Output = ListTermsOutput;

    async fn run(self, cx: Cx) -> Result<ListTermsOutput> {
        let limit = self.max_results.unwrap_or(MOST_TERMS);
        let page = terms::list(&cx, &self.user_pool_id, limit, self.next_token.as_deref()).await?;
        let shown = |terms: Terms| TermsDescription {
            terms_id: terms.id,
            terms_name: terms.name,
            enforcement: ENFORCEMENT,
            creation_date: terms.created_at.into(),
            last_modified_date: terms.modified_at.into(),
        };
        Ok(ListTermsOutput { terms: page.items.into_iter().map(shown).collect(), next_token: page.next })
    }
}
