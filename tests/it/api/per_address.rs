//! What one client address may do, whoever it asks for.

use std::sync::Arc;

use poolhouse::{
    Poolhouse,
    config::{self, Flags, Sources, limits::Limits},
    kit::network::Block,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

use super::{
    people::{NO_USER, PASSWORD, Site, TOO_OFTEN, WRONG},
    recorder::limited_stages,
    srp::{self, NOW, Prover},
    town::{towns_with, with},
};

pub(super) const TOO_MANY: &str = "TooManyRequestsException: Too many requests";
pub(super) const HERE: &str = "203.0.113.9";
const THERE: &str = "198.51.100.7";

/// Sites where an address may fail and ask for codes so many times.
pub(super) async fn limited(failed_sign_ins: u32, codes: u32, pool: Value) -> Vec<Site> {
    let exempt = vec![Block::parse("192.0.2.0/24").unwrap()];
    let limits = Limits { failed_sign_ins, codes, exempt, ..Limits::default() };
    let flows = json!([
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_USER_SRP_AUTH",
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
        "ALLOW_USER_AUTH",
        "ALLOW_REFRESH_TOKEN_AUTH"
    ]);
    let mut sites = Vec::new();
    for town in towns_with(|parts| parts.setup.limits = limits.clone()).await {
        sites.push(Site::at(town, pool.clone(), json!({"ExplicitAuthFlows": flows})).await);
    }
    sites
}

impl Site {
    async fn guess_from(&self, ip: &str, name: &str, password: &str) -> String {
        self.refused_from(ip, "InitiateAuth", self.password(name, password)).await
    }
}

#[tokio::test]
async fn one_password_is_not_tried_on_everybody() {
    for site in limited(3, 0, json!({})).await {
        for name in ["ann", "bob", "cid"] {
            site.person(name).await;
        }
        assert_eq!(site.guess_from(HERE, "ann", "Spring-2027").await, WRONG);
        assert_eq!(site.guess_from(HERE, "bob", "Spring-2027").await, WRONG);
        // Who succeeds is not counted, and names that nobody has are.
        for _ in 0..4 {
            site.call_from(HERE, "InitiateAuth", site.password("ann", PASSWORD)).await;
        }
        assert_eq!(site.guess_from(HERE, "nobody", "Spring-2027").await, NO_USER);
        for (name, password) in [("cid", "Spring-2027"), ("nobody", "Spring-2027"), ("ann", PASSWORD)] {
            assert_eq!(site.guess_from(HERE, name, password).await, TOO_MANY, "{name}");
        }
        // Another pool is no way around, another instance neither; everybody else is as free as before.
        let other = Site::at(site.twin(), json!({}), json!({})).await;
        other.person("ann").await;
        assert_eq!(other.guess_from(HERE, "ann", PASSWORD).await, TOO_MANY);
        site.call_from(THERE, "InitiateAuth", site.password("ann", PASSWORD)).await;
        site.advance(599);
        assert_eq!(site.guess_from(HERE, "ann", PASSWORD).await, TOO_MANY);
        site.advance(1);
        site.call_from(HERE, "InitiateAuth", site.password("ann", PASSWORD)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_the_same_time_at_two_instances_are_counted_exactly() {
    for site in limited(7, 0, json!({})).await {
        for number in 0..40 {
            site.person(&format!("user{number}")).await;
        }
        let twin = Site { town: site.twin(), pool: site.pool.clone(), client: site.client.clone() };
        let (site, twin) = (Arc::new(site), Arc::new(twin));
        let mut calls = JoinSet::new();
        for number in 0..40 {
            let site = Arc::clone(if number % 2 == 0 { &site } else { &twin });
            calls.spawn(async move { site.guess_from(HERE, &format!("user{number}"), "Spring-2027").await });
        }
        let answers = calls.join_all().await;
        assert_eq!(answers.iter().filter(|answer| *answer == WRONG).count(), 7, "{answers:?}");
        assert!(answers.iter().all(|answer| answer == WRONG || answer == TOO_MANY));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_succeed_at_the_same_time_leave_no_trace() {
    for site in limited(20, 0, json!({})).await {
        site.person("ann").await;
        let site = Arc::new(site);
        let mut calls = JoinSet::new();
        for _ in 0..20 {
            let site = Arc::clone(&site);
            calls.spawn(async move { site.call_from(HERE, "InitiateAuth", site.password("ann", PASSWORD)).await });
        }
        calls.join_all().await;
        for _ in 0..20 {
            assert_eq!(site.guess_from(HERE, "nobody", PASSWORD).await, NO_USER);
        }
        assert_eq!(site.guess_from(HERE, "nobody", PASSWORD).await, TOO_MANY);
    }
}

#[tokio::test]
async fn a_machine_does_not_get_further_by_changing_its_address() {
    for site in limited(2, 0, json!({})).await {
        site.person("ann").await;
        assert_eq!(site.guess_from("2001:db8:1:2::1", "ann", "Wrong-1234").await, WRONG);
        assert_eq!(site.guess_from("2001:db8:1:2:ffff:ffff:ffff:ffff", "ann", "Wrong-1234").await, WRONG);
        assert_eq!(site.guess_from("2001:db8:1:2:3:4:5:6", "ann", PASSWORD).await, TOO_MANY);
        site.call_from("2001:db8:1:3::1", "InitiateAuth", site.password("ann", PASSWORD)).await;
        // An IPv4 address is one, however it is written.
        assert_eq!(site.guess_from("::ffff:203.0.113.9", "ann", "Wrong-1234").await, WRONG);
        assert_eq!(site.guess_from(HERE, "ann", "Wrong-1234").await, WRONG);
        assert_eq!(site.guess_from("::ffff:203.0.113.9", "ann", PASSWORD).await, TOO_MANY);
        site.call_from("203.0.113.10", "InitiateAuth", site.password("ann", PASSWORD)).await;
    }
}

#[tokio::test]
async fn every_proof_that_is_wrong_counts() {
    let factors = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
    for site in limited(1, 0, json!({"Policies": factors})).await {
        site.person("ann").await;
        let begin = |flow: &str, parameters: Value| {
            let parameters = with(&json!({"USERNAME": "ann"}), parameters);
            json!({"AuthFlow": flow, "ClientId": site.client, "AuthParameters": parameters})
        };
        let srp = begin("USER_SRP_AUTH", json!({"SRP_A": Prover::new().public()}));
        let asked = site.call_from(HERE, "InitiateAuth", srp.clone()).await;
        let wrong = srp::answer(&site, "Wrong-1234", &asked["ChallengeParameters"], NOW);
        assert_eq!(site.refused_from(HERE, "RespondToAuthChallenge", wrong).await, WRONG);
        assert_eq!(site.refused_from(HERE, "InitiateAuth", srp).await, TOO_MANY);

        site.advance(600);
        let otp = begin("USER_AUTH", json!({"PREFERRED_CHALLENGE": "EMAIL_OTP"}));
        let asked = site.call_from(HERE, "InitiateAuth", otp).await;
        let code = site.code("ann@example.com").await;
        let answer = |code: &str| site.reply(&asked, "ann", json!({"EMAIL_OTP_CODE": code}));
        let wrong = format!("{}{}", &code[..7], if code.ends_with('0') { '1' } else { '0' });
        let wrong = site.refused_from(HERE, "RespondToAuthChallenge", answer(&wrong)).await;
        assert!(wrong.starts_with("CodeMismatchException"), "{wrong}");
        assert_eq!(site.refused_from(HERE, "RespondToAuthChallenge", answer(&code)).await, TOO_MANY);
        site.call_from(THERE, "RespondToAuthChallenge", answer(&code)).await;
    }
}

#[tokio::test]
async fn a_wrong_password_counts_where_it_is_not_the_last_word() {
    let client = json!({"ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH", "ALLOW_USER_PASSWORD_AUTH"]});
    let limits = Limits { failed_sign_ins: 1, ..Limits::default() };
    for stage in limited_stages(limits, json!({}), client).await {
        stage.recorder.teach("DefineAuthChallenge", |request| {
            let rounds = request["session"].as_array().unwrap().len();
            Ok(json!({"challengeName": if rounds == 1 { "PASSWORD_VERIFIER" } else { "CUSTOM_CHALLENGE" }}))
        });
        stage.person("ann").await;
        let parameters = json!({"USERNAME": "ann", "CHALLENGE_NAME": "SRP_A", "SRP_A": Prover::new().public()});
        let begin = json!({"AuthFlow": "CUSTOM_AUTH", "ClientId": stage.client, "AuthParameters": parameters});
        let asked = stage.call_from(HERE, "InitiateAuth", begin).await;
        let wrong = srp::answer(&stage, "Wrong-1234", &asked["ChallengeParameters"], NOW);
        let wrong = with(&wrong, json!({"Session": asked["Session"]}));
        let next = stage.call_from(HERE, "RespondToAuthChallenge", wrong).await;
        assert_eq!(next["ChallengeName"], "CUSTOM_CHALLENGE");
        assert_eq!(stage.guess_from(HERE, "ann", PASSWORD).await, TOO_MANY);
    }
}

#[tokio::test]
async fn whoever_speaks_for_others_is_not_limited_for_them() {
    for site in limited(1, 0, json!({})).await {
        site.person("ann").await;
        let admin = |context: Value| {
            let call = json!({"UserPoolId": site.pool, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH"});
            with(&with(&site.password("ann", "Wrong-1234"), call), context)
        };
        for _ in 0..3 {
            assert_eq!(site.refused_from(HERE, "AdminInitiateAuth", admin(json!({}))).await, WRONG);
        }
        // Where the user is, as the administrator says, has its limit.
        let said =
            json!({"ContextData": {"IpAddress": THERE, "ServerName": "app", "ServerPath": "/", "HttpHeaders": []}});
        assert_eq!(site.refused_from(HERE, "AdminInitiateAuth", admin(said.clone())).await, WRONG);
        assert_eq!(site.refused_from(HERE, "AdminInitiateAuth", admin(said.clone())).await, TOO_MANY);
        site.advance(600);
        // A stranger's word counts for nothing.
        for word in [json!({"UserContextData": {"IpAddress": "192.0.2.1"}}), said] {
            let guess = with(&site.password("ann", "Wrong-1234"), word);
            site.refused_from(HERE, "InitiateAuth", guess).await;
        }
        assert_eq!(site.guess_from(HERE, "ann", PASSWORD).await, TOO_MANY);
        // The operator has said that one's own servers are here.
        for _ in 0..2 {
            assert_ne!(site.guess_from("192.0.2.200", "nobody", PASSWORD).await, TOO_MANY);
        }
    }
}

#[tokio::test]
async fn nobody_has_codes_sent_to_everybody() {
    for site in limited(0, 3, json!({"AutoVerifiedAttributes": ["email"]})).await {
        for name in ["ann", "bob", "cid"] {
            site.person(name).await;
        }
        let token = site.tokens("ann").await.access;
        let forgot = |name: &str| site.by_client(name);
        site.call_from(HERE, "ForgotPassword", forgot("ann")).await;
        site.call_from(HERE, "SignUp", site.sign_up("dan")).await;
        site.call_from(HERE, "ResendConfirmationCode", forgot("dan")).await;
        let verify = json!({"AccessToken": token, "AttributeName": "email"});
        let change =
            |name: &str, value: &str| json!({"AccessToken": token, "UserAttributes": [{"Name": name, "Value": value}]});
        for (operation, call) in [
            ("ForgotPassword", forgot("bob")),
            ("ForgotPassword", forgot("nobody")),
            ("SignUp", site.sign_up("eve")),
            ("ResendConfirmationCode", forgot("dan")),
            ("GetUserAttributeVerificationCode", verify.clone()),
            ("UpdateUserAttributes", change("email", "new@example.com")),
        ] {
            assert_eq!(site.refused_from(HERE, operation, call).await, TOO_MANY, "{operation}");
        }
        assert_eq!(site.attribute("ann", "email").await.unwrap(), "ann@example.com");
        // What sends nothing is not counted.
        site.call_from(HERE, "UpdateUserAttributes", change("name", "Ann")).await;
        site.call_from(THERE, "GetUserAttributeVerificationCode", verify.clone()).await;
        for name in ["bob", "cid"] {
            site.call_from(THERE, "ForgotPassword", forgot(name)).await;
        }
        assert_eq!(site.refused_from(THERE, "GetUserAttributeVerificationCode", verify).await, TOO_MANY);
        site.advance(600);
        // Each user's own limit stands beside it.
        for _ in 0..4 {
            site.call_from("192.0.2.1", "ForgotPassword", forgot("ann")).await;
        }
        assert_eq!(site.refused_from(HERE, "ForgotPassword", forgot("ann")).await, TOO_OFTEN);
    }
}

#[tokio::test]
async fn codes_in_place_of_passwords_are_messages_too() {
    let factors = json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}});
    for site in limited(0, 2, json!({"Policies": factors, "AutoVerifiedAttributes": ["email"]})).await {
        let call = |name: &str| {
            let parameters = json!({"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"});
            json!({"AuthFlow": "USER_AUTH", "ClientId": site.client, "AuthParameters": parameters})
        };
        for name in ["ann", "bob", "cid"] {
            site.person(name).await;
        }
        for name in ["ann", "bob"] {
            assert_eq!(site.call_from(HERE, "InitiateAuth", call(name)).await["ChallengeName"], "EMAIL_OTP");
        }
        assert_eq!(site.refused_from(HERE, "InitiateAuth", call("cid")).await, TOO_MANY);
        site.call_from(HERE, "InitiateAuth", site.password("cid", PASSWORD)).await;
    }
}

/// A whole server on this machine, whose proxies are `proxies`.
async fn served(proxies: &str) -> (std::net::SocketAddr, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("poolhouse.toml");
    let text = format!(
        "[server]\nlisten = '127.0.0.1:0'\n{proxies}\n[gateway]\nlisten = '127.0.0.1:0'\n[limits]\nfailed_sign_ins = 2\n\
         [[pool]]\nid = 'us-east-1_Example01'\nname = 'example'\n[[pool.client]]\nid = '1example'\nname = 'web'\n\
         settings = {{ ExplicitAuthFlows = ['ALLOW_USER_PASSWORD_AUTH'], PreventUserExistenceErrors = 'ENABLED' }}\n"
    );
    std::fs::write(&file, text).unwrap();
    let sources = Sources { file: Some(file), environment: Vec::new(), flags: Flags::default() };
    let server = Poolhouse::builder(config::load(&sources).unwrap()).build().await.unwrap();
    let address = server.address().unwrap();
    tokio::spawn(server.serve(std::future::pending()));
    (address, folder)
}

/// The exception of a guess that comes with these headers.
async fn guess_with(address: std::net::SocketAddr, headers: &str) -> String {
    let parameters = json!({"USERNAME": "ann", "PASSWORD": "Wrong-1234"});
    let body = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": "1example", "AuthParameters": parameters});
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.1\r\n\
         x-amz-target: AWSCognitoIdentityProviderService.InitiateAuth\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str::<Value>(body).unwrap()["__type"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_header_is_believed_of_trusted_proxies_only() {
    let (address, _folder) = served("").await;
    let mut seen = Vec::new();
    for number in 1..=3 {
        seen.push(guess_with(address, &format!("x-forwarded-for: 203.0.113.{number}\r\n")).await);
    }
    let (wrong, too_many) = ("NotAuthorizedException", "TooManyRequestsException");
    assert_eq!(seen, [wrong, wrong, too_many], "a stranger wrote it");

    let (address, _folder) = served("behind_proxy = true\ntrusted_proxies = ['127.0.0.1']").await;
    for number in 1..=3 {
        let forwarded = format!("x-forwarded-for: 203.0.113.{number}\r\n");
        assert_eq!(guess_with(address, &forwarded).await, wrong, "{number}");
    }
    // What a client wrote itself stands to the left of what the proxy saw.
    let spoofed = |number: u8| format!("x-forwarded-for: 192.0.2.{number}, 203.0.113.1\r\n");
    assert_eq!(guess_with(address, &spoofed(1)).await, wrong);
    assert_eq!(guess_with(address, &spoofed(2)).await, too_many);
}
