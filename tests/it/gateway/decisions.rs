//! `/authz`: decisions for nginx, Traefik, Caddy and Envoy.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use poolhouse::functions::{Call, native::native};

use super::*;

async fn deciding(target: &str) -> Town {
    let text = format!(
        r#"
[gateway.decisions]
target = "{target}"
[[api]]
name = "first"
[api.authorizer.A]
type = "JWT"
issuer = "pool:{POOL}"
audience = ["{CLIENT}"]
[[api.route]]
key = "GET /in/{{id}}"
authorizer = "A"
scopes = ["read"]
integration = {{ respond = {{ body = "never" }} }}
[[api.route]]
key = "GET /open"
integration = {{ respond = {{ body = "never" }} }}
[[api]]
name = "second"
[[api.route]]
key = "POST /only"
integration = {{ respond = {{ body = "never" }} }}
"#
    );
    written(&text, Functions::default()).await
}

#[tokio::test]
async fn forward_auth_is_answered_with_who_it_is() {
    let town = deciding("x-forwarded").await;
    let token = town.token(json!({"scope": "read write"}));
    let asked = |uri: &'static str| {
        vec![("x-forwarded-method", "GET"), ("x-forwarded-uri", uri), ("x-forwarded-host", "app.example")]
    };
    let mut lines = asked("/in/7?x=1");
    lines.push(("authorization", &token));
    let answer = town.ask("GET", "/authz", &lines).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!((answer.header("x-auth-subject"), answer.header("x-auth-scopes")), (Some("u"), Some("read write")));
    let claims = BASE64_URL_SAFE_NO_PAD.decode(answer.header("x-auth-claims").unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap()["sub"], "u");
    // An open route passes with empty headers, which overwrite what a client sent.
    let open = town.ask("GET", "/authz", &asked("/open")).await;
    assert_eq!((open.status, open.header("x-auth-subject")), (200, Some("")));
    let missing = town.ask("GET", "/authz", &asked("/in/7")).await;
    assert_eq!((missing.status, missing.header("www-authenticate")), (401, Some("Bearer")));
    let unscoped = town.token(json!({}));
    let mut lines = asked("/in/7");
    lines.push(("authorization", &unscoped));
    assert_eq!(town.ask("GET", "/authz", &lines).await.status, 403);
    assert_eq!(town.ask("GET", "/authz", &asked("/nope")).await.status, 403);
    for ambiguous in ["/open/../in/7", "//open", "/%2e%2e/in", "/open#x", "http://app.example/open", "open", "/a b"] {
        assert_eq!(town.ask("GET", "/authz", &asked(ambiguous)).await.status, 400, "{ambiguous}");
    }
    // A client chooses its host, and with it no API.
    let mut lines =
        vec![("x-forwarded-method", "POST"), ("x-forwarded-uri", "/only"), ("x-forwarded-host", "second.example")];
    assert_eq!(town.ask("GET", "/authz", &lines).await.status, 403);
    lines[1].1 = "/_apis/second/only";
    assert_eq!(town.ask("GET", "/authz", &lines).await.status, 403);
    let named = [("x-forwarded-method", "POST"), ("x-forwarded-uri", "/only"), ("x-forwarded-host", "app.example")];
    assert_eq!(town.ask("GET", "/authz/second", &named).await.status, 200);
    assert_eq!(town.ask("GET", "/authz/third", &named).await.status, 403);
    assert_eq!(town.ask("GET", "/authz", &named).await.status, 403);
}

#[tokio::test]
async fn only_the_configured_headers_are_believed() {
    let forged = [("x-original-method", "GET"), ("x-original-uri", "/open"), ("x-original-url", "/open")];
    let town = deciding("x-forwarded").await;
    assert_eq!(town.ask("GET", "/authz", &forged).await.status, 400);
    let mut lines =
        vec![("x-forwarded-method", "GET"), ("x-forwarded-uri", "/in/7"), ("x-forwarded-host", "app.example")];
    lines.extend(forged);
    assert_eq!(town.ask("GET", "/authz", &lines).await.status, 401);
    // Of two, one could be the client's.
    lines.push(("x-forwarded-uri", "/open"));
    assert_eq!(town.ask("GET", "/authz", &lines).await.status, 400);
    let town = deciding("x-original").await;
    assert_eq!(town.ask("GET", "/authz", &forged).await.status, 200);
    let protected = [("x-original-method", "GET"), ("x-original-uri", "/in/7"), ("x-forwarded-uri", "/open")];
    assert_eq!(town.ask("GET", "/authz", &protected).await.status, 401);
}

