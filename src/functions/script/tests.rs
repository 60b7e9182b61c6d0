//! What a handler's author sees, one behaviour per test.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::json;

use super::*;
use crate::config::Place;

mod dates;
mod limits;
mod shims;

/// A script function from this text, with a short timeout and a small heap.
fn script(text: &str) -> Script {
    script_in("handler.js", text)
}

fn script_in(file: &str, text: &str) -> Script {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(file);
    std::fs::write(&file, text).unwrap();
    load(&section(&file), &file).unwrap()
}

fn load(section: &config::Function, file: &Path) -> Result<Script, LoadError> {
    Script::load_in(section, file, &Surroundings::default(), Journal::new(&section.name, None))
}

fn section(file: &Path) -> config::Function {
    let at = Place { source: Arc::new("poolhouse.toml".into()), line: 7 };
    config::Function {
        handler: "index.handler".into(),
        memory_mib: 32,
        environment: BTreeMap::from([("STAGE".to_owned(), "test".to_owned())]),
        ..config::Function::new(at, "example", config::Runs::Script(file.to_owned()))
    }
}

fn call(event: Value) -> Call {
    Call::new(event, Duration::from_secs(5), "request-1")
}

async fn run(script: &Script, event: Value) -> Result<Value, FunctionError> {
    script.invoke(call(event)).await
}

/// The answer of a handler whose file is this text.
async fn answer(text: &str) -> Result<Value, FunctionError> {
    run(&script(text), json!({})).await
}

/// The value of a JavaScript expression, through a handler.
async fn value(expression: &str) -> Result<Value, FunctionError> {
    answer(&format!("exports.handler = async (event, context) => ({expression});")).await
}

fn threw(kind: &str, message: &str) -> (String, String) {
    (kind.to_owned(), message.to_owned())
}

fn thrown(answer: Result<Value, FunctionError>) -> (String, String) {
    match answer {
        Err(FunctionError::Threw { kind, message, .. }) => (kind, message),
        other => panic!("should have thrown: {other:?}"),
    }
}

#[tokio::test]
async fn the_example_handlers_run_unmodified() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("functions");
    let load = |file: &str, handler: &str| {
        let file = folder.join(file);
        load(&config::Function { handler: handler.into(), ..section(&file) }, &file).unwrap()
    };
    let event = json!({
        "callerContext": {"clientId": "CID"},
        "request": {"groupConfiguration": {"groupsToOverride": ["admin", "regular"]}},
        "response": {"claimsOverrideDetails": null},
    });
    let answer = run(&load("pre-token.js", "lambdaHandler"), event.clone()).await.unwrap();
    let details = json!({"claimsToAddOrOverride": {"scope": "admin-CID regular-CID"}});
    assert_eq!(answer["response"], json!({"claimsOverrideDetails": details}));
    assert_eq!(answer["request"], event["request"]);

    let admin = run(&load("admin-user.js", "handler"), json!({})).await;
    assert_eq!(admin, Ok(json!({"statusCode": 200, "body": "\"Hello from Admin User\""})));
    let regular = run(&load("regular-user.js", "handler"), json!({})).await;
    assert_eq!(regular, Ok(json!({"statusCode": 200, "body": "\"Hello from Regular User\""})));
}

#[tokio::test]
async fn every_way_to_answer_works() {
    for text in [
        "exports.handler = async (event) => 1",
        "exports.handler = () => 1",
        "module.exports = { handler: () => Promise.resolve(1) }",
        "module.exports.handler = function () { return { then(resolve) { resolve(1) } } }",
        "exports.handler = (event, context, callback) => { callback(null, 1) }",
        "exports.handler = (event, context, callback) => { setTimeout(() => callback(undefined, 1), 5); return true }",
        "exports.handler = (event, context) => { context.succeed(1) }",
        "exports.handler = (event, context) => { setTimeout(() => context.done(null, 1), 5) }",
        "export const handler = async () => 1",
        "const one = await Promise.resolve(1); export function handler() { return one }",
        "import crypto, { randomUUID } from 'node:crypto'; \
         export const handler = () => Number(crypto.randomUUID === randomUUID)",
    ] {
        assert_eq!(answer(text).await, Ok(json!(1)), "{text}");
    }
}

#[tokio::test]
async fn every_way_to_fail_works() {
    for text in [
        "exports.handler = async () => { throw 'no' }",
        "exports.handler = () => { throw 'no' }",
        "exports.handler = (event, context, callback) => { callback('no') }",
        "exports.handler = (event, context) => { context.fail('no') }",
        "exports.handler = (event, context) => { context.done('no', 1) }",
    ] {
        assert_eq!(thrown(answer(text).await), threw("string", "no"), "{text}");
    }
}

