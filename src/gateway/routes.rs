//! Route keys and how a request finds its route.
//!
//! The order is API Gateway's: a full match beats a greedy one (`{proxy+}`), which beats `$default`; then a route with the
//! request's own method beats `ANY`; then, from left to right, a literal segment beats `{parameter}`. A trailing slash counts,
//! letters have a case, `HEAD` is not implied by `GET`, and `ANY` stands for the seven methods that a route key may name.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use foldhash::fast::RandomState;
use http::Method;

use super::path;
use crate::config::api::Protocol;

/// Why a route key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("`{0}` is not a route key: write `$default` or a method and a path as in `GET /users/{{id}}`")]
    Form(String),
    #[error("`{0}` names no method of an HTTP API: GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS or ANY")]
    Method(String),
    #[error(
        "`{key}` has the segment `{segment}`: a parameter is a whole segment, `{{name}}` or as the last one `{{name+}}`"
    )]
    Segment { key: String, segment: String },
    #[error("`{key}`: {reason}")]
    Path { key: String, reason: path::PathError },
    #[error("`{key}` has the parameter `{name}` twice")]
    Parameter { key: String, name: String },
    #[error("`{key}` and `{other}` match the same requests")]
    Conflict { key: String, other: String },
}

/// The routes of an API, ready to be searched. A route is known by its place in the configuration.
#[derive(Debug)]
pub struct Routes {
    /// The most specific first: the first that matches is the one.
    by_rank: Vec<(usize, Key)>,
    /// Routes without parameters by path and method: no other route can beat an exact match.
    exact: HashMap<String, Vec<(Method, usize)>, RandomState>,
    /// REST APIs find the path first, whatever methods it has, and then the method.
    path_first: bool,
}

/// A route that was found, with the stretches of the path that its parameters stand for, in the order of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    pub route: usize,
    pub captures: Vec<Range<usize>>,
}

impl Routes {
    /// The routes of an HTTP API.
    #[cfg(test)]
    pub fn build<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, RouteError> {
        Self::build_for(Protocol::Http, keys)
    }

    pub fn build_for<'a>(protocol: Protocol, keys: impl IntoIterator<Item = &'a str>) -> Result<Self, RouteError> {
        let path_first = protocol == Protocol::Rest;
        let mut by_rank = Vec::new();
        let mut seen = BTreeMap::new();
        let mut exact: HashMap<String, Vec<(Method, usize)>, RandomState> = HashMap::default();
        for (index, text) in keys.into_iter().enumerate() {
            let key = Key::parse(text)?;
            if let Some(other) = seen.insert(key.identity(), text) {
                return Err(RouteError::Conflict { key: text.to_owned(), other: other.to_owned() });
            }
            if let (Some(path), Verb::One(method)) = (key.literal_path(), &key.verb) {
                exact.entry(path).or_default().push((method.clone(), index));
            }
            by_rank.push((index, key));
        }
        by_rank.sort_by(|(_, a), (_, b)| if path_first { a.rank_by_path(b) } else { a.rank(b) });
        Ok(Self { by_rank, exact, path_first })
    }

    /// The route of a request. `path` must have passed [`path::check`].
    pub fn find(&self, method: &Method, path: &str) -> Option<Match> {
        if !is_routable(method) {
            return None;
        }
        let exact = self.exact.get(path).into_iter().flatten().find(|(own, _)| own == method);
        if let Some((_, route)) = exact {
            return Some(Match { route: *route, captures: Vec::new() });
        }
        let segments = segments(path)?;
        if self.path_first {
            return self.find_by_path(method, path, &segments);
        }
        self.by_rank.iter().find_map(|(route, key)| {
            let captures = key.captures(method, path.len(), &segments)?;
            Some(Match { route: *route, captures })
        })
    }
}

