//! Lambda's Invoke API: how a function is named, called and answered for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, Request};
use poolhouse::{
    config::{Mode, admin::AccessKey},
    functions::{FunctionError, Functions, native::native},
    kit::{
        clock::{Clock, Time},
        random::Random,
        secret::Secret,
    },
    lambda::{self, Lambda},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=any/20260106/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=00";

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The exception and its message.
    fn error(&self) -> (u16, &str, String) {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        (self.status, self.header("x-amzn-errortype"), body["message"].as_str().unwrap().to_owned())
    }
}

fn door(mode: Mode) -> Router {
    let mut functions = Functions::default();
    functions.insert(
        "echo",
        native(|call| async move {
            if let Some(tail) = &call.tail {
                assert!(tail.bytes().is_empty());
            }
            Ok(json!({"event": call.event, "context": call.client_context, "id": call.request_id}))
        }),
    );
    let failure = |call: &Value| match call.as_str().unwrap() {
        "throw" => FunctionError::Threw { kind: "Error".into(), message: "no".into(), trace: vec!["Error: no".into()] },
        "late" => FunctionError::TimedOut { after: Duration::from_secs(3) },
        "busy" => FunctionError::Busy,
        _ => FunctionError::Unreachable("secret detail".into()),
    };
    functions.insert("fail", native(move |call| async move { Err(failure(&call.event)) }));
    let functions = Arc::new(functions);
    lambda::router(Lambda {
        functions: Arc::new(move || Arc::clone(&functions)),
        mode,
        account_id: "123456789012".into(),
        admin_keys: vec![AccessKey {
            id: "POOLHOUSEADMIN99".into(),
            secret: Secret::from("kq93jf0asdkjf203jfalskdjf2039jfasld8Zx"),
        }],
        clock: Clock::frozen(Time::from_seconds(1_767_683_289)),
        random: Random::system(),
        shutdown: CancellationToken::new(),
    })
}

async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: head.status.as_u16(), headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

