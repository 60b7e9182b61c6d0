//! Triggers whose function is a webhook: where it may stand, and what servers answer that mean harm.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use poolhouse::{
    config::{
        Place,
        function::{Function, Runs},
    },
    functions::{Functions, Surroundings},
    hooks::Hooks,
    kit::{network::Block, reach::Reach, trust::Trust},
    outside::Client,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{people::Site, town::towns_with};
use crate::trust::Private;

const MIB: usize = 1024 * 1024;

/// Sites whose functions stand at these addresses, and are reached as `client` does.
async fn sites(addresses: &[(String, String)], client: &Client) -> Vec<Site> {
    let sections: Vec<Function> = addresses
        .iter()
        .map(|(name, url)| {
            let runs = Runs::Webhook { url: url.parse().unwrap(), secret: None };
            Function { timeout: Duration::from_millis(400), ..Function::new(Place::whole("test"), name, runs) }
        })
        .collect();
    let around = Surroundings { client: client.clone(), ..Surroundings::default() };
    let functions = Arc::new(Functions::load_in(&sections, &around).unwrap());
    let mut sites = Vec::new();
    for town in towns_with(|parts| parts.hooks = Hooks::new(Arc::clone(&functions))).await {
        sites.push(Site::at(town, json!({}), json!({})).await);
    }
    sites
}

impl Site {
    async fn ask_before_signing_up(&self, name: &str) {
        let target = format!("arn:aws:lambda:us-east-1:123456789012:function:{name}");
        self.call("UpdateUserPool", json!({"UserPoolId": self.pool, "LambdaConfig": {"PreSignUp": target}})).await;
    }

    async fn is_refused(&self, name: &str) {
        self.ask_before_signing_up(name).await;
        let said = self.refused("SignUp", self.sign_up("ann")).await;
        let expected = "UnexpectedLambdaException: PreSignUp invocation failed due to error ServiceException.";
        assert_eq!(said, expected, "{name}");
        let nobody = self.refused("AdminGetUser", json!({"UserPoolId": self.pool, "Username": "ann"})).await;
        assert!(nobody.starts_with("UserNotFoundException"), "{name}: {nobody}");
    }
}

/// A server that treats every connection alike once it has read from it, and tells of each.
async fn server<F>(treat: impl Fn(TcpStream) -> F + Send + 'static) -> (SocketAddr, mpsc::UnboundedReceiver<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_whole(&mut stream).await;
            let _ = tell.send(());
            tokio::spawn(treat(stream));
        }
    });
    (address, told)
}

/// A request with its body: whoever closes a connection with something unread in it resets it. What is no HTTP is read as it comes.
async fn read_whole(stream: &mut TcpStream) {
    let (mut taken, mut buffer) = (Vec::new(), [0; 8192]);
    loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        taken.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&taken);
        let is_http = text.starts_with("POST ");
        let rest = text.split_once("\r\n\r\n").and_then(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            length.parse::<usize>().ok()?.checked_sub(body.len())
        });
        if count == 0 || !is_http || rest == Some(0) {
            return;
        }
    }
}

