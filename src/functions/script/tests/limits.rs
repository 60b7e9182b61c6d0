//! Bombs: each is contained, says what it was, and costs its own instance only.

use std::future::Future;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// Runs with 300 ms to live; the answer must be there soon after.
async fn bomb(text: &str) -> Result<Value, FunctionError> {
    let script = script(text);
    let begun = Instant::now();
    let answer = script.invoke(Call { deadline: 300 * MS, ..call(json!({})) }).await;
    assert!(begun.elapsed() < 3000 * MS, "{text} took {:?}", begun.elapsed());
    answer
}

#[tokio::test]
async fn what_never_ends_times_out() {
    for text in [
        "exports.handler = async () => { for (;;) {} }",
        "exports.handler = async () => { for (;;) await 0 }",
        "exports.handler = async () => /^(a+)+$/.test('a'.repeat(40) + 'b')",
        "exports.handler = async () => { try { for (;;) {} } finally { for (;;) {} } }",
        "exports.handler = () => new Promise(() => { setInterval(() => {}, 1) })",
        "exports.handler = (event, context, callback) => { setInterval(() => {}, 1); callback(null, 1) }",
        "exports.handler = () => new Promise((resolve) => setTimeout(resolve, 100000))",
        "exports.handler = async () => ({ toJSON() { for (;;) {} } })",
        "exports.handler = async () => { throw { toString() { for (;;) {} } } }",
        "exports.handler = async () => { for (;;) console.log('flood') }",
        "const again = () => queueMicrotask(again); exports.handler = () => { again(); return new Promise(() => {}) }",
        "for (;;) {}",
        "await new Promise((resolve) => setTimeout(resolve, 100000)); export const handler = 1",
    ] {
        assert_eq!(bomb(text).await, Err(FunctionError::TimedOut { after: 300 * MS }), "{text}");
    }
}

#[tokio::test]
async fn what_grows_runs_out_of_memory() {
    for text in [
        "exports.handler = async () => 'x'.repeat(2 ** 29).length",
        "exports.handler = async () => { const a = []; for (;;) a.push('x'.repeat(1000) + a.length) }",
        "exports.handler = async () => { const a = []; for (;;) a.push({}) }",
        "exports.handler = async () => { const a = []; for (;;) a.push(new Uint8Array(1e6)) }",
        "exports.handler = async () => { let a = null; for (;;) a = [a] }",
        "const keep = []; exports.handler = async () => { for (;;) keep.push([1, 2, 3]) }",
    ] {
        let script = script(text);
        let answer = run(&script, json!({})).await;
        assert_eq!(answer, Err(FunctionError::OutOfMemory), "{text}");
    }
}

#[tokio::test]
async fn an_endless_text_ends_soon() {
    // The engine joins texts only when they are read, so their greatest length is reached before the heap is full.
    let answer = bomb("exports.handler = async () => { let s = 'x'; for (;;) s += s + Math.random() }").await;
    assert_eq!(thrown(answer), threw("InternalError", "string too long"));
}

