//! Supervised processes. The process is this test binary itself, which plays a runtime by raw HTTP.

use std::{path::PathBuf, process::Command, time::Instant};

use poolhouse::functions::log::Tail;

use super::*;

/// What the process of a function does. Not a test: the tests below start it.
#[test]
#[ignore = "it is the process that the other tests start"]
fn runtime() {
    let Ok(address) = std::env::var_os("AWS_LAMBDA_RUNTIME_API").unwrap_or_default().into_string() else { return };
    let Ok(address) = address.parse::<SocketAddr>() else { return };
    let variable = |name: &str| std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned();
    println!("starting");
    match variable("INIT").as_str() {
        "error" => {
            let said = r#"{"errorMessage":"no handler","errorType":"Runtime.HandlerNotFound"}"#;
            speak(address, "POST /2018-06-01/runtime/init/error", "", said);
            std::process::exit(1);
        }
        "exit" => std::process::exit(3),
        _ => {}
    }
    let (mut served, mut left) = (0, Vec::new());
    loop {
        let next = speak(address, NEXT, "", "");
        let event: Value = serde_json::from_str(&next.body).unwrap();
        served += 1;
        // Whoever asks a trigger says nothing of the kind, so that the environment does.
        let doing = event["do"].as_str().map_or_else(|| variable("DO"), str::to_owned);
        let answer = match doing.as_str() {
            "environment" => {
                let names = [
                    "_HANDLER",
                    "LAMBDA_TASK_ROOT",
                    "AWS_LAMBDA_FUNCTION_NAME",
                    "AWS_REGION",
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                    "STAGE",
                    "CARGO_PKG_NAME",
                ];
                let values: Vec<_> = names.iter().map(|name| variable(name)).collect();
                json!({"values": values, "directory": std::env::current_dir().unwrap()})
            }
            "print" => {
                println!("a line\u{1b}[31m\u{2028}");
                eprintln!("another");
                json!(served)
            }
            "flood" => {
                (0..20_000).for_each(|_| println!("{}", "x".repeat(100)));
                json!(served)
            }
            "leave" => {
                left.push(Command::new("sleep").arg("600").spawn().unwrap());
                json!({"child": left.last().unwrap().id(), "own": std::process::id()})
            }
            "eat" => {
                let eaten: Vec<Vec<u8>> = (0..64).map(|_| vec![1; 16 << 20]).collect();
                json!(eaten.len())
            }
            "open" => {
                let open = (0..5_000).map_while(|_| std::fs::File::open("/dev/null").ok()).collect::<Vec<_>>();
                json!(open.len())
            }
            "spin" => loop {
                std::hint::spin_loop();
            },
            "hang" => loop {
                std::thread::sleep(SECOND);
            },
            "exit" => std::process::exit(event["status"].as_i64().unwrap_or(1) as i32),
            "die" => {
                let signal = event["signal"].as_str().map_or_else(|| variable("SIGNAL"), str::to_owned);
                // The first SIGSEGV that no memory is to blame for only takes away a handler of Rust's.
                for _ in 0..2 {
                    let kill = format!("kill -{signal} {}", std::process::id());
                    let _ = Command::new("/bin/sh").args(["-c", &kill]).status();
                }
                std::thread::sleep(10 * SECOND);
                json!("still there")
            }
            "wait" => {
                std::thread::sleep(Duration::from_millis(300));
                json!(std::process::id())
            }
            "try" => super::sandbox::tried(&event),
            _ => json!({"served": served, "pid": std::process::id()}),
        };
        respond(address, next.id(), &answer.to_string());
        if let Some(pause) = event["then_pause"].as_u64() {
            std::thread::sleep(Duration::from_millis(pause));
        }
    }
}

