//! The way of a browser through an identity provider, as far as the protocols share it: it leaves with a state that only it can
//! bring back, and what comes of its return goes to the application.

use axum::response::Response;
use tower_sessions::Session;

use super::{
    authorization::{self, Asked, Refusal},
    parameters::Parameters,
    paths::{self, Place},
    saml,
    session::{Browser, enter},
    way::Way,
};
use crate::{
    domain::{Error, Provider, provider::Kind},
    flows::{
        Cx,
        authorize::{self, ProviderSession, SignedIn},
        directory,
        federate::{
            self, Arrival, Fault, Memo, Trip,
            oidc::{self, Wishes},
        },
        providers,
    },
};

/// A browser that sets out: what the application asked for in `query`, and the provider that the user goes to.
pub struct Departure<'a> {
    pub cx: &'a Cx,
    pub session: &'a Session,
    pub asked: &'a Asked,
    pub query: &'a str,
    pub provider: &'a Provider,
}

impl Departure<'_> {
    /// Begins the trip. Gives the state that the provider is to return.
    pub async fn begin(&self, memo: Memo) -> Result<String, Refusal> {
        let fail = |error: Error| self.asked.fail(self.cx, &error);
        let browser = Browser::open(self.cx, self.session).await.map_err(fail)?;
        let browser = browser.with_trips(self.cx, self.session).await.map_err(fail)?;
        let request = &self.asked.request;
        let parties = (&*request.pool, &*request.client, self.provider);
        federate::depart(self.cx, parties, (self.query, browser.trip_secret()), memo).await.map_err(fail)
    }
}

/// Sends the browser to the provider.
pub async fn depart(departure: &Departure<'_>) -> Result<Response, Refusal> {
    match departure.provider.kind {
        Kind::Saml => saml::depart(departure).await,
        Kind::Oidc | Kind::Google | Kind::Facebook | Kind::LoginWithAmazon | Kind::SignInWithApple => {
            ask(departure).await
        }
    }
}

async fn ask(departure: &Departure<'_>) -> Result<Response, Refusal> {
    let Departure { cx, asked, provider, .. } = departure;
    let callback = paths::at_site(&cx.app.setup, &cx.site, Place::IdpResponse);
    let memo = oidc::memo(cx, provider, callback);
    let state = departure.begin(memo.clone()).await?;
    let request = Parameters::parse(departure.query.as_bytes()).unwrap_or_default();
    let acr_values = oidc::acr_values(provider, &asked.request.levels);
    let (login_hint, prompt) = (request.filled("login_hint"), request.filled("prompt"));
    let wishes = Wishes { login_hint, prompt, acr_values: acr_values.as_deref() };
    match oidc::question(cx, provider, &memo, (&state, wishes)).await {
        Ok(address) => Ok(authorization::found(&address)),
        Err(Fault::Ours(error)) => Err(asked.fail(cx, &error)),
        Err(Fault::Provider(text) | Fault::Foreign(text)) => Err(asked.refuse("invalid_request", &text)),
    }
}

/// A browser that has come back to where it set out.
#[derive(Debug)]
pub struct Landing {
    pub asked: Asked,
    /// As it is now.
    pub provider: Provider,
    pub memo: Memo,
    /// What the provider had the browser post, see [`federate::hold`].
    pub parcel: Option<Vec<u8>>,
}

impl Landing {
    /// The trip of this state, which ends with it. The error page for every state that this browser has not been given, or that
    /// was used, and where the provider is no more or is no longer the client's.
    pub async fn of(cx: &Cx, session: &Session, state: &str) -> Result<Self, Refusal> {
        let internal = |error: Error| Refusal::internal(cx, &error);
        let browser = Browser::find(session).await.map_err(internal)?;
        let secret = browser.as_ref().map(Browser::trip_secret).filter(|secret| !secret.is_empty());
        let returned = federate::take(cx, state, secret).await.map_err(internal)?;
        let returned = returned.ok_or_else(|| Refusal::page("invalid_request", Some("state"), None))?;
        let Trip { pool_id, client_id, provider, query, memo, .. } = returned.trip;
        // Before the request is read again: it names the provider, and the application would be told that there is none.
        let found = providers::find(cx, &pool_id, &provider).await.map_err(internal)?;
        let client = directory::find_client(cx, &client_id).await.map_err(internal)?;
        let is_offered = client.is_some_and(|client| client.offers(&provider));
        let Some(provider) = found.filter(|_| is_offered) else {
            return Err(Refusal::page("invalid_request", Some("identity_provider"), Some(client_id)));
        };
        let asked = authorization::read(cx, &query).await?;
        let request = &asked.request;
        if request.pool.id != pool_id || request.client.id != client_id {
            return Err(Refusal::page("invalid_request", Some("state"), None));
        }
        Ok(Self { asked, provider, memo, parcel: returned.parcel })
    }

