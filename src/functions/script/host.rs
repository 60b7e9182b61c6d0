//! What the engine lacks: the JavaScript shims, and the few host functions that they stand on.
//!
//! Nothing here opens a file or a connection. Each shim is a function expression that takes `(host, global, …)`.

use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use rquickjs::{Ctx, Exception, Function, Module, Object, Result, TypedArray, context::EvalOptions};
use serde_json::json;
use url::{Url, form_urlencoded, quirks};

use super::{Plan, watch::Watch};
use crate::kit::random::Random;

const BOOT: &str = include_str!("shims/boot.js");
const SHIMS: [(&str, &str); 12] = [
    ("calls", include_str!("shims/calls.js")),
    ("clone", include_str!("shims/clone.js")),
    ("console", include_str!("shims/console.js")),
    ("crypto", include_str!("shims/crypto.js")),
    ("date", include_str!("shims/date.js")),
    ("encoding", include_str!("shims/encoding.js")),
    ("events", include_str!("shims/events.js")),
    ("modules", include_str!("shims/modules.js")),
    ("pages", include_str!("shims/pages.js")),
    ("path", include_str!("shims/path.js")),
    ("timers", include_str!("shims/timers.js")),
    ("url", include_str!("shims/url.js")),
];
/// What `import` may name besides a handler's own text; `require` has the same list.
const MODULES: [(&str, &[&str]); 10] = [
    ("buffer", &["Buffer", "atob", "btoa"]),
    (
        "crypto",
        &[
            "createHash",
            "createHmac",
            "getHashes",
            "getRandomValues",
            "randomBytes",
            "randomInt",
            "randomUUID",
            "subtle",
            "timingSafeEqual",
            "webcrypto",
        ],
    ),
    ("events", &["EventEmitter", "once"]),
    (
        "path",
        &[
            "basename",
            "delimiter",
            "dirname",
            "extname",
            "format",
            "isAbsolute",
            "join",
            "normalize",
            "parse",
            "posix",
            "relative",
            "resolve",
            "sep",
        ],
    ),
    ("process", &["env", "nextTick"]),
    ("querystring", &["decode", "encode", "escape", "parse", "stringify", "unescape"]),
    ("timers", &["clearImmediate", "clearInterval", "clearTimeout", "setImmediate", "setInterval", "setTimeout"]),
    ("timers/promises", &["setImmediate", "setTimeout"]),
    ("url", &["URL", "URLSearchParams"]),
    ("util", &["TextDecoder", "TextEncoder", "format", "inspect", "promisify"]),
];

/// Runs the shims. The object that comes back is how the host drives the instance.
pub(super) fn boot<'js>(cx: &Ctx<'js>, plan: &Plan, watch: &Arc<Watch>) -> Result<Object<'js>> {
    let shims = Object::new(cx.clone())?;
    for (name, text) in SHIMS {
        shims.set(name, shim(cx, name, text)?)?;
    }
    shim(cx, "boot", BOOT)?.call((functions(cx, watch)?, facts(cx, plan)?, shims, files(cx, plan)?))
}

/// What the handler requires by a path: functions that have not run, and the text of JSON.
fn files<'js>(cx: &Ctx<'js>, plan: &Plan) -> Result<Object<'js>> {
    let files = Object::new(cx.clone())?;
    for file in &plan.source.files {
        if file.is_json() {
            files.set(file.name.as_str(), file.text())?;
        } else {
            files.set(file.name.as_str(), file.wrapped(cx)?)?;
        }
    }
    Ok(files)
}

fn shim<'js>(cx: &Ctx<'js>, name: &str, text: &str) -> Result<Function<'js>> {
    let mut options = EvalOptions::default();
    options.filename = Some(format!("node:{name}"));
    cx.eval_with_options(text, options)
}

/// What `context` and `process.env` are made from.
fn facts<'js>(cx: &Ctx<'js>, plan: &Plan) -> Result<Object<'js>> {
    let name = plan.name.as_str();
    let facts = Object::new(cx.clone())?;
    facts.set("functionName", name)?;
    facts.set("invokedFunctionArn", plan.arn.as_str())?;
    facts.set("memoryLimitInMB", plan.memory_mib.to_string())?;
    facts.set("logGroupName", format!("/aws/lambda/{name}"))?;
    facts.set("logStreamName", format!("[$LATEST]{}", uuid().replace('-', "")))?;
    facts.set("environment", plan.environment.as_str())?;
    Ok(facts)
}

fn functions<'js>(cx: &Ctx<'js>, watch: &Arc<Watch>) -> Result<Object<'js>> {
    let host = Object::new(cx.clone())?;
    let own = Arc::clone(watch);
    host.set("now", Function::new(cx.clone(), move || own.elapsed().as_secs_f64() * 1000.0)?)?;
    let own = Arc::clone(watch);
    let remaining = move || (own.remaining().as_secs_f64() * 1000.0).floor();
    host.set("remaining", Function::new(cx.clone(), remaining)?)?;
    let own = Arc::clone(watch);
    host.set("silenced", Function::new(cx.clone(), move || own.is_silenced())?)?;
    let own = Arc::clone(watch);
    let print = move |level: String, text: String| own.log(&level, &text);
    host.set("print", Function::new(cx.clone(), print)?)?;
    host.set("uuid", Function::new(cx.clone(), uuid)?)?;
    host.set("random", Function::new(cx.clone(), random)?)?;
    host.set("digest", Function::new(cx.clone(), digest)?)?;
    host.set("urlParse", Function::new(cx.clone(), url_parse)?)?;
    host.set("urlChange", Function::new(cx.clone(), url_change)?)?;
    host.set("formParse", Function::new(cx.clone(), |text: String| form_parse(&text))?)?;
    host.set("formWrite", Function::new(cx.clone(), form_write)?)?;
    Ok(host)
}

