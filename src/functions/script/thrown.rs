//! What a script threw, in Lambda's words.

use rquickjs::{Coerced, Ctx, Error, FromJs, Object, Value};

use crate::functions::FunctionError;

/// Traces and messages are for people: what is longer is cut.
const LONGEST_TRACE: usize = 64;

/// The failure behind an `Err` of the engine's interface.
pub(super) fn caught(cx: &Ctx<'_>, error: &Error) -> FunctionError {
    match error {
        Error::Exception => read(cx, cx.catch()),
        Error::Allocation => FunctionError::OutOfMemory,
        other => FunctionError::Threw { kind: "Error".into(), message: other.to_string(), trace: Vec::new() },
    }
}

/// A value that was thrown or that a promise was rejected with. Reading it may run its getters and its `toString`.
fn read<'js>(cx: &Ctx<'js>, value: Value<'js>) -> FunctionError {
    if let Some(object) = value.as_object()
        && let Some(error) = read_error(cx, object)
    {
        return error;
    }
    // With a heap too full for an error object the engine throws null, and nothing tells that from a script's `throw null`.
    // Memory is the likelier story and the one that must not pass unnoticed.
    if value.is_null() {
        return FunctionError::OutOfMemory;
    }
    let kind = match value.type_of() {
        rquickjs::Type::Array => "object",
        rquickjs::Type::Int | rquickjs::Type::Float => "number",
        rquickjs::Type::Bool => "boolean",
        rquickjs::Type::BigInt => "bigint",
        other if other.interpretable_as(rquickjs::Type::Function) => "function",
        other if other.interpretable_as(rquickjs::Type::Object) => "object",
        other => other.as_str(),
    };
    let message = text(cx, value).unwrap_or_else(|| "a value that has no text".to_owned());
    FunctionError::Threw { kind: kind.to_owned(), message, trace: Vec::new() }
}

/// An `Error`, or an object that looks like one: with a name, a message and a stack that are strings.
fn read_error<'js>(cx: &Ctx<'js>, object: &Object<'js>) -> Option<FunctionError> {
    let native = object.is_error();
    let member = |name: &str| -> Option<String> {
        match object.get::<_, Value<'js>>(name) {
            Ok(value) if value.is_string() => text(cx, value),
            Ok(_) => None,
            Err(_) => {
                drop(cx.catch());
                None
            }
        }
    };
    let (kind, message, stack) = (member("name"), member("message"), member("stack"));
    if !native && (kind.is_none() || message.is_none() || stack.is_none()) {
        return None;
    }
    let (kind, message) = (kind.unwrap_or_else(|| "Error".into()), message.unwrap_or_default());
    if native && kind == "InternalError" && message == "out of memory" {
        return Some(FunctionError::OutOfMemory);
    }
    if native && kind == "RangeError" && message == "Maximum call stack size exceeded" {
        return Some(FunctionError::StackOverflow);
    }
    let frames = stack.unwrap_or_default();
    let mut trace = vec![format!("{kind}: {message}")];
    trace.extend(frames.lines().filter(|line| !line.trim().is_empty()).take(LONGEST_TRACE).map(str::to_owned));
    Some(FunctionError::Threw { kind, message, trace })
}

fn text<'js>(cx: &Ctx<'js>, value: Value<'js>) -> Option<String> {
    match Coerced::<String>::from_js(cx, value) {
        Ok(text) => Some(text.0),
        Err(_) => {
            drop(cx.catch());
            None
        }
    }
}