#[tokio::test]
async fn envoy_asks_with_the_request_itself() {
    let town = deciding("path").await;
    let forged = [("x-forwarded-uri", "/open"), ("x-original-uri", "/open"), ("x-forwarded-method", "GET")];
    assert_eq!(town.ask("GET", "/authz/open", &forged).await.status, 200);
    assert_eq!(town.ask("POST", "/authz/open", &forged).await.status, 403);
    assert_eq!(town.ask("GET", "/authz/in/7", &forged).await.status, 401);
    assert_eq!(town.ask("GET", "/authz/../open", &[]).await.status, 400);
    assert_eq!(town.ask("GET", "/authz", &[]).await.status, 400);
}

#[tokio::test]
async fn strangers_may_not_ask_and_without_the_setting_nobody() {
    let text = "[gateway.decisions]\ntarget = 'path'\ntrusted = ['192.0.2.0/24']\n\
                [[api]]\nname = 'x'\n[[api.route]]\nkey = '$default'\nintegration = { respond = { body = 'api' } }\n";
    let town = written(text, Functions::default()).await;
    assert_eq!(town.get("/authz/a", "").await.status, 403);
    let town = written(
        &text.replace("[gateway.decisions]\ntarget = 'path'\ntrusted = ['192.0.2.0/24']\n", ""),
        Functions::default(),
    )
    .await;
    assert_eq!(town.get("/authz/a", "").await.body, "api");
}

/// A proxy is trusted with what it says of its clients, and asked functions are told it.
#[tokio::test]
async fn a_function_is_told_the_address_that_the_proxy_tells() {
    let mut functions = Functions::default();
    functions.insert(
        "judge",
        native(
            |call| async move { Ok(json!({"isAuthorized": call.event["headers"]["x-forwarded-for"] == "6.6.6.6"})) },
        ),
    );
    let text = "[gateway.decisions]\ntarget = 'x-original'\n[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'REQUEST'\n\
                function = 'judge'\npayload_format = '2.0'\nenable_simple_responses = true\n\
                identity_source = '$request.header.x-forwarded-for'\n\
                [[api.route]]\nkey = 'GET /in'\nauthorizer = 'A'\nintegration = { respond = {} }\n";
    let town = written(text, functions).await;
    for (address, status) in [("6.6.6.6", 200), ("7.7.7.7", 403)] {
        let lines = [("x-original-method", "GET"), ("x-original-uri", "/in"), ("x-forwarded-for", address)];
        assert_eq!(town.ask("GET", "/authz", &lines).await.status, status, "{address}");
    }
    // Whoever comes by itself is who it is.
    assert_eq!(town.ask("GET", "/in", &[("x-forwarded-for", "6.6.6.6")]).await.status, 403);
}

/// The asking proxy's own address says nothing about who is behind it.
#[tokio::test]
async fn the_clients_address_is_what_the_named_header_says_last_or_unknown() {
    let mut functions = Functions::default();
    let judge = |call: Call| async move {
        let context = &call.event["requestContext"];
        let told = context["identity"]["sourceIp"].as_str().unwrap_or_default();
        Ok(json!({"principalId": format!("<{told}>"), "policyDocument": {"Statement": [
            {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*",
             "Condition": {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32", "127.0.0.0/8"]}}},
            {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": "*",
             "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.7"}}},
        ]}}))
    };
    functions.insert("judge", native(judge));
    let text = "[gateway.decisions]\ntarget = 'x-original'\nclient_address = 'X-Forwarded-For'\n\
                [[api]]\nname = 'x'\nprotocol_type = 'REST'\n\
                [api.authorizer.A]\ntype = 'REQUEST'\nfunction = 'judge'\n\
                identity_source = 'context.identity.sourceIp'\n\
                [[api.route]]\nkey = 'GET /in'\nauthorizer = 'A'\nintegration = { respond = {} }\n";
    let town = written(text, functions.clone()).await;
    let asked = |lines: &[&'static str]| {
        let mut all = vec![("x-original-method", "GET"), ("x-original-uri", "/in")];
        all.extend(lines.iter().map(|line| ("x-forwarded-for", *line)));
        all
    };
    for (lines, status, subject) in [
        (&["203.0.113.9"][..], 200, Some("<203.0.113.9>")),
        (&["198.51.100.1, 203.0.113.9"], 200, Some("<203.0.113.9>")),
        (&["198.51.100.1", " 2001:db8::7 "], 200, Some("<2001:db8::7>")),
        (&["::ffff:203.0.113.9"], 200, Some("<203.0.113.9>")),
        (&["203.0.113.9, 203.0.113.7"], 403, None),
        (&["203.0.113.9", "198.51.100.1"], 403, None),
        (&["203.0.113.9, unknown"], 400, None),
        (&["203.0.113.9,"], 400, None),
        (&[], 400, None),
    ] {
        let answer = town.ask("GET", "/authz", &asked(lines)).await;
        assert_eq!((answer.status, answer.header("x-auth-subject")), (status, subject), "{lines:?}");
    }
    // Unknown: nobody passes, where the function is asked and where the address is its identity source.
    let text = text.replace("client_address = 'X-Forwarded-For'\n", "");
    let town = written(&text, functions.clone()).await;
    assert_eq!(town.ask("GET", "/authz", &asked(&["203.0.113.9"])).await.status, 401);
    let text = text.replace("identity_source = 'context.identity.sourceIp'\n", "");
    let text = text.replace("function = 'judge'\n", "function = 'judge'\nresult_ttl_in_seconds = 0\n");
    let town = written(&text, functions).await;
    assert_eq!(town.ask("GET", "/authz", &asked(&["203.0.113.9"])).await.status, 403);
    // The gateway's own clients have an address.
    assert_eq!(town.get("/in", "").await.status, 200);
}