fn uuid() -> String {
    uuid::Builder::from_random_bytes(Random::system().bytes()).into_uuid().to_string()
}

fn random(cx: Ctx<'_>, count: usize) -> Result<TypedArray<'_, u8>> {
    if count > 65_536 {
        return Err(Exception::throw_range(&cx, "more than 65536 random bytes"));
    }
    let mut bytes = vec![0; count];
    Random::system().fill(&mut bytes);
    TypedArray::new(cx, bytes)
}

/// The digest of bytes, or with a key their code of authentication. Bytes are base64 on both sides.
fn digest(name: String, data: String, key: Option<String>) -> Option<String> {
    let data = STANDARD.decode(data).ok()?;
    if let Some(key) = key {
        let algorithm = match name.as_str() {
            "sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "sha256" => hmac::HMAC_SHA256,
            "sha384" => hmac::HMAC_SHA384,
            "sha512" => hmac::HMAC_SHA512,
            _ => return None,
        };
        let key = hmac::Key::new(algorithm, &STANDARD.decode(key).ok()?);
        return Some(STANDARD.encode(hmac::sign(&key, &data)));
    }
    let algorithm = match name.as_str() {
        "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        "sha512" => &digest::SHA512,
        _ => return None,
    };
    Some(STANDARD.encode(digest::digest(algorithm, &data)))
}

/// The parts of an address as a JSON object by the names of the URL class, or nothing when it does not parse.
fn url_parse(address: String, base: Option<String>) -> Option<String> {
    let url = match base {
        Some(base) => Url::parse(&base).ok()?.join(&address).ok()?,
        None => Url::parse(&address).ok()?,
    };
    Some(url_parts(&url))
}

fn url_parts(url: &Url) -> String {
    json!({
        "href": quirks::href(url), "origin": quirks::origin(url), "protocol": quirks::protocol(url),
        "username": quirks::username(url), "password": quirks::password(url), "host": quirks::host(url),
        "hostname": quirks::hostname(url), "port": quirks::port(url), "pathname": quirks::pathname(url),
        "search": quirks::search(url), "hash": quirks::hash(url),
    })
    .to_string()
}

/// The address after an assignment to one of its parts, or nothing when the standard ignores the assignment.
fn url_change(href: String, part: String, value: String) -> Option<String> {
    let mut url = Url::parse(&href).ok()?;
    match part.as_str() {
        "href" => quirks::set_href(&mut url, &value).ok()?,
        "protocol" => quirks::set_protocol(&mut url, &value).ok()?,
        "username" => quirks::set_username(&mut url, &value).ok()?,
        "password" => quirks::set_password(&mut url, &value).ok()?,
        "host" => quirks::set_host(&mut url, &value).ok()?,
        "hostname" => quirks::set_hostname(&mut url, &value).ok()?,
        "port" => quirks::set_port(&mut url, &value).ok()?,
        "pathname" => quirks::set_pathname(&mut url, &value),
        "search" => quirks::set_search(&mut url, &value),
        "hash" => quirks::set_hash(&mut url, &value),
        _ => return None,
    }
    Some(url_parts(&url))
}

/// `a=1&b=2` as a JSON list of pairs.
fn form_parse(text: &str) -> String {
    json!(form_urlencoded::parse(text.as_bytes()).collect::<Vec<_>>()).to_string()
}

fn form_write(pairs: String) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_json::from_str(&pairs).ok()?;
    Some(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// Offers the modules to `import`. Each takes its values, those of `require`, from a global that is gone afterwards.
pub(super) fn declare_modules<'js>(cx: &Ctx<'js>, require: &Function<'js>) -> Result<()> {
    for (name, exports) in MODULES {
        cx.globals().set(HANDOVER, require.call::<_, Object<'js>>((name,))?)?;
        for name in [name.to_owned(), format!("node:{name}")] {
            Module::declare(cx.clone(), name, module_text(exports))?.eval()?.1.finish::<()>()?;
        }
    }
    cx.globals().remove(HANDOVER)
}

/// The same names without values, to check the text of a handler against.
pub(super) fn declare_empty_modules(cx: &Ctx<'_>) -> Result<()> {
    for (name, exports) in MODULES {
        for name in [name.to_owned(), format!("node:{name}")] {
            Module::declare(cx.clone(), name, module_text(exports))?;
        }
    }
    Ok(())
}

const HANDOVER: &str = "__handover";

fn module_text(exports: &[&str]) -> String {
    let list = exports.join(", ");
    format!("const whole = globalThis.{HANDOVER}; export default whole; export const {{ {list} }} = whole;")
}
