//! Domain names and API mappings.

use super::*;

fn named(name: &str) -> Value {
    json!({"domainName": name, "domainNameConfigurations": [{"certificateArn": "arn:aws:acm:us-east-1:1:certificate/x"}]})
}

#[tokio::test]
async fn a_domain_leads_to_stages_by_its_mappings() {
    for house in houses().await {
        let given = json!({"name": "n", "protocolType": "HTTP", "target": format!("{ARN}:hello")});
        let api = house.done("POST", "/v2/apis", given).await["apiId"].as_str().unwrap().to_owned();
        let made = house.done("POST", "/v2/domainnames", named("API.example.com")).await;
        assert_eq!(made["domainName"], "api.example.com");
        let configuration = &made["domainNameConfigurations"][0];
        for (member, value) in [
            ("domainNameStatus", "AVAILABLE"),
            ("endpointType", "REGIONAL"),
            ("securityPolicy", "TLS_1_2"),
            ("ipAddressType", "ipv4"),
        ] {
            assert_eq!(configuration[member], value);
        }
        assert_eq!(
            (&made["routingMode"], &made["apiMappingSelectionExpression"]),
            (&json!("API_MAPPING_ONLY"), &json!("$request.basepath"))
        );
        let domain = "/v2/domainnames/api.example.com";
        assert_eq!(house.done("GET", domain, Value::Null).await, made);
        assert_eq!(house.get("api.example.com", "/v1/x", "").await.status, 404);

        let mappings = format!("{domain}/apimappings");
        let mapping =
            house.done("POST", &mappings, json!({"apiId": api, "stage": "$default", "apiMappingKey": "v1"})).await;
        assert_eq!(house.get("api.example.com", "/v1/x", "").await.body, "hello");
        let one = format!("{mappings}/{}", mapping["apiMappingId"].as_str().unwrap());
        assert_eq!(house.done("GET", &one, Value::Null).await, mapping);
        let key = json!({"apiId": api, "stage": "$default", "apiMappingKey": "v1"});
        house.is_conflict("POST", &mappings, key, "exists").await;
        let changed = house.done("PATCH", &one, json!({"apiId": api, "apiMappingKey": ""})).await;
        assert_eq!(changed["apiMappingKey"], "");
        assert_eq!(house.get("api.example.com", "/x", "").await.body, "hello");
        assert_eq!(house.done("GET", &mappings, Value::Null).await["items"], json!([changed]));

        house.is_conflict("DELETE", &format!("/v2/apis/{api}"), Value::Null, "api.example.com").await;
        house.is_conflict("DELETE", &format!("/v2/apis/{api}/stages/%24default"), Value::Null, "api.example.com").await;
        house.done("PATCH", &format!("/v2/apis/{api}"), json!({"disableExecuteApiEndpoint": true})).await;
        assert_eq!(house.get("localhost", &format!("/_apis/{api}/x"), "").await.status, 403);
        assert_eq!(house.get("api.example.com", "/x", "").await.status, 200);

        house.done("DELETE", &one, Value::Null).await;
        for method in ["GET", "PATCH", "DELETE"] {
            house.is_missing(method, &one, json!({"apiId": api})).await;
        }
        house.is_conflict("POST", "/v2/domainnames", named("api.example.com"), "exists").await;
        let arn = "/v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fdomainnames%2Fapi.example.com";
        house.done("POST", arn, json!({"tags": {"a": "b"}})).await;
        let changed = house
            .done("PATCH", domain, json!({"domainNameConfigurations": [{"certificateArn": "arn:aws:acm:y"}]}))
            .await;
        assert_eq!(
            (&changed["domainNameConfigurations"][0]["certificateArn"], &changed["tags"]),
            (&json!("arn:aws:acm:y"), &json!({"a": "b"}))
        );
        let names = house.done("GET", "/v2/domainnames", Value::Null).await;
        let names: Vec<_> =
            names["items"].as_array().unwrap().iter().map(|one| one["domainName"].as_str().unwrap()).collect();
        assert_eq!(names, ["api.example.com", "written.example.com"]);
        house.done("DELETE", domain, Value::Null).await;
        for (method, path) in [("GET", domain), ("PATCH", domain), ("DELETE", domain), ("GET", &*mappings)] {
            house.is_missing(method, path, json!({})).await;
        }
        house.is_missing("POST", &mappings, json!({"apiId": api, "stage": "$default"})).await;
    }
}

