//! Enveloped signatures, in the only form that SAML allows, and the bytes they cover.
//!
//! The caller says which element it wants to read; the signature must be a child of it and must sign it by its own ID. What
//! comes back is the canonical form that was digested. Nothing of the document itself needs to be trusted afterwards.
//! <https://www.w3.org/TR/xmldsig-core1/> <https://www.w3.org/TR/xml-exc-c14n/>

use aws_lc_rs::{digest, signature as algorithms};
use base64::{Engine, prelude::BASE64_STANDARD};
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::{Document as Tree, NodeId, NodeSet};
use roxmltree::Node;
use x509_parser::parse_x509_certificate;

use super::{
    Fault, Partner, SIGNATURE,
    document::{attribute, children, one, plain, text},
};
use crate::keys::same;

const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub(super) const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";

/// The digests that are accepted. SHA-1 is not among them: collisions of it have been made.
fn digest_algorithm(name: &str) -> Option<&'static digest::Algorithm> {
    match name {
        SHA256 => Some(&digest::SHA256),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Some(&digest::SHA384),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Some(&digest::SHA512),
        _ => None,
    }
}

/// The signatures that are accepted, of asymmetric keys only.
pub(super) fn signature_algorithm(name: &str) -> Option<&'static dyn algorithms::VerificationAlgorithm> {
    match name {
        RSA_SHA256 => Some(&algorithms::RSA_PKCS1_2048_8192_SHA256),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => Some(&algorithms::RSA_PKCS1_2048_8192_SHA384),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => Some(&algorithms::RSA_PKCS1_2048_8192_SHA512),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => Some(&algorithms::ECDSA_P256_SHA256_FIXED),
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => Some(&algorithms::ECDSA_P384_SHA384_FIXED),
        _ => None,
    }
}

/// A document in the form that the canonicalisation reads, parsed from a text that [`super::document::strict`] has let pass.
pub(super) fn tree(text: &str) -> Result<Tree<'_>, Fault> {
    bergshamra_xml::uppsala::parse(text).map_err(|_| Fault::Unreadable("it is no plain XML document"))
}

/// The children of `node` with this name.
pub(super) fn tree_children(tree: &Tree<'_>, node: NodeId, namespace: &str, name: &str) -> Vec<NodeId> {
    let is = |id: &NodeId| tree.element(*id).is_some_and(|element| element.matches_name_ns(namespace, name));
    tree.children(node).into_iter().filter(is).collect()
}

fn sole(tree: &Tree<'_>, node: NodeId, name: &'static str) -> Result<NodeId, Fault> {
    match tree_children(tree, node, SIGNATURE, name)[..] {
        [one] => Ok(one),
        [] => Err(Fault::Missing(name)),
        _ => Err(Fault::Repeated(name)),
    }
}

/// Whether the element has a signature as its child.
pub(super) fn is_signed(tree: &Tree<'_>, element: NodeId) -> bool {
    !tree_children(tree, element, SIGNATURE, "Signature").is_empty()
}

/// Verifies the enveloped signature of `element` with a key of `partner`: the canonical bytes that it covers.
pub(super) fn verified(tree: &Tree<'_>, element: NodeId, partner: &Partner) -> Result<String, Fault> {
    let signature = sole(tree, element, "Signature")?;
    let signed_info = sole(tree, signature, "SignedInfo")?;
    let value = sole(tree, signature, "SignatureValue")?;
    let value = decoded(&tree.text_content_deep(value))?;

    // What is said about the signing is itself read from its canonical form, which the signature covers.
    let prefixes = inclusive_prefixes(tree, sole(tree, signed_info, "CanonicalizationMethod")?);
    let info = canonical(tree, signed_info, None, &prefixes)?;
    let told = plain(&info)?;
    let told = Told::read(told.root_element())?;
    if told.info_prefixes != prefixes {
        return Err(Fault::SignatureForm("its prefixes"));
    }
    check(&told.algorithm, info.as_bytes(), &value, partner)?;

    let content = canonical(tree, element, Some(signature), &told.prefixes)?;
    let computed = digest::digest(told.digest_algorithm, content.as_bytes());
    if !same(computed.as_ref(), &told.digest) {
        return Err(Fault::Digest);
    }
    // The element's name for itself comes from what was digested, not from the document.
    let id = plain(&content)?.root_element().attribute("ID").map(str::to_owned);
    if id.filter(|id| !id.is_empty()).is_none_or(|id| told.uri != format!("#{id}")) {
        return Err(Fault::SignatureForm("it signs another element"));
    }
    Ok(content)
}

