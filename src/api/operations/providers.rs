//! Identity providers, the certificate that they check, and the links of users to them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Operation,
        shapes::{Empty, Timestamp},
    },
    domain::{
        Error, Provider, Result,
        provider::{Details, Kind},
    },
    flows::{
        Cx, certificates,
        links::{self, Person},
        providers::{self, Wanted},
    },
    store::providers::ProviderLine,
};

/// More do not fit the published answer, though a call may ask for sixty.
const MOST_LISTED: usize = 50;

type Mapping = BTreeMap<String, String>;

/// `IdentityProviderType`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    user_pool_id: String,
    provider_name: String,
    provider_type: &'static str,
    provider_details: Details,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attribute_mapping: Mapping,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    idp_identifiers: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    acr_mapping: Mapping,
    last_modified_date: Timestamp,
    creation_date: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProviderOutput {
    identity_provider: Shown,
}

impl ProviderOutput {
    async fn of(cx: &Cx, provider: Provider) -> Result<Self> {
        Ok(Self {
            identity_provider: Shown {
                provider_details: providers::shown_details(cx, &provider).await?,
                user_pool_id: provider.pool_id,
                provider_name: provider.name,
                provider_type: provider.kind.name(),
                attribute_mapping: provider.settings.attribute_mapping,
                idp_identifiers: provider.settings.idp_identifiers,
                acr_mapping: provider.settings.acr_mapping,
                last_modified_date: provider.modified_at.into(),
                creation_date: provider.created_at.into(),
            },
        })
    }
}

/// What creation and change share.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Members {
    provider_details: Option<Details>,
    attribute_mapping: Option<Mapping>,
    idp_identifiers: Option<Vec<String>>,
    acr_mapping: Option<Mapping>,
}

impl From<Members> for Wanted {
    fn from(members: Members) -> Self {
        Self {
            details: members.provider_details,
            mapping: members.attribute_mapping,
            identifiers: members.idp_identifiers,
            acr_mapping: members.acr_mapping,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateIdentityProvider {
    user_pool_id: String,
    provider_name: String,
    provider_type: String,
    #[serde(flatten)]
    members: Members,
}

impl Operation for CreateIdentityProvider {
    type Output = ProviderOutput;

    async fn run(self, cx: Cx) -> Result<ProviderOutput> {
        // The model has named every type.
        let unknown = || Error::InvalidParameter(format!("Invalid ProviderType {}.", self.provider_type));
        let kind = Kind::from_name(&self.provider_type).ok_or_else(unknown)?;
        let made = providers::create(&cx, &self.user_pool_id, self.provider_name, kind, self.members.into()).await?;
        ProviderOutput::of(&cx, made).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeIdentityProvider {
    user_pool_id: String,
    provider_name: String,
}

impl Operation for DescribeIdentityProvider {
    type Output = ProviderOutput;

    async fn run(self, cx: Cx) -> Result<ProviderOutput> {
        ProviderOutput::of(&cx, providers::get(&cx, &self.user_pool_id, &self.provider_name).await?).await
    }
}

/// Replaces each member that is named as a whole.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateIdentityProvider {
    user_pool_id: String,
    provider_name: String,
    #[serde(flatten)]
    members: Members,
}

impl Operation for UpdateIdentityProvider {
    type Output = ProviderOutput;

    async fn run(self, cx: Cx) -> Result<ProviderOutput> {
        let changed = providers::update(&cx, &self.user_pool_id, &self.provider_name, self.members.into()).await?;
        ProviderOutput::of(&cx, changed).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteIdentityProvider {
    user_pool_id: String,
    provider_name: String,
}

impl Operation for DeleteIdentityProvider {
    type Output = ();

    async fn run(self, cx: Cx) -> Result<()> {
        providers::delete(&cx, &self.user_pool_id, &self.provider_name).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListIdentityProviders {
    user_pool_id: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// `ProviderDescription`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    provider_name: String,
    provider_type: &'static str,
    last_modified_date: Timestamp,
    creation_date: Timestamp,
}

impl From<ProviderLine> for Line {
    fn from(line: ProviderLine) -> Self {
        Self {
            provider_name: line.name,
            provider_type: line.kind.name(),
            last_modified_date: line.modified_at.into(),
            creation_date: line.created_at.into(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListIdentityProvidersOutput {
    providers: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for ListIdentityProviders {
    type Output = ListIdentityProvidersOutput;

    async fn run(self, cx: Cx) -> Result<ListIdentityProvidersOutput> {
        let limit = self.max_results.filter(|most| *most > 0).unwrap_or(MOST_LISTED).min(MOST_LISTED);
        let page = providers::list(&cx, &self.user_pool_id, limit, self.next_token.as_deref()).await?;
        Ok(ListIdentityProvidersOutput {
            providers: page.items.into_iter().map(Into::into).collect(),
            next_token: page.next,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetIdentityProviderByIdentifier {
    user_pool_id: String,
    idp_identifier: String,
}

impl Operation for GetIdentityProviderByIdentifier {
    type Output = ProviderOutput;

    async fn run(self, cx: Cx) -> Result<ProviderOutput> {
        let found = providers::by_identifier(&cx, &self.user_pool_id, &self.idp_identifier).await?;
        ProviderOutput::of(&cx, found).await
    }
}

/// The certificate that the pool's SAML requests are signed with.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSigningCertificate {
    user_pool_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SigningCertificate {
    certificate: String,
}

impl Operation for GetSigningCertificate {
    type Output = SigningCertificate;

    async fn run(self, cx: Cx) -> Result<SigningCertificate> {
        Ok(SigningCertificate { certificate: certificates::signing(&cx, &self.user_pool_id).await? })
    }
}

/// `ProviderUserIdentifierType`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    provider_name: Option<String>,
    provider_attribute_name: Option<String>,
    provider_attribute_value: Option<String>,
}

impl Named {
    /// `member` is what the call names the user as.
    fn person(self, member: &str) -> Result<Person> {
        let missing = |name: &str| Error::InvalidParameter(format!("{name} is required for {member}."));
        Ok(Person {
            provider: self.provider_name.ok_or_else(|| missing("ProviderName"))?,
            attribute: self.provider_attribute_name,
            value: self.provider_attribute_value.ok_or_else(|| missing("ProviderAttributeValue"))?,
        })
    }
}

/// Lets somebody at a provider sign in as a user who is there.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminLinkProviderForUser {
    user_pool_id: String,
    destination_user: Named,
    source_user: Named,
}

impl Operation for AdminLinkProviderForUser {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        let destination = self.destination_user.person("DestinationUser")?;
        let source = self.source_user.person("SourceUser")?;
        links::link(&cx, &self.user_pool_id, &destination, &source).await?;
        Ok(Empty {})
    }
}

/// Ends a user's way of signing in.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdminDisableProviderForUser {
    user_pool_id: String,
    user: Named,
}

impl Operation for AdminDisableProviderForUser {
    type Output = Empty;

    async fn run(self, cx: Cx) -> Result<Empty> {
        links::disable(&cx, &self.user_pool_id, &self.user.person("User")?).await?;
        Ok(Empty {})
    }
}
