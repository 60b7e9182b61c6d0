//! Lambda authorizers: a function that is asked who may pass, and how long its answer is remembered.
//!
//! Of an HTTP API it answers with a policy (formats 1.0 and 2.0) or, where simple responses are enabled, with a boolean. Of a
//! REST API it gets the token alone (TOKEN) or the whole request (REQUEST). Where an identity source is missing the function is
//! not asked: 401. An answer that denies is 403, the error `Unauthorized` 401, and whatever is no answer 500.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
//!
//! Answers are remembered by the values of the identity sources alone, for every route of the authorizer: a policy is judged
//! again for each route, a boolean is not. Errors are not remembered. Values are kept as a hash.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{Context, SHA256};
use moka::sync::Cache;
use regex::Regex;
use serde_json::{Map, Value};

use super::{
    jwt::{moment, without_scheme},
    policy::{Circumstances, Decision, Policy},
};
use crate::{
    config::api::PayloadFormat,
    functions::{Call, Function},
    gateway::{
        exchange::Exchange,
        integration::{Place, authorizer_event},
        path,
        refusal::Refusal,
        selection::{Variable, View},
    },
    keys::jwt::said_claims,
    kit::clock::Time,
};

/// The service waits this long for an authorizer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// In bytes, of what REST APIs ask their functions about.
const LONGEST_ARN: usize = 1600;
/// In characters, of what the functions of REST APIs may answer about.
const LONGEST_RESOURCE: usize = 512;

/// Answers that are remembered at once.
const REMEMBERED: u64 = 10_000;

/// The one message that makes a failing function a 401.
const UNAUTHORIZED: &str = "Unauthorized";

pub(in crate::gateway) struct LambdaAuthorizer {
    function: Arc<dyn Function>,
    kind: Kind,
    sources: Vec<Variable>,
    lasts: Lasting,
    answers: Cache<[u8; 32], Remembered>,
}

/// How long answers are remembered.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Lasting {
    /// Zero remembers nothing.
    pub(in crate::gateway) ttl: Duration,
    /// Not past the `exp` of a token among the identity's values.
    pub(in crate::gateway) ends_with_token: bool,
}

/// What is asked, and what may be answered.
#[derive(Clone, Debug)]
pub(in crate::gateway) enum Kind {
    Http { format: PayloadFormat, simple: bool },
    RestToken { validation: Option<Regex> },
    RestRequest,
}

#[derive(Clone)]
struct Remembered {
    at: Time,
    until: Time,
    answer: Arc<Answer>,
}

struct Answer {
    verdict: Verdict,
    principal: LambdaPrincipal,
}

enum Verdict {
    Simple(bool),
    Policy(Policy),
}

/// Whom a function let pass, and what it says about them.
#[derive(Clone, Debug)]
pub struct LambdaPrincipal {
    pub(in crate::gateway) principal_id: Option<String>,
    pub(in crate::gateway) context: Option<Map<String, Value>>,
    pub(in crate::gateway) latency: Duration,
}

impl LambdaAuthorizer {
    pub(in crate::gateway) fn new(
        function: Arc<dyn Function>,
        kind: Kind,
        sources: Vec<Variable>,
        lasts: Lasting,
    ) -> Self {
        Self { function, kind, sources, lasts, answers: Cache::new(REMEMBERED) }
    }

    pub(in crate::gateway) fn asks(&self, function: &Arc<dyn Function>) -> bool {
        Arc::ptr_eq(&self.function, function)
    }

    /// `resource` is what the policy of the API says; it may allow what the function has no word about.
    pub(in crate::gateway) async fn authorize(
        &self,
        exchange: &Exchange<'_>,
        resource: Option<Decision>,
    ) -> Result<LambdaPrincipal, Refusal> {
        let identity = self.identify(exchange)?;
        let key = key(exchange, &identity);
        if let Some(remembered) = self.answers.get(&key) {
            if (remembered.at..remembered.until).contains(&exchange.at) {
                answered_from("cache");
                return judge(&remembered.answer, exchange, resource);
            }
            self.answers.invalidate(&key);
        }
        let until = self.lasts.until(exchange.at, &identity);
        answered_from("function");
        let answer = Arc::new(self.ask(exchange, identity).await?);
        if until > exchange.at {
            self.answers.insert(key, Remembered { at: exchange.at, until, answer: Arc::clone(&answer) });
        }
        judge(&answer, exchange, resource)
    }

