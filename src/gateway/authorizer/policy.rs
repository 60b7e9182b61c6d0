//! Policy documents: those that authorizers return, and those that REST APIs have themselves, and what they say about one method.
//!
//! A statement that denies goes before any that allow; what no statement names is denied. Resources are compared with the
//! method's ARN as it was called: `*` stands for any text, also across slashes, and `?` for one character. A document that cannot
//! be understood to its last word is an error and no answer. An API's own policy speaks of whom it is for as well: callers are
//! nobody whom it could name, so that a statement is for them when it is for everybody.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html>

use std::net::IpAddr;

use http::header;
use serde_json::{Map, Value};

use crate::{
    gateway::exchange::Exchange,
    kit::{clock::Time, network::Block},
};

/// The one action there is.
const ACTION: &str = "execute-api:invoke";

/// Why a document says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("the policy has no {0}")]
    Missing(&'static str),
    #[error("the policy's {0} is malformed")]
    Malformed(&'static str),
    #[error("the policy has the unknown condition `{0}`")]
    Condition(String),
    #[error("the policy has a statement with the unknown member `{0}`")]
    Member(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Decision {
    Allow,
    /// No statement allows it.
    ImplicitDeny,
    /// A statement denies it.
    ExplicitDeny,
}

#[derive(Clone, Debug)]
pub(in crate::gateway) struct Policy(Vec<Statement>);

#[derive(Clone, Debug)]
struct Statement {
    denies: bool,
    /// Whether it is for everybody.
    anyone: bool,
    actions: Words,
    resources: Words,
    conditions: Vec<Condition>,
}

/// Patterns, or with `not` everything that none of them matches.
#[derive(Clone, Debug)]
struct Words {
    not: bool,
    patterns: Vec<String>,
}

#[derive(Clone, Debug)]
struct Condition {
    test: Test,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    IpAddress { not: bool },
    SecureTransport,
    CurrentTime { before: bool },
    Text { of: Text, like: bool, not: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    UserAgent,
    Referer,
    /// Networks of the service's own, which no request comes from here.
    Absent,
}

/// What conditions ask about.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Circumstances<'r> {
    /// `None` where nobody knows it. What a condition says of it then counts against the request.
    pub(in crate::gateway) source_ip: Option<IpAddr>,
    pub(in crate::gateway) now: Time,
    pub(in crate::gateway) user_agent: Option<&'r str>,
    pub(in crate::gateway) referer: Option<&'r str>,
    /// Whether the client's connection is encrypted. `None` where nobody knows.
    pub(in crate::gateway) secure: Option<bool>,
}

impl<'r> Circumstances<'r> {
    pub(in crate::gateway) fn of(exchange: &'r Exchange<'_>) -> Self {
        Self {
            source_ip: exchange.client,
            now: exchange.at,
            user_agent: exchange.header(&header::USER_AGENT),
            referer: exchange.header(&header::REFERER),
            secure: exchange.is_encrypted,
        }
    }
}

impl Policy {
    /// An authorizer's.
    pub(in crate::gateway) fn parse(document: &Value) -> Result<Self, PolicyError> {
        Self::read(document, None)
    }

    /// An API's own. Resources that begin with `execute-api:/` mean stages of the API, whose ARN is `arn`.
    pub(in crate::gateway) fn parse_of_api(document: &Value, arn: &str) -> Result<Self, PolicyError> {
        Self::read(document, Some(arn))
    }

    fn read(document: &Value, api: Option<&str>) -> Result<Self, PolicyError> {
        let document = document.as_object().ok_or(PolicyError::Missing("document"))?;
        let statements = match document.get("Statement").ok_or(PolicyError::Missing("Statement"))? {
            Value::Array(list) => list.iter().map(|one| Statement::parse(one, api)).collect::<Result<Vec<_>, _>>()?,
            one => vec![Statement::parse(one, api)?],
        };
        if statements.is_empty() {
            return Err(PolicyError::Missing("Statement"));
        }
        Ok(Self(statements))
    }

    /// In characters.
    pub(in crate::gateway) fn longest_resource(&self) -> usize {
        let resources = self.0.iter().flat_map(|statement| &statement.resources.patterns);
        resources.map(|pattern| pattern.chars().count()).max().unwrap_or(0)
    }

    pub(in crate::gateway) fn decide(&self, arn: &str, around: &Circumstances<'_>) -> Decision {
        let mut decision = Decision::ImplicitDeny;
        for statement in self.0.iter().filter(|statement| statement.speaks_of(arn, around)) {
            if statement.denies {
                return Decision::ExplicitDeny;
            }
            decision = Decision::Allow;
        }
        decision
    }
}

/// Of a statement. One that is misspelt may be the condition of what is allowed.
const MEMBERS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

impl Statement {
    /// `api` is the ARN of the API whose own policy this is.
    fn parse(statement: &Value, api: Option<&str>) -> Result<Self, PolicyError> {
        let members = statement.as_object().ok_or(PolicyError::Malformed("Statement"))?;
        if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(PolicyError::Member(unknown.clone()));
        }
        let denies = match members.get("Effect").ok_or(PolicyError::Missing("Effect"))?.as_str() {
            Some("Allow") => false,
            Some("Deny") => true,
            _ => return Err(PolicyError::Malformed("Effect")),
        };
        let mut resources = Words::parse(members, "Resource", "NotResource")?;
        if let Some(api) = api {
            for pattern in &mut resources.patterns {
                if let Some(rest) = pattern.strip_prefix("execute-api:/") {
                    *pattern = format!("{api}/{rest}");
                }
            }
        }
        Ok(Self {
            denies,
            anyone: api.is_none() || is_for_anyone(members)?,
            actions: Words::parse(members, "Action", "NotAction")?,
            resources,
            conditions: conditions(members.get("Condition"))?,
        })
    }

    fn speaks_of(&self, arn: &str, around: &Circumstances<'_>) -> bool {
        self.anyone
            && self.actions.hold(|pattern| matches(&pattern.to_ascii_lowercase(), ACTION))
            && self.resources.hold(|pattern| matches(pattern, arn))
            && self.conditions.iter().all(|condition| condition.holds(around).unwrap_or(self.denies))
    }
}

/// `*`, or a list of accounts and the like that holds it. Everybody but some is everybody here.
fn is_for_anyone(members: &Map<String, Value>) -> Result<bool, PolicyError> {
    let named = |principal: &Value| match principal {
        Value::String(text) => Some(text == "*"),
        Value::Object(kinds) => {
            let lists = kinds.values().map(strings).collect::<Option<Vec<_>>>()?;
            Some(kinds.keys().zip(lists).any(|(kind, list)| kind == "AWS" && list.iter().any(|one| one == "*")))
        }
        _ => None,
    };
    match (members.get("Principal"), members.get("NotPrincipal")) {
        (Some(principal), None) => named(principal).ok_or(PolicyError::Malformed("Principal")),
        (None, Some(principal)) => named(principal).map(|anyone| !anyone).ok_or(PolicyError::Malformed("NotPrincipal")),
        (None, None) => Err(PolicyError::Missing("Principal")),
        (Some(_), Some(_)) => Err(PolicyError::Malformed("Principal")),
    }
}

impl Words {
    fn parse(members: &Map<String, Value>, name: &'static str, not_name: &'static str) -> Result<Self, PolicyError> {
        let (not, given) = match (members.get(name), members.get(not_name)) {
            (Some(given), None) => (false, given),
            (None, Some(given)) => (true, given),
            (None, None) => return Err(PolicyError::Missing(name)),
            (Some(_), Some(_)) => return Err(PolicyError::Malformed(name)),
        };
        let patterns = strings(given).filter(|patterns| !patterns.is_empty()).ok_or(PolicyError::Malformed(name))?;
        Ok(Self { not, patterns })
    }

    fn hold(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern)) != self.not
    }
}