#[tokio::test]
async fn whatever_is_thrown_keeps_its_words() {
    let throw = async |thing: &str| thrown(answer(&format!("exports.handler = async () => {{ throw {thing} }}")).await);
    assert_eq!(throw("'Unauthorized'").await, threw("string", "Unauthorized"));
    assert_eq!(throw("new Error('Unauthorized\\n')").await, threw("Error", "Unauthorized\n"));
    assert_eq!(throw("new TypeError('odd')").await, threw("TypeError", "odd"));
    assert_eq!(throw("Object.assign(new Error('x'), { name: 'Custom' })").await, threw("Custom", "x"));
    assert_eq!(throw("undefined").await, threw("undefined", "undefined"));
    assert_eq!(throw("7").await, threw("number", "7"));
    assert_eq!(throw("{ toString: () => 'words' }").await, threw("object", "words"));
    assert_eq!(throw("{ toString() { throw 1 } }").await, threw("object", "a value that has no text"));
    assert_eq!(throw("{ name: 'A', message: 'b', stack: 'c' }").await, threw("A", "b"));
    assert_eq!(throw("Symbol('s')").await.0, "symbol");
}

#[tokio::test]
async fn a_thrown_null_counts_as_exhausted_memory() {
    // The engine throws null itself when the heap has no room for an error object, and nothing tells the two apart.
    let answer = answer("exports.handler = async () => { throw null }").await;
    assert_eq!(answer, Err(FunctionError::OutOfMemory));
}

#[tokio::test]
async fn a_trace_names_the_file_and_the_line() {
    let failed = answer("exports.handler = async () => {\n  throw new Error('here')\n}").await;
    let Err(FunctionError::Threw { trace, .. }) = failed else { panic!("{failed:?}") };
    assert_eq!(trace[0], "Error: here");
    assert!(trace[1].contains("handler.js:2:"), "{trace:?}");
}

#[tokio::test]
async fn only_json_comes_back() {
    assert_eq!(value("undefined").await, Ok(Value::Null));
    assert_eq!(value("null").await, Ok(Value::Null));
    assert_eq!(value("{ kept: 1, left: undefined, out() {} }").await, Ok(json!({"kept": 1})));
    for bad in ["() => 1", "Symbol('x')", "1n", "{ deep: [1n] }", "(() => { const a = {}; a.a = a; return a })()"] {
        let answer = value(bad).await;
        assert!(matches!(answer, Err(FunctionError::InvalidJson(_))), "{bad}: {answer:?}");
    }
    let lone = value("'\\ud800'").await;
    assert!(matches!(lone, Err(FunctionError::InvalidJson(_))), "{lone:?}");
}

#[tokio::test]
async fn a_handler_that_says_nothing_answers_null() {
    assert_eq!(answer("exports.handler = (event, context, callback) => {}").await, Ok(Value::Null));
    assert_eq!(answer("exports.handler = () => {}").await, Ok(Value::Null));
}

#[tokio::test]
async fn a_promise_that_can_never_settle_is_an_error() {
    let failed = thrown(answer("exports.handler = () => new Promise(() => {})").await);
    assert_eq!(failed.0, "Runtime.PromiseNeverSettled");
}

#[tokio::test]
async fn a_callback_waits_for_the_event_loop_unless_told_otherwise() {
    let text = |prefix: &str| {
        format!(
            "let fired = 0; exports.handler = (event, context, callback) => {{ {prefix} \
             const answer = {{ toJSON: () => fired }}; setTimeout(() => {{ fired = 1 }}, 20); callback(null, answer) }}"
        )
    };
    assert_eq!(answer(&text("")).await, Ok(json!(1)));
    assert_eq!(answer(&text("context.callbackWaitsForEmptyEventLoop = false;")).await, Ok(json!(0)));
}

