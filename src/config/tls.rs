//! `tls`: the certificate of a listener, or of one of its domains.

use std::path::PathBuf;

use super::{
    Placed,
    reader::Reader,
    tree::{Node, Value},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// A certificate made at start, for this run.
    SelfSigned,
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
}

impl Tls {
    /// `"self-signed"`, or a table with the files.
    pub(super) fn read(section: &mut Reader) -> Option<Placed<Self>> {
        let at = section.place_of("tls");
        if section.is_table("tls") {
            let mut files = section.table("tls");
            let (cert, key) = (files.file("cert"), files.file("key"));
            files.finish();
            section.reading.keep_private(key.clone().unwrap_or_default());
            let value = Self::Files { cert: cert.unwrap_or_default(), key: key.unwrap_or_default() };
            return Some(Placed { value, at });
        }
        match section.take("tls")? {
            Node { value: Value::String(word) | Value::Word(word), .. } if word == "self-signed" => {}
            node => {
                let path = section.path("tls");
                let message = format!("`{path}` must be \"self-signed\" or {{ cert = …, key = … }}");
                section.reading.refuse(&node.at, message);
            }
        }
        Some(Placed { value: Self::SelfSigned, at })
    }
}
