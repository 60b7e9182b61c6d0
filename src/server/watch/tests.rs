//! Configurations that are read again while the server serves.

use std::{net::SocketAddr, path::Path};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

use super::*;
use crate::{
    config::{self, Flags, database::Durability},
    functions::Call,
    keys::seal::Sealer,
    kit::random::Random,
    server::Poolhouse,
    store::Store,
};

const POOL: &str = r#"
[[pool]]
id = "us-east-1_Watch0001"
name = "first"
  [[pool.client]]
  id = "1watch23456789abcdefghijk"
  name = "web"
"#;
const API: &str = r#"
[function.hello]
script = "hello.js"
[[api]]
name = "x"
  [[api.route]]
  key = "GET /{what}"
  integration = { function = "hello" }
"#;

/// A route whose backend is addressed by a part of the path that it does not have.
const UNSERVABLE: &str = r#"
  [[api.route]]
  key = "POST /a"
  integration = { http = "https://backend.example/{which}" }
"#;

struct Site {
    folder: tempfile::TempDir,
    database: Option<String>,
    app: Arc<App>,
    served: Arc<Served>,
    gate: SocketAddr,
    retiring: Retiring,
    _stop: oneshot::Sender<()>,
}

/// Each engine at hand: a file, and PostgreSQL where the tests are given one.
#[expect(clippy::disallowed_methods, reason = "the test server is named in the environment")]
async fn databases() -> Vec<Option<String>> {
    let mut databases = vec![None];
    if let Ok(server) = std::env::var("POOLHOUSE_TEST_POSTGRES") {
        let schema = format!("w{}", Random::system().lower_alphanumeric(20));
        let sealer = Sealer::new(&[7; 32], &Random::system());
        let maker = Store::open(&server, Durability::Relaxed, sealer).await.unwrap();
        let mut tx = maker.begin().await.unwrap();
        tx.sql_built(format!("CREATE SCHEMA {schema}")).run().await.unwrap();
        tx.commit().await.unwrap();
        let separator = if server.contains('?') { '&' } else { '?' };
        databases.push(Some(format!("{server}{separator}options=-c%20search_path%3D{schema}")));
    }
    databases
}

fn read(folder: &Path, database: Option<&str>, text: &str) -> Config {
    let file = folder.join("poolhouse.toml");
    let database = database.map(|url| format!("[database]\nurl = '{url}'\n")).unwrap_or_default();
    let places = "[server]\nlisten = '127.0.0.1:0'\n[gateway]\nlisten = '127.0.0.1:0'\n";
    std::fs::write(&file, format!("{places}{database}{text}")).unwrap();
    let sources = Sources { file: Some(file), environment: Vec::new(), flags: Flags::default() };
    let config = config::load(&sources).unwrap();
    assert_eq!(check(&config), [], "a mistake that is seen without the server is another test's");
    config
}

fn script(folder: &Path, says: &str) {
    let text = format!(
        "exports.handler = async (event) => {{
           if (event.rawPath === '/slow') await new Promise((done) => setTimeout(done, 150));
           return '{says}';
         }};"
    );
    std::fs::write(folder.join("hello.js"), text).unwrap();
}

impl Site {
    async fn open(text: &str, database: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        script(folder.path(), "hello");
        let config = read(folder.path(), database.as_deref(), text);
        let server = Poolhouse::builder(config).build().await.unwrap();
        let (app, served, gate) = (Arc::clone(&server.app), server.served(), server.gateway_address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.serve(async move { drop(stopped.await) }));
        Self { folder, database, app, served, gate, retiring: Retiring::default(), _stop: stop }
    }

