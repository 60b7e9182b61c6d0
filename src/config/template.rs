//! `template = ["FILE", …]`: CloudFormation, SAM and OpenAPI documents that say the rest.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Placed, reader::Reader};

#[derive(Clone, Debug, Default)]
pub struct Templates {
    /// Files, or folders of cloud assemblies.
    pub files: Vec<Placed<PathBuf>>,
    /// `[template_parameters]`: values of their parameters.
    pub parameters: BTreeMap<String, Placed<String>>,
    /// `[template_ids]`: logical id → id of a pool, a client or an API, in place of a derived one.
    pub ids: BTreeMap<String, Placed<String>>,
    /// Starts in spite of what templates ask for and this server lacks.
    pub ignore_warnings: bool,
}

impl Templates {
    pub(super) fn read(top: &mut Reader) -> Self {
        let reading = top.reading;
        let mut files = Vec::new();
        for file in top.string_or_strings("template") {
            let value = reading.resolve(&file.at, &file.value);
            if !value.exists() {
                reading.refuse(&file.at, format!("`template`: there is no {}", file.value));
                continue;
            }
            files.push(Placed { value, at: file.at });
        }
        Self {
            files,
            parameters: top.string_map("template_parameters"),
            ids: top.string_map("template_ids"),
            ignore_warnings: top.boolean("ignore_warnings").is_some_and(|said| said.value),
        }
    }
}