impl Routes {
    /// The first path that fits is the one: where it lacks the method, no weaker path is asked.
    fn find_by_path(&self, method: &Method, path: &str, segments: &[(usize, Cow<'_, str>)]) -> Option<Match> {
        let mut best: Option<&Key> = None;
        for (route, key) in &self.by_rank {
            if best.is_some_and(|best| best.weights() != key.weights()) {
                return None;
            }
            let Some(captures) = key.captures_of_path(path.len(), segments) else { continue };
            if key.verb.takes(method) {
                return Some(Match { route: *route, captures });
            }
            best = Some(key);
        }
        None
    }
}

/// A parsed route key.
#[derive(Clone, Debug)]
pub struct Key {
    verb: Verb,
    /// `None` is `$default`.
    segments: Option<Vec<Segment>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verb {
    One(Method),
    Any,
}

impl Verb {
    fn takes(&self, method: &Method) -> bool {
        match self {
            Self::One(own) => own == method,
            Self::Any => true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// Without percent-encoding.
    Literal(String),
    Parameter(String),
    Greedy(String),
}

impl Key {
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        if text == "$default" {
            return Ok(Self { verb: Verb::Any, segments: None });
        }
        let (verb, route) = text.split_once(' ').ok_or_else(|| RouteError::Form(text.to_owned()))?;
        let verb = match verb {
            "ANY" => Verb::Any,
            _ => match Method::from_bytes(verb.as_bytes()) {
                Ok(method) if is_routable(&method) => Verb::One(method),
                _ => return Err(RouteError::Method(text.to_owned())),
            },
        };
        path::check(route).map_err(|reason| RouteError::Path { key: text.to_owned(), reason })?;
        let parts: Vec<&str> = route[1..].split('/').collect();
        let last = parts.len() - 1;
        let mut segments: Vec<Segment> = Vec::with_capacity(parts.len());
        for (at, part) in parts.into_iter().enumerate() {
            let segment = Segment::parse(part, at == last)
                .ok_or_else(|| RouteError::Segment { key: text.to_owned(), segment: part.to_owned() })?;
            if let Some(name) = segment.name()
                && segments.iter().any(|earlier| earlier.name() == Some(name))
            {
                return Err(RouteError::Parameter { key: text.to_owned(), name: name.to_owned() });
            }
            segments.push(segment);
        }
        Ok(Self { verb, segments: Some(segments) })
    }

    /// The names of the parameters in their order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flatten().filter_map(Segment::name)
    }

    pub fn is_default(&self) -> bool {
        self.segments.is_none()
    }

    fn captures(&self, method: &Method, end: usize, path: &[(usize, Cow<'_, str>)]) -> Option<Vec<Range<usize>>> {
        if self.verb.takes(method) { self.captures_of_path(end, path) } else { None }
    }

    fn captures_of_path(&self, end: usize, path: &[(usize, Cow<'_, str>)]) -> Option<Vec<Range<usize>>> {
        let Some(segments) = &self.segments else { return Some(Vec::new()) };
        let greedy = matches!(segments.last(), Some(Segment::Greedy(_)));
        if if greedy { path.len() < segments.len() } else { path.len() != segments.len() } {
            return None;
        }
        let mut captures = Vec::new();
        for (at, segment) in segments.iter().enumerate() {
            let (start, value) = &path[at];
            let stop = path.get(at + 1).map_or(end, |(next, _)| next - 1);
            match segment {
                Segment::Literal(text) if value == text => {}
                Segment::Parameter(_) if !value.is_empty() => captures.push(*start..stop),
                Segment::Greedy(_) if *start < end => captures.push(*start..end),
                _ => return None,
            }
        }
        Some(captures)
    }

    fn rank(&self, other: &Self) -> Ordering {
        let class = |key: &Self| match key.segments.as_deref() {
            None => 2,
            Some([.., Segment::Greedy(_)]) => 1,
            Some(_) => 0,
        };
        class(self)
            .cmp(&class(other))
            .then_with(|| (self.verb == Verb::Any).cmp(&(other.verb == Verb::Any)))
            .then_with(|| self.weights().cmp(&other.weights()))
    }

    fn rank_by_path(&self, other: &Self) -> Ordering {
        let any = |key: &Self| key.verb == Verb::Any;
        self.weights().cmp(&other.weights()).then_with(|| any(self).cmp(&any(other)))
    }

    fn weights(&self) -> Vec<u8> {
        self.segments.iter().flatten().map(Segment::weight).collect()
    }

    /// Two keys of one identity match the same requests: names of parameters do not count.
    fn identity(&self) -> String {
        let verb = match &self.verb {
            Verb::One(method) => method.as_str(),
            Verb::Any => "ANY",
        };
        let Some(segments) = &self.segments else { return "$default".to_owned() };
        let shape = |segment: &Segment| match segment {
            Segment::Literal(text) => format!("/={text}"),
            Segment::Parameter(_) => "/{}".to_owned(),
            Segment::Greedy(_) => "/{+}".to_owned(),
        };
        format!("{verb} {}", segments.iter().map(shape).collect::<String>())
    }

    fn literal_path(&self) -> Option<String> {
        let mut path = String::new();
        for segment in self.segments.as_deref()? {
            let Segment::Literal(text) = segment else { return None };
            path.push('/');
            path.push_str(text);
        }
        // A path that needs encoding is compared decoded.
        path.is_ascii().then_some(path).filter(|path| !path.contains('%'))
    }
}

impl Segment {
    fn parse(text: &str, last: bool) -> Option<Self> {
        let Some(inner) = text.strip_prefix('{') else {
            let literal = path::decode(text).ok()?;
            return (!text.contains(['{', '}'])).then(|| Self::Literal(literal.into_owned()));
        };
        let inner = inner.strip_suffix('}')?;
        let (name, greedy) = inner.strip_suffix('+').map_or((inner, false), |name| (name, true));
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        match (named, greedy) {
            (true, true) if last => Some(Self::Greedy(name.to_owned())),
            (true, false) => Some(Self::Parameter(name.to_owned())),
            _ => None,
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(name) | Self::Greedy(name) => Some(name),
        }
    }

    fn weight(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Parameter(_) => 1,
            Self::Greedy(_) => 2,
        }
    }
}

/// The decoded segments of a path with the place where each begins.
fn segments(path: &str) -> Option<Vec<(usize, Cow<'_, str>)>> {
    let mut start = 1;
    let mut segments = Vec::with_capacity(8);
    for segment in path.get(1..)?.split('/') {
        segments.push((start, path::decode(segment).ok()?));
        start += segment.len() + 1;
    }
    Some(segments)
}

fn is_routable(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::HEAD | Method::OPTIONS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(keys: &[&'a str], method: &str, path: &str) -> Option<(&'a str, Vec<String>)> {
        let routes = Routes::build(keys.iter().copied()).unwrap();
        let found = routes.find(&Method::from_bytes(method.as_bytes()).unwrap(), path)?;
        Some((keys[found.route], found.captures.into_iter().map(|range| path[range].to_owned()).collect()))
    }

    #[test]
    fn the_documented_example_is_followed() {
        let keys = ["$default", "ANY /{proxy+}", "GET /pets/{proxy+}", "GET /pets/dog/{id}", "GET /pets/dog/1"];
        for (method, path, key) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1"),
            ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
            ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
            ("POST", "/test/5", "ANY /{proxy+}"),
            ("POST", "/", "$default"),
        ] {
            assert_eq!(found(&keys, method, path).unwrap().0, key, "{method} {path}");
        }
    }

    #[test]
    fn the_own_method_beats_any_before_the_path_is_compared() {
        let keys = ["ANY /a/b", "GET /a/{x}"];
        assert_eq!(found(&keys, "GET", "/a/b").unwrap().0, "GET /a/{x}");
        assert_eq!(found(&keys, "POST", "/a/b").unwrap().0, "ANY /a/b");
    }

    #[test]
    fn rest_apis_find_the_path_first_and_then_the_method() {
        let keys = ["POST /a/{x}", "GET /a/b", "ANY /a/b/c", "GET /a/{rest+}", "GET /{p}/b"];
        let routes = Routes::build_for(Protocol::Rest, keys).unwrap();
        for (method, path, key) in [
            (Method::GET, "/a/b", Some("GET /a/b")),
            // The path `/a/b` is there and has no POST: the weaker path is not asked.
            (Method::POST, "/a/b", None),
            (Method::POST, "/a/z", Some("POST /a/{x}")),
            (Method::GET, "/a/z", None),
            (Method::PUT, "/a/b/c", Some("ANY /a/b/c")),
            (Method::GET, "/a/b/d", Some("GET /a/{rest+}")),
            (Method::GET, "/z/b", Some("GET /{p}/b")),
        ] {
            let found = routes.find(&method, path).map(|found| keys[found.route]);
            assert_eq!(found, key, "{method} {path}");
        }
    }

    #[test]
    fn literals_beat_parameters_from_left_to_right() {
        let keys = ["GET /{a}/b/c", "GET /x/{b}/{c}", "GET /x/y/{c+}", "GET /x/{rest+}"];
        assert_eq!(found(&keys, "GET", "/x/b/c").unwrap().0, "GET /x/{b}/{c}");
        assert_eq!(found(&keys, "GET", "/x/y/c/d").unwrap(), ("GET /x/y/{c+}", vec!["c/d".into()]));
        assert_eq!(found(&keys, "GET", "/x/z/c/d").unwrap(), ("GET /x/{rest+}", vec!["z/c/d".into()]));
    }

    #[test]
    fn what_does_not_fit_exactly_is_not_found() {
        let keys = ["GET /admin", "GET /pets/{proxy+}", "GET /users/{id}"];
        for (method, path) in [
            ("GET", "/ADMIN"),
            ("GET", "/admin/"),
            ("GET", "/admin."),
            ("GET", "/admin;x"),
            ("GET", "/admin%20"),
            ("HEAD", "/admin"),
            ("get", "/admin"),
            ("POST", "/admin"),
            ("GET", "/pets"),
            ("GET", "/pets/"),
            ("GET", "/users/"),
        ] {
            assert_eq!(found(&keys, method, path), None, "{method} {path}");
        }
        assert_eq!(found(&["ANY /admin", "$default"], "TRACE", "/admin"), None);
        assert_eq!(found(&["$default"], "CONNECT", "/"), None);
    }

    #[test]
    fn an_encoded_letter_is_the_letter() {
        let keys = ["GET /caf%C3%A9/{name}", "$default"];
        assert_eq!(found(&keys, "GET", "/c%61f%c3%a9/J%20D").unwrap(), ("GET /caf%C3%A9/{name}", vec!["J%20D".into()]));
        // Otherwise a protected route could be avoided by writing one letter differently.
        assert_eq!(found(&["GET /admin", "$default"], "GET", "/%61dmin").unwrap().0, "GET /admin");
    }

    #[test]
    fn wrong_keys_are_named() {
        for key in [
            "",
            "/x",
            "GET x",
            "get /x",
            "TRACE /x",
            "GET /{a+}/b",
            "GET /x{a}",
            "GET /{}",
            "GET /{a}/{a}",
            "GET /a/../b",
        ] {
            assert!(Key::parse(key).is_err(), "{key}");
        }
        let conflict = Routes::build(["GET /a/{x}", "GET /a/{y}"]).unwrap_err();
        assert_eq!(conflict.to_string(), "`GET /a/{y}` and `GET /a/{x}` match the same requests");
        assert!(Routes::build(["$default", "$default"]).is_err());
    }

    /// A matcher without an index or an order: among all routes that match, the smallest by the documented rules.
    #[test]
    fn ten_thousand_overlapping_routes_are_ranked_as_one_by_one() {
        let words: Vec<String> = ('a'..='n').map(String::from).chain(["{}".to_owned()]).collect();
        let mut keys = vec!["$default".to_owned()];
        for method in ["GET", "POST", "ANY"] {
            for one in words.iter().map(|word| word.replace("{}", "{p}")) {
                keys.push(format!("{method} /{one}"));
                keys.push(format!("{method} /{one}/{{rest+}}"));
                for two in words.iter().map(|word| word.replace("{}", "{q}")) {
                    keys.push(format!("{method} /{one}/{two}"));
                    keys.push(format!("{method} /{one}/{two}/{{rest+}}"));
                    keys.extend(
                        words.iter().map(|word| format!("{method} /{one}/{two}/{}", word.replace("{}", "{r}"))),
                    );
                }
            }
        }
        // Some are missing, so that others stand in for them.
        let keys: Vec<String> =
            keys.into_iter().enumerate().filter(|(at, _)| at % 11 != 5).map(|(_, key)| key).collect();
        assert!(keys.len() > 10_000, "{}", keys.len());
        let parsed: Vec<Key> = keys.iter().map(|key| Key::parse(key).unwrap()).collect();
        let routes = Routes::build(keys.iter().map(String::as_str)).unwrap();
        for method in [Method::GET, Method::POST, Method::PUT] {
            let paths = "/ /a /e /z /a/b /a/z /z/b /z/z /f/k /a/b/c /a/b/z /a/z/c /z/b/c /z/z/z /n/n/n /h/i/j /e/e/e /k/z/b \
                         /a/b/c/d /z/z/z/z /a/z/c/d/e";
            for path in paths.split(' ') {
                let cut = segments(path).unwrap();
                let matching =
                    parsed.iter().enumerate().filter(|(_, key)| key.captures(&method, path.len(), &cut).is_some());
                let best =
                    matching.reduce(|best, next| if next.1.rank(best.1) == Ordering::Less { next } else { best });
                assert_eq!(
                    routes.find(&method, path).map(|found| found.route),
                    best.map(|(index, _)| index),
                    "{method} {path}"
                );
            }
        }
    }
}