/// One that answers every connection with these bytes, and closes it.
pub(super) async fn saying(answer: &str) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let answer: Arc<str> = answer.into();
    server(move |mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

pub(super) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn production_asks_no_webhook_inside_unless_it_is_named() {
    let (address, mut told) = saying(&answer(200, "", "{}")).await;
    let port = address.port();
    let inside = [
        "127.0.0.1",
        "127.1",
        "[::1]",
        "0.0.0.0",
        "169.254.169.254",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "localhost",
        "localhost.",
        "[::]",
        "10.0.0.1",
        "100.64.0.1",
    ];
    let mut functions: Vec<_> =
        inside.iter().enumerate().map(|(at, host)| (format!("at{at}"), format!("http://{host}:{port}/"))).collect();
    functions.push(("encrypted".to_owned(), format!("https://127.0.0.1:{port}/")));
    let production = Client::new(Reach::public_and(Vec::new()), &Trust::default());
    for site in sites(&functions, &production).await {
        for (name, _) in &functions {
            site.is_refused(name).await;
        }
    }
    assert!(told.try_recv().is_err(), "somebody was asked");
    // The flag opens what it names, and development what is private; the link's addresses stay closed.
    let named = Client::new(Reach::public_and(vec![Block::parse("127.0.0.0/8").unwrap()]), &Trust::default());
    for client in [named, Client::default()] {
        for site in sites(&functions, &client).await {
            for name in ["at0", "at1", "at5"] {
                site.ask_before_signing_up(name).await;
                site.call("SignUp", site.sign_up(&format!("ann-{name}"))).await;
                told.try_recv().expect("it was asked");
            }
            for name in ["at3", "at4", "at12"] {
                site.is_refused(name).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_redirects_leads_nowhere() {
    let (inside, mut told_inside) = saying(&answer(200, "", "{}")).await;
    let mut functions = Vec::new();
    let mut told = Vec::new();
    for status in [301, 302, 303, 307, 308] {
        let (address, told_here) = saying(&answer(status, &format!("location: http://{inside}/\r\n"), "")).await;
        functions.push((format!("to-inside-{status}"), format!("http://{address}/")));
        told.push(told_here);
    }
    // To itself: a hundred of them would follow.
    let (address, told_here) = saying(&answer(307, "location: /\r\n", "")).await;
    functions.push(("in-circles".to_owned(), format!("http://{address}/")));
    told.push(told_here);
    for site in sites(&functions, &Client::default()).await {
        for ((name, _), told) in functions.iter().zip(&mut told) {
            site.is_refused(name).await;
            assert!(told.try_recv().is_ok() && told.try_recv().is_err(), "{name} is asked once");
        }
    }
    assert!(told_inside.try_recv().is_err(), "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_means_harm_is_cut_off() {
    let (sent, mut most) = mpsc::unbounded_channel();
    let gigabyte = move |mut stream: TcpStream| {
        let sent = sent.clone();
        async move {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n").await;
            let (piece, mut count) = (vec![b' '; MIB], 0);
            while count < 1024 && stream.write_all(&piece).await.is_ok() {
                count += 1;
            }
            let _ = sent.send(count);
        }
    };
    let endless = |mut stream: TcpStream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let piece = format!("10000\r\n{}\r\n", " ".repeat(MIB / 16));
        while stream.write_all(piece.as_bytes()).await.is_ok() {}
    };
    let drops = |first: &'static str, then: &'static str| {
        move |mut stream: TcpStream| async move {
            let _ = stream.write_all(first.as_bytes()).await;
            while stream.write_all(then.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let body_in_drops = server(drops("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", " ")).await.0;
    let head_in_drops = server(drops("HTTP/1.1 200 OK\r\n", "a: b\r\n")).await.0;
    let never_really = server(drops("", "HTTP/1.1 100 Continue\r\n\r\n")).await.0;
    let packed = "content-encoding: gzip\r\ncontent-type: application/json\r\n";
    let plain = saying(&answer(200, "", "{}")).await.0;
    let private = Private::open().await;
    let mut all = vec![
        ("a-gigabyte", format!("http://{}", server(gigabyte).await.0)),
        ("no-end", format!("http://{}", server(endless).await.0)),
        ("body-in-drops", format!("http://{body_in_drops}")),
        ("head-in-drops", format!("http://{head_in_drops}")),
        ("never-really", format!("http://{never_really}")),
        ("plain-text", format!("https://{plain}")),
        ("nobody-vouches", private.url.clone()),
    ];
    for (name, text) in [
        ("packed", answer(200, packed, "\u{1f}\u{8b}\u{8}")),
        ("a-page", answer(200, "content-type: text/html\r\n", "{}")),
        ("no-head", "{}\n".to_owned()),
        ("broken-off", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_owned()),
        ("over-a-mebibyte", answer(200, "", &format!("{{\"a\": \"{}\"}}", "x".repeat(MIB)))),
    ] {
        all.push((name, format!("http://{}", saying(&text).await.0)));
    }
    let functions: Vec<_> = all.iter().map(|(name, url)| ((*name).to_owned(), url.clone())).collect();
    let sites = sites(&functions, &Client::default()).await;
    let count = sites.len();
    for site in sites {
        for (name, _) in &functions {
            site.is_refused(name).await;
        }
    }
    for _ in 0..count {
        let mebibytes = most.recv().await.unwrap();
        assert!(mebibytes < 64, "{mebibytes} MiB were taken");
    }
}
