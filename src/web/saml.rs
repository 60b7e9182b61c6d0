//! The way to a SAML provider: a redirect with a request, whose answer the provider has the browser post.

use axum::response::Response;

use super::{
    authorization::{self, Prompt, Refusal},
    federation::Departure,
    paths::{self, Place},
};
use crate::{
    domain::Error,
    flows::{
        Cx,
        federate::Memo,
        saml::{self, Question},
    },
};

/// Where answers are posted: the assertion consumer service of the site that the browser is on.
pub fn consumer(cx: &Cx) -> String {
    paths::here(&cx.app.setup, &cx.site, Place::SamlResponse)
}

/// Sends the browser to the provider.
pub async fn depart(departure: &Departure<'_>) -> Result<Response, Refusal> {
    let Departure { cx, asked, provider, .. } = *departure;
    let (request_id, consumer) = (saml::new_id(cx), consumer(cx));
    let memo = Memo { request_id: Some(request_id.clone()), callback: consumer.clone(), ..Memo::default() };
    let state = departure.begin(memo).await?;
    let question = Question {
        request_id: &request_id,
        consumer: &consumer,
        relay_state: &state,
        force: asked.prompt == Prompt::Always,
    };
    let address = saml::ask(cx, provider, question).await.map_err(|error| match error {
        // The application may as well know that the provider cannot be asked.
        Error::InvalidParameter(text) => asked.refuse("invalid_request", &text),
        other => asked.fail(cx, &other),
    })?;
    Ok(authorization::found(&address))
}