    /// Who is asked about. Otherwise nobody is asked.
    pub(in crate::gateway) fn identify(&self, exchange: &Exchange<'_>) -> Result<Vec<String>, Refusal> {
        if self.is_of_rest() && method_arn(exchange).is_some_and(|arn| arn.len() > LONGEST_ARN) {
            return Err(Refusal::LongArn);
        }
        let identity = self.identity(exchange).ok_or(Refusal::Unauthorized("an identity source is missing"))?;
        if let Some(validation) = self.validation()
            && !identity.iter().all(|value| validation.is_match(value))
        {
            return Err(Refusal::Unauthorized("the token does not match the validation expression"));
        }
        Ok(identity)
    }

    pub(super) fn validation(&self) -> Option<&Regex> {
        match &self.kind {
            Kind::RestToken { validation } => validation.as_ref(),
            _ => None,
        }
    }

    pub(super) fn sources(&self) -> &[Variable] {
        &self.sources
    }

    fn is_of_rest(&self) -> bool {
        matches!(self.kind, Kind::RestToken { .. } | Kind::RestRequest)
    }

    /// The values of the identity sources in their order; `None` when one is missing or empty.
    pub(super) fn identity(&self, exchange: &Exchange<'_>) -> Option<Vec<String>> {
        let view = View::of(exchange);
        let value = |source: &Variable| source.value(&view).filter(|value| !value.is_empty());
        self.sources.iter().map(|source| value(source).map(Cow::into_owned)).collect()
    }

    async fn ask(&self, exchange: &Exchange<'_>, identity: Vec<String>) -> Result<Answer, Refusal> {
        let event = authorizer_event(exchange, &self.kind, identity).ok_or(Refusal::NotFound)?;
        let call = Call::new(event, TIMEOUT, &*exchange.id);
        let began = Instant::now();
        let returned = match self.function.invoke(call).await {
            Ok(returned) => returned,
            Err(error) if error.thrown() == Some(UNAUTHORIZED) => {
                return Err(Refusal::Unauthorized("the function says so"));
            }
            Err(error) => return Err(Refusal::Authorizer(error.to_string())),
        };
        self.read(returned, began.elapsed()).map_err(|reason| Refusal::Authorizer(reason.to_string()))
    }

    fn read(&self, returned: Value, latency: Duration) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let Value::Object(mut members) = returned else { return Err("the function returned no object".into()) };
        let (typed, simple) = match self.kind {
            Kind::Http { format, simple } => (format == PayloadFormat::V2, simple),
            Kind::RestToken { .. } | Kind::RestRequest => (false, false),
        };
        let context = context(members.remove("context"), typed)?;
        if simple {
            let Some(Value::Bool(allowed)) = members.get("isAuthorized") else {
                return Err("the function's isAuthorized is neither true nor false".into());
            };
            let principal = LambdaPrincipal { principal_id: None, context, latency };
            return Ok(Answer { verdict: Verdict::Simple(*allowed), principal });
        }
        let principal_id = match members.get("principalId") {
            Some(Value::String(id)) if !id.is_empty() => Some(id.clone()),
            _ => return Err("the function returned no principalId".into()),
        };
        let policy = Policy::parse(members.get("policyDocument").unwrap_or(&Value::Null))?;
        if self.is_of_rest() && policy.longest_resource() > LONGEST_RESOURCE {
            return Err(format!("a resource of the policy is longer than {LONGEST_RESOURCE} characters").into());
        }
        let principal = LambdaPrincipal { principal_id, context, latency };
        Ok(Answer { verdict: Verdict::Policy(policy), principal })
    }
}

impl Lasting {
    /// From when on an answer that is given now counts no more. A token is believed to end when it says so, whoever made it.
    fn until(&self, now: Time, identity: &[String]) -> Time {
        let until = now.plus(self.ttl);
        let ends = |value: &String| {
            let token = std::str::from_utf8(without_scheme(value.as_bytes()).ok()?).ok()?;
            moment(&said_claims(token)?, "exp", f64::floor)
        };
        let ends = identity.iter().filter(|_| self.ends_with_token).filter_map(ends);
        ends.fold(until, Time::min)
    }
}

fn answered_from(place: &'static str) {
    metrics::counter!("poolhouse_gateway_lambda_authorizer_answers_total", "from" => place).increment(1);
}

