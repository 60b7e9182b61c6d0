//! Domains that serve clients with a certificate only.

use std::path::Path;

use hands::{Own, ask_http2, hands, over_tls};
use poolhouse::functions::native::native;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::*;

/// An authority with its own certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Example");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority(name: &str, above: Option<&Authority>) -> Authority {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let certificate = match above {
        Some(above) => params.signed_by(&key, &above.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    Authority { issuer: Issuer::new(params, key), certificate }
}

impl Authority {
    /// A client's certificate, and the chain that it sends.
    fn client(&self, change: impl FnOnce(&mut CertificateParams), chain: &[&Self]) -> Own {
        let mut params = params("me");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        let chain = chain.iter().map(|one| one.certificate.der().clone());
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
        (std::iter::once(made.der().clone()).chain(chain).collect(), key)
    }

    fn store(&self, folder: &Path) {
        std::fs::write(folder.join("clients.pem"), self.certificate.pem()).unwrap();
    }
}

fn at(seconds: i64) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

fn again(own: &Own) -> Option<Own> {
    Some((own.0.clone(), own.1.clone_key()))
}

fn text(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"
[gateway]
tls = "self-signed"
[[api]]
name = "x"
[api.authorizer.L]
type = "REQUEST"
payload_format = "2.0"
enable_simple_responses = true
function = "who"
identity_source = ["$context.identity.clientCert.subjectDN"]
[api.stage."$default".access_log_settings]
format = '$context.requestId $context.status $context.identity.clientCert.subjectDN $context.identity.clientCert.validity.notAfter'
file = "{folder}/access.log"
[[api.route]]
key = "GET /a"
authorizer = "L"
integration = {{ function = "echo", payload_format = "2.0" }}
[[api.route]]
key = "GET /v1"
integration = {{ function = "echo", payload_format = "1.0" }}
[[domain]]
name = "closed.example.com"
mutual_tls_authentication = {{ truststore_uri = "{folder}/clients.pem", truststore_version = "1" }}
[[domain.mapping]]
api = "x"
[[domain]]
name = "open.example.com"
[[domain.mapping]]
api = "x"
"#
    )
}

fn functions() -> Functions {
    let mut functions = Functions::default();
    functions
        .insert("echo", native(|call| async move { Ok(json!({"statusCode": 200, "body": call.event.to_string()})) }));
    functions.insert(
        "who",
        native(|call| async move {
            let certificate = &call.event["requestContext"]["authentication"]["clientCert"];
            Ok(json!({"isAuthorized": certificate["subjectDN"] == call.event["identitySource"][0]}))
        }),
    );
    functions
}

async fn get(town: &Town, host: &str, path: &str, own: Option<Own>) -> Answer {
    over_tls(town, host, own, &format!("GET {path} HTTP/1.1\r\nhost: {host}")).await
}

const CLOSED: &str = "closed.example.com";
const FORBIDDEN: &str = r#"{"message":"Forbidden"}"#;

