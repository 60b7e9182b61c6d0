//! What a reader of a shape sees of a value: `null` counts as absent, and what the shape does not have is ignored.

use serde_json::{Map, Value};

use super::facts::{Kind, Model, Shape};

impl Model {
    /// `fields` without the members that a reader of `shape` ignores, at every depth.
    pub fn pruned(&self, shape: &str, fields: Map<String, Value>) -> Map<String, Value> {
        let mut value = Value::Object(fields);
        if let Some(shape) = self.shape(shape) {
            self.prune(shape, &mut value);
        }
        match value {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    fn prune(&self, shape: &Shape, value: &mut Value) {
        let below = |name: Option<&'static str>| name.and_then(|name| self.shape(name));
        match value {
            _ if shape.document => {}
            Value::Object(fields) if shape.kind == Kind::Structure => {
                let of = |name: &str| shape.members.iter().find(|(known, _)| *known == name);
                fields.retain(|name, value| !value.is_null() && of(name).is_some());
                for (name, value) in fields {
                    if let Some(member) = of(name).and_then(|(_, member)| self.shape(member)) {
                        self.prune(member, value);
                    }
                }
            }
            Value::Object(fields) => {
                fields.retain(|_, value| !value.is_null());
                if let Some(member) = below(shape.value) {
                    fields.values_mut().for_each(|value| self.prune(member, value));
                }
            }
            Value::Array(items) => {
                items.retain(|item| !item.is_null());
                if let Some(member) = below(shape.member) {
                    items.iter_mut().for_each(|item| self.prune(member, item));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::model::MODEL;

    #[test]
    fn what_a_shape_does_not_have_is_ignored_at_every_depth() {
        let given = json!({
            "PoolName": "a", "Color": "red", "DeletionProtection": null,
            "Policies": {"PasswordPolicy": {"MinimumLength": 8, "Tune": 1}, "SignInPolicy": null},
            "Schema": [null, {"Name": "x", "Size": 2}],
            "UserPoolTags": {"any": "name", "none": null},
        });
        let seen = json!({
            "PoolName": "a",
            "Policies": {"PasswordPolicy": {"MinimumLength": 8}},
            "Schema": [{"Name": "x"}],
            "UserPoolTags": {"any": "name"},
        });
        let given = given.as_object().cloned().unwrap();
        assert_eq!(serde_json::Value::Object(MODEL.pruned("CreateUserPoolRequest", given)), seen);
    }
}
