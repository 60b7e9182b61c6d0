//! Which servers are asked in production, by whoever asks.

use std::time::Duration;

use poolhouse::{
    config::sms::Sms,
    domain::{
        code::Medium,
        message::{Letter, Occasion},
    },
    kit::{clock::Time, network::Block, reach::Reach},
    outside::{Client, Outside, Question},
    post::Post,
};

use crate::trust::Private;

pub(super) fn letter() -> Letter {
    Letter {
        medium: Medium::Sms,
        occasion: Occasion::SignUp,
        recipient: "+15555550100".into(),
        subject: None,
        body: "123456".into(),
        from: None,
        reply_to: None,
    }
}

/// What everybody who asks has heard, by who it was.
async fn everybody(url: &str, client: &Client) -> Vec<(&'static str, Result<(), String>)> {
    let outside = Outside::new(client.clone());
    let sms = Sms { webhook: url.to_owned(), secret: None, sender_id: None, timeout: Duration::from_secs(5) };
    let post = Post::new(false, None, Some(&sms), client.clone()).unwrap();
    let now = Time::from_seconds(1);
    let question = || Question { url, ..Question::default() };
    let form = [("code", "x")];
    let token = outside.ask_json(Question { form: Some(&form), ..question() }).await.map(drop);
    let user_info = outside.ask(question()).await.map(drop);
    let keys = outside.document(url, (now, Duration::ZERO)).await.map(drop);
    let providers = [("a token endpoint", token), ("userInfo", user_info), ("discovery and keys", keys)];
    let logout = post.post_form(url, "logout_token=x".into()).await.map(drop);
    let client_keys = post.get_document(url).await.map(drop);
    let message = post.send("1", &letter(), "us-east-1_A", now).await;
    let others = [("backchannel_logout_uri", logout), ("jwks_uri", client_keys), ("[sms] webhook", message)];
    let mut heard = Vec::new();
    heard.extend(providers.map(|(who, result)| (who, result.map_err(|error| error.to_string()))));
    heard.extend(others.map(|(who, result)| (who, result.map_err(|error| error.to_string()))));
    heard
}

#[tokio::test]
async fn production_asks_nobody_inside_unless_it_is_named() {
    let private = Private::open().await;
    let production = |allow: &[&str]| {
        let allow = allow.iter().map(|block| Block::parse(block).unwrap()).collect();
        Client::new(Reach::public_and(allow), &private.trust)
    };
    for url in [private.url.clone(), private.url.replace("localhost", "2130706433")] {
        for (who, heard) in everybody(&url, &production(&[])).await {
            assert_eq!(heard, Err(format!("the address {url} may not be asked")), "{who}");
        }
        for (who, heard) in everybody(&url, &production(&["10.0.0.0/8"])).await {
            assert_eq!(heard, Err(format!("the address {url} may not be asked")), "{who}");
        }
    }
    assert_eq!(private.accepted(), 0);
    for client in [production(&["127.0.0.0/8"]), Client::new(Reach::far(), &private.trust)] {
        for (who, heard) in everybody(&private.url, &client).await {
            assert_eq!(heard, Ok(()), "{who}");
        }
    }
    assert_eq!(private.accepted(), 12);
    // Plain http stays on this machine.
    let heard = everybody("http://10.0.0.1/", &production(&["10.0.0.0/8"])).await;
    for (who, heard) in heard {
        assert_eq!(heard, Err("the address http://10.0.0.1/ may not be asked".to_owned()), "{who}");
    }
}