    /// The same for a browser that has never set out, where a provider may send one: `query` is the authorization request that
    /// its application would have made, and says through which provider. Nothing ties it to this browser.
    pub async fn sent(cx: &Cx, query: &str) -> Result<Self, Refusal> {
        let asked = authorization::read(cx, query).await?;
        let provider = match &asked.way {
            Way::Through(provider) => provider.as_ref().clone(),
            Way::Any | Way::Own => {
                let client = asked.request.client.id.clone();
                return Err(Refusal::page("invalid_request", Some("identity_provider"), Some(client)));
            }
        };
        Ok(Self { asked, provider, memo: Memo::default(), parcel: None })
    }

    /// Somebody has proven at the provider who they are: the browser remembers it, and the application gets what it asked for.
    pub async fn arrive(self, cx: &Cx, session: &Session, arrival: Arrival) -> Result<Response, Refusal> {
        self.arrive_from(cx, session, arrival, None).await
    }

    /// The same from a session that the provider can be told to end.
    pub async fn arrive_from(
        self,
        cx: &Cx,
        session: &Session,
        arrival: Arrival,
        session_there: Option<ProviderSession>,
    ) -> Result<Response, Refusal> {
        let request = &self.asked.request;
        let fail = |error: Error| self.fail(cx, &error);
        let assurance = arrival.assurance(&self.provider);
        let user = Box::pin(federate::arrive(cx, request, &self.provider, arrival)).await.map_err(fail)?;
        let browser = Browser::find(session).await.map_err(fail)?;
        let former = browser.as_ref().and_then(|browser| browser.signed_in(&request.pool));
        let signed_in =
            authorize::enter(cx, request, (&user, assurance), former).await.map_err(fail)?.through(&self.provider.name);
        let signed_in = signed_in.known_there_by(session_there);
        self.enter(cx, session, signed_in.clone()).await.map_err(fail)?;
        let given = authorize::answer(cx, request, &signed_in).await.map_err(fail)?;
        Ok(self.asked.grant(&given))
    }

    async fn enter(&self, cx: &Cx, session: &Session, signed_in: SignedIn) -> Result<(), Error> {
        let browser = Browser::open(cx, session).await?;
        enter(cx, session, browser, (&self.asked.request.pool, signed_in)).await
    }

    /// A refusal of our own error page: the answer is not one to the question that was asked.
    pub fn page(&self, cx: &Cx, reason: &str) -> Refusal {
        let client = &self.asked.request.client.id;
        let provider = &*self.provider.name;
        tracing::warn!(request_id = &*cx.request_id, provider, reason, "a provider's answer was refused");
        Refusal::page("invalid_request", Some("identity_provider"), Some(client.clone()))
    }

    /// A refusal that the application reads.
    pub fn fail(&self, cx: &Cx, error: &Error) -> Refusal {
        let text = match error {
            // The space behind it is the service's.
            Error::HookThrew { trigger, message } => format!("{trigger} failed with error {message}. "),
            Error::UserDisabled => "User is disabled.".to_owned(),
            Error::InvalidParameter(text) => text.trim_end().replace('\n', " "),
            Error::AliasExists(name) | Error::AccountExists(name) => {
                format!("An account with the given {name} already exists.")
            }
            other => return self.asked.fail(cx, other),
        };
        self.asked.refuse("invalid_request", &text)
    }
}
