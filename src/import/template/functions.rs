//! `AWS::Lambda::Function`: what runs its code here.
//!
//! `nodejs*` is a script of the embedded engine, `python*` a process of Amazon's runtime client, `provided*` the `bootstrap` of
//! its folder. <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html>

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    desired::Desired,
    document::Node,
    made::{Made, text_map},
    properties::Properties,
};
use crate::config::{Place, Placed, tree};

/// Extensions of scripts, in the order in which the service looks for them.
const SCRIPTS: [&str; 3] = ["js", "mjs", "cjs"];
/// The service's, when a template says nothing.
const TIMEOUT: &str = "3";
const MEMORY: &str = "128";

/// Properties that change nothing in how code behaves here.
const MEANINGLESS: [&str; 10] = [
    "Architectures",
    "CodeSigningConfigArn",
    "Description",
    "EphemeralStorage",
    "KmsKeyArn",
    "LoggingConfig",
    "Role",
    "RuntimeManagementConfig",
    "Tags",
    "TracingConfig",
];

/// Makes a function of the configuration.
pub(super) fn function(
    logical: &str,
    metadata: Option<&Node>,
    name: &str,
    mut properties: Properties,
    desired: &mut Desired,
) {
    let at = properties.at.clone();
    properties.take("FunctionName");
    properties.pass_over(&MEANINGLESS);
    let image = properties.text("PackageType").filter(|kind| kind.value == "Image");
    let runtime = properties.text("Runtime");
    let handler = properties.text("Handler");
    let mut made = Made::default();
    made.word("timeout_seconds", &at, TIMEOUT);
    made.word("memory_mib", &at, MEMORY);
    properties.copy_word("Timeout", &mut made, "timeout_seconds");
    properties.copy_word("MemorySize", &mut made, "memory_mib");
    if let Some(mut environment) = properties.inner("Environment") {
        if let Some(variables) = environment.map("Variables") {
            made.table("environment", &variables.at, text_map(properties.scope, "Variables", variables.value));
        }
        environment.finish();
    }
    let beside = properties.scope.stack.beside(handler.as_ref().map(|handler| handler.value.as_str()));
    let code = code(logical, metadata, runtime.as_ref(), beside, &mut properties);
    match (image, runtime, code) {
        (None, Some(runtime), Some(code)) => runs(&properties, &runtime, handler, &code, &mut made),
        (Some(image), ..) => {
            properties.take("ImageConfig");
            attached(&properties, &image.at, &mut made, IMAGE);
        }
        (None, None, Some(code)) => properties.refuse(&code.at, format!("{} has no `Runtime`", properties.of)),
        // What is wrong with its code is told already; whoever goes on can attach a process.
        (None, _, None) => attach(&at, &mut made),
    }
    if !desired.functions.insert("function", name, &at, made) {
        properties.refuse(&at, format!("two templates have a function {name:?}"));
    }
    properties.finish();
}

const IMAGE: &str = "images of containers are not run here: a process of yours must attach to the function";

fn attached(properties: &Properties, at: &Place, made: &mut Made, why: impl Into<String>) {
    properties.warn(at, why);
    attach(at, made);
}

/// A process that somebody else starts is told its environment by them.
fn attach(at: &Place, made: &mut Made) {
    made.put("attach", at, tree::Value::Boolean(true));
    for own in ["environment", "handler", "memory_mib"] {
        made.0.remove(own);
    }
}

