//! Providers whose servers fail: answers that are none, that do not come, or that never end.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    routing::any,
};
use hyper::body::Frame;
use tokio::task::JoinSet;

use super::{assert_told, change_provider, idp::Idp, trip, with_idp};
use crate::app::{House, houses};

const HUGE: usize = 100 * 1024 * 1024;
/// What the buffers of two ends hold once one of them reads no further.
const UNDER_WAY: usize = 16 * 1024 * 1024;

/// A document of a hundred megabytes, made as it is read.
struct Flood {
    piece: Bytes,
    sent: Arc<AtomicUsize>,
}

impl HttpBody for Flood {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let before = self.sent.fetch_add(self.piece.len(), Ordering::SeqCst);
        let start = || Bytes::from_static(b"{\"keys\":[");
        let next = if before == 0 { start() } else { self.piece.clone() };
        Poll::Ready((before < HUGE).then_some(Ok(Frame::data(next))))
    }
}

/// The address of a flood, and how much of it was taken.
pub(super) async fn flooding() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/flood", listener.local_addr().unwrap());
    let (sent, piece) = (Arc::<AtomicUsize>::default(), Bytes::from(r#"{"kty":"oct"},"#.repeat(4_096)));
    let counted = Arc::clone(&sent);
    let flood = move || {
        let flood = Flood { piece: piece.clone(), sent: Arc::clone(&counted) };
        async move { Body::new(flood) }
    };
    let router = Router::new().route("/flood", any(flood));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, sent)
}

/// Some of the flood was read, and then no more.
pub(super) fn assert_left(sent: &AtomicUsize) {
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent > 0 && sent < UNDER_WAY, "{sent} bytes were taken");
}

/// The provider's details say so from now on.
pub(super) async fn detail(house: &House, name: &str, value: String) {
    change_provider(house, |provider| {
        provider.details.insert(name.into(), value);
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_fails_is_told_of_in_the_services_words() {
    for house in houses().await {
        let idp = with_idp(&house).await;
        for (number, (status, body, text)) in [
            (500, "", "Okta Error - 500 error getting token"),
            (400, r#"{"error":"invalid_grant"}"#, "Okta Error - 400 error getting token"),
            (302, "", "Okta Error - 302 error getting token"),
            (200, "<html><body>Please sign in</body></html>", "Invalid response from IdP token endpoint"),
            (200, "[]", "Invalid response from IdP token endpoint"),
            (200, "{}", "The identity provider sent no ID token"),
        ]
        .into_iter()
        .enumerate()
        {
            idp.set(|script| script.token_answer = Some((status, body.to_owned())));
            assert_told(&trip(&house, &idp).await, text);
            assert_eq!(idp.script.lock().unwrap().redeemed.len(), number + 1, "no redirect is followed");
        }
        let (address, sent) = flooding().await;
        detail(&house, "token_url", address).await;
        assert_told(&trip(&house, &idp).await, "Invalid response from IdP token endpoint");
        assert_left(&sent);
        detail(&house, "token_url", "http://127.0.0.1:1/token".into()).await;
        assert_told(&trip(&house, &idp).await, "Connection reset");
    }
}

#[tokio::test]
async fn a_provider_that_is_slow_is_given_up_after_five_seconds() {
    let mut waiting = JoinSet::new();
    for house in houses().await {
        waiting.spawn(async move {
            let idp: Idp = with_idp(&house).await;
            idp.set(|script| script.delay = Duration::from_secs(60));
            let begun = Instant::now();
            assert_told(&trip(&house, &idp).await, "Timeout occurred in calling IdP token endpoint");
            // Others may keep the machine busy; nobody waits for the provider.
            assert!((5..15).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        });
    }
    waiting.join_all().await;
}