#[tokio::test]
async fn functions_are_told_whose_certificate_it_is() {
    let folder = tempfile::TempDir::new().unwrap();
    let root = authority("root", None);
    root.store(folder.path());
    let town = written(&text(folder.path()), functions()).await;
    let own = root.client(
        |params| {
            params.serial_number = Some(rcgen::SerialNumber::from(vec![7]));
            params.not_before = at(NOW - 60);
            params.not_after = at(NOW + 60);
        },
        &[],
    );
    let answer = get(&town, CLOSED, "/a", again(&own)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let event: Value = serde_json::from_str(&answer.body).unwrap();
    let shown = &event["requestContext"]["authentication"]["clientCert"];
    assert_eq!(
        (&shown["subjectDN"], &shown["issuerDN"], &shown["serialNumber"]),
        (&json!("O=Example,CN=me"), &json!("O=Example,CN=root"), &json!("7"))
    );
    assert_eq!(
        shown["validity"],
        json!({"notBefore": "Jan 15 07:59:00 2027 GMT", "notAfter": "Jan 15 08:01:00 2027 GMT"})
    );
    assert!(shown["clientCertPem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));
    let answer = get(&town, CLOSED, "/v1", again(&own)).await;
    let event: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(&event["requestContext"]["identity"]["clientCert"], shown);
    let stream = hands(town.address, CLOSED, &[b"h2"], again(&own)).await;
    let answer = ask_http2(stream, http::Request::get(format!("https://{CLOSED}/a")), "").await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let log = logs::lines(&folder, 3).await;
    assert!(log[0].ends_with(" 200 O=Example,CN=me Jan 15 08:01:00 2027 GMT"), "{log:?}");

    // Elsewhere nobody is asked for one, and nobody's is shown.
    let answer = get(&town, "open.example.com", "/v1", Some(own)).await;
    let event: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(event["requestContext"]["identity"]["clientCert"], Value::Null);
}

#[tokio::test]
async fn only_clients_that_the_store_trusts_get_in() {
    let folder = tempfile::TempDir::new().unwrap();
    let root = authority("root", None);
    root.store(folder.path());
    let town = written(&text(folder.path()), functions()).await;
    let [one, two, three] = {
        let one = authority("one", Some(&root));
        let two = authority("two", Some(&one));
        let three = authority("three", Some(&two));
        [one, two, three]
    };
    let usual = |_: &mut CertificateParams| {};
    for own in [
        root.client(usual, &[]),
        root.client(usual, &[&root]),
        one.client(usual, &[&one]),
        two.client(usual, &[&two, &one]),
        two.client(usual, &[&two, &one, &root]),
    ] {
        assert_eq!(get(&town, CLOSED, "/a", Some(own)).await.status, 200);
    }
    let stranger = authority("root", None);
    let refused =
        [
            ("none", None),
            ("of another authority of the same name", Some(stranger.client(usual, &[&stranger]))),
            ("without what is between", Some(one.client(usual, &[]))),
            ("five certificates", Some(three.client(usual, &[&three, &two, &one]))),
            ("past", Some(root.client(|params| params.not_after = at(NOW - 1), &[]))),
            ("not yet", Some(root.client(|params| params.not_before = at(NOW + 60), &[]))),
            (
                "for servers",
                Some(root.client(
                    |params| params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth],
                    &[],
                )),
            ),
            ("an authority that was no authority", {
                let mut params = params("leaf");
                params.is_ca = IsCa::NoCa;
                let key = KeyPair::generate().unwrap();
                let certificate = params.signed_by(&key, &root.issuer).unwrap();
                let leaf = Authority { issuer: Issuer::new(params, key), certificate };
                Some(leaf.client(usual, &[&leaf]))
            }),
        ];
    for (what, own) in refused {
        for path in ["/a", "/nowhere"] {
            let own = own.as_ref().and_then(again);
            let answer = get(&town, CLOSED, path, own).await;
            assert_eq!((answer.status, answer.body.as_str()), (403, FORBIDDEN), "{what}");
        }
    }
}

#[tokio::test]
async fn no_other_connection_leads_to_a_closed_domain() {
    let folder = tempfile::TempDir::new().unwrap();
    let root = authority("root", None);
    root.store(folder.path());
    let town = written(&text(folder.path()), functions()).await;
    let own = root.client(|_| {}, &[]);
    for name in ["open.example.com", "localhost", "127.0.0.1"] {
        for host in [CLOSED, "CLOSED.example.com.", "closed.example.com:9230"] {
            let answer = over_tls(&town, name, again(&own), &format!("GET /a HTTP/1.1\r\nhost: {host}")).await;
            assert_eq!(answer.status, 421, "{name} {host}");
        }
    }
    let answer = over_tls(&town, CLOSED, Some(own), "GET /v1 HTTP/1.1\r\nhost: open.example.com").await;
    assert_eq!(answer.status, 421);
}

#[tokio::test]
async fn a_store_that_has_changed_judges_open_connections_anew() {
    let folder = tempfile::TempDir::new().unwrap();
    let (root, other) = (authority("root", None), authority("other", None));
    root.store(folder.path());
    let functions = functions();
    let config = read(&text(folder.path()), &functions).unwrap();
    let town = town_of(config.clone(), functions.clone()).await;
    let own = root.client(|params| params.not_after = at(NOW + 60), &[]);
    let mut stream = hands(town.address, CLOSED, &[b"http/1.1"], again(&own)).await;
    let mut status = async || {
        stream.write_all(format!("GET /v1 HTTP/1.1\r\nhost: {CLOSED}\r\n\r\n").as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = Answer::parse(&head);
        let mut body = vec![0; answer.header("content-length").unwrap().parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        answer.status
    };
    let replace = || town.gateway.replace(&config.apis, &config.domains, Arc::new(functions.clone())).unwrap();
    assert_eq!(status().await, 200);
    replace();
    assert_eq!(status().await, 200);
    std::fs::write(folder.path().join("clients.pem"), "broken").unwrap();
    replace();
    assert_eq!(status().await, 200, "the store of before stays");
    other.store(folder.path());
    replace();
    assert_eq!(status().await, 403);
    assert_eq!(get(&town, CLOSED, "/v1", again(&own)).await.status, 403, "no session goes on either");
    root.store(folder.path());
    replace();
    assert_eq!(status().await, 200);
    town.clock.advance(Duration::from_secs(61));
    assert_eq!(status().await, 403, "its time is over");
}

/// What is told of a client is what happens to it.
#[tokio::test]
async fn a_clients_certificate_is_explained() {
    let folder = tempfile::TempDir::new().unwrap();
    let root = authority("root", None);
    root.store(folder.path());
    let town = written(&text(folder.path()), functions()).await;
    let one = authority("one", Some(&root));
    let two = authority("two", Some(&one));
    let three = authority("three", Some(&two));
    let stranger = authority("stranger", None);
    let usual = |_: &mut CertificateParams| {};
    let none: &[&str] = &[];
    for (own, failed) in [
        (Some(root.client(usual, &[])), none),
        (Some(one.client(usual, &[&one])), none),
        (Some(one.client(usual, &[])), &["truststore"]),
        (Some(stranger.client(usual, &[])), &["truststore"]),
        (Some(three.client(usual, &[&three, &two, &one])), &["chain"]),
        (Some(root.client(|params| params.not_after = at(NOW - 1), &[])), &["validity", "truststore"]),
        (Some(root.client(|params| params.not_before = at(NOW + 60), &[])), &["validity", "truststore"]),
        (None, &["client"]),
    ] {
        let chain = own.as_ref().map(|own| own.0.clone()).unwrap_or_default();
        let question = |host| poolhouse::gateway::Question {
            method: http::Method::GET,
            uri: http::Uri::from_static("/v1"),
            host,
            token: None,
            certificates: &chain,
        };
        let told = town.gateway.explain(question(CLOSED)).await;
        let names: Vec<_> = told.checks.iter().filter(|check| check.outcome.is_err()).map(|check| check.name).collect();
        assert_eq!(names, failed, "{told:?}");
        assert_eq!(told.route.as_deref(), Some("GET /v1"));
        let status = match told.verdict {
            poolhouse::gateway::Verdict::Refused { status, .. } => status.as_u16(),
            _ => 200,
        };
        assert_eq!(status, get(&town, CLOSED, "/v1", own.as_ref().and_then(again)).await.status, "{:?}", told.checks);
        // Nobody is asked for one elsewhere.
        let told = town.gateway.explain(question("open.example.com")).await;
        assert!(told.checks.is_empty() && matches!(told.verdict, poolhouse::gateway::Verdict::Passes), "{told:?}");
    }
}

#[test]
fn mistakes_in_mutual_tls_are_named() {
    let folder = tempfile::TempDir::new().unwrap();
    let domain = |uri: &str| {
        format!("[[domain]]\nname = 'a.example.com'\nmutual_tls_authentication = {{ truststore_uri = '{uri}' }}\n")
    };
    let secure = "[gateway]\ntls = 'self-signed'\n";
    let mistakes = |text: &str| read(text, &Functions::default()).unwrap_err();
    assert_eq!(
        mistakes(&domain("s3://bucket/clients.pem")),
        [
            "3: `domain.mutual_tls_authentication.truststore_uri`: the trust store s3://bucket/clients.pem cannot be \
             fetched: name a local copy of it in [gateway.truststores]",
            "3: `domain.mutual_tls_authentication` needs `gateway.tls`: the listener is in clear text",
        ]
    );
    let gone = folder.path().join("gone.pem").display().to_string();
    assert_eq!(
        mistakes(&format!("{secure}{}", domain(&gone))),
        [format!("5: `domain.mutual_tls_authentication.truststore_uri`: there is no file {gone}")]
    );
    let file = folder.path().join("clients.pem").display().to_string();
    authority("root", None).store(folder.path());
    let mapped = format!("{secure}truststores = {{ 's3://bucket/clients.pem' = '{file}' }}\n");
    for uri in ["s3://bucket/clients.pem", &file, &format!("file://{file}"), &format!("file:{file}")] {
        let config = read(&format!("{mapped}{}", domain(uri)), &Functions::default()).unwrap();
        let key = SigningKey::generate().unwrap();
        let loaded = load_with(&[], &config.domains, &config.gateway, Functions::default(), &key, Clock::system());
        assert!(loaded.is_ok(), "{uri}");
    }
}
