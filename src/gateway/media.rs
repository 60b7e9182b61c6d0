//! Which bodies of a REST API are bytes. The others are text: events and answers of functions carry bytes as base64 only where the
//! API names their type, but for a request's body that is no text, which the service would garble.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html>

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;

/// Media types, `type/*` or `*/*`.
#[derive(Debug)]
pub(super) struct BinaryTypes(Vec<String>);

impl BinaryTypes {
    pub(super) fn new(types: &[String]) -> Self {
        Self(types.iter().map(|kind| kind.to_ascii_lowercase()).collect())
    }

    /// Whether a body of the type `kind` is bytes. What says nothing of its type is JSON.
    fn hold(&self, kind: Option<&str>) -> bool {
        let kind = kind.unwrap_or("application/json").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let fits = |known: &String| {
            known == "*/*"
                || *known == kind
                || known.strip_suffix('*').is_some_and(|start| start.ends_with('/') && kind.starts_with(start))
        };
        self.0.iter().any(fits)
    }

    /// A request's body for an event, and whether it is base64.
    pub(super) fn encoded(&self, kind: Option<&str>, body: &Bytes) -> (String, bool) {
        match std::str::from_utf8(body) {
            Ok(text) if !self.hold(kind) => (text.to_owned(), false),
            _ => (BASE64_STANDARD.encode(body), true),
        }
    }

    /// Whether an answer in base64 becomes bytes: the first type that the client accepts decides.
    pub(super) fn decode_for(&self, accept: Option<&str>) -> bool {
        self.hold(accept.and_then(|all| all.split(',').next()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_whole_or_with_a_star() {
        let types = BinaryTypes::new(&["image/png".to_owned(), "Audio/*".to_owned()]);
        for (kind, holds) in [
            (Some("image/png"), true),
            (Some("IMAGE/PNG; q=1"), true),
            (Some("audio/ogg"), true),
            (Some("image/gif"), false),
            (Some("audio"), false),
            (Some("*/*"), false),
            (None, false),
        ] {
            assert_eq!(types.hold(kind), holds, "{kind:?}");
        }
        assert!(BinaryTypes::new(&["*/*".to_owned()]).hold(None) && !BinaryTypes::new(&[]).hold(Some("image/png")));
    }
}
