//! Documents from outside, read within limits, and what is looked up in them.

use std::collections::HashSet;

use roxmltree::{Document, Node, NodeType, ParsingOptions};

use super::{ASSERTION, Fault, SIGNATURE};

/// Elements and text nodes of one document. A response has some hundred.
const MOST_NODES: u32 = 20_000;
/// Attributes and namespaces of one element.
const MOST_ATTRIBUTES: usize = 64;
const DEEPEST: usize = 64;

/// Reads a document that nobody has vouched for: without a document type, so that there are no entities and nothing is fetched,
/// without processing instructions, neither large nor deep, and with every ID once.
pub(super) fn strict(text: &str) -> Result<Document<'_>, Fault> {
    let document = plain(text)?;
    let mut depths = vec![0_usize];
    let mut ids = HashSet::new();
    for node in document.descendants() {
        let depth = node.parent().map_or(0, |parent| depths[parent.id().get_usize()] + 1);
        let at = node.id().get_usize();
        if depths.len() <= at {
            depths.resize(at + 1, 0);
        }
        depths[at] = depth;
        if depth > DEEPEST {
            return Err(Fault::Unreadable("it is nested too deep"));
        }
        if node.node_type() == NodeType::PI {
            return Err(Fault::Unreadable("it has processing instructions"));
        }
        if node.attributes().len() > MOST_ATTRIBUTES || node.namespaces().len() > MOST_ATTRIBUTES {
            return Err(Fault::Unreadable("an element has too many attributes"));
        }
        // By the local name alone: a reader that ignores namespaces must find no other element than one that does not.
        for attribute in node.attributes().filter(|one| one.name().eq_ignore_ascii_case("id")) {
            if !ids.insert(attribute.value()) {
                return Err(Fault::Repeated("an ID"));
            }
        }
    }
    Ok(document)
}

pub(super) fn plain(text: &str) -> Result<Document<'_>, Fault> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|_| Fault::Unreadable("it is no plain XML document"))
}

/// Where signatures and assertions stand in a response: nowhere but where the profile has them.
pub(super) fn check_places(document: &Document<'_>) -> Result<(), Fault> {
    let root = document.root_element();
    for node in document.descendants() {
        let parent = node.parent();
        if node.has_tag_name((ASSERTION, "Assertion")) && node != root && parent != Some(root) {
            return Err(Fault::SignatureForm("an assertion is not where assertions are"));
        }
        let holds = |parent: Node<'_, '_>| {
            parent == root || (parent.has_tag_name((ASSERTION, "Assertion")) && parent.parent() == Some(root))
        };
        if node.has_tag_name((SIGNATURE, "Signature")) && !parent.is_some_and(holds) {
            return Err(Fault::SignatureForm("a signature is not where signatures are"));
        }
    }
    Ok(())
}

/// The children of this name.
pub(super) fn children<'a, 'input>(
    node: Node<'a, 'input>,
    namespace: &'static str,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    node.children().filter(move |child| child.has_tag_name((namespace, name)))
}

/// The only child of this name, or none.
pub(super) fn at_most_one<'a, 'input>(
    node: Node<'a, 'input>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Option<Node<'a, 'input>>, Fault> {
    let mut found = children(node, namespace, name);
    let first = found.next();
    if found.next().is_some() { Err(Fault::Repeated(name)) } else { Ok(first) }
}

pub(super) fn one<'a, 'input>(
    node: Node<'a, 'input>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Node<'a, 'input>, Fault> {
    at_most_one(node, namespace, name)?.ok_or(Fault::Missing(name))
}

/// The whole text of an element, whatever comments stand in it. An element inside is no text.
pub(super) fn text(node: Node<'_, '_>, name: &'static str) -> Result<String, Fault> {
    if node.children().any(|child| child.is_element()) {
        return Err(Fault::Unreadable(name));
    }
    Ok(node.children().filter_map(|child| child.text().filter(|_| child.is_text())).collect())
}

/// The same without the white space around it; empty text is none.
pub(super) fn word(node: Node<'_, '_>, name: &'static str) -> Result<String, Fault> {
    let text = text(node, name)?;
    let word = text.trim();
    if word.is_empty() { Err(Fault::Missing(name)) } else { Ok(word.to_owned()) }
}

pub(super) fn attribute<'a>(node: Node<'a, '_>, name: &'static str) -> Result<&'a str, Fault> {
    node.attribute(name).ok_or(Fault::Missing(name))
}
