//! Who may pass the routes of an API, whichever kind it is: what an event says, or else the API.

use std::collections::BTreeMap;

use super::{
    super::{
        document::{Map, Node},
        notes::Notes,
    },
    events::Route,
    leftover_guards, literal,
};
use crate::config::{Mistake, Place, Placed};

/// Whether a method asks for the key of an API, in the words of the API and of an event.
pub(super) const KEYS: &str = "ApiKeyRequired";

/// The authorizers of an API.
#[derive(Default)]
pub(super) struct Guards {
    pub default: Option<Placed<String>>,
    /// The scopes that each asks for where a route says nothing.
    pub scopes: BTreeMap<String, Node>,
    pub schemes: Map,
}

impl Guards {
    /// Those of an `Auth`, before its `Authorizers` are read.
    pub fn of(auth: &mut Map, notes: &Notes) -> Self {
        let default = auth.remove("DefaultAuthorizer");
        let default = default.and_then(|node| literal(&node, "DefaultAuthorizer", notes));
        Self { default, ..Self::default() }
    }

    /// The scheme of the service's own signatures.
    pub fn know_iam(&mut self, at: &Place) {
        let members = [
            ("type", "apiKey"),
            ("name", "Authorization"),
            ("in", "header"),
            ("x-amazon-apigateway-authtype", "awsSigv4"),
        ];
        let members = members.map(|(key, text)| (key, Node::text(at, text)));
        self.schemes.insert("AWS_IAM".to_owned(), Node::map(at, members));
    }

    /// Refuses a default that is none of the authorizers, as the service's transform does: `NONE` is for single routes.
    pub fn check_default(&self, notes: &Notes) {
        let Some(Placed { value: name, at }) = &self.default else { return };
        if !self.schemes.contains_key(name) {
            let message = format!("`DefaultAuthorizer` {name} is none of the API's `Authorizers`");
            notes.note(Mistake::new(at, message).nearest(name, self.schemes.keys().map(String::as_str)));
        }
    }

    /// Puts what the event of a route says into its operation, and else `default`.
    pub fn stand_before(&self, route: &Route, default: Option<&Placed<String>>, operation: &mut Map, notes: &Notes) {
        let mut own = route.auth.clone();
        let (named, scopes) = (own.remove("Authorizer"), own.remove("AuthorizationScopes"));
        // Only in REST APIs does an empty list take the authorizer's own scopes away.
        let scopes = scopes.filter(|node| route.is_rest || !node.as_list().is_some_and(<[Node]>::is_empty));
        if route.is_rest {
            own.remove("InvokeRole");
            // The API asks for keys when all its methods are there.
            own.remove(KEYS);
        }
        leftover_guards(own, "Auth", &["Authorizer", "AuthorizationScopes"], notes);
        let named = named.and_then(|node| literal(&node, "Authorizer", notes));
        let Some(Placed { value: name, at }) = named.or_else(|| default.cloned()) else {
            if let Some(scopes) = scopes {
                notes.refuse(&scopes.at, "`AuthorizationScopes` need an authorizer");
            }
            return;
        };
        if name != "NONE" && !self.schemes.contains_key(&name) {
            let known = self.schemes.keys().map(String::as_str);
            let message = format!("the API {} has no authorizer {name}", route.api);
            notes.note(Mistake::new(&at, message).nearest(&name, known));
        }
        self.demand(&route.at, &name, scopes, operation);
    }

    /// Puts an operation behind `default` unless it says something itself.
    pub fn stand_behind(&self, default: &Placed<String>, at: &Place, operation: &mut Map) {
        let own = operation.get("security").and_then(Node::as_list);
        if own.is_none_or(<[Node]>::is_empty) {
            self.demand(at, &default.value, None, operation);
        }
    }

    /// A security requirement: an authorizer with these scopes, or with its own.
    fn demand(&self, at: &Place, name: &str, scopes: Option<Node>, operation: &mut Map) {
        let scopes = scopes.or_else(|| self.scopes.get(name).cloned()).unwrap_or_else(|| Node::list(at, Vec::new()));
        let requirement = Node::list(at, vec![Node::map(at, [(name, scopes)])]);
        operation.insert("security".to_owned(), requirement);
    }
}

/// What the function of an authorizer judges by: parts of a request, which begin with `request`, and others, with `mark`.
pub(super) fn sources(identity: &mut Map, request: &str, mark: &str, notes: &Notes) -> Vec<Node> {
    let mut sources = Vec::new();
    for (from, before) in [
        ("Headers", format!("{request}.header.")),
        ("QueryStrings", format!("{request}.querystring.")),
        ("StageVariables", format!("{mark}stageVariables.")),
        ("Context", format!("{mark}context.")),
    ] {
        let Some(node) = identity.remove(from) else { continue };
        let Some(names) = node.as_list() else {
            notes.refuse(&node.at, format!("`{from}` of an `Identity` must be a list, found {}", node.kind()));
            continue;
        };
        let source = |name: &Node| {
            let Placed { value, at } = literal(name, from, notes)?;
            Some(Node::text(&at, format!("{before}{value}")))
        };
        sources.extend(names.iter().filter_map(source));
    }
    sources
}
