//! Functions on other servers, which the tests play.

use aws_lc_rs::hmac;
use poolhouse::{
    keys::webhook::{SIGNATURE_HEADER, TIMESTAMP_HEADER},
    kit::secret::Secret,
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
    let large = format!("\"{}\"", "x".repeat(6 * 1024 * 1024));
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
    assert_eq!((body, header("x-poolhouse-function")), (r#"{"a":1}"#, "example"));
    assert_eq!(ask(&function, json!(1)).await, Ok(Value::Null));
    assert_eq!(ask(&function, json!(1)).await.unwrap_err().thrown(), Some("Unauthorized"));
    assert_eq!(ask(&function, json!(1)).await, Err(FunctionError::Broken("the webhook answered 302".into())));
    assert_eq!(ask(&function, json!(1)).await, Err(FunctionError::TooLarge { limit: 6 * 1024 * 1024 }));
}