#[tokio::test]
async fn a_stage_is_not_deleted_under_a_mapping_that_is_being_made() {
    for house in houses().await {
        let api = house.api().await;
        let id = api.rsplit('/').next().unwrap();
        house.done("POST", "/v2/domainnames", named("api.example.com")).await;
        let mappings = "/v2/domainnames/api.example.com/apimappings";
        for number in 0..10 {
            let name = format!("s{number}");
            house.done("POST", &format!("{api}/stages"), json!({"stageName": name})).await;
            let mapping = json!({"apiId": id, "stage": name, "apiMappingKey": name});
            let stage = format!("{api}/stages/{name}");
            let (made, deleted) =
                tokio::join!(house.call("POST", mappings, mapping), house.call("DELETE", &stage, Value::Null));
            assert!(matches!((made.status, deleted.status), (201, 409) | (400, 204)), "{made:?} {deleted:?}");
            if made.status == 201 {
                let one = format!("{mappings}/{}", made.json()["apiMappingId"].as_str().unwrap());
                house.done("DELETE", &one, Value::Null).await;
                house.done("DELETE", &stage, Value::Null).await;
            }
        }
    }
}

/// Whoever asks for an API that is not served is not answered by the one with the shorter key.
#[tokio::test]
async fn a_mapping_that_leads_nowhere_keeps_its_paths() {
    for house in houses().await {
        let given = json!({"name": "n", "protocolType": "HTTP", "target": format!("{ARN}:hello")});
        let api = house.done("POST", "/v2/apis", given).await["apiId"].as_str().unwrap().to_owned();
        house.done("POST", &format!("/v2/apis/{api}/stages"), json!({"stageName": "undeployed"})).await;
        house.done("POST", "/v2/domainnames", named("api.example.com")).await;
        let mappings = "/v2/domainnames/api.example.com/apimappings";
        house.done("POST", mappings, json!({"apiId": api, "stage": "$default"})).await;
        assert_eq!(house.get("api.example.com", "/v2/x", "").await.status, 200);
        let dead = json!({"apiId": api, "stage": "undeployed", "apiMappingKey": "v2"});
        house.done("POST", mappings, dead).await;
        assert_eq!(house.get("api.example.com", "/v2/x", "").await.status, 404);
        assert_eq!(house.get("api.example.com", "/v3/x", "").await.status, 200);
    }
}

#[tokio::test]
async fn what_a_domain_cannot_be_is_refused() {
    for house in houses().await {
        let with = |more: Value| {
            let mut given = named("x.example.com");
            given.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            given
        };
        for (given, text) in [
            (named("*.example.com"), "Wildcard"),
            (named("nodots"), "domain name"),
            (named("a_b.example.com"), "domain name"),
            (with(json!({"mutualTlsAuthentication": {"truststoreUri": "file:///clients.pem"}})), "[gateway] tls"),
            (with(json!({"mutualTlsAuthentication": {"truststoreUri": "clients.pem"}})), "truststoreUri"),
            (with(json!({"mutualTlsAuthentication": {"truststoreVersion": "1"}})), "truststoreUri"),
            (with(json!({"routingMode": "ROUTING_RULE_ONLY"})), "routing rules"),
            (with(json!({"domainNameConfigurations": []})), "configuration"),
            (with(json!({"domainNameConfigurations": [{"endpointType": "EDGE"}]})), "REGIONAL"),
            (with(json!({"domainNameConfigurations": [{"securityPolicy": "TLS_1_0"}]})), "TLS_1_2"),
        ] {
            house.is_bad("POST", "/v2/domainnames", given, text).await;
        }
        house.done("POST", "/v2/domainnames", named("x.example.com")).await;
        let mappings = "/v2/domainnames/x.example.com/apimappings";
        house.is_bad("POST", mappings, json!({"apiId": "nothing", "stage": "$default"}), "API identifier").await;
        house.is_bad("POST", mappings, json!({"apiId": "written123", "stage": "nothing"}), "stage").await;
        house
            .is_bad(
                "POST",
                mappings,
                json!({"apiId": "written123", "stage": "$default", "apiMappingKey": "/a"}),
                "mapping key",
            )
            .await;
        // An API of the file may be mapped.
        house.done("POST", mappings, json!({"apiId": "written123", "stage": "$default"})).await;
        assert_eq!(house.get("x.example.com", "/written", "").await.body, "from the file");
    }
}