/// One string or a list of them.
fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Bool(value) => Some(vec![value.to_string()]),
        Value::Array(list) => list.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// What is not understood is refused: passing over a condition could allow what it forbids.
fn conditions(value: Option<&Value>) -> Result<Vec<Condition>, PolicyError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let operators = value.as_object().ok_or(PolicyError::Malformed("Condition"))?;
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        for (key, values) in keys.as_object().ok_or(PolicyError::Malformed("Condition"))? {
            let test = match (operator.as_str(), key.to_ascii_lowercase().as_str()) {
                ("IpAddress", "aws:sourceip") => Test::IpAddress { not: false },
                ("NotIpAddress", "aws:sourceip") => Test::IpAddress { not: true },
                ("Bool", "aws:securetransport") => Test::SecureTransport,
                ("DateLessThan", "aws:currenttime") => Test::CurrentTime { before: true },
                ("DateGreaterThan", "aws:currenttime") => Test::CurrentTime { before: false },
                (operator @ ("StringEquals" | "StringNotEquals" | "StringLike" | "StringNotLike"), key) => {
                    let of = match key {
                        "aws:useragent" => Text::UserAgent,
                        "aws:referer" => Text::Referer,
                        "aws:sourcevpc" | "aws:sourcevpce" | "aws:vpcsourceip" => Text::Absent,
                        _ => return Err(PolicyError::Condition(format!("{operator} {key}"))),
                    };
                    Test::Text { of, like: operator.ends_with("Like"), not: operator.contains("Not") }
                }
                _ => return Err(PolicyError::Condition(format!("{operator} {key}"))),
            };
            let values = strings(values).ok_or(PolicyError::Malformed("Condition"))?;
            let readable = |value: &String| match test {
                Test::IpAddress { .. } => Block::parse(value).is_some(),
                Test::SecureTransport => matches!(value.as_str(), "true" | "false"),
                Test::CurrentTime { .. } => moment(value).is_some(),
                Test::Text { .. } => true,
            };
            if values.is_empty() || !values.iter().all(readable) {
                return Err(PolicyError::Malformed("Condition"));
            }
            conditions.push(Condition { test, values });
        }
    }
    Ok(conditions)
}

