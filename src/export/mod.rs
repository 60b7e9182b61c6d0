//! Templates out: what runs here as a CloudFormation template, for the service or for another server of ours.
//!
//! Secrets stay here: those of providers become parameters, those of clients are made anew. What CloudFormation has no word for is
//! listed with the template. Ids stand in its `Metadata`, where our own import finds them and the service does not look.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>

mod apis;
mod covered;
mod pools;
mod rest;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    config::Config,
    domain::Result,
    flows::{Cx, pools::all_ids},
};

/// A template, and what is missing in it.
pub struct Export {
    pub template: Value,
    /// One sentence each.
    pub left_out: Vec<String>,
}

/// Writes the pools of the database (one of them, or all) and the APIs and functions of the configuration.
pub async fn cloudformation(cx: &Cx, config: &Config, pool: Option<&str>) -> Result<Export> {
    let mut template = Template::default();
    apis::functions(config, &mut template);
    for id in all_ids(cx).await?.iter().filter(|id| pool.is_none_or(|pool| pool == *id)) {
        pools::pool(cx, id, &mut template).await?;
    }
    if pool.is_none() {
        apis::apis(config, &mut template);
    }
    Ok(template.finish())
}

/// A template that is being written.
#[derive(Default)]
struct Template {
    parameters: Map<String, Value>,
    resources: Map<String, Value>,
    /// Logical id → id.
    ids: Map<String, Value>,
    /// Id of a pool or a client, or ARN of a function → logical id.
    known: BTreeMap<String, String>,
    left_out: Vec<String>,
}

impl Template {
    /// Adds a resource under a logical id that is made of `kind` and `name`. Returns that id.
    fn add(&mut self, kind: &str, name: &str, resource: &str, properties: Map<String, Value>) -> String {
        let logical = self.logical(kind, name);
        self.resources.insert(logical.clone(), json!({"Type": resource, "Properties": properties}));
        logical
    }

    fn logical(&self, kind: &str, name: &str) -> String {
        let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
        let base: String = std::iter::once(kind.to_owned()).chain(words.map(capital)).collect();
        let is_free = |id: &String| !self.resources.contains_key(id);
        let numbered = (2..).map(|number| format!("{base}{number}"));
        std::iter::once(base.clone()).chain(numbered).find(is_free).unwrap_or(base)
    }

    /// A reference to what has this id, or the id itself when it is not part of the template.
    fn reference(&self, id: &str) -> Value {
        match self.known.get(id) {
            Some(logical) => json!({"Ref": logical}),
            None => json!(id),
        }
    }

    /// The ARN of a function, by its name.
    fn function(&self, name: &str, config: &Config) -> Value {
        match self.known.get(&format!("function:{name}")) {
            Some(logical) => json!({"Fn::GetAtt": [logical, "Arn"]}),
            None => json!(format!("arn:aws:lambda:{}:{}:function:{name}", config.region, config.account_id)),
        }
    }

    fn finish(self) -> Export {
        let mut whole = json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": self.resources});
        if !self.parameters.is_empty() {
            whole["Parameters"] = Value::Object(self.parameters);
        }
        if !self.ids.is_empty() {
            whole["Metadata"] = json!({"Poolhouse": {"Ids": self.ids}});
        }
        Export { template: whole, left_out: self.left_out }
    }
}

/// Members with names that are worth writing.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Map<String, Value> {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