#[tokio::test]
async fn of_several_answers_the_first_counts() {
    for text in [
        "exports.handler = async (event, context, callback) => { callback(null, 1) }",
        "exports.handler = async (event, context, callback) => { callback(null, 1); return 2 }",
        "exports.handler = async (event, context, callback) => { callback(null, 1); throw 'late' }",
        "exports.handler = async (event, context, callback) => { context.callbackWaitsForEmptyEventLoop = false; callback(null, 1) }",
        "exports.handler = async (event, context, callback) => { callback(null, 1); context.fail('late'); callback('late') }",
        "exports.handler = async (event, context, callback) => { context.succeed(1); callback('late') }",
        "exports.handler = (event, context, callback) => { callback(null, 1); return new Promise(() => {}) }",
    ] {
        assert_eq!(answer(text).await, Ok(json!(1)), "{text}");
    }
    for text in [
        "exports.handler = async (event, context, callback) => { callback('no') }",
        "exports.handler = async (event, context, callback) => { callback('no'); callback(null, 1); return 2 }",
        "exports.handler = async (event, context, callback) => { context.done('no'); context.succeed(1) }",
        "exports.handler = (event, context, callback) => { callback(null, 1); throw 'no' }",
    ] {
        assert_eq!(thrown(answer(text).await), threw("string", "no"), "{text}");
    }
    // An error waits for nothing, and an answer for timers that the handler's own promise did not wait for.
    let text =
        "exports.handler = async (event, context, callback) => { setTimeout(() => { for (;;); }, 50); callback('no') }";
    assert_eq!(thrown(answer(text).await), threw("string", "no"));
    let text = "exports.handler = async (event, context, callback) => { let fired = 0; \
                setTimeout(() => { fired = 1 }, 20); callback(null, { toJSON: () => fired }) }";
    assert_eq!(answer(text).await, Ok(json!(1)));
}

#[tokio::test]
async fn a_rejection_that_nobody_handles_ends_the_call_and_the_instance() {
    let unhandled = |message: &str| threw("Runtime.UnhandledPromiseRejection", message);
    let text = "const verify = async () => { throw new TypeError('bad') }; let calls = 0; \
                exports.handler = (event, context, callback) => { calls++; if (event.ok) callback(null, calls); \
                else verify().then(() => callback(null, 1)) }";
    let script = script(text);
    assert_eq!(run(&script, json!({"ok": true})).await, Ok(json!(1)));
    assert_eq!(thrown(run(&script, json!({})).await), unhandled("TypeError: bad"));
    assert_eq!(run(&script, json!({"ok": true})).await, Ok(json!(1)), "a new instance");
    for text in [
        "exports.handler = () => { Promise.reject('no') }",
        "exports.handler = (event, context, callback) => { callback(null, 1); Promise.reject('no') }",
        "exports.handler = () => new Promise((resolve) => { setTimeout(() => Promise.reject('no'), 1); setTimeout(resolve, 50) })",
        "exports.handler = async () => { const late = Promise.reject('no'); await new Promise((go) => setTimeout(go, 1)); await late }",
    ] {
        assert_eq!(thrown(answer(text).await), unhandled("no"), "{text}");
    }
    // In time, and by somebody who only passes it on.
    for text in [
        "exports.handler = async () => { const p = Promise.reject('x'); await null; return p.catch(() => 1) }",
        "exports.handler = async () => { try { await (async () => { throw 'x' })() } catch { return 1 } }",
        "exports.handler = () => Promise.all([Promise.reject('x'), Promise.reject('y')]).catch(() => 1)",
        "exports.handler = async () => { const all = await Promise.allSettled([Promise.reject('x')]); return all.length }",
        "exports.handler = async () => { Promise.reject('x'); return 1 }",
        "exports.handler = async () => import('nowhere').then(() => 0, () => 1)",
    ] {
        assert_eq!(answer(text).await, Ok(json!(1)), "{text}");
    }
}

/// As in Lambda, where the process ends behind its answer.
#[tokio::test]
async fn a_rejection_in_the_turn_of_the_answer_ends_the_instance_behind_it() {
    let script = |leave: &str| {
        script(&format!(
            "let calls = 0; exports.handler = async (event) => {{ calls++; if (event.leave) {{ {leave} }} \
             if (event.fail) {{ throw 'x' }} await new Promise((go) => setTimeout(go, 1)); return calls }}"
        ))
    };
    for leave in [
        "Promise.reject(new TypeError('y')); return 0",
        "(async () => { await 1; await 2; await 3; await 4; throw new TypeError('y') })(); return 0",
    ] {
        let script = script(leave);
        assert_eq!(run(&script, json!({})).await, Ok(json!(1)));
        let tail = Arc::new(crate::functions::log::Tail::default());
        let leaving = Call { tail: Some(Arc::clone(&tail)), ..call(json!({"leave": true})) };
        assert_eq!(script.invoke(leaving).await, Ok(json!(0)), "{leave}");
        let tail = String::from_utf8(tail.bytes()).unwrap();
        assert!(tail.contains("\nRuntime.UnhandledPromiseRejection: TypeError: y\n"), "{tail}");
        assert_eq!(run(&script, json!({})).await, Ok(json!(1)), "a new instance: {leave}");
    }
    let failing = script("Promise.reject('y')");
    let event = json!({"leave": true, "fail": true});
    assert_eq!(run(&failing, json!({})).await, Ok(json!(1)));
    assert_eq!(thrown(run(&failing, event).await), threw("string", "x"));
    assert_eq!(run(&failing, json!({})).await, Ok(json!(1)), "a new instance");
    // The handler's own failure is looked at, and so is what is handled before the turn ends.
    let whole =
        script("const p = Promise.reject('y'); (async () => { await 1; await 2; p.catch(() => {}) })(); return 0");
    assert_eq!(thrown(run(&whole, json!({"fail": true})).await), threw("string", "x"));
    assert_eq!(run(&whole, json!({"leave": true})).await, Ok(json!(0)));
    assert_eq!(run(&whole, json!({})).await, Ok(json!(3)));
}

