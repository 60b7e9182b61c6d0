//! The document of an API: in place, included, or in a file of its own.
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-api.html#sam-api-definitionuri>

use std::{fs, sync::Arc};

use super::{
    super::{
        document::{self, Map, Node},
        notes::Notes,
        stack::Stack,
    },
    as_map,
};
use crate::config::Mistake;

/// Takes the document out of the properties of an API; `None` when there is none, or none that can be read.
pub(super) fn take(properties: &mut Map, stack: &mut Stack, notes: &Notes) -> Option<Map> {
    let (body, uri) = (properties.remove("DefinitionBody"), properties.remove("DefinitionUri"));
    let (node, of) = match (body, uri) {
        (Some(body), Some(uri)) => {
            notes.refuse(&uri.at, "an API has `DefinitionBody` or `DefinitionUri`, not both");
            (body, "`DefinitionBody`")
        }
        (Some(body), None) => match included(&body) {
            Some(location) => (file(&location, stack, notes)?, "the included document"),
            None => (body, "`DefinitionBody`"),
        },
        (None, Some(uri)) => (file(&uri, stack, notes)?, "the document of `DefinitionUri`"),
        (None, None) => return None,
    };
    as_map(node, of, notes).map(|(_, map)| map)
}

/// Where `AWS::Include` says that the document is.
fn included(body: &Node) -> Option<Node> {
    let transform = body.get("Fn::Transform")?;
    let is_include = transform.get("Name").and_then(Node::as_text) == Some("AWS::Include");
    transform.get("Parameters").filter(|_| is_include)?.get("Location").cloned()
}

/// The document in a file of this machine, from the folder of the template.
fn file(location: &Node, stack: &mut Stack, notes: &Notes) -> Option<Node> {
    let place = location.as_text().filter(|text| !text.starts_with("s3://"));
    let Some(place) = place else {
        notes.warn(&location.at, "a document that lies in S3 cannot be read from here");
        return None;
    };
    let path = stack.folder.join(place);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            notes.refuse(&location.at, format!("the document {} cannot be read: {error}", path.display()));
            return None;
        }
    };
    let parsed = document::parse(&Arc::new(path.clone()), &text);
    stack.read.push(path);
    parsed.map_err(|mistake: Mistake| notes.note(mistake)).ok()
}