/// Format 1.0 and REST take texts, numbers and booleans, and make texts of them. The name `claims` belongs to the gateway.
fn context(given: Option<Value>, typed: bool) -> Result<Option<Map<String, Value>>, &'static str> {
    let mut members = match given {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(members)) => members,
        Some(_) => return Err("the function's context is no object"),
    };
    members.remove("claims");
    if !typed {
        for value in members.values_mut() {
            let text = match &*value {
                Value::String(_) => continue,
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return Err("the function's context holds something other than texts, numbers and booleans"),
            };
            *value = text.into();
        }
    }
    Ok(Some(members))
}

fn judge(answer: &Answer, exchange: &Exchange<'_>, resource: Option<Decision>) -> Result<LambdaPrincipal, Refusal> {
    let decision = match &answer.verdict {
        Verdict::Simple(true) => Decision::Allow,
        Verdict::Simple(false) => Decision::ImplicitDeny,
        Verdict::Policy(policy) => {
            policy.decide(&method_arn(exchange).ok_or(Refusal::NotFound)?, &Circumstances::of(exchange))
        }
    };
    match decision {
        Decision::ImplicitDeny if resource == Some(Decision::Allow) => Ok(answer.principal.clone()),
        Decision::Allow => Ok(answer.principal.clone()),
        Decision::ImplicitDeny => Err(Refusal::Forbidden { explicit: false }),
        Decision::ExplicitDeny => Err(Refusal::Forbidden { explicit: true }),
    }
}

/// Values of different lengths cannot run into each other, and stages do not share answers.
fn key(exchange: &Exchange<'_>, identity: &[String]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let stage = exchange.stage.map(|stage| stage.name.as_str()).unwrap_or_default();
    for value in std::iter::once(stage).chain(identity.iter().map(String::as_str)) {
        context.update(&(value.len() as u64).to_be_bytes());
        context.update(value.as_bytes());
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

/// What is called, as policies name it: the one spelling of the path, without the stage. `$default` has neither method nor path.
pub(in crate::gateway) fn method_arn(exchange: &Exchange<'_>) -> Option<String> {
    let (place, stage, route) = (&exchange.api?.place, exchange.stage?, exchange.route?);
    let called = if route.parsed.is_default() {
        "$default".to_owned()
    } else {
        format!("{}{}", exchange.head.method, path::canonical(exchange.path()).ok()?)
    };
    Some(format!("{}/{}/{called}", api_arn(place), stage.name))
}

/// What the ARNs of an API's methods begin with.
pub(in crate::gateway) fn api_arn(place: &Place) -> String {
    let Place { account_id, api_id, region } = place;
    let partition = if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    };
    format!("arn:{partition}:execute-api:{region}:{account_id}:{api_id}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_context_is_typed_in_format_2_and_text_elsewhere() {
        let given = json!({"a": "x", "n": 1, "b": true, "claims": "mine"});
        let texts = context(Some(given.clone()), false).unwrap().unwrap();
        assert_eq!(Value::Object(texts), json!({"a": "x", "n": "1", "b": "true"}));
        let typed = context(Some(json!({"list": [1], "map": {"a": null}, "claims": 1})), true).unwrap().unwrap();
        assert_eq!(Value::Object(typed), json!({"list": [1], "map": {"a": null}}));
        for wrong in [json!({"l": [1]}), json!({"m": {}}), json!({"n": null})] {
            assert!(context(Some(wrong.clone()), false).is_err(), "{wrong}");
        }
        assert!(context(Some(json!("x")), true).is_err());
        assert_eq!(context(None, false), Ok(None));
    }

    #[test]
    fn an_answer_ends_with_a_token_whether_it_names_its_key_or_not() {
        use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

        let lasting = Lasting { ttl: Duration::from_secs(3600), ends_with_token: true };
        let now = Time::from_seconds(1_800_000_000);
        let ends = now.plus(Duration::from_secs(60));
        for header in [json!({"alg": "HS256"}), json!({"alg": "HS256", "kid": "a"})] {
            let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
            let token = format!("Bearer {}.{}.AA", encode(&header), encode(&json!({"exp": ends.seconds()})));
            assert_eq!(lasting.until(now, &[token]), ends, "{header}");
        }
        assert_eq!(lasting.until(now, &["no token".to_owned()]), now.plus(lasting.ttl));
    }
}
