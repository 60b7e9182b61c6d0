//! Servers under https that an authority of the operator's own vouches for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use poolhouse::{
    config::{
        Place,
        function::{Function as Section, Runs},
        sms::Sms,
    },
    functions::{Call, Functions, Surroundings},
    kit::{clock::Time, reach::Reach, trust::Trust},
    outside::{Client, Outside, Question},
    post::Post,
};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::outbound::letter;

/// Answers every request, one a connection.
pub(crate) struct Private {
    pub(crate) url: String,
    /// Believes in it.
    pub(crate) trust: Trust,
    accepted: Arc<AtomicUsize>,
}

impl Private {
    pub(crate) async fn open() -> Self {
        Self::answering(|_| "{}".to_owned()).await
    }

    /// With what there is to say for the origin that it has.
    pub(crate) async fn answering(say: impl FnOnce(&str) -> String) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (url, body) = (format!("{origin}/x"), say(&origin));
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut buffer = [0; 8192];
                assert!(stream.read(&mut buffer).await.unwrap() > 0);
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        Self { url, trust: Trust::with(made.cert.pem().as_bytes()).unwrap(), accepted }
    }

    /// How many connections there were.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

fn client(trust: &Trust) -> Client {
    Client::new(Reach::far(), trust)
}

/// What became of it without and with trust: the words of the failure, and success.
fn refused_then_taken<T, E: std::fmt::Display>(results: [Result<T, E>; 2]) {
    let [without, with] = results;
    let words = without.err().expect("nobody vouches for it").to_string();
    assert!(words.contains("UnknownIssuer"), "{words}");
    if let Err(error) = with {
        panic!("{error}");
    }
}

#[tokio::test]
async fn a_provider_may_have_a_certificate_of_a_private_authority() {
    let private = Private::open().await;
    let ask = async |trust: &Trust| {
        let outside = Outside::new(client(trust));
        outside.ask_json(Question { url: &private.url, ..Question::default() }).await
    };
    refused_then_taken([ask(&Trust::default()).await, ask(&private.trust).await]);
}

#[tokio::test]
async fn applications_and_networks_may_have_a_certificate_of_a_private_authority() {
    let private = Private::open().await;
    let sms = Sms { webhook: private.url.clone(), secret: None, sender_id: None, timeout: Duration::from_secs(5) };
    let letter = letter();
    let post = |trust: &Trust| Post::new(false, None, Some(&sms), client(trust)).unwrap();
    let tell = async |trust: &Trust| post(trust).post_form(&private.url, "logout_token=x".into()).await;
    refused_then_taken([tell(&Trust::default()).await, tell(&private.trust).await]);
    let read = async |trust: &Trust| post(trust).get_document(&private.url).await;
    refused_then_taken([read(&Trust::default()).await, read(&private.trust).await]);
    let send = async |trust: &Trust| post(trust).send("1", &letter, "us-east-1_A", Time::from_seconds(1)).await;
    refused_then_taken([send(&Trust::default()).await, send(&private.trust).await]);
}

#[tokio::test]
async fn functions_may_run_behind_a_certificate_of_a_private_authority() {
    let private = Private::open().await;
    let call = async |trust: &Trust| {
        let runs = Runs::Webhook { url: private.url.parse().unwrap(), secret: None };
        let around = Surroundings { client: client(trust), ..Surroundings::default() };
        let section = Section::new(Place::whole("test"), "example", runs);
        let functions = Functions::load_in(&[section], &around).unwrap();
        let call = Call::new(json!({}), Duration::from_secs(5), uuid::Uuid::from_u128(7).to_string());
        functions.get("example").unwrap().invoke(call).await
    };
    refused_then_taken([call(&Trust::default()).await, call(&private.trust).await]);
}