/// The folder of the code.
fn code(
    logical: &str,
    metadata: Option<&Node>,
    runtime: Option<&Placed<String>>,
    beside: Option<PathBuf>,
    properties: &mut Properties,
) -> Option<Placed<PathBuf>> {
    let stack = properties.scope.stack;
    // What a build left on this machine is taken before what it sent elsewhere.
    let asset = metadata.and_then(|metadata| metadata.get("aws:asset:path")).filter(|node| node.as_text().is_some());
    let at = properties.place_of("Code");
    let mut code = properties.inner("Code")?;
    let inline = code.text("ZipFile");
    let (bucket, key) = (code.text("S3Bucket"), code.text("S3Key"));
    let image = code.text("ImageUri");
    let local = code.text(super::sam::LOCAL_CODE);
    code.pass_over(&["S3ObjectVersion", "SourceKMSKeyArn"]);
    code.finish();
    if let Some(image) = image {
        properties.warn(&image.at, IMAGE);
        return None;
    }
    if let Some(inline) = inline {
        let folder = written(properties, logical, runtime, &inline)?;
        return Some(Placed { value: folder, at: inline.at });
    }
    let path = match (asset.and_then(Node::as_text), local, &key) {
        (Some(path), ..) => stack.folder.join(path),
        (None, Some(local), _) => stack.folder.join(local.value),
        (None, None, Some(key)) => match stack.assets.get(&key.value).cloned().or(beside) {
            Some(path) => path,
            None => {
                let bucket = bucket.map(|bucket| bucket.value).unwrap_or_default();
                properties.warn(
                    &key.at,
                    format!("the code of {} lies in S3 ({bucket}/{}), and not here", properties.of, key.value),
                );
                return None;
            }
        },
        (None, None, None) => {
            properties.refuse(&at, format!("{} does not say where its code is", properties.of));
            return None;
        }
    };
    if !path.is_dir() {
        let told = |what: &str| format!("the code of {}, {}, {what}", properties.of, path.display());
        match path.exists() {
            true => properties.warn(&at, told("is no folder: unpack it, or attach a process")),
            false => properties.refuse(&at, told("is not there")),
        }
        return None;
    }
    let whole = fs::canonicalize(&path).unwrap_or(path);
    Some(Placed { value: whole, at })
}

/// Writes inline code into a folder of its own. The service calls its file `index`.
fn written(
    properties: &Properties,
    logical: &str,
    runtime: Option<&Placed<String>>,
    inline: &Placed<String>,
) -> Option<PathBuf> {
    let scope = properties.scope;
    let extension = if runtime.is_some_and(|runtime| runtime.value.starts_with("python")) { "py" } else { "js" };
    let folder = scope.world.basics.code.join(format!("{}-{logical}", scope.stack.name));
    match write(&folder, &format!("index.{extension}"), &inline.value) {
        Ok(folder) => Some(folder),
        Err(error) => {
            properties.refuse(&inline.at, format!("the code cannot be written to {}: {error}", folder.display()));
            None
        }
    }
}

fn write(folder: &Path, file: &str, text: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let path = folder.join(file);
    // The same code is left alone, so that whoever watches the file sees changes only.
    if fs::read_to_string(&path).ok().as_deref() != Some(text) {
        fs::write(&path, text)?;
    }
    fs::canonicalize(folder)
}

/// How a function of this runtime runs.
fn runs(
    properties: &Properties,
    runtime: &Placed<String>,
    handler: Option<Placed<String>>,
    code: &Placed<PathBuf>,
    made: &mut Made,
) {
    let folder = &code.value;
    let shown = |path: &Path| Placed { value: path.display().to_string(), at: code.at.clone() };
    let name = runtime.value.as_str();
    let command = if name.starts_with("provided") {
        vec!["./bootstrap".to_owned()]
    } else {
        let Some(handler) = &handler else {
            return properties.refuse(&properties.at, format!("{} has no `Handler`", properties.of));
        };
        if name.starts_with("nodejs") {
            let (module, export) = handler.value.rsplit_once('.').unwrap_or((handler.value.as_str(), "handler"));
            let files = SCRIPTS.map(|extension| folder.join(format!("{module}.{extension}")));
            let Some(script) = files.iter().find(|file| file.is_file()) else {
                let message = format!("the handler {} names no script in {}", handler.value, folder.display());
                return properties.refuse(&handler.at, message);
            };
            made.text("script", &shown(script));
            made.text("handler", &Placed { value: export.to_owned(), at: handler.at.clone() });
            return;
        }
        if !name.starts_with("python") {
            let message = format!("the runtime {name} is not run here: a process of yours must attach to the function");
            return attached(properties, &runtime.at, made, message);
        }
        ["python3", "-m", "awslambdaric", &handler.value].map(str::to_owned).to_vec()
    };
    let words = command.into_iter().map(|value| Placed { value, at: runtime.at.clone() }).collect();
    made.texts("command", &runtime.at, words);
    made.text("directory", &shown(folder));
    made.put("watch", &code.at, tree::Value::Boolean(true));
    if let Some(handler) = handler {
        made.text("handler", &handler);
    }
}
