//! By which way a request wants its user to come in: as one of the pool's own, or through an identity provider.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/authorization-endpoint.html>

use super::parameters::Parameters;
use crate::{
    domain::{Client, Pool, Provider, Result, provider::OWN},
    flows::{Cx, authorize::SignedIn, providers},
};

#[derive(Debug)]
pub enum Way {
    /// The user chooses among what the client offers.
    Any,
    /// The pool's own sign-in.
    Own,
    Through(Box<Provider>),
}

impl Way {
    /// None for a way that the client does not offer: nobody is sent by another one instead.
    pub async fn of(cx: &Cx, pool: &Pool, client: &Client, parameters: &Parameters) -> Result<Option<Self>> {
        let offered = |provider: Provider| client.offers(&provider.name).then(|| Self::Through(Box::new(provider)));
        if let Some(name) = parameters.filled("identity_provider") {
            if name == OWN {
                return Ok(client.offers(OWN).then_some(Self::Own));
            }
            return Ok(providers::find(cx, &pool.id, name).await?.and_then(offered));
        }
        if let Some(hint) = parameters.filled("idp_identifier") {
            return Ok(providers::hinted(cx, &pool.id, hint).await?.and_then(offered));
        }
        if client.offers(OWN) {
            return Ok(Some(Self::Any));
        }
        match providers::offered(cx, client).await?.as_slice() {
            [] => Ok(None),
            // There is nothing to choose.
            [one] => Ok(providers::find(cx, &pool.id, one).await?.and_then(offered)),
            _ => Ok(Some(Self::Any)),
        }
    }

    /// Whether somebody who is signed in has come by this way.
    pub fn was_taken(&self, signed_in: &SignedIn) -> bool {
        match self {
            Self::Any => true,
            Self::Own => signed_in.provider.is_none(),
            Self::Through(provider) => signed_in.provider.as_deref() == Some(&*provider.name),
        }
    }
}
