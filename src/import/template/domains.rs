//! Custom domains, and which APIs answer below which of their paths.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-domainname.html>

use super::{desired::Desired, made::Made, properties::Properties};
use crate::config::{Placed, tree};

/// A custom domain.
pub(super) fn domain(mut properties: Properties, desired: &mut Desired) {
    let at = properties.at.clone();
    let mut made = Made::default();
    if let Some(name) = properties.required("DomainName") {
        made.text("name", &Placed { value: name.value.to_ascii_lowercase(), at: name.at });
    }
    if let Some(mut mutual) = properties.inner("MutualTlsAuthentication") {
        let mut store = Made::default();
        mutual.copy_text("TruststoreUri", &mut store, "truststore_uri");
        mutual.copy_text("TruststoreVersion", &mut store, "truststore_version");
        made.table("mutual_tls_authentication", &mutual.at, store);
        mutual.finish();
    }
    // Certificates are this server's own. Those of REST APIs have theirs in properties of the domain itself.
    properties.pass_over(&[
        "CertificateArn",
        "DomainNameConfigurations",
        "EndpointConfiguration",
        "OwnershipVerificationCertificateArn",
        "RegionalCertificateArn",
        "SecurityPolicy",
        "Tags",
    ]);
    let mode = properties.text("RoutingMode");
    let usual = ["API_MAPPING_ONLY", "BASE_PATH_MAPPING_ONLY"];
    if let Some(mode) = mode.filter(|mode| !usual.contains(&mode.value.as_str())) {
        properties.warn(&mode.at, format!("`RoutingMode` {} is not supported", mode.value));
    }
    properties.finish();
    desired.domains.push("domain", &at, made);
}

/// Which API answers below which path of a custom domain.
pub(super) fn mapping(mut properties: Properties, desired: &mut Desired) {
    let at = properties.at.clone();
    let (domain, id) = (properties.required("DomainName"), properties.required("ApiId"));
    let mut made = Made::default();
    properties.copy_text("Stage", &mut made, "stage");
    properties.copy_text("ApiMappingKey", &mut made, "api_mapping_key");
    let Some((domain, id)) = domain.zip(id) else { return properties.finish() };
    if desired.is_left_out(&id.value) {
        return drop(properties.rest());
    }
    let name = desired.api(&id.value).and_then(|api| api.made.0.get("name").cloned());
    match name {
        Some(node) => drop(made.0.insert("api".to_owned(), tree::Node { at: id.at, value: node.value })),
        None => properties.refuse(&id.at, format!("no template has the API {}", id.value)),
    }
    let named = |node: &&mut tree::Node| match &node.value {
        tree::Value::Table(table) => matches!(
            table.get("name").map(|node| &node.value),
            Some(tree::Value::String(name)) if name.eq_ignore_ascii_case(&domain.value)
        ),
        _ => false,
    };
    let domains = match desired.domains.0.get_mut("domain").map(|node| &mut node.value) {
        Some(tree::Value::List(domains)) => domains.as_mut_slice(),
        _ => &mut [],
    };
    match domains.iter_mut().find(named) {
        Some(tree::Node { value: tree::Value::Table(table), .. }) => {
            let mut whole = Made(std::mem::take(table));
            whole.push("mapping", &at, made);
            *table = whole.0;
        }
        _ => properties.refuse(&domain.at, format!("no template has the domain {}", domain.value)),
    }
    properties.finish();
}