pub(crate) fn own_process() -> Section {
    let program = std::env::current_exe().unwrap().to_string_lossy().into_owned();
    let arguments = ["functions::command::runtime", "--exact", "--ignored", "--nocapture", "--test-threads=1"];
    let command = std::iter::once(program).chain(arguments.map(str::to_owned)).collect();
    let section = section(Runs::Command { command, directory: PathBuf::from(".") });
    Section { environment: [("STAGE".to_owned(), "test".to_owned())].into(), ..section }
}

pub(crate) fn with(mut section: Section, name: &str, value: &str) -> Section {
    section.environment.insert(name.into(), value.into());
    section
}

pub(super) fn is_alive(pid: u64) -> bool {
    // A zombie that nobody has buried yet is as dead.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
}

pub(super) async fn wait_for(what: impl Fn() -> bool) {
    let until = Instant::now() + 10 * SECOND;
    while !what() {
        assert!(Instant::now() < until, "it did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_starts_with_the_first_call_and_stays_warm() {
    let (_functions, function) = started(own_process(), None).await;
    let first = ask(&function, json!({"do": "count"})).await.unwrap();
    let second = ask(&function, json!({"do": "count"})).await.unwrap();
    assert_eq!((&first["served"], &second["served"]), (&json!(1), &json!(2)));
    assert_eq!(first["pid"], second["pid"]);
    let told = ask(&function, json!({"do": "environment"})).await.unwrap();
    let directory = std::env::current_dir().unwrap();
    assert_eq!(told["directory"], json!(directory));
    // What the server itself was started with stays with it.
    assert_eq!(told["values"], json!(["app.handler", directory, "example", "us-east-1", "128", "test", ""]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_after_the_other_is_for_one_process_and_the_last_of_several_is_asked_first() {
    let (_functions, function) = started(Section { concurrency: 2, ..own_process() }, None).await;
    let first = ask(&function, json!({"then_pause": 30})).await.unwrap();
    let second = ask(&function, json!({"then_pause": 30})).await.unwrap();
    assert_eq!((&second["pid"], &second["served"]), (&first["pid"], &json!(2)));
    // Who does not ask again for long is not waited for.
    ask(&function, json!({"then_pause": 1_000})).await.unwrap();
    let other = ask(&function, json!({})).await.unwrap();
    assert_ne!(other["pid"], first["pid"]);
    tokio::time::sleep(2 * SECOND).await;
    for served in 4..7 {
        let again = ask(&function, json!({})).await.unwrap();
        assert_eq!((&again["pid"], &again["served"]), (&first["pid"], &json!(served)));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_have_a_process_each_up_to_the_limit() {
    let (_functions, function) = started(Section { concurrency: 2, ..own_process() }, None).await;
    let calls: Vec<_> = (0..6)
        .map(|_| {
            let own = Arc::clone(&function);
            tokio::spawn(async move { ask(&own, json!({"do": "wait"})).await.unwrap() })
        })
        .collect();
    let mut pids = std::collections::BTreeSet::new();
    for call in calls {
        pids.insert(call.await.unwrap().as_u64().unwrap());
    }
    assert_eq!(pids.len(), 2, "{pids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_over_its_deadline_is_killed_with_what_it_started_and_replaced() {
    let section = Section { timeout: 2 * SECOND, concurrency: 1, ..own_process() };
    let (_functions, function) = started(section, None).await;
    let left = ask(&function, json!({"do": "leave"})).await.unwrap();
    let (child, own) = (left["child"].as_u64().unwrap(), left["own"].as_u64().unwrap());
    assert!(is_alive(child) && is_alive(own));
    assert_eq!(ask(&function, json!({"do": "hang"})).await, Err(FunctionError::TimedOut { after: 2 * SECOND }));
    wait_for(|| !is_alive(child) && !is_alive(own)).await;
    let again = ask(&function, json!({"do": "count"})).await.unwrap();
    assert_eq!(again["served"], 1);
    assert_ne!(again["pid"], own);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_answers_and_does_not_ask_again_is_replaced() {
    let section = Section { timeout: 2 * SECOND, concurrency: 1, ..own_process() };
    let (_functions, function) = started(section, None).await;
    let first = ask(&function, json!({"then_pause": 60_000})).await.unwrap();
    let own = first["pid"].as_u64().unwrap();
    assert!(is_alive(own), "it has time left");
    // Its place is free again before the call's own patience ends.
    let again = ask(&function, json!({})).await.unwrap();
    assert_eq!(again["served"], 1);
    assert_ne!(again["pid"], first["pid"]);
    wait_for(|| !is_alive(own)).await;
    // Who asks in time is left alone, also when that time has passed.
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(ask(&function, json!({})).await.unwrap()["pid"], again["pid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_end_with_their_function() {
    for (gently, around) in
        [(true, kept()), (false, kept()), (true, Surroundings::default()), (false, Surroundings::default())]
    {
        let (functions, function) = started_in(own_process(), around).await;
        let left = ask(&function, json!({"do": "leave"})).await.unwrap();
        let (child, own) = (left["child"].as_u64().unwrap(), left["own"].as_u64().unwrap());
        if gently {
            functions.stop().await;
            assert!(!is_alive(own));
        }
        drop((functions, function));
        wait_for(|| !is_alive(child) && !is_alive(own)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_fails_its_call_and_is_replaced() {
    let (_functions, function) = started(Section { concurrency: 1, ..own_process() }, None).await;
    for (status, said) in [
        (3, "Error: Runtime exited with error: exit status 3"),
        (0, "Error: Runtime exited without providing a reason"),
    ] {
        let error = ask(&function, json!({"do": "exit", "status": status})).await.unwrap_err();
        let payload = error.payload();
        assert_eq!(payload["errorType"], "Runtime.ExitError");
        let message = payload["errorMessage"].as_str().unwrap();
        assert!(message.starts_with("RequestId: ") && message.ends_with(said), "{message}");
    }
    assert_eq!(ask(&function, json!({"do": "count"})).await.unwrap()["served"], 1);
}

const DEATHS: [(&str, &str); 4] = [
    ("KILL", "signal 9 (SIGKILL)"),
    ("SEGV", "signal 11 (SIGSEGV)"),
    ("ABRT", "signal 6 (SIGABRT)"),
    ("TERM", "signal 15 (SIGTERM)"),
];

/// One caller's event can end it each time, and the next caller has another.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_again_and_again_is_back_within_a_second() {
    let (_functions, function) = started(Section { concurrency: 1, ..own_process() }, None).await;
    for _ in 0..6 {
        assert!(ask(&function, json!({"do": "exit"})).await.is_err());
    }
    let began = Instant::now();
    assert_eq!(ask(&function, json!({"do": "count"})).await.unwrap()["served"], 1);
    // With the time that the process itself takes to start.
    assert!(began.elapsed() < Duration::from_millis(1_400), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_in_a_call_is_replaced_within_a_second_and_takes_no_other_with_it() {
    let (_functions, function) = started(Section { concurrency: 1, ..own_process() }, None).await;
    let mut soonest = Duration::MAX;
    for (signal, said) in DEATHS {
        let error = ask(&function, json!({"do": "die", "signal": signal})).await.unwrap_err();
        let message = error.payload()["errorMessage"].as_str().unwrap().to_owned();
        assert!(message.ends_with(&format!("Error: Runtime exited with error: {said}")), "{message}");
        let died = Instant::now();
        assert_eq!(ask(&function, json!({"do": "count"})).await.unwrap()["served"], 1, "another process");
        soonest = soonest.min(died.elapsed());
    }
    // A machine that has much else to do is given four tries.
    assert!(soonest < SECOND, "{soonest:?}");

    let (_functions, function) = started(Section { concurrency: 4, ..own_process() }, None).await;
    let ask = |event: Value| {
        let function = Arc::clone(&function);
        tokio::spawn(async move { ask(&function, event).await })
    };
    let waiting: Vec<_> = (0..3).map(|_| ask(json!({"do": "wait"}))).collect();
    let dying: Vec<_> = DEATHS.map(|(signal, _)| ask(json!({"do": "die", "signal": signal}))).into();
    for call in waiting {
        assert!(call.await.unwrap().unwrap().is_u64(), "others are answered");
    }
    for call in dying {
        assert_eq!(call.await.unwrap().unwrap_err().payload()["errorType"], "Runtime.ExitError");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let (_functions, function) = started(with(own_process(), "INIT", "error"), None).await;
    for _ in 0..3 {
        let error = ask(&function, json!({"do": "count"})).await.unwrap_err();
        assert_eq!(error.payload(), json!({"errorType": "Runtime.HandlerNotFound", "errorMessage": "no handler"}));
    }
    let (_functions, function) = started(with(own_process(), "INIT", "exit"), None).await;
    let error = ask(&function, json!({"do": "count"})).await.unwrap_err();
    assert_eq!(error.thrown(), Some("Runtime exited with error: exit status 3"));
    let nothing = Runs::Command { command: vec!["./no-such-program".into()], directory: PathBuf::from(".") };
    let (_functions, function) = started(section(nothing), None).await;
    let error = ask(&function, json!(1)).await;
    assert_eq!(error, Err(FunctionError::Broken("there is no program `./no-such-program`".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_prints_is_kept_and_a_flood_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("functions");
    let (functions, function) = started(Section { timeout: 30 * SECOND, ..own_process() }, Some(&logs)).await;
    let mut call = call(json!({"do": "print"}), 20 * SECOND);
    call.tail = Some(Arc::new(Tail::default()));
    let tail = call.tail.clone().unwrap();
    function.invoke(call).await.unwrap();
    let tail = String::from_utf8(tail.bytes()).unwrap();
    assert!(tail.contains("\na line\u{fffd}[31m\u{fffd}\n") && tail.contains("\nanother\n"), "{tail}");
    assert!(tail.starts_with("START RequestId: ") && tail.contains("\nREPORT RequestId: "), "{tail}");
    ask(&function, json!({"do": "flood"})).await.unwrap();
    functions.stop().await;
    let log = std::fs::read_to_string(logs.join("example.log")).unwrap();
    assert!(log.contains("starting\n"), "what is printed before the first call is kept");
    assert_eq!(log.matches("\tSTART RequestId: ").count(), 2);
    assert_eq!(log.matches("log limit of 65536 bytes reached").count(), 1);
    assert!(log.len() < 100_000, "{}", log.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_held_to_its_memory_its_files_and_its_time() {
    let (_functions, function) = started(Section { concurrency: 1, timeout: 3 * SECOND, ..own_process() }, None).await;
    let open = ask(&function, json!({"do": "open"})).await.unwrap().as_u64().unwrap();
    assert!((900..1024).contains(&open), "{open}");
    // A gigabyte, of a function with 128 MiB.
    let error = ask(&function, json!({"do": "eat"})).await.unwrap_err();
    assert_eq!(error.payload()["errorType"], "Runtime.ExitError", "{error}");
    let mut children = Vec::new();
    for _ in 0..20 {
        children.push(ask(&function, json!({"do": "leave"})).await.unwrap()["child"].as_u64().unwrap());
    }
    assert!(children.iter().all(|child| is_alive(*child)));
    assert_eq!(ask(&function, json!({"do": "spin"})).await, Err(FunctionError::TimedOut { after: 3 * SECOND }));
    wait_for(|| !children.iter().any(|child| is_alive(*child))).await;
    let roomy = Section { memory_mib: 2048, timeout: 20 * SECOND, ..own_process() };
    let (_functions, function) = started(roomy, None).await;
    assert_eq!(ask(&function, json!({"do": "eat"})).await, Ok(json!(64)));
}
