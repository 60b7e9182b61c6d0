//! `[[domain]]`: a custom domain of the gateway, and which API answers below which of its paths.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-mappings.html>

use super::{Place, Placed, api::DEFAULT_STAGE, gateway::Gateway, reader::Reader, tls::Tls};

#[derive(Clone, Debug)]
pub struct Domain {
    pub at: Place,
    /// A host in lower case, without a port.
    pub name: String,
    /// Instead of the listener's certificate.
    pub tls: Option<Placed<Tls>>,
    /// Only clients with a certificate get in.
    pub mutual_tls: Option<MutualTls>,
    pub mappings: Vec<Mapping>,
    /// Keys of mappings that lead nowhere, which files cannot have: their APIs are not served, and no shorter key takes what is theirs.
    pub dead: Vec<String>,
}

/// `mutual_tls_authentication`: which authorities clients are certified by.
#[derive(Clone, Debug)]
pub struct MutualTls {
    /// See [`Gateway::truststore`].
    pub truststore_uri: Placed<String>,
    /// Kept and shown: a file has one version.
    pub truststore_version: Option<String>,
}

/// Which API answers.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub at: Place,
    pub api: Placed<String>,
    pub stage: Placed<String>,
    /// Path segments without a slash at either end. The empty one takes what no other does.
    pub key: String,
}

impl Domain {
    pub(super) fn read(mut section: Reader, gateway: &Gateway) -> Self {
        let reading = section.reading;
        let at = section.at.clone();
        let name = section.required("name");
        if let Some(name) = name.as_ref().filter(|name| !is_host(&name.value)) {
            reading.refuse(
                &name.at,
                format!("`domain.name` must be a host such as api.example.com, found {:?}", name.value),
            );
        }
        let tls = Tls::read(&mut section);
        if let Some(tls) = tls.as_ref().filter(|_| gateway.tls.is_none()) {
            reading.refuse(&tls.at, "`domain.tls` needs `gateway.tls`: the listener is in clear text");
        }
        let mutual = "mutual_tls_authentication";
        let mutual_tls = section.has(mutual).then(|| MutualTls::read(section.table(mutual), gateway)).flatten();
        section.know(mutual);
        let mappings = section.tables("mapping").into_iter().map(Mapping::read).collect();
        section.finish();
        Self {
            at,
            name: name.map(|name| name.value.to_ascii_lowercase()).unwrap_or_default(),
            tls,
            mutual_tls,
            mappings,
            dead: Vec::new(),
        }
    }
}

impl MutualTls {
    fn read(mut section: Reader, gateway: &Gateway) -> Option<Self> {
        let reading = section.reading;
        if gateway.tls.is_none() {
            let message = "`domain.mutual_tls_authentication` needs `gateway.tls`: the listener is in clear text";
            reading.refuse(&section.at, message);
        }
        let uri = section.required("truststore_uri");
        let truststore_version = section.string("truststore_version").map(|said| said.value);
        section.finish();
        let mut uri = uri?;
        if !uri.value.contains(':') && !uri.value.is_empty() {
            uri.value = reading.resolve(&uri.at, &uri.value).display().to_string();
        }
        match gateway.truststore(&uri.value) {
            Err(why) => reading.refuse(&uri.at, format!("`domain.mutual_tls_authentication.truststore_uri`: {why}")),
            Ok(file) if !file.is_file() => {
                let message = "`domain.mutual_tls_authentication.truststore_uri`: there is no file";
                reading.refuse(&uri.at, format!("{message} {}", file.display()));
            }
            Ok(_) => {}
        }
        Some(Self { truststore_uri: uri, truststore_version })
    }
}

impl Mapping {
    fn read(mut section: Reader) -> Self {
        let at = section.at.clone();
        let absent = |value: &str| Placed { value: value.to_owned(), at: at.clone() };
        let api = section.required("api").unwrap_or_else(|| absent(""));
        let stage = section.string("stage").unwrap_or_else(|| absent(DEFAULT_STAGE));
        let key = section.string("api_mapping_key").unwrap_or_else(|| absent(""));
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"$-_.+!*'()/".contains(&b);
        let parts = key.value.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        if key.value.len() > 300 || !key.value.bytes().all(fits) || !(parts || key.value.is_empty()) {
            let message = format!(
                "`domain.mapping.api_mapping_key` must be path segments of letters, digits and $-_.+!*'(), found {:?}",
                key.value
            );
            section.reading.refuse(&key.at, message);
        }
        section.finish();
        Self { at, api, stage, key: key.value }
    }
}

fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}
