//! Functions that take the place of others while calls are under way.

use tokio_util::sync::CancellationToken;

use super::{
    command::{is_alive, own_process, wait_for, with},
    *,
};

/// One process at a time, so that calls meet the same one.
fn alone() -> Section {
    Section { concurrency: 1, ..own_process() }
}

/// The functions of one section, ready to take the place of `before`.
async fn after(before: &Functions, section: Section) -> (Arc<Functions>, Arc<dyn Function>) {
    let next = before.followed_by(&[section], &Surroundings::default()).unwrap();
    next.start().await.unwrap();
    let function = next.get("example").unwrap();
    (Arc::new(next), function)
}

fn retire(before: Functions, next: &Arc<Functions>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(Arc::new(before).retire(next, CancellationToken::new()))
}

fn asked(function: &Arc<dyn Function>, event: Value) -> tokio::task::JoinHandle<Result<Value, FunctionError>> {
    let function = Arc::clone(function);
    tokio::spawn(async move { ask(&function, event).await })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_process_is_carried_over_with_its_calls() {
    let (before, function) = started(alone(), None).await;
    let pid = ask(&function, json!({"do": "count"})).await.unwrap()["pid"].clone();
    let call = asked(&function, json!({"do": "wait"}));
    let moved = Section { at: Place::whole("elsewhere"), ..alone() };
    let (next, same) = after(&before, moved).await;
    assert!(Arc::ptr_eq(&function, &same));
    drop(function);
    retire(before, &next).await.unwrap();
    assert_eq!(call.await.unwrap().unwrap(), pid);
    assert_eq!(ask(&same, json!({"do": "count"})).await.unwrap()["pid"], pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_process_ends_after_its_last_call() {
    let (before, function) = started(alone(), None).await;
    let pid = ask(&function, json!({"do": "count"})).await.unwrap()["pid"].as_u64().unwrap();
    let call = asked(&function, json!({"do": "wait"}));
    drop(function);
    let (next, other) = after(&before, with(alone(), "STAGE", "other")).await;
    let retired = retire(before, &next);
    let others = ask(&other, json!({"do": "environment"})).await.unwrap();
    assert_eq!(others["values"][5], "other");
    assert!(is_alive(pid));
    assert_eq!(call.await.unwrap().unwrap(), json!(pid));
    retired.await.unwrap();
    wait_for(|| !is_alive(pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_code_brings_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut section = Section { watch: true, ..alone() };
    if let Runs::Command { directory, .. } = &mut section.runs {
        *directory = folder.path().to_owned();
    }
    let (before, function) = started(section.clone(), None).await;
    let (next, same) = after(&before, section.clone()).await;
    assert!(Arc::ptr_eq(&function, &same));
    std::fs::write(folder.path().join("app.py"), "1").unwrap();
    assert!(!Arc::ptr_eq(&function, &after(&next, section.clone()).await.1));
    let unwatched = Section { watch: false, ..section };
    let (next, same) = after(&next, unwatched.clone()).await;
    std::fs::write(folder.path().join("app.py"), "22").unwrap();
    assert!(Arc::ptr_eq(&same, &after(&next, unwatched).await.1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_attaches_finds_the_changed_function_where_the_old_one_was() {
    let (before, old) = started(Section { timeout: 5 * SECOND, ..section(Runs::Attach) }, None).await;
    let address = old.runtime_api().unwrap();
    let poll = || tokio::task::spawn_blocking(move || speak(address, NEXT, "", ""));
    let answer = |id: String, body: &'static str| {
        tokio::task::spawn_blocking(move || assert_eq!(respond(address, &id, body).status, 202))
    };
    let taken = asked(&old, json!("taken"));
    let first = poll().await.unwrap();
    assert_eq!(first.body, r#""taken""#);

    // Given up again: whoever waits there is not disturbed.
    let waiting = poll();
    let (dropped, _) = after(&before, Section { timeout: 2 * SECOND, ..section(Runs::Attach) }).await;
    dropped.give_up(&before).await;
    drop(dropped);
    let still = asked(&old, json!("still"));
    let second = waiting.await.unwrap();
    assert_eq!(second.body, r#""still""#);
    answer(second.id().to_owned(), "2").await.unwrap();
    assert_eq!(still.await.unwrap(), Ok(json!(2)));

    let queued = asked(&old, json!("queued"));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (next, new) = after(&before, Section { timeout: 3 * SECOND, ..section(Runs::Attach) }).await;
    assert_eq!(new.runtime_api(), Some(address));
    next.take_over();
    // What waited for the old function has been called, and is not lost with it.
    let third = poll().await.unwrap();
    assert_eq!(third.body, r#""queued""#);
    drop(old);
    let retired = retire(before, &next);
    answer(first.id().to_owned(), "1").await.unwrap();
    assert_eq!(taken.await.unwrap(), Ok(json!(1)));
    answer(third.id().to_owned(), "3").await.unwrap();
    assert_eq!(queued.await.unwrap(), Ok(json!(3)));
    retired.await.unwrap();
    let waiting = poll();
    let last = asked(&new, json!("last"));
    let fourth = waiting.await.unwrap();
    assert_eq!(fourth.body, r#""last""#);
    let left: i64 = fourth.header("lambda-runtime-deadline-ms").parse().unwrap();
    let left = left - poolhouse::kit::clock::Clock::system().now().millis();
    assert!((0..=3000).contains(&left), "{left}");
    answer(fourth.id().to_owned(), "4").await.unwrap();
    assert_eq!(last.await.unwrap(), Ok(json!(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_waits_while_the_function_changes_gets_the_next_call() {
    let (before, old) = started(section(Runs::Attach), None).await;
    let address = old.runtime_api().unwrap();
    drop(old);
    let waiting = tokio::task::spawn_blocking(move || speak(address, NEXT, "", ""));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (next, new) = after(&before, Section { timeout: 3 * SECOND, ..section(Runs::Attach) }).await;
    next.take_over();
    retire(before, &next).await.unwrap();
    let call = asked(&new, json!("call"));
    let heard = waiting.await.unwrap();
    assert_eq!((heard.status, heard.body.as_str()), (200, r#""call""#));
    call.abort();
}