#[tokio::test]
async fn a_domain_with_mutual_tls_needs_a_trust_store_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let certified = |name: &str, change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        change(&mut params);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
    };
    let root = certified("root", &|_| ());
    let in_vain = [
        certified("old", &|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1)),
        certified("early", &|params| params.not_before = rcgen::date_time_ymd(4000, 1, 1)),
        certified("client", &|params| params.is_ca = rcgen::IsCa::NoCa),
    ];
    let file = folder.path().join("clients.pem");
    std::fs::write(&file, &root).unwrap();
    let stores = format!("truststores = {{ 's3://mapped/clients.pem' = '{}' }}\n", file.display());
    let house = House::open(&format!("tls = 'self-signed'\n{stores}{OF_GATEWAY}{TOWN}"), None).await;
    let with = |uri: &str| {
        let mut given = named("closed.example.com");
        given["mutualTlsAuthentication"] = json!({"truststoreUri": uri, "truststoreVersion": "3"});
        given
    };
    for (uri, text) in [
        ("s3://other/clients.pem", "s3://other/clients.pem cannot be fetched"),
        ("file:///nowhere/clients.pem", "/nowhere/clients.pem"),
        ("https://example.com/clients.pem", "cannot be fetched"),
    ] {
        house.is_bad("POST", "/v2/domainnames", with(uri), text).await;
    }
    let made = house.done("POST", "/v2/domainnames", with("s3://mapped/clients.pem")).await;
    let mutual = json!({"truststoreUri": "s3://mapped/clients.pem", "truststoreVersion": "3"});
    assert_eq!(made["mutualTlsAuthentication"], mutual);
    let domain = "/v2/domainnames/closed.example.com";
    let change = json!({"mutualTlsAuthentication": {"truststoreUri": "s3://gone/x"}});
    house.is_bad("PATCH", domain, change, "s3://gone/x").await;
    assert_eq!(house.done("GET", domain, Value::Null).await, made);
    let change = json!({"mutualTlsAuthentication": {"truststoreUri": format!("file://{}", file.display())}});
    std::fs::write(&file, root + &in_vain.concat()).unwrap();
    let changed = house.done("PATCH", domain, change).await;
    assert_eq!(changed["mutualTlsAuthentication"]["truststoreVersion"], "3");
    let warnings = json!([
        "The certificate CN=old has expired",
        "The certificate CN=early is not valid yet",
        "The certificate CN=client is not a CA certificate"
    ]);
    assert_eq!(changed["mutualTlsAuthentication"]["truststoreWarnings"], warnings);
    assert_eq!(house.done("GET", domain, Value::Null).await, changed);
    house.is_bad("PATCH", domain, json!({"mutualTlsAuthentication": ""}), "invalid type").await;
    house
        .is_bad(
            "POST",
            "/v2/domainnames",
            json!({"domainName": "open.example.com", "mutualTlsAuthentication": ""}),
            "invalid type",
        )
        .await;
    let change = json!({"mutualTlsAuthentication": {"truststoreUri": ""}});
    assert!(house.done("PATCH", domain, change).await.get("mutualTlsAuthentication").is_none());
    let api = house.done("POST", "/v2/apis", json!({"name": "n", "protocolType": "HTTP"})).await;
    assert!(api["apiEndpoint"].as_str().unwrap().starts_with("https://localhost:"), "{api}");
}
