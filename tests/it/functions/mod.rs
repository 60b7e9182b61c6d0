//! Functions in processes and on other servers, seen from whoever calls them and, by raw HTTP, from whoever runs them.

mod attach;
pub(crate) mod command;
mod remote;
mod sandbox;
mod succession;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::Duration,
};

use poolhouse::{
    config::{
        Place,
        function::{Function as Section, Runs},
    },
    functions::{Call, Function, FunctionError, Functions, Surroundings},
};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);

fn section(runs: Runs) -> Section {
    Section { handler: "app.handler".into(), ..Section::new(Place::whole("test"), "example", runs) }
}

/// As the server itself has them.
fn kept() -> Surroundings {
    Surroundings { keeper: Some(env!("CARGO_BIN_EXE_poolhouse").into()), ..Surroundings::default() }
}

/// The functions, which end when this is dropped, and the one of the section.
async fn started(section: Section, logs: Option<&Path>) -> (Functions, Arc<dyn Function>) {
    started_in(section, Surroundings { logs: logs.map(Path::to_owned), ..kept() }).await
}

async fn started_in(section: Section, around: Surroundings) -> (Functions, Arc<dyn Function>) {
    let functions = Functions::load_in(&[section], &around).unwrap();
    functions.start().await.unwrap();
    let function = functions.get("example").unwrap();
    (functions, function)
}

fn call(event: Value, deadline: Duration) -> Call {
    Call::new(event, deadline, uuid::Uuid::from_u128(7).to_string())
}

async fn ask(function: &Arc<dyn Function>, event: Value) -> Result<Value, FunctionError> {
    function.invoke(call(event, 20 * SECOND)).await
}

/// An answer of the Runtime API.
#[derive(Debug)]
struct Heard {
    status: u16,
    head: String,
    body: String,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().filter_map(|line| line.split_once(':'));
        line.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next().unwrap_or_default()
    }

    fn id(&self) -> &str {
        self.header("lambda-runtime-aws-request-id")
    }

    fn kind(&self) -> (u16, String) {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        (self.status, body["errorType"].as_str().unwrap_or_default().to_owned())
    }
}

/// One request as a runtime makes it, on a connection of its own.
fn speak(address: SocketAddr, line: &str, headers: &str, body: &str) -> Heard {
    let framing = if headers.contains("Transfer-Encoding") {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let host = if headers.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(30 * SECOND)).unwrap();
    // A refusal may come, and the connection go, before everything is sent.
    let _ = stream
        .write_all(format!("{line} HTTP/1.1\r\n{host}Connection: close\r\n{framing}{headers}\r\n{body}").as_bytes());
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Heard { status, head: head.to_owned(), body: body.to_owned() }
}

const NEXT: &str = "GET /2018-06-01/runtime/invocation/next";

fn respond(address: SocketAddr, id: &str, body: &str) -> Heard {
    speak(address, &format!("POST /2018-06-01/runtime/invocation/{id}/response"), "", body)
}
