//! Who may call, and what the door says to what is no operation.

use super::*;

#[tokio::test]
async fn only_who_signs_gets_in_and_no_page_of_another_machine() {
    let house = House::open(TOWN, None).await;
    let plain = "GET /v2/apis HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let answer = ask(house.main, &format!("{plain}\r\n")).await;
    assert_eq!((answer.status, answer.json()["message"].as_str()), (403, Some("Missing Authentication Token")));
    let answer = ask(house.main, &format!("{plain}{SIGNED}origin: https://evil.example\r\n\r\n")).await;
    assert_eq!(answer.status, 403);
    assert!(answer.head.contains("x-amzn-errortype: UnrecognizedClientException"), "{answer:?}");
    assert_eq!(house.call("GET", "/v2/apis", Value::Null).await.status, 200);
}

#[tokio::test]
async fn production_checks_signatures_for_apigateway() {
    let production = r#"
mode = "production"
"#;
    // Keys of the table come before the tables.
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let file = folder.path().join("poolhouse.toml");
    let text = format!(
        "{production}[server]\nlisten = '127.0.0.1:0'\npublic_url = 'https://login.example.com'\n\
         behind_proxy = true\ntrusted_proxies = ['127.0.0.1']\n[gateway]\nlisten = '127.0.0.1:0'\n\
         [database]\nurl = 'sqlite:{}'\n[[admin.access_keys]]\nid = 'AKIDEXAMPLE'\n\
         secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'\n",
        folder.path().join("town.db").display()
    );
    std::fs::write(&file, text).unwrap();
    let sources = Sources { file: Some(file), environment: Vec::new(), flags: Flags::default() };
    let config = config::load(&sources).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let server = Poolhouse::builder(config).build().await.unwrap();
    let main = server.address().unwrap();
    tokio::spawn(server.serve(std::future::pending()));
    let known = SIGNED.replace("development", "AKIDEXAMPLE");
    for (signature, name) in [(SIGNED, "UnrecognizedClientException"), (&known, "Exception")] {
        let request = format!("GET /v2/apis HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{signature}\r\n");
        let answer = ask(main, &request).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert!(answer.head.contains(name), "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_not_built_says_so_and_what_is_no_operation_is_unknown() {
    let house = House::open(TOWN, None).await;
    let api = house.api().await;
    for (method, path, text) in [
        ("POST", format!("{api}/models"), "WebSocket"),
        ("POST", format!("{api}/routes/x/routeresponses"), "WebSocket"),
        ("POST", format!("{api}/integrations/x/integrationresponses"), "WebSocket"),
        ("POST", "/v2/vpclinks".to_owned(), "VPC links"),
        ("GET", "/v2/domainnames/x/routingrules".to_owned(), "routing rules"),
    ] {
        house.is_bad(method, &path, Value::Null, text).await;
    }
    for (method, path) in [("PUT", "/v2/apis/x/routes"), ("GET", "/v2/nothing"), ("DELETE", "/v2/apis")] {
        let (name, _) = house.refused(method, path, Value::Null).await;
        assert_eq!(name, "MissingAuthenticationTokenException", "{method} {path}");
    }
    house.is_bad("POST", "/v2/apis", json!([1]), "JSON object").await;
    house.is_bad("POST", "/v2/apis", json!({"name": "a\u{0}", "protocolType": "HTTP"}), "U+0000").await;
}
