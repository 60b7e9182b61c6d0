//! The control plane, call by call, on every engine at hand; and the gateway that it changes.

mod access;
mod apis;
mod domains;
mod file;
mod openapi;
mod parts;
mod serving;
mod stages;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use poolhouse::{
    Poolhouse,
    config::{self, Flags, Sources},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

const POOL: &str = "us-east-1_Example01";
const CLIENT: &str = "1example23456789abcdefghij";
const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function";
const SIGNED: &str = "authorization: AWS4-HMAC-SHA256 Credential=development/20260101/us-east-1/apigateway/aws4_request, \
                      SignedHeaders=host, Signature=00\r\n";

/// Two functions, a pool with a client, and one API with a domain.
const TOWN: &str = r#"
[[pool]]
id = "us-east-1_Example01"
name = "example"
[[pool.client]]
id = "1example23456789abcdefghij"
name = "web"
settings = { ExplicitAuthFlows = ["ALLOW_USER_PASSWORD_AUTH"] }
[[pool.user]]
username = "ann"
password = "Right-1234"
[function.hello]
script = "hello.js"
[function.who]
script = "who.js"
[[api]]
name = "written"
id = "written123"
[[api.route]]
key = "GET /written"
integration = { respond = { body = "from the file" } }
[[domain]]
name = "written.example.com"
[[domain.mapping]]
api = "written"
"#;

/// What stands before it in a configuration belongs to `[gateway]`.
const OF_GATEWAY: &str = "# so much of the gateway\n";

/// A running server.
struct House {
    main: SocketAddr,
    gate: SocketAddr,
    folder: Arc<tempfile::TempDir>,
    database: String,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

async fn houses() -> Vec<House> {
    let mut houses = vec![House::open(TOWN, None).await];
    if let Some(url) = crate::store::fresh_schema().await {
        houses.push(House::open(TOWN, Some(url)).await);
    }
    houses
}

impl House {
    async fn open(text: &str, database: Option<String>) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("hello.js"), "exports.handler = async () => 'hello';").unwrap();
        let who = "exports.handler = async ({ identitySource: [who] }) => \
                   ({ isAuthorized: who === 'ann' || (who === 'dice' && Math.random() < 0.5) });";
        std::fs::write(folder.path().join("who.js"), who).unwrap();
        let database = database.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("town.db").display()));
        Self::start(text, folder, database).await
    }

    async fn start(text: &str, folder: Arc<tempfile::TempDir>, database: String) -> Self {
        let file = folder.path().join("poolhouse.toml");
        let (gateway, text) = text.split_once(OF_GATEWAY).unwrap_or(("", text));
        let places = format!(
            "[server]\nlisten = '127.0.0.1:0'\n[gateway]\nlisten = '127.0.0.1:0'\n{gateway}[database]\nurl = '{database}'\n"
        );
        std::fs::write(&file, format!("{places}{text}")).unwrap();
        let sources = Sources { file: Some(file), environment: Vec::new(), flags: Flags::default() };
        let server = Poolhouse::builder(config::load(&sources).unwrap()).build().await.unwrap();
        let (main, gate) = (server.address().unwrap(), server.gateway_address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let serving = server.serve(async move { drop(stopped.await) });
            serving.await.unwrap();
        });
        Self { main, gate, folder, database, stop: Some(stop), task }
    }

    /// Another server on the same database.
    async fn beside(&self) -> Self {
        Self::start(TOWN, Arc::clone(&self.folder), self.database.clone()).await
    }

    /// The same database under another configuration.
    async fn again(mut self, text: &str) -> Self {
        drop(self.stop.take());
        (&mut self.task).await.unwrap();
        Self::start(text, self.folder, self.database).await
    }

    fn is_shared(&self) -> bool {
        self.database.starts_with("postgres")
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        call(self.main, method, path, body).await
    }

    /// The sorted statuses of creations that all are under way together.
    async fn at_once(&self, calls: impl Iterator<Item = (String, Value)>) -> Vec<u16> {
        let mut tasks = tokio::task::JoinSet::new();
        let main = self.main;
        for (path, body) in calls {
            tasks.spawn(async move { call(main, "POST", &path, body).await.status });
        }
        let mut statuses = tasks.join_all().await;
        statuses.sort_unstable();
        statuses
    }

    /// What a call that must come out well answers.
    async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.call(method, path, body).await;
        let expected = match method {
            "POST" | "PUT" => 201,
            "DELETE" => 204,
            _ => 200,
        };
        assert_eq!(answer.status, expected, "{method} {path}: {answer:?}");
        if answer.status == 204 {
            assert_eq!(answer.body, "");
            return Value::Null;
        }
        answer.json()
    }

    /// The error of a call that must not: its name and its message.
    async fn refused(&self, method: &str, path: &str, body: Value) -> (String, String) {
        let answer = self.call(method, path, body).await;
        let name = answer.head.lines().find_map(|line| line.strip_prefix("x-amzn-errortype: ")).unwrap_or_default();
        let expected = match name {
            "BadRequestException" => 400,
            "NotFoundException" => 404,
            "ConflictException" => 409,
            "TooManyRequestsException" => 429,
            _ => 403,
        };
        assert_eq!(answer.status, expected, "{method} {path}: {answer:?}");
        (name.to_owned(), answer.json()["message"].as_str().unwrap().to_owned())
    }

    async fn is_bad(&self, method: &str, path: &str, body: Value, text: &str) {
        let (name, message) = self.refused(method, path, body.clone()).await;
        assert_eq!(name, "BadRequestException", "{method} {path} {body}: {message}");
        assert!(message.contains(text), "{method} {path} {body}: {message}");
    }

    async fn is_missing(&self, method: &str, path: &str, body: Value) {
        let (name, message) = self.refused(method, path, body).await;
        assert_eq!(name, "NotFoundException", "{method} {path}: {message}");
        assert!(message.starts_with("Invalid ") || message.starts_with("Unable "), "{method} {path}: {message}");
    }

    async fn is_conflict(&self, method: &str, path: &str, body: Value, text: &str) {
        let (name, message) = self.refused(method, path, body).await;
        assert_eq!(name, "ConflictException", "{method} {path}: {message}");
        assert!(message.contains(text), "{method} {path}: {message}");
    }

    /// The path of a new API without parts.
    async fn api(&self) -> String {
        let made = self.done("POST", "/v2/apis", json!({"name": "n", "protocolType": "HTTP"})).await;
        format!("/v2/apis/{}", made["apiId"].as_str().unwrap())
    }

    /// Of a new integration with the function `hello`.
    async fn hello(&self, api: &str) -> String {
        let made = self.done("POST", &format!("{api}/integrations"), hello()).await;
        format!("integrations/{}", made["integrationId"].as_str().unwrap())
    }

    async fn get(&self, host: &str, path: &str, authorization: &str) -> Answer {
        let line = if authorization.is_empty() { String::new() } else { format!("authorization: {authorization}\r\n") };
        ask(self.gate, &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{line}\r\n")).await
    }

    /// The ID token of the user.
    async fn token(&self) -> String {
        let body = json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": CLIENT,
            "AuthParameters": {"USERNAME": "ann", "PASSWORD": "Right-1234"}
        })
        .to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
             x-amz-target: AWSCognitoIdentityProviderService.InitiateAuth\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = ask(self.main, &request).await.json();
        answer["AuthenticationResult"]["IdToken"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

async fn call(main: SocketAddr, method: &str, path: &str, body: Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{SIGNED}connection: close\r\n");
    ask(main, &format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await
}

async fn ask(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn hello() -> Value {
    json!({"integrationType": "AWS_PROXY", "integrationUri": format!("{ARN}:hello"), "payloadFormatVersion": "2.0"})
}

fn jwt() -> Value {
    json!({
        "name": "jwt", "authorizerType": "JWT", "identitySource": ["$request.header.Authorization"],
        "jwtConfiguration": {"audience": [CLIENT], "issuer": format!("https://cognito-idp.us-east-1.amazonaws.com/{POOL}")}
    })
}

fn lambda() -> Value {
    json!({
        "name": "lambda", "authorizerType": "REQUEST", "identitySource": ["$request.header.Authorization"],
        "authorizerUri": format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{ARN}:who/invocations"),
        "authorizerPayloadFormatVersion": "2.0", "enableSimpleResponses": true
    })
}
