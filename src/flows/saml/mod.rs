//! Signing in with a SAML provider: the question that goes there, and what its answer says.
//!
//! The provider's keys and addresses come from its metadata and from nowhere else. An assertion counts once, whoever brings it.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-saml-idp.html>

pub mod metadata;
pub mod sign_out;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value};

use super::{Cx, authorize::ProviderSession, certificates, federate::Arrival};
use crate::{
    domain::{
        Error, Provider, Result,
        provider::{Kind, SamlPlace},
    },
    hooks::ExternalAttributes,
    keys::saml::{self, AuthnRequest, Expected, Fault, Partner, read_response, redirect},
    store,
};

/// What providers know a pool by.
pub fn entity_id(pool_id: &str) -> String {
    format!("urn:amazon:cognito:sp:{pool_id}")
}

/// A request that somebody may sign in at the provider.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Which the answer will name.
    pub request_id: &'a str,
    /// Where the answer is to be posted.
    pub consumer: &'a str,
    /// What the provider returns with it.
    pub relay_state: &'a str,
    /// Whether they must prove themselves anew.
    pub force: bool,
}

/// An ID of a message of ours. It begins like a name, which an XML ID is.
pub fn new_id(cx: &Cx) -> String {
    format!("_{}", cx.random().uuid())
}

/// The address at the provider that asks the question.
pub async fn ask(cx: &Cx, provider: &Provider, question: Question<'_>) -> Result<String> {
    let place = place(cx, provider).await?;
    let Some(destination) = &place.sign_on else {
        let text = format!("The identity provider {} takes no request by HTTP-Redirect.", provider.name);
        return Err(Error::InvalidParameter(text));
    };
    let xml = AuthnRequest {
        id: question.request_id,
        issued_at: cx.now(),
        destination,
        consumer: question.consumer,
        entity_id: &entity_id(&provider.pool_id),
        force: question.force,
    }
    .xml();
    let signer = match provider.details.contains_key("RequestSigningAlgorithm") {
        true => Some(certificates::signer(cx, &provider.pool_id).await?),
        false => None,
    };
    redirect(destination, "SAMLRequest", &xml, Some(question.relay_state), signer.as_ref()).map_err(broken)
}

/// The pool as its providers see it, at these addresses.
pub async fn metadata(cx: &Cx, pool_id: &str, consumer: &str, log_out: &str) -> Result<String> {
    let service_provider = saml::ServiceProvider {
        entity_id: &entity_id(pool_id),
        consumer,
        log_out,
        signing: &certificates::signing(cx, pool_id).await?,
        encryption: &certificates::encryption(cx, pool_id).await?,
    };
    Ok(service_provider.metadata())
}

/// An answer as it was posted.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The form field `SAMLResponse`.
    pub response: &'a str,
    /// Where it was posted to.
    pub consumer: &'a str,
    /// The request that it must answer; none where the provider may send somebody by itself.
    pub request_id: Option<&'a str>,
}

/// Who it is that the provider vouches for, and their session there. [`Error::InvalidParameter`] tells the application what is wrong with the answer.
pub async fn arrival(cx: &Cx, provider: &Provider, answer: Answer<'_>) -> Result<(Arrival, ProviderSession)> {
    let place = place(cx, provider).await?;
    let partner = partner(&place);
    let decryption = match provider.is_on("EncryptedResponses") {
        true => Some(certificates::decryption(cx, &provider.pool_id).await?),
        false => None,
    };
    let expected = Expected {
        partner: &partner,
        entity_id: &entity_id(&provider.pool_id),
        consumer: answer.consumer,
        request_id: answer.request_id,
        decryption: decryption.as_ref(),
        now: cx.now(),
    };
    let accepted = read_response(answer.response, expected).map_err(|fault| refused(cx, provider, &fault))?;
    let mut tx = cx.single().await?;
    let hash = assertion_hash(&provider.pool_id, &partner.entity_id, &accepted.assertion_id);
    let is_first = store::saml_assertions::use_up(&mut tx, &hash, accepted.remember_until).await?;
    tx.commit().await?;
    if !is_first {
        return Err(said_wrong(cx, provider, "the assertion was used before"));
    }
    let session = ProviderSession {
        name_id: accepted.name_id.clone(),
        name_id_format: accepted.name_id_format,
        session_index: accepted.session_index,
    };
    let arrival = Arrival {
        subject: accepted.name_id,
        said: ExternalAttributes { saml_response: Some(claims(accepted.attributes)), ..ExternalAttributes::default() },
        issuer: Some(partner.entity_id),
    };
    Ok((arrival, session))
}

/// The attributes of an assertion. Those without a value say nothing.
fn claims(attributes: Vec<(String, Vec<String>)>) -> Map<String, Value> {
    let said = attributes.into_iter().filter_map(|(name, mut values)| match values.len() {
        0 => None,
        1 => Some((name, Value::String(values.remove(0)))),
        _ => Some((name, Value::from(values))),
    });
    said.collect()
}

fn assertion_hash(pool_id: &str, entity_id: &str, assertion_id: &str) -> Vec<u8> {
    digest(&SHA256, format!("{pool_id}\0{entity_id}\0{assertion_id}").as_bytes()).as_ref().to_vec()
}

/// What the provider's metadata say. Those at an address may have to be fetched first.
pub async fn place(cx: &Cx, provider: &Provider) -> Result<SamlPlace> {
    match (provider.metadata_file(), provider.metadata_url()) {
        (Some(text), _) => SamlPlace::read(text),
        (None, Some(url)) => metadata::current(cx, provider, url).await,
        (None, None) => Err(Error::Internal("a provider without SAML metadata was asked for them".into())),
    }
}

/// What a SAML provider calls itself, as far as its metadata are at hand. None for the other types.
pub async fn issuer(cx: &Cx, provider: &Provider) -> Option<String> {
    if provider.kind != Kind::Saml {
        return None;
    }
    place(cx, provider).await.ok().map(|place| place.entity_id)
}

pub(super) fn partner(place: &SamlPlace) -> Partner {
    Partner { entity_id: place.entity_id.clone(), certificates: place.certificates.clone() }
}

fn refused(cx: &Cx, provider: &Provider, fault: &Fault) -> Error {
    said_wrong(cx, provider, &fault.to_string())
}

fn said_wrong(cx: &Cx, provider: &Provider, reason: &str) -> Error {
    tracing::warn!(request_id = &*cx.request_id, provider = &*provider.name, reason, "a SAML response was refused");
    Error::InvalidParameter(format!("Invalid SAML response received: {reason}."))
}

pub(super) fn broken(fault: saml::Fault) -> Error {
    Error::Internal(format!("a SAML message could not be made: {fault}"))
}
