//! Signing out at a SAML provider too: where the pool is left the provider is told, and where the provider is left so is the pool.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-saml-idp-sign-out.html>

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{broken, entity_id, new_id, partner, place};
use crate::{
    domain::{Error, Pool, Provider, Result, provider::Kind},
    flows::{
        Cx,
        authorize::{ProviderSession, SignedIn},
        certificates, providers,
        site::Site,
    },
    keys::{
        saml::{LogoutMessage, LogoutRequest, Redirected, claimed_issuer, logout_response, read_logout, redirect},
        seal::Purpose,
    },
    kit::clock::Time,
    store,
};

/// How long a browser may be away to sign out.
const LIFETIME: Duration = Duration::from_secs(300);
/// Whoever asks makes us read so many providers' metadata at most.
const MOST_CANDIDATES: i64 = 100;
/// What tells these states from other things that are sealed for federation.
const PLACE: &[u8] = b"saml sign-out";

/// What a provider gives back with its answer.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    pool_id: String,
    provider: String,
    request_id: String,
    destination: String,
    expires_at: Time,
}

/// Where a browser goes that leaves the pool: to the provider that its user came through, if the provider is to be told, and from
/// there to `destination`. None where nobody needs to be told.
pub async fn farewell(cx: &Cx, pool: &Pool, signed_in: &SignedIn, destination: &str) -> Result<Option<String>> {
    let Some((provider, session)) = told(cx, pool, signed_in).await? else { return Ok(None) };
    let place = match place(cx, &provider).await {
        Ok(place) => place,
        // Whoever leaves is not kept here because their provider cannot be told.
        Err(Error::InvalidParameter(reason)) => {
            tracing::warn!(provider = &*provider.name, reason, "a provider is not told of the end of a session");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some(log_out) = place.log_out else { return Ok(None) };
    let state = State {
        pool_id: pool.id.clone(),
        provider: provider.name.clone(),
        request_id: new_id(cx),
        destination: destination.to_owned(),
        expires_at: cx.now().plus(LIFETIME),
    };
    let xml = LogoutRequest {
        id: &state.request_id,
        issued_at: cx.now(),
        destination: &log_out,
        entity_id: &entity_id(&pool.id),
        name_id: &session.name_id,
        name_id_format: session.name_id_format.as_deref(),
        session_index: session.session_index.as_deref(),
    }
    .xml();
    let json = serde_json::to_vec(&state).map_err(|error| Error::Internal(error.to_string()))?;
    let sealed = hex::encode(cx.app.sealer.seal_with(Purpose::Federation, PLACE, &json));
    let signer = certificates::signer(cx, &pool.id).await?;
    redirect(&log_out, "SAMLRequest", &xml, Some(&sealed), Some(&signer)).map(Some).map_err(broken)
}

async fn told(cx: &Cx, pool: &Pool, signed_in: &SignedIn) -> Result<Option<(Provider, ProviderSession)>> {
    let (Some(name), Some(session)) = (&signed_in.provider, &signed_in.provider_session) else { return Ok(None) };
    let provider = providers::find(cx, &pool.id, name).await?;
    let provider = provider.filter(|provider| provider.kind == Kind::Saml && provider.is_on("IDPSignout"));
    Ok(provider.map(|provider| (provider, session.clone())))
}

/// The way on for a browser that the provider sends back with an answer to [`farewell`]. None for an answer that does not count.
pub async fn answered(cx: &Cx, state: &str, message: Redirected<'_>, endpoint: &str) -> Result<Option<String>> {
    let opened = hex::decode(state).ok().and_then(|sealed| {
        let json = cx.app.sealer.open_with(Purpose::Federation, PLACE, &sealed)?;
        serde_json::from_slice::<State>(&json).ok()
    });
    let Some(state) = opened.filter(|state| cx.now() < state.expires_at) else { return Ok(None) };
    let Some(provider) = providers::find(cx, &state.pool_id, &state.provider).await? else { return Ok(None) };
    let place = place(cx, &provider).await?;
    match read_logout(message, &partner(&place), endpoint, cx.now()) {
        // Here they have signed out before; a provider that could not must not keep them here.
        Ok(LogoutMessage::Response { in_response_to, is_done }) if in_response_to == state.request_id => {
            if !is_done {
                tracing::warn!(provider = &*provider.name, "a provider did not end a session");
            }
            Ok(Some(state.destination))
        }
        Ok(_) => Ok(None),
        Err(fault) => {
            tracing::warn!(provider = &*provider.name, %fault, "an answer about the end of a session was refused");
            Ok(None)
        }
    }
}

/// The end of a session at the provider that `signed_in` came through. Some, with our answer's address, when it is this very
/// session: the caller ends it here.
pub async fn ended_there(
    cx: &Cx,
    pool: &Pool,
    signed_in: &SignedIn,
    (message, relay_state): (Redirected<'_>, Option<&str>),
    endpoint: &str,
) -> Result<Option<String>> {
    let Some((provider, session)) = told(cx, pool, signed_in).await? else { return Ok(None) };
    let place = place(cx, &provider).await?;
    let (id, name_id, session_indexes) = match read_logout(message, &partner(&place), endpoint, cx.now()) {
        Ok(LogoutMessage::Request { id, name_id, session_indexes }) => (id, name_id, session_indexes),
        Ok(LogoutMessage::Response { .. }) => return Ok(None),
        Err(fault) => {
            tracing::warn!(provider = &*provider.name, %fault, "a message about the end of a session was refused");
            return Ok(None);
        }
    };
    let is_this =
        session.session_index.as_ref().is_none_or(|own| session_indexes.is_empty() || session_indexes.contains(own));
    let Some(log_out) = place.log_out.filter(|_| is_this && session.name_id == name_id) else { return Ok(None) };
    let xml = logout_response(&new_id(cx), &id, &log_out, &entity_id(&pool.id), cx.now());
    let signer = certificates::signer(cx, &pool.id).await?;
    redirect(&log_out, "SAMLResponse", &xml, relay_state, Some(&signer)).map(Some).map_err(broken)
}

/// The answer to a request about a session that this browser does not have here: there is nothing left to end, and the provider,
/// whose user is waiting, is told so (saml-core, section 3.7.3.1; saml-profiles, section 4.4.3.4). None for a request that no
/// provider of the site has signed. Where several pools share a provider, the first one answers: it is theirs alike.
pub async fn nothing_to_end(
    cx: &Cx,
    (message, relay_state): (Redirected<'_>, Option<&str>),
    endpoint: &str,
) -> Result<Option<String>> {
    let Ok(issuer) = claimed_issuer(message) else { return Ok(None) };
    let pool_id = match &cx.site {
        Site::Everywhere => None,
        Site::Pool { id, .. } => Some(&**id),
        Site::Nowhere => return Ok(None),
    };
    let candidates = store::providers::of_kind(&mut cx.read().await?, Kind::Saml, pool_id, MOST_CANDIDATES).await?;
    for provider in candidates.into_iter().filter(|provider| provider.is_on("IDPSignout")) {
        let Ok(place) = place(cx, &provider).await else { continue };
        if place.entity_id != issuer {
            continue;
        }
        let id = match read_logout(message, &partner(&place), endpoint, cx.now()) {
            Ok(LogoutMessage::Request { id, .. }) => id,
            Ok(LogoutMessage::Response { .. }) => return Ok(None),
            Err(fault) => {
                tracing::warn!(provider = &*provider.name, %fault, "a message about the end of a session was refused");
                continue;
            }
        };
        let Some(log_out) = place.log_out else { continue };
        let xml = logout_response(&new_id(cx), &id, &log_out, &entity_id(&provider.pool_id), cx.now());
        let signer = certificates::signer(cx, &provider.pool_id).await?;
        return redirect(&log_out, "SAMLResponse", &xml, relay_state, Some(&signer)).map(Some).map_err(broken);
    }
    Ok(None)
}
