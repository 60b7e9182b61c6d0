//! Why a request would pass, or would not: the route that it finds and every check of its authorizer. Nothing behind the gateway
//! is asked, and no function is run.

use std::{net::SocketAddr, sync::Arc};

use http::{Method, Request, StatusCode, Uri, header};
use rustls::pki_types::CertificateDer;

pub use super::authorizer::Check;
use super::{
    Api, Apis, Route, authorizer::Authorizer, check_request, connection::Caller, consult, exchange::Exchange,
    integration::vouch_for, judge, match_route, prove, refusal::Refusal, replace::Gateway, rest_refusal,
    secure::Secure, trust::Shown,
};

/// A request that nobody has sent.
#[derive(Debug)]
pub struct Question<'q> {
    pub method: Method,
    /// The path with its query.
    pub uri: Uri,
    /// The host, where APIs are told apart by it.
    pub host: &'q str,
    /// Put where the route's authorizer looks for it.
    pub token: Option<&'q str>,
    /// The client's certificate and what stands between it and its authority, in this order. Shown to domains that ask for it.
    pub certificates: &'q [CertificateDer<'static>],
}

/// What would become of it.
#[derive(Debug)]
pub struct Explanation {
    /// The API and its stage.
    pub api: Option<(String, String)>,
    /// The key of the route.
    pub route: Option<String>,
    /// The authorizer's name and type.
    pub authorizer: Option<(String, &'static str)>,
    pub checks: Vec<Check>,
    pub verdict: Verdict,
}

#[derive(Debug)]
pub enum Verdict {
    /// It reaches the integration.
    Passes,
    Refused {
        status: StatusCode,
        reason: String,
    },
    /// A function decides, which was not asked.
    Asks,
}

/// As the API would answer.
fn refused(refusal: &Refusal, exchange: &mut Exchange<'_>) -> Verdict {
    let is_rest = exchange.api.is_some_and(|api| api.rest);
    let own = refusal.status();
    let status = if is_rest { rest_refusal::response(refusal, exchange).status() } else { own };
    Verdict::Refused { status, reason: refusal.to_string() }
}

impl Gateway {
    pub async fn explain(&self, question: Question<'_>) -> Explanation {
        self.serving().explain(question).await
    }
}

impl Apis {
    async fn explain(&self, question: Question<'_>) -> Explanation {
        let mut explanation =
            Explanation { api: None, route: None, authorizer: None, checks: Vec::new(), verdict: Verdict::Passes };
        let (mut head, ()) = Request::new(()).into_parts();
        (head.method, head.uri) = (question.method, question.uri);
        if let Ok(host) = question.host.parse() {
            head.headers.insert(header::HOST, host);
        }
        let caller = Caller::new(SocketAddr::from(([127, 0, 0, 1], 0)), self.secured(question.certificates));
        let mut exchange = Exchange::begin(head, &caller, self.clock.now(), &self.random);
        let found = check_request(&exchange).and_then(|()| self.match_api(&mut exchange));
        if let Some(store) = exchange.trust {
            explanation.checks = store.explain(question.certificates, exchange.at);
        }
        let proven = prove(&mut exchange).map_err(|refusal| refused(&refusal, &mut exchange));
        let found = found.and_then(|(api, stage)| {
            explanation.api = Some((api.name.clone(), stage.name.clone()));
            Ok((api, match_route(&mut exchange, stage)?))
        });
        match found {
            Ok((api, route)) => {
                explanation.route = Some(route.key.clone());
                self.examine(&mut explanation, (exchange, question.token), (api, route)).await;
            }
            Err(refusal) => explanation.verdict = refused(&refusal, &mut exchange),
        }
        if let Err(verdict) = proven {
            explanation.verdict = verdict;
        }
        explanation
    }

    /// The connection that a client makes for this host.
    fn secured(&self, certificates: &[CertificateDer<'static>]) -> Option<Arc<Secure>> {
        self.tls.as_ref().map(|_| {
            let shown = Some(Shown::new(Some(certificates)));
            Arc::new(Secure { name: None, shown })
        })
    }

    async fn examine(
        &self,
        explanation: &mut Explanation,
        (mut exchange, token): (Exchange<'_>, Option<&str>),
        (api, route): (&Api, &Route),
    ) {
        let Some(authorizer) = &route.authorizer else {
            if let Err(refusal) = judge(&exchange, route).await {
                explanation.verdict = refused(&refusal, &mut exchange);
            }
            return;
        };
        vouch_for(&mut exchange);
        explanation.authorizer = Some((self.name_of(authorizer), kind(authorizer, api)));
        let head = &mut exchange.head;
        let source = match &**authorizer {
            Authorizer::Jwt(jwt) => jwt.source(),
            Authorizer::Pools(pools) => &pools.source(),
            Authorizer::RestJwt(jwt) => &jwt.source(),
            Authorizer::Lambda(lambda) => {
                if let (Some(token), Some(source)) = (token, lambda.source()) {
                    source.put(token, &mut head.headers, &mut head.uri);
                }
                explanation.checks.extend(lambda.explain(&exchange));
                let asked = consult(&exchange).and_then(|_| lambda.identify(&exchange));
                explanation.verdict = match asked {
                    Ok(_) => Verdict::Asks,
                    Err(refusal) => refused(&refusal, &mut exchange),
                };
                return;
            }
        };
        if let Some(token) = token {
            if source.put(token, &mut head.headers, &mut head.uri).is_none() {
                let reason = "the token has characters that cannot be sent".to_owned();
                explanation.verdict = Verdict::Refused { status: StatusCode::BAD_REQUEST, reason };
                return;
            }
            let text = source.token(&head.headers, &head.uri);
            let (text, now) = (text.unwrap_or_default(), exchange.at);
            explanation.checks.extend(match &**authorizer {
                Authorizer::Jwt(jwt) => jwt.explain(&text, &route.scopes, now).await,
                Authorizer::Pools(pools) => pools.explain(&text, &route.scopes, now).await,
                Authorizer::RestJwt(jwt) => jwt.explain(&text, &route.scopes, now).await,
                Authorizer::Lambda(_) => Vec::new(),
            });
        }
        // The word of the authorizer itself, not what the checks add up to.
        if let Err(refusal) = judge(&exchange, route).await {
            explanation.verdict = refused(&refusal, &mut exchange);
        }
    }

    fn name_of(&self, authorizer: &Arc<Authorizer>) -> String {
        let is_it = |made: &super::replace::Made| Arc::ptr_eq(&made.authorizer, authorizer);
        let found = self.authorizers.iter().find(|(_, made)| made.iter().any(is_it));
        found.map(|((_, name), _)| name.clone()).unwrap_or_default()
    }
}

fn kind(authorizer: &Authorizer, api: &Api) -> &'static str {
    match authorizer {
        Authorizer::Jwt(_) | Authorizer::RestJwt(_) => "JWT",
        Authorizer::Pools(_) => "COGNITO_USER_POOLS",
        Authorizer::Lambda(_) if api.rest => "CUSTOM",
        Authorizer::Lambda(_) => "REQUEST",
    }
}
