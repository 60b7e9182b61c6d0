//! Functions on other servers, which the tests play.

use aws_lc_rs::hmac;
use poolhouse::{
    keys::webhook::{SIGNATURE_HEADER, TIMESTAMP_HEADER},
    kit::{clock::Clock, network::Block, reach::Reach, secret::Secret, trust::Trust},
    outside::Client,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

use super::*;

/// A server that gives these answers, one a connection, and tells what it was asked.
async fn server(answers: Vec<String>) -> (url::Url, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let count = stream.read(&mut buffer).await.unwrap();
                text.extend_from_slice(&buffer[..count]);
                let whole = String::from_utf8_lossy(&text).into_owned();
                let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
                if count == 0 || body.len() >= length.parse::<usize>().unwrap() {
                    break;
                }
            }
            tell.send(String::from_utf8(text).unwrap()).unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

#[tokio::test]
async fn the_invoke_api_of_another_server_is_asked_by_name() {
    let (url, mut asked) = server(vec![answer(200, "", "[1]"), answer(200, "", "2"), String::new()]).await;
    let (_functions, function) = started(section(Runs::Invoke(url.clone())), None).await;
    assert_eq!(ask(&function, json!({"a": 1})).await, Ok(json!([1])));
    let request = asked.recv().await.unwrap();
    assert!(request.starts_with("POST /2015-03-31/functions/example/invocations HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"a\":1}"), "{request}");
    // The emulator has one address, whatever the function is called.
    let emulator = url.join("/2015-03-31/functions/function/invocations").unwrap();
    let (_functions, function) = started(section(Runs::Invoke(emulator)), None).await;
    assert_eq!(ask(&function, json!(1)).await, Ok(json!(2)));
    assert!(asked.recv().await.unwrap().starts_with("POST /2015-03-31/functions/function/invocations HTTP"));
    assert!(matches!(ask(&function, json!(1)).await, Err(FunctionError::Unreachable(_))));
}

#[tokio::test]
async fn a_server_that_is_slow_or_away_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let slow = Section { timeout: Duration::from_millis(100), ..section(Runs::Invoke(url.clone())) };
    let (_functions, function) = started(slow, None).await;
    assert_eq!(ask(&function, json!(1)).await, Err(FunctionError::TimedOut { after: Duration::from_millis(100) }));
    drop(listener);
    let (_functions, function) = started(section(Runs::Webhook { url, secret: None }), None).await;
    let error = ask(&function, json!(1)).await.unwrap_err();
    assert!(matches!(&error, FunctionError::Unreachable(why) if why.contains("refused")), "{error}");
    assert!(error.is_passing() && function.is_worth_retrying());
}

