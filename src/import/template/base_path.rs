//! The base path that a document names, and what becomes of it. Swagger has a word for it, OpenAPI a variable of its first server.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api-basePath.html>

use super::{document::Node, properties::Properties};
use crate::config::{Mistake, Placed};

/// What an import does with the base path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Ignore,
    /// Every path stands behind it.
    Prepend,
    /// Every path stands behind what follows its first segment, which the service takes for a stage's.
    Split,
}

impl Base {
    pub const NAMES: [&'static str; 3] = ["ignore", "prepend", "split"];

    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Ignore, Self::Prepend, Self::Split];
        Self::NAMES.iter().position(|known| *known == name).map(|place| all[place])
    }

    /// Of a property; without one it is ignored.
    pub fn read(properties: &Properties, said: Option<&Placed<String>>) -> Self {
        let Some(said) = said else { return Self::Ignore };
        Self::named(&said.value).unwrap_or_else(|| {
            let message = format!("the base path can be {}, found {:?}", Self::NAMES.join(", "), said.value);
            properties.scope.notes().note(Mistake::new(&said.at, message).nearest(&said.value, Self::NAMES));
            Self::Ignore
        })
    }
}

/// What goes before every path of the document: nothing, or segments that each begin with a slash.
pub(super) fn of(document: &mut Properties, servers: Option<&Node>, is_swagger: bool, base: Base) -> String {
    let first = servers.and_then(Node::as_list).and_then(<[Node]>::first);
    let variable = first.and_then(|server| server.get("variables")?.get("basePath")?.get("default")?.as_text());
    let written = if is_swagger { document.text("basePath").map(|text| text.value) } else { None };
    let written = written.as_deref().or(variable).unwrap_or_default();
    let segments = written.split('/').filter(|segment| !segment.is_empty());
    let skipped = match base {
        Base::Ignore => return String::new(),
        Base::Prepend => 0,
        Base::Split => 1,
    };
    segments.skip(skipped).map(|segment| format!("/{segment}")).collect()
}

/// The path behind the base. What serves everything else is not below it.
pub(super) fn before(base: &str, path: String) -> String {
    match path.as_str() {
        "/$default" => path,
        "/" if !base.is_empty() => base.to_owned(),
        _ => format!("{base}{path}"),
    }
}