#[tokio::test]
async fn a_huge_number_ends_soon() {
    let answer = bomb("exports.handler = async () => String(7n ** 3000000n).length").await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn endless_recursion_overflows_the_stack() {
    for text in [
        "const f = () => f() + 1; exports.handler = async () => f()",
        "exports.handler = async () => { const o = { get a() { return this.a } }; return o.a }",
        "exports.handler = async () => JSON.parse('['.repeat(200000))",
    ] {
        let answer = bomb(text).await;
        assert_eq!(answer, Err(FunctionError::StackOverflow), "{text}");
    }
    // It can be caught, and then it is the handler's own affair.
    let caught =
        bomb("const f = () => f() + 1; exports.handler = async () => { try { f() } catch { return 1 } }").await;
    assert_eq!(caught, Ok(json!(1)));
}

#[tokio::test]
async fn state_is_lost_after_a_limit() {
    let text = "let calls = 0; const keep = []; const f = () => f() + 1; \
                exports.handler = async (e) => { calls++; if (e.loop) for (;;) {} \
                if (e.grow) for (;;) keep.push('x'.repeat(1e5) + keep.length); if (e.deep) f(); \
                if (e.late) { setTimeout(() => { throw new Error('late') }, 1); await new Promise(() => {}) } return calls }";
    for (event, error) in [
        (json!({"loop": true}), FunctionError::TimedOut { after: 200 * MS }),
        (json!({"grow": true}), FunctionError::OutOfMemory),
        (json!({"deep": true}), FunctionError::StackOverflow),
    ] {
        let script = script(text);
        assert_eq!(run(&script, json!({})).await, Ok(json!(1)));
        assert_eq!(run(&script, json!({})).await, Ok(json!(2)));
        let deadline = if event["loop"] == true { 200 * MS } else { 5000 * MS };
        assert_eq!(script.invoke(Call { deadline, ..call(event) }).await, Err(error));
        assert_eq!(run(&script, json!({})).await, Ok(json!(1)));
    }
    let script = script(text);
    assert_eq!(thrown(run(&script, json!({"late": true})).await), threw("Error", "late"));
    assert_eq!(run(&script, json!({})).await, Ok(json!(1)));
}

#[tokio::test]
async fn six_megabytes_is_the_limit_in_both_directions() {
    let limit = Err(FunctionError::TooLarge { limit: crate::functions::PAYLOAD_LIMIT });
    let script = script("exports.handler = async (e) => (e.grow ? 'x'.repeat(e.grow) : e.length)");
    let most = crate::functions::PAYLOAD_LIMIT - 2;
    assert_eq!(run(&script, json!("x".repeat(most))).await, Ok(json!(most)));
    assert_eq!(run(&script, json!("x".repeat(most + 1))).await, limit);
    assert!(run(&script, json!({"grow": most})).await.is_ok());
    assert_eq!(run(&script, json!({"grow": most + 1})).await, limit);
}

#[tokio::test]
async fn a_deeply_nested_answer_is_refused() {
    let answer = value("(() => { let a = 1; for (let i = 0; i < 200; i++) a = [a]; return a })()").await;
    assert!(matches!(answer, Err(FunctionError::InvalidJson(_))), "{answer:?}");
}

#[tokio::test]
async fn a_flood_of_output_is_cut() {
    let text =
        "exports.handler = async () => { for (let i = 0; i < 20000; i++) console.log('x'.repeat(100)); return 1 }";
    assert_eq!(answer(text).await, Ok(json!(1)));
    let watch = watch::Watch::new(&script("").pool.plan);
    for _ in 0..1000 {
        watch.log("info", &"x".repeat(100));
    }
    assert!(watch.is_silenced());
    watch.set(Instant::now(), "next", None);
    assert!(!watch.is_silenced());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_run_on_while_a_handler_loops() {
    let script = Arc::new(script("exports.handler = async (e) => { if (e.loop) for (;;) {} return 1 }"));
    let other = Arc::new(super::script("exports.handler = async () => 2"));
    let looping = tokio::spawn({
        let script = Arc::clone(&script);
        async move { script.invoke(Call { deadline: 1000 * MS, ..call(json!({"loop": true})) }).await }
    });
    tokio::time::sleep(50 * MS).await;
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(run(&script, json!({})).await, Ok(json!(1)));
        assert_eq!(run(&other, json!({})).await, Ok(json!(2)));
    }
    assert!(begun.elapsed() < 900 * MS, "{:?}", begun.elapsed());
    assert!(!looping.is_finished());
    assert_eq!(looping.await.unwrap(), Err(FunctionError::TimedOut { after: 1000 * MS }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_finds_no_free_instance_waits_and_then_gives_up() {
    let script = Arc::new(script("exports.handler = (e) => new Promise((resolve) => setTimeout(resolve, e.wait, 1))"));
    let instances = script.free.available_permits();
    let sleeping: Vec<_> = (0..instances).map(|_| spawn(&script, 400, 5000)).collect();
    tokio::time::sleep(100 * MS).await;
    let impatient = spawn(&script, 0, 50);
    let patient = spawn(&script, 0, 5000);
    assert_eq!(impatient.await, Err(FunctionError::Busy));
    assert_eq!(patient.await, Ok(json!(1)));
    for call in sleeping {
        assert_eq!(call.await, Ok(json!(1)));
    }
    assert_eq!(script.waiting.load(Ordering::Relaxed), 0);
}

fn spawn(script: &Arc<Script>, wait: u64, deadline: u32) -> impl Future<Output = Result<Value, FunctionError>> + use<> {
    let script = Arc::clone(script);
    let task =
        tokio::spawn(
            async move { script.invoke(Call { deadline: deadline * MS, ..call(json!({"wait": wait})) }).await },
        );
    async move { task.await.unwrap() }
}

#[tokio::test]
async fn the_shorter_of_two_deadlines_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("handler.js");
    std::fs::write(&file, "exports.handler = async () => { for (;;) {} }").unwrap();
    let script = load(&config::Function { timeout: 150 * MS, ..section(&file) }, &file).unwrap();
    assert_eq!(run(&script, json!({})).await, Err(FunctionError::TimedOut { after: 150 * MS }));
}

#[tokio::test]
async fn a_builtin_that_escapes_the_clock_still_times_out_for_its_caller() {
    // Long enough to pass the grace, short enough to end by itself.
    let text = "exports.handler = async (e) => (e.stuck ? Array.prototype.indexOf.call({ length: 2e7 }, 1) : 1)";
    let script = script(text);
    let answer = script.invoke(Call { deadline: 100 * MS, ..call(json!({"stuck": true})) }).await;
    assert_eq!(answer, Err(FunctionError::TimedOut { after: 100 * MS }));
    assert_eq!(run(&script, json!({})).await, Ok(json!(1)));
}

#[tokio::test]
async fn threads_end_with_their_function() {
    let script = script("exports.handler = async () => 1");
    assert_eq!(run(&script, json!({})).await, Ok(json!(1)));
    let pool = Arc::downgrade(&script.pool);
    drop(script);
    assert!(pool.upgrade().is_none());
}
