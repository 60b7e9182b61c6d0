//! What a provider says of somebody, and the attributes of the pool that it becomes.
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-specifying-attribute-mapping.html>

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::Provider;
use crate::domain::user::Attributes;

/// By claim, or by the name of an assertion's attribute.
pub type Claims = Map<String, Value>;

/// The member of a mapping that tells users apart, which is no attribute.
const USERNAME: &str = "username";

/// A claim as the text of an attribute; none for what says nothing. Of several values each is encoded like a form's.
pub fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
        Value::Array(values) => {
            let texts = values.iter().filter_map(text);
            let encoded: Vec<String> =
                texts.map(|text| form_urlencoded::byte_serialize(text.as_bytes()).collect()).collect();
            format!("[{}]", encoded.join(","))
        }
    };
    Some(text).filter(|text| !text.is_empty())
}

impl Provider {
    /// The attributes that these claims become. A claim that is not there says nothing about what was known before.
    pub fn attributes_of(&self, claims: &Claims) -> Attributes {
        let mapping = self.settings.attribute_mapping.iter().filter(|(attribute, _)| *attribute != USERNAME);
        mapping.filter_map(|(attribute, claim)| Some((attribute.clone(), text(claims.get(claim)?)?))).collect()
    }

    /// The values of the mapped claims, by which somebody may be linked to a user of the pool.
    pub fn names_in<'a>(&'a self, claims: &'a Claims) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.settings
            .attribute_mapping
            .values()
            .filter_map(|claim| Some((claim.as_str(), claims.get(claim)?.as_str()?)))
    }

    /// The group that everybody who comes through this provider belongs to.
    pub fn group(&self) -> String {
        format!("{}_{}", self.pool_id, self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_become_text() {
        for (claim, expected) in [
            (json!("a b"), Some("a b")),
            (json!(true), Some("true")),
            (json!(1.5), Some("1.5")),
            (json!(null), None),
            (json!(""), None),
            (json!(["a b", "c,d", "e.f-g*h_i"]), Some("[a+b,c%2Cd,e.f-g*h_i]")),
            (json!({"country": "JP"}), Some(r#"{"country":"JP"}"#)),
        ] {
            assert_eq!(text(&claim).as_deref(), expected, "{claim}");
        }
    }
}