impl Condition {
    /// `None` where nobody can say.
    fn holds(&self, around: &Circumstances<'_>) -> Option<bool> {
        let any = |test: &dyn Fn(&str) -> bool| self.values.iter().any(|value| test(value));
        Some(match self.test {
            Test::IpAddress { not } => {
                let source = around.source_ip?.to_canonical();
                any(&|value| Block::parse(value).is_some_and(|block| block.holds(source))) != not
            }
            Test::Text { of, like, not } => {
                let text = match of {
                    Text::UserAgent => around.user_agent,
                    Text::Referer => around.referer,
                    Text::Absent => None,
                };
                // What is not there is unlike anything.
                text.is_some_and(|text| any(&|value| if like { matches(value, text) } else { value == text })) != not
            }
            Test::SecureTransport => {
                let secure = around.secure?;
                any(&|value| (value == "true") == secure)
            }
            Test::CurrentTime { before } => any(&|value| {
                moment(value).is_some_and(|moment| if before { around.now < moment } else { around.now > moment })
            }),
        })
    }
}

fn moment(text: &str) -> Option<Time> {
    let parsed = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    Some(Time::from_seconds(parsed.unix_timestamp()))
}

/// Glob matching of the whole text, in time that grows with the product of both lengths at most.
pub(in crate::gateway) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star stood, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/dev/GET/pets/1";

    fn around() -> Circumstances<'static> {
        Circumstances {
            source_ip: "192.0.2.7".parse().ok(),
            now: Time::from_seconds(1_800_000_000),
            user_agent: Some("curl/8.0"),
            referer: None,
            secure: Some(false),
        }
    }

    fn statement(effect: &str, resource: Value) -> Value {
        json!({"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource})
    }

    fn decide(statements: Value) -> Decision {
        Policy::parse(&json!({"Version": "2012-10-17", "Statement": statements})).unwrap().decide(ARN, &around())
    }

    #[test]
    fn stars_cross_slashes_and_question_marks_are_one_character() {
        for (pattern, fits) in [
            ("*", true),
            ("arn:aws:execute-api:*", true),
            ("arn:aws:execute-api:us-east-1:123456789012:abcdefghij/*/GET/*", true),
            ("arn:aws:execute-api:us-east-1:123456789012:abcdefghij/dev/GET/pets/?", true),
            ("arn:aws:execute-api:*:*:*/dev/*/pets/1", true),
            (ARN, true),
            ("arn:aws:execute-api:us-east-1:123456789012:abcdefghij/dev/GET/pets", false),
            ("arn:aws:execute-api:us-east-1:123456789012:abcdefghij/dev/GET/pets/??", false),
            ("arn:aws:execute-api:us-east-1:123456789012:abcdefghij/dev/POST/*", false),
            ("ARN:aws:execute-api:*", false),
            ("GET/pets/1", false),
            ("", false),
        ] {
            assert_eq!(matches(pattern, ARN), fits, "{pattern}");
        }
        // Many stars cost no more than their product.
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
    }

    #[test]
    fn a_denial_goes_before_any_permission_and_silence_denies() {
        let (allow, deny) = (statement("Allow", json!("*")), statement("Deny", json!("*")));
        assert_eq!(decide(json!([allow])), Decision::Allow);
        assert_eq!(decide(allow.clone()), Decision::Allow);
        assert_eq!(decide(json!([allow, deny])), Decision::ExplicitDeny);
        assert_eq!(decide(json!([deny, allow])), Decision::ExplicitDeny);
        assert_eq!(decide(json!([statement("Allow", json!(["a", "b"]))])), Decision::ImplicitDeny);
        assert_eq!(decide(json!([statement("Allow", json!(["a", ARN]))])), Decision::Allow);
        assert_eq!(decide(json!([allow, statement("Deny", json!("*/POST/*"))])), Decision::Allow);
    }

    #[test]
    fn actions_have_no_case_and_can_be_turned_around() {
        let with = |name: &str, action: Value| decide(json!({"Effect": "Allow", name: action, "Resource": "*"}));
        for action in
            [json!("execute-api:Invoke"), json!("EXECUTE-API:*"), json!("*"), json!(["s3:Get", "execute-api:invoke"])]
        {
            assert_eq!(with("Action", action.clone()), Decision::Allow, "{action}");
        }
        assert_eq!(with("Action", json!("execute-api:ManageConnections")), Decision::ImplicitDeny);
        assert_eq!(with("NotAction", json!("s3:*")), Decision::Allow);
        assert_eq!(with("NotAction", json!("execute-api:Invoke")), Decision::ImplicitDeny);
        let turned = json!({"Effect": "Deny", "Action": "*", "NotResource": "*/GET/pets/1"});
        assert_eq!(decide(json!([statement("Allow", json!("*")), turned])), Decision::Allow);
    }

    /// Neither does somebody pass for having no address, nor does a prohibition pass over him.
    #[test]
    fn an_address_that_nobody_knows_counts_against_its_request() {
        let nobody = Circumstances { source_ip: None, secure: None, ..around() };
        for (operator, key, value) in [
            ("IpAddress", "aws:SourceIp", "192.0.2.0/24"),
            ("NotIpAddress", "aws:SourceIp", "192.0.2.0/24"),
            ("Bool", "aws:SecureTransport", "true"),
            ("Bool", "aws:SecureTransport", "false"),
        ] {
            let statement = |effect: &str| {
                let condition = json!({operator: {key: value}});
                json!({"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition})
            };
            let allows = Policy::parse(&json!({"Statement": statement("Allow")})).unwrap();
            assert_eq!(allows.decide("x", &nobody), Decision::ImplicitDeny, "{operator}");
            let anybody = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            let denies = Policy::parse(&json!({"Statement": [anybody, statement("Deny")]})).unwrap();
            assert_eq!(denies.decide("x", &nobody), Decision::ExplicitDeny, "{operator}");
        }
    }

    #[test]
    fn conditions_ask_about_address_time_and_transport() {
        let with = |condition: Value| {
            decide(json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}))
        };
        for (condition, decision) in [
            (json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.0.2.0/24"]}}), Decision::Allow),
            (json!({"IpAddress": {"aws:SourceIp": "192.0.2.8"}}), Decision::ImplicitDeny),
            (json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}), Decision::Allow),
            (json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}), Decision::ImplicitDeny),
            (json!({"Bool": {"aws:SecureTransport": "true"}}), Decision::ImplicitDeny),
            (json!({"Bool": {"aws:SecureTransport": "false"}}), Decision::Allow),
            (json!({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}), Decision::Allow),
            (json!({"DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}), Decision::ImplicitDeny),
            (json!({"StringLike": {"aws:UserAgent": ["wget/*", "curl/*"]}}), Decision::Allow),
            (json!({"StringEquals": {"aws:UserAgent": "curl/*"}}), Decision::ImplicitDeny),
            (json!({"StringNotLike": {"aws:Referer": "https://app.example/*"}}), Decision::Allow),
            (json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}), Decision::Allow),
            (json!({"StringEquals": {"aws:SourceVpc": "vpc-1"}}), Decision::ImplicitDeny),
        ] {
            assert_eq!(with(condition.clone()), decision, "{condition}");
        }
    }

    #[test]
    fn an_encrypted_connection_is_one() {
        let statement = |wanted: &str| {
            let condition = json!({"Bool": {"aws:SecureTransport": wanted}});
            json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}})
        };
        let encrypted = Circumstances { secure: Some(true), ..around() };
        for (wanted, decision) in [("true", Decision::Allow), ("false", Decision::ImplicitDeny)] {
            assert_eq!(Policy::parse(&statement(wanted)).unwrap().decide(ARN, &encrypted), decision, "{wanted}");
        }
    }

    #[test]
    fn an_apis_own_policy_speaks_of_everybody_or_of_nobody_here() {
        const API: &str = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij";
        let decide = |principal: (&str, Value), resource: &str| {
            let statement = json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource});
            let mut statement = statement.as_object().cloned().unwrap();
            statement.insert(principal.0.to_owned(), principal.1);
            let policy = Policy::parse_of_api(&json!({"Statement": [statement]}), API);
            policy.map(|policy| policy.decide(ARN, &around()))
        };
        for (principal, resource, decision) in [
            (("Principal", json!("*")), "execute-api:/*", Decision::Allow),
            (("Principal", json!({"AWS": ["*"]})), "execute-api:/dev/GET/pets/*", Decision::Allow),
            (("Principal", json!({"AWS": "*"})), "execute-api:/prod/*", Decision::ImplicitDeny),
            (("Principal", json!({"AWS": "123456789012"})), "*", Decision::ImplicitDeny),
            (("Principal", json!({"Service": "*"})), "*", Decision::ImplicitDeny),
            (("NotPrincipal", json!({"AWS": "123456789012"})), ARN, Decision::Allow),
        ] {
            assert_eq!(decide(principal.clone(), resource), Ok(decision), "{principal:?} {resource}");
        }
        assert!(decide(("Principals", json!("*")), "*").is_err());
        assert!(decide(("Principal", json!(7)), "*").is_err());
    }

    #[test]
    fn what_cannot_be_understood_is_an_error() {
        for document in [
            json!(null),
            json!({}),
            json!({"Statement": []}),
            json!({"Statement": "x"}),
            json!({"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}),
            json!({"Statement": {"Action": "*", "Resource": "*"}}),
            json!({"Statement": {"Effect": "Allow", "Resource": "*"}}),
            json!({"Statement": {"Effect": "Allow", "Action": "*"}}),
            json!({"Statement": {"Effect": "Allow", "Action": 1, "Resource": "*"}}),
            json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": []}}),
            json!({"Statement": {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}}),
            json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"a": "b"}}}}),
            json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "x"}}}}),
        ] {
            assert!(Policy::parse(&document).is_err(), "{document}");
        }
    }

    /// `condition` is not `Condition`, and passing over it would allow what it forbids.
    #[test]
    fn a_statement_with_a_member_that_nobody_knows_is_refused() {
        for member in ["condition", "Conditions", "effect", "X"] {
            let mut statement = statement("Allow", json!("*"));
            statement[member] = json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}});
            let refused = Policy::parse(&json!({"Statement": statement})).unwrap_err();
            assert!(matches!(&refused, PolicyError::Member(name) if name == member), "{refused}");
        }
        let mut statement = statement("Allow", json!("*"));
        statement["Sid"] = json!("one");
        assert!(Policy::parse(&json!({"Statement": statement})).is_ok());
    }
}
