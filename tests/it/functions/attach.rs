//! A process that attaches: the Runtime API to the letter.

use std::collections::BTreeSet;

use poolhouse::functions::log::Tail;

use super::*;

async fn attached() -> (Functions, Arc<dyn Function>, SocketAddr) {
    let (functions, function) = started(Section { timeout: 2 * SECOND, ..section(Runs::Attach) }, None).await;
    let address = function.runtime_api().unwrap();
    assert!(address.ip().is_loopback());
    (functions, function, address)
}

/// Runs what a runtime does beside a call.
async fn runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_comes_with_everything_that_a_runtime_needs() {
    let (_functions, function, address) = attached().await;
    let asked = tokio::spawn(async move {
        let mut call = call(json!({"a": "ü"}), 20 * SECOND);
        call.lineage = call.lineage.next().unwrap();
        (call.client_context, call.tail) = (Some(r#"{"custom":{"a":"ü"}}"#.into()), Some(Arc::new(Tail::default())));
        let tail = call.tail.clone().unwrap();
        (function.invoke(call).await, String::from_utf8(tail.bytes()).unwrap())
    });
    let next = runtime(move || speak(address, NEXT, "", "")).await;
    assert_eq!((next.status, next.body.as_str()), (200, r#"{"a":"ü"}"#));
    let id = next.id().to_owned();
    assert_eq!(id, uuid::Uuid::from_u128(7).to_string());
    assert_eq!(next.header("content-type"), "application/json");
    assert_eq!(
        next.header("lambda-runtime-invoked-function-arn"),
        "arn:aws:lambda:us-east-1:123456789012:function:example"
    );
    assert_eq!(next.header("lambda-runtime-client-context"), r#"{"custom":{"a":"\u00fc"}}"#);
    let trace = next.header("lambda-runtime-trace-id");
    assert!(trace.starts_with("Root=1-") && trace.ends_with(";Sampled=0;Lineage=706f6f6c:1"), "{trace}");
    let deadline: i64 = next.header("lambda-runtime-deadline-ms").parse().unwrap();
    let left = deadline - poolhouse::kit::clock::Clock::system().now().millis();
    assert!((0..=2000).contains(&left), "{left}");
    let own = id.clone();
    let accepted = runtime(move || respond(address, &own, "[1]")).await;
    assert_eq!((accepted.status, accepted.body.as_str()), (202, r#"{"status":"OK"}"#));
    let (answer, tail) = asked.await.unwrap();
    assert_eq!(answer, Ok(json!([1])));
    let lines: Vec<&str> = tail.lines().collect();
    assert_eq!(lines[..2], [format!("START RequestId: {id} Version: $LATEST"), format!("END RequestId: {id}")]);
    assert!(lines[2].starts_with(&format!("REPORT RequestId: {id}\tDuration: ")), "{tail}");
    assert!(lines[2].ends_with("Memory Size: 128 MB"), "{tail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missteps_are_refused_by_their_names() {
    let (_functions, function, address) = attached().await;
    let asked = tokio::spawn(async move { ask(&function, json!(1)).await });
    runtime(move || {
        let id = speak(address, NEXT, "", "").id().to_owned();
        let unknown = "8f2e0000-0000-4000-8000-000000000000";
        assert_eq!(respond(address, unknown, "1").kind(), (400, "InvalidRequestID".into()));
        assert_eq!(respond(address, &id, "2").status, 202);
        assert_eq!(respond(address, &id, "3").kind(), (403, "InvalidStateTransition".into()));
        for (line, answer) in [
            ("GET /2018-06-01/runtime/restore/next", (404, "Restore.NotSupported")),
            ("POST /2020-01-01/extension/register", (501, "Extension.NotSupported")),
            ("PUT /2022-07-01/telemetry", (202, "Telemetry.NotSupported")),
            ("PUT /2020-08-15/logs", (202, "Logs.NotSupported")),
            ("GET /2018-06-01/nothing", (404, "NotFound")),
        ] {
            let (status, kind) = speak(address, line, "", "").kind();
            assert_eq!((status, kind.as_str()), answer, "{line}");
        }
    })
    .await;
    assert_eq!(asked.await.unwrap(), Ok(json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_get_nothing_from_the_runtime_api() {
    let (_functions, function, address) = attached().await;
    let asked = tokio::spawn(async move { ask(&function, json!(1)).await });
    runtime(move || {
        let own = format!("Host: {address}\r\nOrigin: http://evil.example\r\n");
        for headers in ["Host: evil.example\r\n", &own, "Host: localhost\r\nSec-Fetch-Site: cross-site\r\n"] {
            assert_eq!(speak(address, NEXT, headers, "").kind(), (403, "AccessDenied".into()), "{headers}");
        }
        let id = speak(address, NEXT, "Host: localhost\r\n", "").id().to_owned();
        respond(address, &id, "true");
    })
    .await;
    assert_eq!(asked.await.unwrap(), Ok(json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_over_six_megabytes_is_refused_on_both_sides() {
    let (_functions, function, address) = attached().await;
    let asked = tokio::spawn(async move { ask(&function, json!(1)).await });
    runtime(move || {
        let id = speak(address, NEXT, "", "").id().to_owned();
        let large = format!("\"{}\"", "x".repeat(6 * 1024 * 1024));
        assert_eq!(respond(address, &id, &large).kind(), (413, "RequestEntityTooLarge".into()));
    })
    .await;
    assert_eq!(asked.await.unwrap(), Err(FunctionError::TooLarge { limit: 6 * 1024 * 1024 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_come_as_the_runtime_reports_them() {
    let (_functions, function, address) = attached().await;
    let asked = tokio::spawn(async move { ask(&function, json!(1)).await });
    let said = r#"{"errorMessage":"Unauthorized","errorType":"Exception","requestId":"x","stackTrace":["a"]}"#;
    runtime(move || {
        let id = speak(address, NEXT, "", "").id().to_owned();
        let line = format!("POST /2018-06-01/runtime/invocation/{id}/error");
        assert_eq!(speak(address, &line, "Lambda-Runtime-Function-Error-Type: Other\r\n", said).status, 202);
    })
    .await;
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!(error.thrown(), Some("Unauthorized"));
    assert_eq!(error.payload(), serde_json::from_str::<Value>(said).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_need_be_no_json() {
    let (_functions, function, address) = attached().await;
    for (said, answer) in [("", json!(null)), ("no json", json!("no json"))] {
        let own = Arc::clone(&function);
        let asked = tokio::spawn(async move { ask(&own, json!(1)).await });
        runtime(move || {
            let id = speak(address, NEXT, "", "").id().to_owned();
            assert_eq!(respond(address, &id, said).status, 202);
        })
        .await;
        assert_eq!(asked.await.unwrap(), Ok(answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streamed_answer_is_put_together_and_may_break_at_its_end() {
    let (_functions, function, address) = attached().await;
    let stream = |chunks: &[&str], trailers: &str| {
        let body: String = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
        format!("{body}0\r\n{trailers}\r\n")
    };
    let headers = "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n";
    let fails = "Lambda-Runtime-Function-Error-Type: Boom\r\nLambda-Runtime-Function-Error-Body: eyJlcnJvck1lc3NhZ2UiOiJubyJ9\r\n";
    let whole = stream(&["{\"a\"", ":1}"], "");
    let broken = stream(&["{\"a\"", ":1}"], fails);
    let http = stream(&["{\"statusCode\":201}\0\0\0\0\0\0\0\0", "hi"], "");
    let http_type = format!("{headers}Content-Type: application/vnd.awslambda.http-integration-response\r\n");
    for (headers, body, answer) in [
        (headers.to_owned(), whole, Ok(json!({"a": 1}))),
        (
            headers.to_owned() + "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n",
            broken,
            Err("no"),
        ),
        (http_type, http, Ok(json!({"statusCode": 201, "body": "hi"}))),
    ] {
        let own = Arc::clone(&function);
        let asked = tokio::spawn(async move { ask(&own, json!(1)).await });
        let status = runtime(move || {
            let id = speak(address, NEXT, "", "").id().to_owned();
            speak(address, &format!("POST /2018-06-01/runtime/invocation/{id}/response"), &headers, &body).status
        })
        .await;
        assert_eq!(status, 202);
        let outcome = asked.await.unwrap();
        match answer {
            Ok(value) => assert_eq!(outcome, Ok(value)),
            Err(message) => assert_eq!(outcome.unwrap_err().thrown(), Some(message)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_belongs_to_nobody() {
    let (functions, function) =
        started(Section { timeout: Duration::from_millis(200), ..section(Runs::Attach) }, None).await;
    let address = function.runtime_api().unwrap();
    let own = Arc::clone(&function);
    let asked = tokio::spawn(async move { ask(&own, json!(1)).await });
    let id = runtime(move || speak(address, NEXT, "", "").id().to_owned()).await;
    assert_eq!(asked.await.unwrap(), Err(FunctionError::TimedOut { after: Duration::from_millis(200) }));
    // The next call is asked with the same id, and must not get that one's answer.
    let own = Arc::clone(&function);
    let asked = tokio::spawn(async move { ask(&own, json!(2)).await });
    runtime(move || {
        let next = speak(address, NEXT, "", "").id().to_owned();
        assert_ne!(next, id);
        assert_eq!(respond(address, &id, "1").kind(), (400, "InvalidRequestID".into()));
        assert_eq!(respond(address, &next, "2").status, 202);
    })
    .await;
    assert_eq!(asked.await.unwrap(), Ok(json!(2)));
    functions.stop().await;
    // Somebody else may get the port for a moment.
    let gone = runtime(move || {
        (0..100).any(|_| {
            let gone = TcpStream::connect(address).is_err();
            std::thread::sleep(Duration::from_millis(if gone { 0 } else { 50 }));
            gone
        })
    });
    assert!(gone.await, "the Runtime API ends with its function");
}

/// As in Lambda; but a process that still owes an answer to the try before must not give it to this one.
#[tokio::test(flavor = "multi_thread")]
async fn another_try_of_an_event_has_the_id_of_the_first() {
    let (_functions, function, address) = attached().await;
    let begin = |is_retry: bool| {
        let own = Arc::clone(&function);
        tokio::spawn(async move { own.invoke(Call { is_retry, ..call(json!(1), 20 * SECOND) }).await })
    };
    let id = call(json!(1), SECOND).request_id;
    let fail = |id: String| {
        let line = format!("POST /2018-06-01/runtime/invocation/{id}/error");
        runtime(move || assert_eq!(speak(address, &line, "", r#"{"errorMessage":"no"}"#).status, 202))
    };
    let next = || runtime(move || speak(address, NEXT, "", "").id().to_owned());
    for is_retry in [false, true, true] {
        let asked = begin(is_retry);
        assert_eq!(next().await, id);
        fail(id.clone()).await;
        assert_eq!(asked.await.unwrap().unwrap_err().thrown(), Some("no"));
    }
    let late = begin(true);
    assert_eq!(next().await, id);
    assert_eq!(late.await.unwrap(), Err(FunctionError::TimedOut { after: 2 * SECOND }));
    let asked = begin(true);
    let another = next().await;
    assert_ne!(another, id);
    let refused = runtime(move || respond(address, &id, "1").status).await;
    assert!(refused >= 400, "{refused}");
    assert_eq!(runtime(move || respond(address, &another, "2").status).await, 202);
    assert_eq!(asked.await.unwrap(), Ok(json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_calls_run_as_processes_ask() {
    let (_functions, function, address) = attached().await;
    let nobody = function.invoke(call(json!(0), Duration::from_millis(50))).await;
    let told = format!("no process has attached: start one with AWS_LAMBDA_RUNTIME_API={address}");
    assert_eq!(nobody, Err(FunctionError::Unreachable(told)));
    let asked: Vec<_> = (0..3)
        .map(|number| {
            let own = Arc::clone(&function);
            tokio::spawn(async move { ask(&own, json!(number)).await })
        })
        .collect();
    let taken = runtime(move || (0..3).map(|_| speak(address, NEXT, "", "")).collect::<Vec<_>>()).await;
    assert_eq!(taken.iter().map(|next| next.body.clone()).collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(function.invoke(call(json!(9), Duration::from_millis(50))).await, Err(FunctionError::Busy));
    runtime(move || {
        taken.iter().rev().for_each(|next| assert_eq!(respond(address, next.id(), &next.body).status, 202))
    })
    .await;
    for (number, asked) in asked.into_iter().enumerate() {
        assert_eq!(asked.await.unwrap(), Ok(json!(number)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_cannot_start_tells_whoever_waits() {
    let (_functions, function, address) = attached().await;
    let asked = tokio::spawn(async move { ask(&function, json!(1)).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let said = r#"{"errorMessage":"no module","errorType":"Runtime.ImportModuleError","stackTrace":[]}"#;
    let line = "POST /2018-06-01/runtime/init/error";
    assert_eq!(runtime(move || speak(address, line, "", said).status).await, 202);
    assert_eq!(asked.await.unwrap().unwrap_err().thrown(), Some("no module"));
}
