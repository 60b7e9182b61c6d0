//! Which templates a path means: a file, or the folder that `cdk synth` leaves (`cdk.out`).
//! <https://github.com/aws/aws-cdk-cli/tree/main/packages/%40aws-cdk/cloud-assembly-schema>

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{notes::Notes, stack::Origin};
use crate::config::Placed;

const MANIFEST: &str = "manifest.json";
const STACK: &str = "aws:cloudformation:stack";
const NESTED: &str = "cdk:cloud-assembly";
const ASSETS: &str = "cdk:asset-manifest";

/// The templates behind `file` with what their stacks are called. What says so is added to `read`.
pub(super) fn templates(file: &Placed<PathBuf>, notes: &Notes, read: &mut Vec<PathBuf>) -> Vec<(PathBuf, Origin)> {
    let path = &file.value;
    if !path.is_dir() {
        return vec![(path.clone(), Origin { name: name_of(path), folder: folder_of(path), assets: BTreeMap::new() })];
    }
    let mut found = Vec::new();
    if let Err(what) = assembly(path, &mut found, read) {
        notes.refuse(&file.at, format!("{} is no cloud assembly: {what}", path.display()));
    } else if found.is_empty() {
        notes.refuse(&file.at, format!("the cloud assembly {} holds no stack", path.display()));
    }
    found
}

/// A template's name without `.yaml`, `.template.json` and the like.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.split('.').next().unwrap_or_default();
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    name.chars().map(fits).collect()
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Adds the stacks of an assembly, and those of assemblies in it.
fn assembly(folder: &Path, found: &mut Vec<(PathBuf, Origin)>, read: &mut Vec<PathBuf>) -> Result<(), String> {
    let file = folder.join(MANIFEST);
    let manifest = json(&file)?;
    read.push(file);
    let artifacts = manifest.get("artifacts").and_then(Value::as_object).ok_or("its manifest has no artifacts")?;
    let text = |artifact: &Value, name: &str| {
        artifact.get("properties").and_then(|properties| properties.get(name)?.as_str()).map(str::to_owned)
    };
    let of_kind = |kind: &'static str| {
        artifacts.iter().filter(move |(_, artifact)| artifact.get("type").and_then(Value::as_str) == Some(kind))
    };
    let mut assets = BTreeMap::new();
    for (_, artifact) in of_kind(ASSETS) {
        let Some(name) = text(artifact, "file") else { continue };
        let file = folder.join(name);
        assets_of(&json(&file)?, folder, &mut assets);
        read.push(file);
    }
    for (id, artifact) in of_kind(STACK) {
        let template = text(artifact, "templateFile").ok_or_else(|| format!("its stack {id} has no template"))?;
        let name = text(artifact, "stackName").unwrap_or_else(|| id.clone());
        let origin = Origin { name, folder: folder.to_owned(), assets: assets.clone() };
        found.push((folder.join(template), origin));
    }
    for (_, artifact) in of_kind(NESTED) {
        if let Some(name) = text(artifact, "directoryName") {
            assembly(&folder.join(name), found, read)?;
        }
    }
    Ok(())
}

/// The folders of an asset manifest by the keys under which a template looks for them.
fn assets_of(manifest: &Value, folder: &Path, assets: &mut BTreeMap<String, PathBuf>) {
    let files = manifest.get("files").and_then(Value::as_object);
    for asset in files.into_iter().flat_map(|files| files.values()) {
        let Some(path) = asset.get("source").and_then(|source| source.get("path")?.as_str()) else { continue };
        let destinations = asset.get("destinations").and_then(Value::as_object);
        for destination in destinations.into_iter().flat_map(|all| all.values()) {
            if let Some(key) = destination.get("objectKey").and_then(Value::as_str) {
                assets.insert(key.to_owned(), folder.join(path));
            }
        }
    }
}

fn json(file: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}