/// How the asking proxy is connected says nothing about its client either.
#[tokio::test]
async fn the_clients_scheme_is_what_the_named_header_says_or_unknown() {
    let text = "[gateway.decisions]\ntarget = 'x-original'\nclient_scheme = 'x-forwarded-proto'\n\
                [[api]]\nname = 'x'\nprotocol_type = 'REST'\n\
                policy = { Statement = [{ Effect = 'Allow', Principal = '*', Action = '*', Resource = '*' }, { Effect = 'Deny', \
                Principal = '*', Action = '*', Resource = '*', Condition = { Bool = { 'aws:SecureTransport' = 'false' } } }] }\n\
                [[api.route]]\nkey = 'GET /in'\nintegration = { respond = {} }\n";
    let town = written(text, Functions::default()).await;
    let asked =
        |scheme: &'static str| [("x-original-method", "GET"), ("x-original-uri", "/in"), ("x-forwarded-proto", scheme)];
    for (scheme, status) in [("https", 200), ("http, https", 200), ("http", 403), ("https, http", 403), ("ftp", 400)] {
        assert_eq!(town.ask("GET", "/authz", &asked(scheme)).await.status, status, "{scheme}");
    }
    assert_eq!(town.ask("GET", "/authz", &asked("https")[..2]).await.status, 400);
    let unknown = written(&text.replace("client_scheme = 'x-forwarded-proto'\n", ""), Functions::default()).await;
    assert_eq!(unknown.ask("GET", "/authz", &asked("https")).await.status, 403);
}

/// A browser sends no token with its question, and a proxy hands what it is told here to the browser.
#[tokio::test]
async fn a_preflight_passes_where_the_gateway_would_answer_it_itself() {
    let text = format!(
        "[gateway.decisions]\ntarget = 'x-forwarded'\n[[api]]\nname = 'x'\ncors_configuration = {{ allow_origins = ['*'] }}\n\
         [api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\naudience = ['{CLIENT}']\n\
         [[api.route]]\nkey = 'ANY /{{proxy+}}'\nauthorizer = 'A'\nintegration = {{ respond = {{}} }}\n"
    );
    let lines = [
        ("x-forwarded-method", "OPTIONS"),
        ("x-forwarded-uri", "/in"),
        ("origin", "https://app.example"),
        ("access-control-request-method", "GET"),
    ];
    let town = written(&text, Functions::default()).await;
    let answer = town.ask("GET", "/authz", &lines).await;
    assert_eq!((answer.status, answer.header("x-auth-subject")), (200, Some("")));
    // Without the question it is a request like any other, and so it is for an API that answers none.
    assert_eq!(town.ask("GET", "/authz", &lines[..3]).await.status, 401);
    let town =
        written(&text.replace("cors_configuration = { allow_origins = ['*'] }\n", ""), Functions::default()).await;
    assert_eq!(town.ask("GET", "/authz", &lines).await.status, 401);
}