#[tokio::test]
async fn a_rejection_while_a_file_loads_ends_the_load() {
    for text in [
        "Promise.reject('no'); exports.handler = async () => 1",
        "const late = Promise.reject('no'); exports.handler = async () => late.catch(() => 1)",
        "(async () => { await null; throw 'no' })(); exports.handler = (event, context, callback) => callback(null, 1)",
        "Promise.reject('no'); export const handler = async () => 1",
        "await null; (async () => { await null; throw 'no' })(); export const handler = async () => 1",
    ] {
        let unhandled = threw("Runtime.UnhandledPromiseRejection", "no");
        assert_eq!(thrown(answer(text).await), unhandled, "{text}");
    }
    for text in [
        "const early = Promise.reject('no'); early.catch(() => {}); exports.handler = async () => 1",
        "const early = Promise.reject('no'); queueMicrotask(() => early.catch(() => {})); exports.handler = async () => 1",
        "try { await Promise.reject('no') } catch {} export const handler = async () => 1",
    ] {
        assert_eq!(answer(text).await, Ok(json!(1)), "{text}");
    }
}

#[tokio::test]
async fn what_a_microtask_throws_is_not_lost() {
    for text in [
        "exports.handler = (event, context, callback) => { queueMicrotask(() => { throw new Error('micro') }) }",
        "exports.handler = (event, context, callback) => { process.nextTick(() => { throw new Error('micro') }); callback(null, 1) }",
    ] {
        assert_eq!(thrown(answer(text).await), threw("Error", "micro"), "{text}");
    }
}

#[tokio::test]
async fn the_context_is_lambdas() {
    let context = value("context").await.unwrap();
    assert_eq!(context["functionName"], "example");
    assert_eq!(context["functionVersion"], "$LATEST");
    assert_eq!(context["invokedFunctionArn"], "arn:aws:lambda:us-east-1:123456789012:function:example");
    assert_eq!(context["memoryLimitInMB"], "32");
    assert_eq!(context["awsRequestId"], "request-1");
    assert_eq!(context["logGroupName"], "/aws/lambda/example");
    assert!(context["logStreamName"].as_str().unwrap().starts_with("[$LATEST]"));
    assert_eq!(context["callbackWaitsForEmptyEventLoop"], true);
    let left = value("context.getRemainingTimeInMillis()").await.unwrap().as_f64().unwrap();
    assert!(left > 3000.0 && left <= 5000.0, "{left}");
}