async fn call(name: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let request = Request::post(format!("/2015-03-31/functions/{name}/invocations")).header("authorization", SIGNED);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    send(&door(Mode::Development), request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn a_function_is_called_by_name_arn_and_qualifier() {
    for name in [
        "echo",
        "echo:prod",
        "echo%3A%24LATEST",
        "function:echo",
        "123456789012:function:echo",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aecho",
    ] {
        let answer = call(name, &[], r#"{"a":1}"#).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!((&body["event"], &body["id"]), (&json!({"a": 1}), &json!(answer.header("x-amzn-requestid"))));
        assert_eq!(answer.header("x-amz-executed-version"), "$LATEST");
        assert_eq!((answer.header("x-amz-function-error"), answer.header("x-amz-log-result")), ("", ""));
    }
    let context = BASE64_STANDARD.encode(r#"{"custom": {"a": 1}}"#);
    let answer = call("echo", &[("x-amz-client-context", &context)], "").await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((&body["event"], &body["context"]), (&json!({}), &json!(r#"{"custom":{"a":1}}"#)));
}

#[tokio::test]
async fn what_no_function_answers_has_the_services_errors() {
    let missing = |arn: &str| (404, "ResourceNotFoundException", format!("Function not found: {arn}"));
    let ours = "arn:aws:lambda:us-east-1:123456789012:function";
    assert_eq!(call("nope", &[], "").await.error(), missing(&format!("{ours}:nope")));
    assert_eq!(call("nope:prod", &[], "").await.error(), missing(&format!("{ours}:nope:prod")));
    for arn in
        ["arn:aws:lambda:eu-west-1:123456789012:function:echo", "arn:aws:lambda:us-east-1:999999999999:function:echo"]
    {
        assert_eq!(call(arn, &[], "").await.error(), missing(arn));
    }
    let answer = call("a.b", &[], "").await;
    let (status, name, message) = answer.error();
    assert_eq!((status, name), (400, "ValidationException"));
    assert!(message.starts_with("1 validation error detected: Value 'a.b' at 'functionName' failed"), "{message}");
}

#[tokio::test]
async fn a_call_that_is_malformed_is_refused_before_the_function() {
    for (headers, body, name) in [
        (vec![], "{", "InvalidRequestContentException"),
        (vec![("x-amz-client-context", "e30")], "", "InvalidRequestContentException"),
        (vec![("x-amz-client-context", "MQ==")], "", "InvalidRequestContentException"),
        (vec![("x-amz-invocation-type", "Sometimes")], "", "ValidationException"),
        (vec![("x-amz-log-type", "Head")], "", "ValidationException"),
        (vec![("x-amz-tenant-id", "a")], "", "InvalidParameterValueException"),
        (vec![("x-amz-durable-execution-name", "a")], "", "InvalidParameterValueException"),
    ] {
        let answer = call("echo", &headers, body).await;
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, name), "{}", answer.body);
    }
    let large = format!("\"{}\"", "x".repeat(6 * 1024 * 1024));
    assert_eq!(call("echo", &[], &large).await.error().1, "RequestTooLargeException");
    let event = [("x-amz-invocation-type", "Event")];
    let answer = call("echo", &event, &format!("{}\"", &large[..2 << 20])).await;
    let (status, name, message) = answer.error();
    assert_eq!((status, name), (413, "RequestTooLargeException"));
    assert_eq!(message, "Request must be smaller than 1048576 bytes for the InvokeFunction operation");
}

#[tokio::test]
async fn a_function_that_fails_answers_with_its_error() {
    let answer = call("fail", &[], r#""throw""#).await;
    assert_eq!((answer.status, answer.header("x-amz-function-error")), (200, "Unhandled"));
    assert_eq!(
        serde_json::from_str::<Value>(&answer.body).unwrap(),
        json!({"errorType": "Error", "errorMessage": "no", "trace": ["Error: no"]})
    );
    let late = call("fail", &[], r#""late""#).await;
    let message = format!("RequestId: {} Error: Task timed out after 3.00 seconds", late.header("x-amzn-requestid"));
    let body: Value = serde_json::from_str(&late.body).unwrap();
    assert_eq!(body, json!({"errorType": "Sandbox.Timedout", "errorMessage": message}));
    let busy = call("fail", &[], r#""busy""#).await;
    assert_eq!(busy.error(), (429, "TooManyRequestsException", "Rate Exceeded.".into()));
    let away = call("fail", &[], r#""away""#).await;
    assert_eq!(away.error().1, "ServiceException");
    assert!(!away.body.contains("secret"), "{}", away.body);
}

/// A door to one function, `note`, through which `Event` calls go.
struct Behind {
    router: Router,
    shutdown: CancellationToken,
}

impl Behind {
    fn new(note: Arc<dyn poolhouse::functions::Function>) -> Self {
        let mut functions = Functions::default();
        functions.insert("note", note);
        functions.insert("endless", native(|_| std::future::pending()));
        let (functions, shutdown) = (Arc::new(functions), CancellationToken::new());
        let router = lambda::router(Lambda {
            functions: Arc::new(move || Arc::clone(&functions)),
            mode: Mode::Development,
            account_id: "123456789012".into(),
            admin_keys: Vec::new(),
            clock: Clock::system(),
            random: Random::system(),
            shutdown: shutdown.clone(),
        });
        Self { router, shutdown }
    }

    async fn call(&self, kind: &'static str, body: &str) -> Answer {
        self.call_of("note", kind, body).await
    }

    async fn call_of(&self, name: &str, kind: &'static str, body: &str) -> Answer {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let request = Request::post(path).header("authorization", SIGNED);
        let request = request.header("x-amz-invocation-type", kind).body(Body::from(body.to_owned())).unwrap();
        send(&self.router, request).await
    }
}

#[tokio::test(start_paused = true)]
async fn events_run_behind_the_answer_and_dry_runs_not_at_all() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let highest = Arc::clone(&most);
    let door = Behind::new(native(move |call| {
        let (tell, running, most) = (tell.clone(), Arc::clone(&running), Arc::clone(&most));
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            tell.send(call.event).unwrap();
            Ok(Value::Null)
        }
    }));
    let dry = door.call("DryRun", "1").await;
    assert_eq!((dry.status, dry.body.as_str()), (204, ""));
    for _ in 0..200 {
        assert_eq!(door.call("Event", "1").await.status, 202);
    }
    for _ in 0..200 {
        assert_eq!(told.recv().await, Some(json!(1)));
    }
    assert!(told.try_recv().is_err(), "a dry run calls nothing");
    assert_eq!(highest.load(Ordering::SeqCst), 64);
}

#[tokio::test(start_paused = true)]
async fn events_of_one_function_do_not_wait_for_those_of_another() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let door = Behind::new(native(move |call| {
        tell.send(call.event).unwrap();
        async { Ok(Value::Null) }
    }));
    for _ in 0..100 {
        assert_eq!(door.call_of("endless", "Event", "1").await.status, 202);
    }
    assert_eq!(door.call("Event", "2").await.status, 202);
    let told = tokio::time::timeout(Duration::from_secs(1), told.recv()).await;
    assert_eq!(told, Ok(Some(json!(2))));
}

#[tokio::test(start_paused = true)]
async fn a_failed_event_is_tried_twice_more_and_given_up() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let began = tokio::time::Instant::now();
    let door = Behind::new(native(move |call| {
        let tell = tell.clone();
        async move {
            tell.send((call.event, call.request_id, call.is_retry, began.elapsed().as_secs())).unwrap();
            Err(FunctionError::Threw { kind: "Error".into(), message: "no".into(), trace: Vec::new() })
        }
    }));
    let answer = door.call("Event", "7").await;
    let id = answer.header("x-amzn-requestid").to_owned();
    for after in [0, 60, 180] {
        assert_eq!(told.recv().await, Some((json!(7), id.clone(), after > 0, after)));
    }
    tokio::time::sleep(Duration::from_secs(24 * 3_600)).await;
    assert!(told.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_could_take_goes_back_to_the_queue_for_hours() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let door = Behind::new(native(move |_| {
        let tries = Arc::clone(&counted);
        async move {
            match tries.fetch_add(1, Ordering::SeqCst) {
                ..4 => Err(FunctionError::Busy),
                4..6 => Err(FunctionError::Unreachable("away".into())),
                6 => Ok(Value::Null),
                _ => Err(FunctionError::Busy),
            }
        }
    }));
    assert_eq!(door.call("Event", "1").await.status, 202);
    // 1 + 2 + 4 + 8 + 16 + 32 seconds.
    tokio::time::sleep(Duration::from_secs(62)).await;
    assert_eq!(tries.load(Ordering::SeqCst), 6);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(tries.load(Ordering::SeqCst), 7);
    assert_eq!(door.call("Event", "2").await.status, 202);
    tokio::time::sleep(Duration::from_secs(7 * 3_600)).await;
    let most = tries.load(Ordering::SeqCst);
    assert!((80..90).contains(&most), "{most}");
    tokio::time::sleep(Duration::from_secs(7 * 3_600)).await;
    assert_eq!(tries.load(Ordering::SeqCst), most, "after six hours it is given up");
}

#[tokio::test(start_paused = true)]
async fn the_queue_of_events_is_bounded_and_ends_with_the_server() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let door = Behind::new(native(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Err(FunctionError::OutOfMemory) }
    }));
    let large = format!("\"{}\"", "x".repeat(1_000_000));
    let mut accepted = 0;
    while door.call("Event", &large).await.status == 202 {
        accepted += 1;
    }
    assert!((60..70).contains(&accepted), "{accepted} megabytes");
    while door.call("Event", "1").await.status == 202 {
        accepted += 1;
    }
    assert!((66..=1_000).contains(&accepted), "{accepted}");
    assert_eq!(door.call("Event", "1").await.error(), (429, "TooManyRequestsException", "Rate Exceeded.".into()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(calls.load(Ordering::SeqCst), accepted);
    door.shutdown.cancel();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert_eq!(calls.load(Ordering::SeqCst), accepted, "nothing is tried after the end");
}

#[tokio::test]
async fn only_administrators_call_functions() {
    let bare = || Request::post("/2015-03-31/functions/echo/invocations");
    for mode in [Mode::Development, Mode::Production] {
        let answer = send(&door(mode), bare().body(Body::empty()).unwrap()).await;
        assert_eq!(answer.error(), (403, "MissingAuthenticationTokenException", "Missing Authentication Token".into()));
    }
    let stranger = bare().header("authorization", SIGNED).body(Body::empty()).unwrap();
    assert_eq!(send(&door(Mode::Production), stranger).await.error().1, "UnrecognizedClientException");
    let page = bare().header("authorization", SIGNED).header("origin", "https://evil.example");
    let page = send(&door(Mode::Development), page.body(Body::empty()).unwrap()).await;
    assert_eq!(page.error().1, "UnrecognizedClientException");
    // A signature for the user-pools API is none for this one.
    let foreign = SIGNED.replace("any/", "POOLHOUSEADMIN99/").replace("/lambda/", "/cognito-idp/");
    let foreign =
        send(&door(Mode::Production), bare().header("authorization", foreign).body(Body::empty()).unwrap()).await;
    let message = "Credential should be scoped to correct service: 'lambda'.".to_owned();
    assert_eq!(foreign.error(), (403, "InvalidSignatureException", message));
    let unknown = Request::get("/2015-03-31/functions/echo").body(Body::empty()).unwrap();
    assert_eq!(send(&door(Mode::Development), unknown).await.error().1, "UnknownOperationException");
}

/// As botocore 1.44 signs it, with a name that has to be encoded.
#[tokio::test]
async fn production_takes_what_a_configured_key_signed() {
    let name = "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aecho";
    let signed = |log: &'static str| {
        Request::post(format!("/2015-03-31/functions/{name}/invocations?Qualifier=%24LATEST"))
            .header("host", "localhost:9229")
            .header("x-amz-date", "20260106T070809Z")
            .header("x-amz-log-type", log)
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=POOLHOUSEADMIN99/20260106/us-east-1/lambda/aws4_request, \
                 SignedHeaders=host;x-amz-date;x-amz-log-type, \
                 Signature=5c6806d0466de2033aa80dd0ac41ac2128c77650f98730b503dc8515a3a67e94",
            )
            .body(Body::from(r#"{"a":1}"#))
            .unwrap()
    };
    let answer = send(&door(Mode::Production), signed("None")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let changed = send(&door(Mode::Production), signed("Tail")).await;
    assert_eq!((changed.status, changed.error().1), (403, "InvalidSignatureException"));
}