#[tokio::test]
async fn a_webhook_is_signed_and_may_fail_as_a_handler_does() {
    let denied = r#"{"errorType":"Error","errorMessage":"Unauthorized"}"#;
    let large = format!("\"{}\"", "x".repeat(1024 * 1024));
    let answers = vec![
        answer(200, "", r#"{"ok":true}"#),
        answer(204, "", ""),
        answer(403, "", denied),
        answer(302, "location: http://127.0.0.1:1/\r\n", ""),
        answer(200, "", &large),
    ];
    let (url, mut asked) = server(answers).await;
    let secret = Some(Secret::from("a secret of the webhook"));
    let (_functions, function) = started(section(Runs::Webhook { url, secret }), None).await;
    assert_eq!(ask(&function, json!({"a": 1})).await, Ok(json!({"ok": true})));
    let request = asked.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of the webhook");
    let signed = hmac::sign(&key, format!("{}.{body}", header(TIMESTAMP_HEADER)).as_bytes());
    assert_eq!(header(SIGNATURE_HEADER), format!("v1={}", hex::encode(signed)));
    // A receiver sees how old a call is, and whoever plays it back cannot make it younger.
    let at: i64 = header(TIMESTAMP_HEADER).parse().unwrap();
    assert!((0..300).contains(&(Clock::system().now().seconds() - at)), "{at}");
    let younger = hmac::sign(&key, format!("{}.{body}", at + 600).as_bytes());
    assert_ne!(header(SIGNATURE_HEADER), format!("v1={}", hex::encode(younger)));
    assert_eq!((body, header("x-poolhouse-function")), (r#"{"a":1}"#, "example"));
    assert_eq!(ask(&function, json!(1)).await, Ok(Value::Null));
    assert_eq!(ask(&function, json!(1)).await.unwrap_err().thrown(), Some("Unauthorized"));
    assert_eq!(ask(&function, json!(1)).await, Err(FunctionError::Broken("the webhook answered 302".into())));
    assert_eq!(ask(&function, json!(1)).await, Err(FunctionError::TooLarge { limit: 1024 * 1024 }));
}

#[tokio::test]
async fn what_a_strange_server_answers_is_no_value_and_leads_nowhere() {
    // The head of something packed: nobody unpacks it.
    let packed = "\u{1f}\u{8b}\u{8}\u{0}";
    let answers = vec![
        answer(307, "location: http://127.0.0.1:1/\r\n", ""),
        answer(308, "location: /again\r\n", ""),
        answer(200, "content-encoding: gzip\r\ncontent-type: application/json\r\n", packed),
        answer(200, "content-type: text/html\r\n", "{}"),
        answer(200, "content-type: application/json; charset=utf-8\r\n", "<html>"),
        "hello without a head\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned(),
    ];
    let count = answers.len();
    let (url, mut asked) = server(answers).await;
    let (_functions, function) = started(section(Runs::Webhook { url, secret: None }), None).await;
    let mut heard = Vec::new();
    for _ in 0..count {
        heard.push(ask(&function, json!(1)).await.unwrap_err());
        assert!(asked.recv().await.unwrap().starts_with("POST / HTTP/1.1\r\n"));
    }
    let status = |status: u16| FunctionError::Broken(format!("the webhook answered {status}"));
    assert_eq!(heard[..2], [status(307), status(308)]);
    let strange = |what: &str| FunctionError::Broken(format!("the webhook's answer is {what}"));
    assert_eq!(heard[2..4], [strange(r#"packed: "gzip""#), strange(r#"no JSON: "text/html""#)]);
    assert!(matches!(heard[4], FunctionError::InvalidJson(_)), "{heard:?}");
    assert!(heard[5..].iter().all(|error| matches!(error, FunctionError::Unreachable(_))), "{heard:?}");
    assert!(asked.try_recv().is_err(), "nobody was asked again");
}

#[tokio::test]
async fn an_answer_in_drops_ends_with_the_time_and_a_wrong_certificate_before_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await.unwrap();
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let runs = Runs::Webhook { url: format!("http://{address}").parse().unwrap(), secret: None };
    let (_functions, function) = started(Section { timeout: Duration::from_millis(300), ..section(runs) }, None).await;
    assert_eq!(ask(&function, json!(1)).await, Err(FunctionError::TimedOut { after: Duration::from_millis(300) }));
    // A trigger waits for five seconds, however long the function may run.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let runs =
        Runs::Webhook { url: format!("http://{}", listener.local_addr().unwrap()).parse().unwrap(), secret: None };
    let patient = Section { timeout: Duration::from_secs(900), ..section(runs) };
    let (_functions, function) = started(patient, None).await;
    let after = Duration::from_millis(200);
    assert_eq!(function.invoke(Call::new(json!(1), after, "a")).await, Err(FunctionError::TimedOut { after }));
    // Not TLS at all.
    let (url, _asked) = server(vec![answer(200, "", "1")]).await;
    let mut url = url;
    url.set_scheme("https").unwrap();
    let (_functions, function) =
        started(Section { timeout: SECOND, ..section(Runs::Webhook { url, secret: None }) }, None).await;
    let error = ask(&function, json!(1)).await.unwrap_err();
    assert!(matches!(error, FunctionError::Unreachable(_) | FunctionError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn production_calls_no_private_address_that_is_not_named() {
    let (url, mut asked) = server(vec![answer(200, "", "1")]).await;
    let named = Block::parse("127.0.0.1").unwrap();
    for (allow, is_called) in [(Vec::new(), false), (vec![named], true)] {
        let client = Client::new(Reach::public_and(allow), &Trust::default());
        let around = Surroundings { client, ..Surroundings::default() };
        let section = section(Runs::Webhook { url: url.clone(), secret: None });
        let function = Functions::load_in(&[section], &around).unwrap().get("example").unwrap();
        let answer = ask(&function, json!(1)).await;
        assert_eq!(answer.is_ok(), is_called, "{answer:?}");
        assert_eq!(asked.try_recv().is_ok(), is_called);
    }
}