/// Verifies a signature over bytes with any key of the partner.
pub(super) fn check(algorithm: &str, message: &[u8], value: &[u8], partner: &Partner) -> Result<(), Fault> {
    let algorithm = signature_algorithm(algorithm).ok_or(Fault::SignatureForm("its algorithm"))?;
    let verifies = |certificate: &Vec<u8>| {
        let Ok((_, parsed)) = parse_x509_certificate(certificate) else { return false };
        let key = &parsed.tbs_certificate.subject_pki.subject_public_key.data;
        algorithms::UnparsedPublicKey::new(algorithm, key).verify(message, value).is_ok()
    };
    if partner.certificates.iter().any(verifies) { Ok(()) } else { Err(Fault::Signature) }
}

fn decoded(text: &str) -> Result<Vec<u8>, Fault> {
    let compact: String = text.split_whitespace().collect();
    BASE64_STANDARD.decode(compact).map_err(|_| Fault::Unreadable("a value is not base64"))
}

/// What `SignedInfo` says.
struct Told {
    algorithm: String,
    info_prefixes: Vec<String>,
    uri: String,
    prefixes: Vec<String>,
    digest_algorithm: &'static digest::Algorithm,
    digest: Vec<u8>,
}

impl Told {
    fn read(info: Node<'_, '_>) -> Result<Self, Fault> {
        let method = one(info, SIGNATURE, "CanonicalizationMethod")?;
        if attribute(method, "Algorithm")? != EXCLUSIVE {
            return Err(Fault::SignatureForm("its canonicalisation"));
        }
        let reference = one(info, SIGNATURE, "Reference")?;
        let transforms: Vec<_> = one(reference, SIGNATURE, "Transforms")?.children().filter(Node::is_element).collect();
        let named = |node: &Node<'_, '_>, name: &str| {
            node.has_tag_name((SIGNATURE, "Transform")) && node.attribute("Algorithm") == Some(name)
        };
        let [enveloped, canonicalisation] = transforms[..] else {
            return Err(Fault::SignatureForm("its transforms"));
        };
        if !named(&enveloped, ENVELOPED) || !named(&canonicalisation, EXCLUSIVE) {
            return Err(Fault::SignatureForm("its transforms"));
        }
        let digest_method = attribute(one(reference, SIGNATURE, "DigestMethod")?, "Algorithm")?;
        Ok(Self {
            algorithm: attribute(one(info, SIGNATURE, "SignatureMethod")?, "Algorithm")?.to_owned(),
            info_prefixes: prefixes_of(method),
            uri: attribute(reference, "URI")?.to_owned(),
            prefixes: prefixes_of(canonicalisation),
            digest_algorithm: digest_algorithm(digest_method).ok_or(Fault::SignatureForm("its digest"))?,
            digest: decoded(&text(one(reference, SIGNATURE, "DigestValue")?, "DigestValue")?)?,
        })
    }
}

fn split(list: Option<&str>) -> Vec<String> {
    list.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn prefixes_of(method: Node<'_, '_>) -> Vec<String> {
    let list = children(method, EXCLUSIVE, "InclusiveNamespaces").next();
    split(list.and_then(|list| list.attribute("PrefixList")))
}

fn inclusive_prefixes(tree: &Tree<'_>, method: NodeId) -> Vec<String> {
    let list = tree_children(tree, method, EXCLUSIVE, "InclusiveNamespaces").first().copied();
    let list = list.and_then(|list| tree.element(list));
    split(list.and_then(|list| list.get_attribute("PrefixList")))
}

/// Exclusive canonical XML without comments of one element, `without` one of its children.
fn canonical(tree: &Tree<'_>, element: NodeId, without: Option<NodeId>, prefixes: &[String]) -> Result<String, Fault> {
    let mut nodes = NodeSet::tree_without_comments(element, tree);
    if let Some(without) = without {
        nodes.remove_id(without);
        for node in tree.descendants(without) {
            nodes.remove_id(node);
        }
    }
    let bytes = canonicalize_doc(tree, C14nMode::Exclusive, Some(&nodes), prefixes)
        .map_err(|_| Fault::Unreadable("it cannot be canonicalised"))?;
    String::from_utf8(bytes).map_err(|_| Fault::Unreadable("it is not UTF-8"))
}
