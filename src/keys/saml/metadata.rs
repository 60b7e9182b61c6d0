//! What a provider needs to know of a pool, as a document that it can read.
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf>

use super::{PROTOCOL, SIGNATURE, request::escaped};

/// A pool as a service provider.
#[derive(Clone, Debug)]
pub struct ServiceProvider<'a> {
    pub entity_id: &'a str,
    /// Where responses are posted.
    pub consumer: &'a str,
    pub log_out: &'a str,
    /// Base64 of the certificates' DER.
    pub signing: &'a str,
    pub encryption: &'a str,
}

impl ServiceProvider<'_> {
    pub fn metadata(&self) -> String {
        let key = |usage: &str, certificate: &str| {
            format!(
                r#"<md:KeyDescriptor use="{usage}"><ds:KeyInfo xmlns:ds="{SIGNATURE}"><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#
            )
        };
        let service = |name: &str, binding: &str, location: &str, more: &str| {
            format!(
                r#"<md:{name} Binding="urn:oasis:names:tc:SAML:2.0:bindings:{binding}" Location="{}"{more}/>"#,
                escaped(location)
            )
        };
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{}"><md:SPSSODescriptor WantAssertionsSigned="true" protocolSupportEnumeration="{PROTOCOL}">{}{}{}{}{}</md:SPSSODescriptor></md:EntityDescriptor>"#,
            escaped(self.entity_id),
            key("signing", self.signing),
            key("encryption", self.encryption),
            service("SingleLogoutService", "HTTP-Redirect", self.log_out, ""),
            service("SingleLogoutService", "HTTP-POST", self.log_out, ""),
            service("AssertionConsumerService", "HTTP-POST", self.consumer, r#" index="0" isDefault="true""#),
        )
    }
}
