//! The way of a message out of the house: by webhook, once or more until it arrives, and never twice at the same time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::hmac;
use axum::{Router, extract::State, http::HeaderMap, routing::post};
use http::StatusCode;
use poolhouse::{
    config::{Mode, sms::Sms},
    domain::{
        code::Medium,
        message::{Letter, Occasion, Parcel},
    },
    flows::{App, Parts, outbox},
    keys::webhook::{SIGNATURE_HEADER, TIMESTAMP_HEADER},
    kit::secret::Secret,
    outside::Client,
    post::Post,
    store::{self, outbox::Waiting},
};
use serde_json::{Value, json};

use super::{
    people::{PASSWORD, Site},
    town::{towns_with, with},
};

const PHONE: &str = "+15555550100";
const SECRET: &str = "a secret of the tests' own";

/// A telephone network: takes webhooks, and answers as it is told.
#[derive(Clone, Default)]
struct Network {
    taken: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Network {
    /// A network, and the address of its webhook.
    async fn open() -> (Self, String) {
        let network = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/sms?key=1", listener.local_addr().unwrap());
        let router = Router::new().route("/sms", post(take)).with_state(network.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (network, address)
    }

    /// The next requests are answered like this, and 200 follows.
    fn answers(&self, answers: &[u16]) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// What was sent, told by the bodies.
    fn bodies(&self) -> Vec<Value> {
        self.taken.lock().unwrap().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect()
    }
}

async fn take(State(network): State<Network>, headers: HeaderMap, body: String) -> StatusCode {
    network.taken.lock().unwrap().push((headers, body));
    let answer = network.answers.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(answer).unwrap()
}

fn carrier(webhook: &str) -> Sms {
    Sms {
        webhook: webhook.to_owned(),
        secret: Some(Secret::from(SECRET)),
        sender_id: Some("Town".into()),
        timeout: Duration::from_secs(5),
    }
}

/// Sites in this mode that send text messages to a network, and no e-mail.
async fn networked(mode: Mode) -> Vec<(Site, Network)> {
    let mut sites = Vec::new();
    let (network, webhook) = Network::open().await;
    let towns = towns_with(|parts: &mut Parts| {
        parts.post = Post::new(mode == Mode::Development, None, Some(&carrier(&webhook)), Client::default()).unwrap();
    });
    let pool = json!({"AutoVerifiedAttributes": ["phone_number", "email"]});
    for town in towns.await {
        sites.push((Site::at(town, pool.clone(), json!({})).await, network.clone()));
    }
    sites
}

impl Network {
    fn forget(&self) {
        self.taken.lock().unwrap().clear();
    }
}

impl Site {
    fn sign_up_by_phone(&self, name: &str) -> Value {
        let phone = json!([{"Name": "phone_number", "Value": PHONE}]);
        json!({"ClientId": self.client, "Username": name, "Password": PASSWORD, "UserAttributes": phone})
    }

    async fn deliver(&self) -> usize {
        outbox::deliver_due(&self.app).await.unwrap()
    }

    async fn row(&self) -> (Option<Vec<u8>>, i64, Option<i64>, Option<String>) {
        let mut tx = self.app.store.read().await.unwrap();
        tx.sql("SELECT parcel, tries, done_at, failure FROM outbox").one().await.unwrap()
    }

    async fn rows(&self) -> i64 {
        let mut tx = self.app.store.read().await.unwrap();
        tx.sql("SELECT COUNT(*) FROM outbox").one::<(i64,)>().await.unwrap().0
    }
}

#[tokio::test]
async fn a_message_is_tried_until_it_arrives_and_confirms_its_user() {
    for (site, network) in networked(Mode::Production).await {
        network.forget();
        network.answers(&[500, 503]);
        site.call("SignUp", site.sign_up_by_phone("ann")).await;
        assert_eq!(network.bodies().len(), 0, "nothing is sent within the call");
        let (parcel, tries, done_at, _) = site.row().await;
        let sealed = String::from_utf8_lossy(&parcel.unwrap()).into_owned();
        assert!(!sealed.contains("code is") && !sealed.contains(PHONE), "what waits is sealed");
        assert_eq!((tries, done_at), (0, None));

        assert_eq!(site.deliver().await, 1);
        let (_, tries, done_at, failure) = site.row().await;
        assert_eq!((tries, done_at), (1, None));
        assert_eq!(failure.as_deref(), Some("the webhook answered 500 Internal Server Error"));
        assert_eq!(site.deliver().await, 0, "it waits a while");
        site.advance(2);
        assert_eq!(site.deliver().await, 1);
        site.advance(3);
        assert_eq!(site.deliver().await, 1);
        let (parcel, tries, done_at, failure) = site.row().await;
        assert_eq!((parcel, tries, done_at.is_some(), failure), (None, 3, true, None), "what was sent is gone");
        site.advance(600);
        assert_eq!(site.deliver().await, 0);

        let bodies = network.bodies();
        assert_eq!(bodies.len(), 3);
        assert!(bodies.iter().all(|body| *body == bodies[0]), "the same at every try: {bodies:?}");
        let message = bodies[0]["message"].as_str().unwrap();
        let code = message.strip_prefix("Your verification code is ").unwrap();
        let expected = json!({"id": bodies[0]["id"], "to": PHONE, "message": message, "pool": site.pool,
                              "occasion": "SignUp", "sender_id": "Town"});
        assert_eq!(bodies[0], expected);
        let (headers, body) = network.taken.lock().unwrap()[0].clone();
        let signed = format!("{}.{body}", headers[TIMESTAMP_HEADER].to_str().unwrap());
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = format!("v1={}", hex::encode(hmac::sign(&key, signed.as_bytes())));
        assert_eq!(headers[SIGNATURE_HEADER].to_str().unwrap(), signature);

        site.call("ConfirmSignUp", with(&site.by_client("ann"), json!({"ConfirmationCode": code}))).await;
        assert_eq!(site.status("ann").await, "CONFIRMED");
    }
}

#[tokio::test]
async fn a_message_that_is_refused_or_too_old_is_given_up_with_its_reason() {
    for (site, network) in networked(Mode::Production).await {
        network.forget();
        network.answers(&[400]);
        site.call("SignUp", site.sign_up_by_phone("ann")).await;
        site.deliver().await;
        let (parcel, tries, done_at, failure) = site.row().await;
        assert_eq!((parcel, tries, done_at.is_some()), (None, 1, true));
        assert_eq!(failure.as_deref(), Some("the webhook answered 400 Bad Request"));

        network.forget();
        let mut tx = site.app.store.begin().await.unwrap();
        tx.sql("DELETE FROM outbox").run().await.unwrap();
        tx.commit().await.unwrap();
        site.call("ResendConfirmationCode", site.by_client("ann")).await;
        site.advance(24 * 3_600);
        site.deliver().await;
        assert_eq!(network.bodies().len(), 0, "a code that has ended is not sent");
        assert_eq!(site.row().await.3.as_deref(), Some("its code has expired"));

        // What is done stays for a while, and is swept.
        let mut tx = site.app.store.begin().await.unwrap();
        assert_eq!(store::outbox::sweep(&mut tx, site.app.clock.now(), 10).await.unwrap(), 0);
        site.advance(1);
        assert_eq!(store::outbox::sweep(&mut tx, site.app.clock.now(), 10).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_receiver_that_stays_away_is_not_tried_forever() {
    for (site, network) in networked(Mode::Production).await {
        network.forget();
        network.answers(&[500; 40]);
        site.call("SignUp", site.sign_up_by_phone("ann")).await;
        for _ in 0..40 {
            site.deliver().await;
            site.advance(450);
        }
        network.answers.lock().unwrap().clear();
        assert_eq!(network.bodies().len(), 12);
        let (parcel, tries, done_at, _) = site.row().await;
        assert_eq!((parcel, tries, done_at.is_some()), (None, 12, true));
    }
}

#[tokio::test]
async fn without_a_carrier_nothing_changes_and_nobody_is_written_to() {
    for (site, _) in networked(Mode::Production).await {
        let refusal =
            "CodeDeliveryFailureException: This server cannot deliver e-mail: its configuration has no [mail].";
        assert_eq!(site.refused("SignUp", site.sign_up("ann")).await, refusal);
        let invited = json!({"DesiredDeliveryMediums": ["EMAIL"],
                             "UserAttributes": [{"Name": "email", "Value": "bob@example.com"}]});
        assert_eq!(site.refused("AdminCreateUser", with(&site.named("bob"), invited)).await, refusal);
        for name in ["ann", "bob"] {
            let nobody = "UserNotFoundException: User does not exist.";
            assert_eq!(site.refused("AdminGetUser", site.named(name)).await, nobody);
        }
        site.person("cy").await;
        assert_eq!(site.refused("ForgotPassword", site.by_client("cy")).await, refusal);
        let changed = json!({"AccessToken": site.tokens("cy").await.access,
                             "UserAttributes": [{"Name": "email", "Value": "cy@example.net"}]});
        assert_eq!(site.refused("UpdateUserAttributes", changed).await, refusal);
        assert_eq!(site.attribute("cy", "email").await.as_deref(), Some("cy@example.com"));
        // An administrator reads the same sentence under a name that these operations declare.
        let refusal = refusal.replace("CodeDeliveryFailureException", "InvalidParameterException");
        let changed = json!({"UserAttributes": [{"Name": "email", "Value": "cy@example.net"}]});
        assert_eq!(site.refused("AdminUpdateUserAttributes", with(&site.named("cy"), changed)).await, refusal);
        assert_eq!(site.refused("AdminResetUserPassword", site.named("cy")).await, refusal);
        assert_eq!(site.attribute("cy", "email").await.as_deref(), Some("cy@example.com"));
        assert_eq!(site.status("cy").await, "CONFIRMED");

        site.call("SignUp", site.sign_up_by_phone("ann")).await;
        site.refused("SignUp", site.sign_up_by_phone("ann")).await;
        assert_eq!(site.rows().await, 1, "what was refused tells nobody");
        let mut tx = site.app.store.read().await.unwrap();
        assert_eq!(store::messages::newest(&mut tx, None, 10).await.unwrap(), [], "production has no inbox");
    }
}

#[tokio::test]
async fn in_development_a_message_leaves_and_lies_in_the_inbox() {
    for (site, network) in networked(Mode::Development).await {
        network.forget();
        site.call("SignUp", site.sign_up_by_phone("ann")).await;
        site.call("SignUp", site.sign_up("bob")).await;
        assert_eq!(site.deliver().await, 1, "only text messages leave");
        let code = site.code(PHONE).await;
        assert_eq!(network.bodies()[0]["message"], format!("Your verification code is {code}"));
        site.code("bob@example.com").await;
    }
}

async fn fill(app: &App, pool: &str, count: usize) {
    let mut tx = app.store.begin().await.unwrap();
    for number in 0..count {
        let letter = Letter {
            medium: Medium::Sms,
            occasion: Occasion::SignUp,
            recipient: format!("+1555555{number:04}"),
            subject: None,
            body: format!("message {number}"),
            from: None,
            reply_to: None,
        };
        let waiting = Waiting {
            id: app.random.uuid(),
            pool_id: pool.to_owned(),
            parcel: Parcel::Letter(letter),
            expires_at: app.clock.now().plus(Duration::from_secs(3_600)),
            created_at: app.clock.now(),
        };
        store::outbox::insert(&mut tx, &waiting).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_at_the_same_outbox_deliver_each_message_once() {
    const MESSAGES: usize = 100;
    for (site, network) in networked(Mode::Production).await {
        network.forget();
        fill(&site.app, &site.pool, MESSAGES).await;
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let app = Arc::clone(&site.app);
                tokio::spawn(async move { outbox::deliver_due(&app).await.unwrap() })
            })
            .collect();
        let mut delivered = 0;
        for worker in workers {
            delivered += worker.await.unwrap();
        }
        let mut said: Vec<String> = network.bodies().iter().map(|body| body["message"].to_string()).collect();
        assert_eq!((delivered, said.len()), (MESSAGES, MESSAGES));
        said.sort();
        said.dedup();
        assert_eq!(said.len(), MESSAGES, "each once");
    }
}

#[tokio::test]
async fn what_a_dead_worker_had_claimed_comes_back_and_its_word_is_void() {
    for (site, network) in networked(Mode::Production).await {
        network.forget();
        fill(&site.app, &site.pool, 1).await;
        let now = site.app.clock.now();
        let claim = |by: &'static str, from, seconds| {
            let store = site.app.store.clone();
            async move {
                let until = poolhouse::kit::clock::Time::plus(from, Duration::from_secs(seconds));
                let mut tx = store.single().await.unwrap();
                let claimed = store::outbox::claim(&mut tx, by, (from, until), 10).await.unwrap();
                tx.commit().await.unwrap();
                claimed
            }
        };
        let dead = claim("dead", now, 60).await.remove(0);
        assert!(matches!(&dead.parcel, Some(Parcel::Letter(letter)) if letter.body == "message 0"));
        assert_eq!(site.deliver().await, 0, "it is somebody's");
        site.advance(59);
        assert_eq!(site.deliver().await, 0);
        site.advance(1);
        let heir = claim("heir", site.app.clock.now(), 60).await.remove(0);
        assert_eq!(heir.tries, 2);
        let mut tx = site.app.store.begin().await.unwrap();
        let now = site.app.clock.now();
        assert!(!store::outbox::later(&mut tx, &dead, now, "late").await.unwrap());
        assert!(!store::outbox::done(&mut tx, &dead, now, None).await.unwrap());
        assert!(store::outbox::done(&mut tx, &heir, now, None).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!((site.deliver().await, network.bodies().len()), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_hears_of_a_commit_at_once_and_stops_when_told() {
    for (site, network) in networked(Mode::Production).await {
        network.forget();
        let stop = tokio_util::sync::CancellationToken::new();
        let worker = tokio::spawn(outbox::run(Arc::clone(&site.app), stop.clone()));
        // Long enough for the first look at the empty outbox.
        tokio::time::sleep(Duration::from_millis(50)).await;
        site.call("SignUp", site.sign_up_by_phone("ann")).await;
        let arrived = async {
            while network.bodies().is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), arrived).await.unwrap();
        stop.cancel();
        tokio::time::timeout(Duration::from_secs(5), worker).await.unwrap().unwrap();
    }
}