    async fn apply(&self, text: &str) -> Result<(), String> {
        let config = read(self.folder.path(), self.database.as_deref(), text);
        let applied = apply(&self.app, &self.served, &config).await;
        let (before, next) = applied.map_err(|error| format!("{error:#}"))?;
        self.retiring.add(before, next);
        Ok(())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        get(self.gate, path).await
    }
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// A port that was free a moment ago.
async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_cannot_be_applied_changes_nothing() {
    for database in databases().await {
        what_cannot_be_applied_changes_nothing(database).await;
    }
}

async fn what_cannot_be_applied_changes_nothing(database: Option<String>) {
    let port = free_port().await;
    let attached = format!("[function.held]\nattach = true\nlisten = '127.0.0.1:{port}'\n");
    let site = Site::open(&format!("{POOL}{API}{attached}"), database).await;
    let before = site.app.hooks.functions();
    script(site.folder.path(), "changed");
    // The place of the process that attaches is to change in every one, so that it must be left for none.
    let changed = format!("{attached}timeout_seconds = 9\n");

    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let another = format!("[function.more]\nattach = true\nlisten = '{}'\n", taken.local_addr().unwrap());
    // Its client is another pool's in the database.
    let renamed = POOL.replace("first", "second");
    let (renamed, client) = renamed.split_at(renamed.find("  [[").unwrap());
    let moved = format!("{renamed}\n[[pool]]\nid = \"us-east-1_Watch0002\"\nname = \"other\"\n{client}");
    for (text, said) in [
        (format!("{POOL}{API}{changed}{another}"), "function `more`: the Runtime API cannot listen: "),
        (format!("{POOL}{API}{UNSERVABLE}{changed}"), "which"),
        (
            format!("{moved}{API}{changed}"),
            "applied so far: us-east-1_Watch0001, and us-east-1_Watch0002 up to the mistake: ",
        ),
    ] {
        let error = site.apply(&text).await.unwrap_err();
        assert!(error.contains(said), "{error}");
        assert!(Arc::ptr_eq(&site.app.hooks.functions(), &before), "{said}");
        assert_eq!(site.get("/a").await, (200, "hello".to_owned()), "{said}");
        // Nobody else is given the place of `held`, and its calls reach it.
        let held = before.get("held").unwrap();
        let call = Call::new(serde_json::json!(1), Duration::from_secs(10), "a");
        let called = tokio::spawn(async move { held.invoke(call).await });
        let place = format!("127.0.0.1:{port}").parse().unwrap();
        assert_eq!(get(place, "/2018-06-01/runtime/invocation/next").await, (200, "1".to_owned()));
        called.abort();
    }

    drop(taken);
    site.apply(&format!("{POOL}{API}{attached}{another}")).await.unwrap();
    assert_eq!(site.get("/a").await, (200, "changed".to_owned()));
    let now = site.app.hooks.functions();
    assert!(
        Arc::ptr_eq(&now.get("held").unwrap(), &before.get("held").unwrap()),
        "what did not change is carried over"
    );
    assert!(!Arc::ptr_eq(&now.get("hello").unwrap(), &before.get("hello").unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_do_not_notice_that_the_configuration_changes() {
    for database in databases().await {
        requests_go_on_through_changes(database).await;
    }
}

async fn requests_go_on_through_changes(database: Option<String>) {
    let site = Arc::new(Site::open(&format!("{POOL}{API}"), database).await);
    let clients: Vec<_> = ["/slow", "/a", "/b", "/slow"]
        .into_iter()
        .map(|path| {
            let gate = site.gate;
            tokio::spawn(async move {
                let count = if path == "/slow" { 12 } else { 150 };
                let mut answers = Vec::new();
                for _ in 0..count {
                    answers.push(get(gate, path).await);
                }
                answers
            })
        })
        .collect();
    let mut saw = 0;
    while clients.iter().any(|client| !client.is_finished()) {
        saw += 1;
        script(site.folder.path(), if saw % 2 == 0 { "hello" } else { "changed" });
        let text = format!("{}{API}", POOL.replace("first", if saw % 2 == 0 { "first" } else { "second" }));
        match saw % 3 {
            0 => drop(site.apply(&format!("{text}{UNSERVABLE}")).await.unwrap_err()),
            _ => site.apply(&text).await.unwrap(),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(saw > 5, "{saw}");
    for client in clients {
        for (status, body) in client.await.unwrap() {
            assert!(status == 200 && (body == "hello" || body == "changed"), "{status} {body}");
        }
    }
}

#[test]
fn each_change_of_a_file_is_told_once_and_none_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    script(folder.path(), "hello");
    std::fs::create_dir(folder.path().join("app")).unwrap();
    std::fs::write(folder.path().join("app/app.py"), "1").unwrap();
    let text = format!(
        "{API}[function.app]\ncommand = ['true']\ndirectory = 'app'\nwatch = true\n\
         [function.other]\ncommand = ['true']\ndirectory = 'app'\n"
    );
    let config = read(folder.path(), None, &text);
    let file = folder.path().join("poolhouse.toml");
    let sources = Sources { file: Some(file.clone()), environment: Vec::new(), flags: Flags::default() };
    let mut watch = Watch::new(sources, config.clone(), &[]);
    assert!(!watch.has_changed());
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    std::fs::write(folder.path().join("lib/names.js"), "module.exports = []").unwrap();
    std::fs::write(
        folder.path().join("hello.js"),
        "const names = require('./lib/names.js'); exports.handler = async () => names",
    )
    .unwrap();
    assert!(watch.has_changed());
    for path in ["lib/names.js", "poolhouse.toml", "hello.js", "app/app.py", "app/new.py"] {
        std::fs::write(folder.path().join(path), format!("# {path}")).unwrap();
        assert!(watch.has_changed(), "{path}");
        assert!(!watch.has_changed(), "{path}");
    }
    // An edit between reading and looking again.
    std::fs::write(&file, "# more").unwrap();
    watch.look_at(&[], &config.functions);
    assert!(watch.has_changed());
    std::fs::write(folder.path().join("app/app.py"), "# more").unwrap();
    watch.look_at(&[], &config.functions);
    assert!(watch.has_changed());
}