#[tokio::test]
async fn a_client_context_is_told_where_there_is_one() {
    let script =
        script("exports.handler = async (event, context) => ['clientContext' in context, context.clientContext]");
    let mut call = call(json!({}));
    call.client_context = Some(r#"{"custom":{"a":"ü"}}"#.into());
    assert_eq!(script.invoke(call).await, Ok(json!([true, {"custom": {"a": "ü"}}])));
    assert_eq!(run(&script, json!({})).await, Ok(json!([false, null])));
}

#[tokio::test]
async fn globals_stay_warm_between_calls() {
    let counter = script("let calls = 0; exports.handler = async () => ++calls");
    for expected in 1..=20 {
        assert_eq!(run(&counter, json!({})).await, Ok(json!(expected)));
    }
}

#[tokio::test]
async fn an_ordinary_throw_keeps_the_globals() {
    let counter =
        script("let calls = 0; exports.handler = async (e) => { calls++; if (e.fail) throw 'x'; return calls }");
    assert!(run(&counter, json!({"fail": true})).await.is_err());
    assert_eq!(run(&counter, json!({})).await, Ok(json!(2)));
}

#[tokio::test]
async fn a_late_answer_does_not_reach_the_next_call() {
    let late = script(
        "let first = true; exports.handler = (event, context, callback) => { \
         context.callbackWaitsForEmptyEventLoop = false; \
         if (first) { first = false; setTimeout(() => context.succeed('late'), 1); callback(null, 'one') } \
         else setTimeout(() => callback(null, 'two'), 30) }",
    );
    assert_eq!(run(&late, json!({})).await, Ok(json!("one")));
    assert_eq!(run(&late, json!({})).await, Ok(json!("two")));
}

#[tokio::test]
async fn a_file_that_does_not_load_is_broken() {
    let broken = async |text: &str| match answer(text).await {
        Err(FunctionError::Broken(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(broken("exports.other = 1").await, "handler.js exports no function `handler`");
    assert_eq!(broken("exports.handler = 1").await, "handler.js exports no function `handler`");
    assert_eq!(broken("throw new Error('early')").await, "Error: early");
    assert_eq!(
        broken("require('@aws-sdk/client-s3')").await,
        "Error: Cannot find module '@aws-sdk/client-s3': the embedded engine has no packages; bundle it, or run the function as a \
         process (`command` or `attach`)"
    );
}

/// Files of the handler's own folder, each with the `require` of its place; a circle gives what is there so far.
#[tokio::test]
async fn a_handler_requires_files_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("data.json", r#"{"a": [1]}"#);
    write(
        "lib/index.js",
        "exports.early = 1; exports.deep = require('./deep'); exports.data = require('../data'); exports.place = __dirname;",
    );
    write(
        "lib/deep.js",
        "const lib = require('.'); module.exports = () => [lib.early, typeof require('path').join, require('../main') === globalThis.main];",
    );
    write(
        "main.js",
        "globalThis.main = exports; const lib = require('./lib'); exports.handler = async () => [lib.deep(), lib.data, lib.place, require('./lib') === lib];",
    );
    let file = folder.path().join("main.js");
    let section = section(&file);
    let script = load(&section, &file).unwrap();
    let told = json!([[1, "function", true], {"a": [1]}, "/var/task/lib", true]);
    assert_eq!(run(&script, json!({})).await, Ok(told));
    // It is code of the function: a change is one, and a mistake is told with its place.
    let before = crate::functions::code::Code::of(&section);
    write("lib/deep.js", "module.exports = () => 2;");
    assert_ne!(crate::functions::code::Code::of(&section), before);
    write("lib/deep.js", "\nmodule.exports = ;");
    let error = load(&section, &file).err().unwrap().to_string();
    assert!(error.contains("lib/deep.js:2:"), "{error}");
    // Nothing above the folder, and nothing that only running code knows.
    for text in ["require('../main')", "require('./' + 'data')", "require('/etc/passwd')"] {
        write("lib/handler.js", &format!("exports.handler = async () => {text}"));
        let file = folder.path().join("lib/handler.js");
        let (kind, message) = thrown(run(&load(&self::section(&file), &file).unwrap(), json!({})).await);
        assert!(kind == "Error" && message.starts_with("Cannot find module"), "{message}");
    }
}

#[test]
fn a_load_error_names_function_file_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.js");
    std::fs::write(&file, "exports.handler = async () => {\n  let a = ;\n}\n").unwrap();
    let error = crate::functions::Functions::load(&[section(&file)]).err().unwrap().to_string();
    assert!(error.starts_with(&format!("{}:2:11: function `example`: SyntaxError: ", file.display())), "{error}");
    let missing =
        crate::functions::Functions::load(&[section(&folder.path().join("none.js"))]).err().unwrap().to_string();
    assert!(missing.starts_with("poolhouse.toml:7: function `example`: cannot read "), "{missing}");
}

#[tokio::test]
async fn a_registry_knows_scripts_and_native_functions() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ok.js");
    std::fs::write(&file, "exports.handler = async () => 'script'").unwrap();
    let mut functions = crate::functions::Functions::load(&[section(&file)]).unwrap();
    functions.insert("rust", crate::functions::native::native(|_| async { Ok(json!("native")) }));
    assert_eq!(functions.names().collect::<Vec<_>>(), ["example", "rust"]);
    assert_eq!(functions.get("example").unwrap().invoke(call(json!({}))).await, Ok(json!("script")));
    assert_eq!(functions.get("rust").unwrap().invoke(call(json!({}))).await, Ok(json!("native")));
    assert!(functions.get("none").is_none());
}
