//! The lines of access logs.

use poolhouse::functions::{FunctionError, native::native};

use super::*;

/// A town that writes to a file of a folder.
async fn logged(format: &str) -> (Town, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let text = format!(
        r#"
[[api]]
name = "x"
[api.stage."$default".access_log_settings]
format = '{format}'
file = "{}"
[api.authorizer.A]
type = "JWT"
issuer = "pool:{POOL}"
audience = ["{CLIENT}"]
[[api.route]]
key = "GET /in/{{id}}"
authorizer = "A"
integration = {{ http = "http://127.0.0.1:1" }}
[[api.route]]
key = "GET /open"
integration = {{ respond = {{ body = "12345" }} }}
"#,
        folder.path().join("access.log").display()
    );
    (written(&text, Functions::default()).await, folder)
}

pub async fn lines(folder: &tempfile::TempDir, count: usize) -> Vec<String> {
    for _ in 0..500 {
        let text = std::fs::read_to_string(folder.path().join("access.log")).unwrap_or_default();
        if text.lines().count() >= count {
            return text.lines().map(str::to_owned).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no {count} lines in time");
}

#[tokio::test]
async fn lines_name_who_was_let_in_and_why_others_were_not() {
    let format = "$context.requestId $context.httpMethod $context.routeKey $context.status $context.responseLength|$context.authorizer.error|$context.authorizer.claims.sub|$context.authorizer.claims.cognito:groups|$context.error.responseType|$context.integrationStatus|$context.identity.userAgent|$context.requestTime";
    let (town, folder) = logged(format).await;
    let open = town.ask("GET", "/open", &[("user-agent", "me/1")]).await;
    town.get("/in/1", "garbage").await;
    town.get("/in/1", &town.token(json!({"cognito:groups": ["a", "b"]}))).await;
    town.get("/nope", "").await;
    let lines = lines(&folder, 4).await;
    let id = open.header("apigw-requestid").unwrap();
    let time = "15/Jan/2027:08:00:00 +0000";
    assert_eq!(lines[0], format!("{id} GET GET /open 200 5|-|-|-|-|200|me/1|{time}"));
    let rest = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    assert_eq!(
        rest(&lines[1]),
        format!(
            "GET GET /in/{{id}} 401 26|invalid_token: token contains an invalid number of segments|-|-|UNAUTHORIZED|-|-|{time}"
        )
    );
    assert_eq!(rest(&lines[2]), format!("GET GET /in/{{id}} 503 33|-|u|[a b]|INTEGRATION_FAILURE|-|-|{time}"));
    assert_eq!(rest(&lines[3]), format!("GET - 404 23|-|-|-|RESOURCE_NOT_FOUND|-|-|{time}"));
    // No token gets into a line that does not ask for one.
    assert!(lines.iter().all(|line| !line.contains("eyJ")));
}

/// Two statuses: Lambda's, and the one that the function asks for.
#[tokio::test]
async fn a_function_has_a_status_of_its_own() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut functions = Functions::default();
    functions.insert("missing", native(|_| async { Ok(json!({"statusCode": 404})) }));
    functions.insert(
        "broken",
        native(|_| async {
            Err(FunctionError::Threw { kind: "TypeError".into(), message: "no pets".into(), trace: Vec::new() })
        }),
    );
    let text = format!(
        "[[api]]\nname = 'x'\n[api.stage.'$default'.access_log_settings]\nfile = '{}'\n\
         format = '$context.requestId $context.status $context.integration.status $context.integrationStatus \
         $context.integration.integrationStatus $context.integrationErrorMessage'\n\
         [[api.route]]\nkey = 'GET /missing'\nintegration = {{ function = 'missing' }}\n\
         [[api.route]]\nkey = 'GET /broken'\nintegration = {{ function = 'broken' }}\n\
         [[api.route]]\nkey = 'GET /fixed'\nintegration = {{ respond = {{ status = 201 }} }}\n",
        folder.path().join("access.log").display()
    );
    let town = written(&text, functions).await;
    for path in ["/missing", "/broken", "/fixed"] {
        town.get(path, "").await;
    }
    let lines = lines(&folder, 3).await;
    assert!(lines[0].ends_with(" 404 404 200 200 -"), "{}", lines[0]);
    assert!(lines[1].contains(" 500 - 200 200 ") && lines[1].ends_with("TypeError: no pets"), "{}", lines[1]);
    assert!(lines[2].ends_with(" 201 201 201 201 -"), "{}", lines[2]);
}

#[tokio::test]
async fn a_misspelt_variable_is_refused_at_the_start() {
    let text = "[[api]]\nname = 'x'\n[api.stage.'$default']\naccess_log_settings = { format = '$context.requestId $context.statuss' }\n";
    let config = read(text, &Functions::default()).unwrap();
    let error = load(&config.apis, Functions::default(), &SigningKey::generate().unwrap(), Clock::system());
    assert!(error.err().unwrap().to_string().contains("`$context.statuss` names no $context variable"));
}

#[tokio::test]
async fn one_request_is_one_line() {
    let (town, folder) = logged("$context.requestId $context.authorizer.claims.name").await;
    town.get("/in/1", &town.token(json!({"name": "a\nforged line\r\u{1b}[31m\u{85}\u{2028}b\u{2029}"}))).await;
    let lines = lines(&folder, 1).await;
    assert_eq!(lines.len(), 1);
    assert!(lines[0].ends_with(r" a\nforged line\r\u{1b}[31m\u{85}\u{2028}b\u{2029}"), "{}", lines[0]);
}

#[tokio::test]
async fn a_megabyte_in_a_value_is_cut_and_stays_in_its_line() {
    let folder = tempfile::TempDir::new().unwrap();
    let text = format!(
        "[[api]]\nname = 'x'\n[api.stage.'$default'.access_log_settings]\n\
         format = '{{\"id\":\"$context.requestId\",\"status\":$context.status,\"long\":\"$context.authorizer.long\",\"end\":\"$context.path\"}}'\nfile = '{}'\n\
         [api.authorizer.A]\ntype = 'REQUEST'\nfunction = 'judge'\npayload_format = '2.0'\nenable_simple_responses = true\n\
         identity_source = '$request.header.authorization'\n\
         [[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nintegration = {{ respond = {{ body = 'in' }} }}\n",
        folder.path().join("access.log").display()
    );
    let mut functions = Functions::default();
    let long = format!("\r\n\u{1b}[31m\u{2028}{}", "ü".repeat(512 * 1024));
    let answer = json!({"isAuthorized": true, "context": {"long": long}});
    functions.insert(
        "judge",
        poolhouse::functions::native::native(move |_| {
            let answer = answer.clone();
            async move { Ok(answer) }
        }),
    );
    let town = written(&text, functions).await;
    assert_eq!(town.get("/", "me").await.status, 200);
    town.get("/nope", "me").await;
    let lines = lines(&folder, 2).await;
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains(r#"","status":200,"long":"\r\n\u{1b}[31m\u{2028}üü"#), "{:.100}", lines[0]);
    assert!(lines[0].ends_with(r#"üü","end":"/"}"#) && lines[0].len() < 20_000, "{}", lines[0].len());
}

/// What it asked for may have been done.
#[tokio::test]
async fn a_client_that_does_not_wait_for_its_answer_is_written_down() {
    let (folder, listener) = (tempfile::TempDir::new().unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let text = format!(
        "[[api]]\nname = 'x'\n[api.stage.'$default'.access_log_settings]\nfile = '{}'\n\
         format = '$context.requestId $context.httpMethod $context.routeKey $context.status'\n\
         [[api.route]]\nkey = '$default'\nintegration = {{ http = 'http://{}' }}\n",
        folder.path().join("access.log").display(),
        listener.local_addr().unwrap()
    );
    let town = written(&text, Functions::default()).await;
    let backend = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        let got = stream.read(&mut head).await.unwrap();
        String::from_utf8_lossy(&head[..got]).into_owned()
    });
    let mut client = TcpStream::connect(town.address).await.unwrap();
    client.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(client.read(&mut [0; 4096]).await.unwrap() > 0);
    client.write_all(b"POST /pay HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
    client.shutdown().await.unwrap();
    let asked = tokio::time::timeout(Duration::from_secs(10), backend).await.unwrap().unwrap();
    assert!(asked.starts_with("POST /pay ") && asked.ends_with("hi"), "{asked}");
    let lines = lines(&folder, 2).await;
    assert!(lines[0].ends_with(" GET $default 204") && lines[1].ends_with(" POST $default 499"), "{lines:?}");
}
