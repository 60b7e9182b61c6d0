//! What is said of a request that nobody has sent, and that it is what happens to one that is sent.

use http::{Method, Uri};
use poolhouse::{
    functions::native::native,
    gateway::{Explanation, Question, Verdict},
};

use super::*;

async fn asked(town: &Town, route: &str, token: Option<&str>) -> Explanation {
    let (method, path) = route.split_once(' ').unwrap();
    let (method, uri) = (method.parse::<Method>().unwrap(), path.parse::<Uri>().unwrap());
    town.gateway.explain(Question { method, uri, host: "localhost", token, certificates: &[] }).await
}

fn status(explanation: &Explanation) -> u16 {
    match &explanation.verdict {
        Verdict::Passes => 200,
        Verdict::Refused { status, .. } => status.as_u16(),
        Verdict::Asks => 0,
    }
}

fn failed(explanation: &Explanation) -> Vec<&'static str> {
    explanation.checks.iter().filter(|check| check.outcome.is_err()).map(|check| check.name).collect()
}

#[tokio::test]
async fn every_check_of_a_token_is_told_and_the_verdict_is_the_gateways_own() {
    let routes = vec![
        route("GET /any/{id}", true, &[], fixed("any")),
        route("GET /admin", true, &["admin", "root"], fixed("admin")),
    ];
    let town = town(local(routes), Functions::default()).await;
    let other = SigningKey::generate().unwrap();
    let everything = json!({"iss": "https://elsewhere.example", "aud": "other", "exp": NOW - 1, "scope": "x"});
    let wrong: [(String, &[&str]); 9] = [
        (town.token(json!({"scope": "x admin"})), &[]),
        (town.token(json!({"scope": "x"})), &["scopes"]),
        (town.token(json!({"aud": "other", "scope": "admin"})), &["audience"]),
        (town.token(json!({"iss": "https://elsewhere.example", "scope": "admin"})), &["issuer"]),
        (town.token(json!({"exp": NOW, "scope": "admin"})), &["times"]),
        (town.token(everything.clone()), &["issuer", "audience", "times", "scopes"]),
        (other.sign(&claims(everything)).unwrap(), &["key", "signature", "issuer", "audience", "times", "scopes"]),
        (town.key.sign_logout_token(&claims(json!({"scope": "admin"}))).unwrap(), &["kind"]),
        ("garbage".to_owned(), &["form"]),
    ];
    for (token, names) in wrong {
        let told = asked(&town, "GET /admin", Some(&token)).await;
        assert_eq!(failed(&told), names, "{told:?}");
        assert_eq!(status(&told), town.get("/admin", &token).await.status, "{told:?}");
        assert_eq!(told.api, Some(("example".into(), "$default".into())));
        assert_eq!(told.route.as_deref(), Some("GET /admin"));
        assert_eq!(told.authorizer, Some(("JWTAuth".into(), "JWT")));
    }
    let told = asked(&town, "GET /any/7?x=1", None).await;
    assert_eq!((status(&told), told.checks.len()), (401, 0));
    assert_eq!(told.route.as_deref(), Some("GET /any/{id}"));
}

#[tokio::test]
async fn what_finds_no_route_and_what_needs_no_token_are_told_too() {
    let town = town(local(vec![route("GET /open", false, &[], fixed("open"))]), Functions::default()).await;
    let told = asked(&town, "GET /open", None).await;
    assert_eq!((status(&told), told.authorizer), (200, None));
    for missing in ["POST /open", "GET /other", "GET /_apis/nothing/open"] {
        assert_eq!(status(&asked(&town, missing, None).await), 404, "{missing}");
    }
    assert_eq!(status(&asked(&town, "GET /a/../open", None).await), 400);
}

#[tokio::test]
async fn authorizers_of_rest_apis_are_explained_and_functions_are_not_run() {
    let text = format!(
        "[[api]]\nname = 'rest'\nprotocol_type = 'REST'\n[api.gateway_response.UNAUTHORIZED]\nstatus_code = 403\n\
         [api.authorizer.pools]\ntype = 'COGNITO_USER_POOLS'\npools = ['{POOL}']\n\
         [api.authorizer.judge]\ntype = 'REQUEST'\nfunction = 'judge'\n\
         identity_source = ['method.request.header.authorization']\n\
         [api.authorizer.token]\ntype = 'TOKEN'\nfunction = 'judge'\nidentity_validation_expression = 'a[0-9]'\n\
         identity_source = 'method.request.header.authorization'\n\
         [[api.route]]\nkey = 'GET /token'\nauthorizer = 'token'\nintegration = {{ respond = {{}} }}\n\
         [[api.route]]\nkey = 'GET /own'\nauthorizer = 'pools'\nintegration = {{ respond = {{ status = 200, body = 'own' }} }}\n\
         [[api.route]]\nkey = 'GET /judged'\nauthorizer = 'judge'\nintegration = {{ respond = {{ status = 200, body = '' }} }}\n"
    );
    let mut functions = Functions::default();
    functions.insert("judge", native(|_| async { panic!("nobody calls it") }));
    let town = written(&text, functions).await;
    for (changes, names) in [
        (json!({"token_use": "id"}), &[][..]),
        (json!({"token_use": "access"}), &["kind"]),
        (json!({"token_use": "id", "exp": NOW}), &["times"]),
        (json!({"token_use": "id", "iss": "https://elsewhere.example"}), &["issuer"]),
    ] {
        let token = town.token(changes);
        let told = asked(&town, "GET /own", Some(&token)).await;
        assert_eq!(failed(&told), names, "{told:?}");
        assert_eq!(status(&told), town.get("/own", &token).await.status);
    }
    let told = asked(&town, "GET /judged", Some("anything")).await;
    assert!(matches!(told.verdict, Verdict::Asks), "{told:?}");
    assert_eq!(told.checks[0].outcome, Ok("the header authorization".to_owned()));
    let told = asked(&town, "GET /nowhere", None).await;
    assert_eq!(status(&told), town.get("/nowhere", "").await.status);
    // Nobody would be asked about nobody, nor about what is no token.
    let told = asked(&town, "GET /judged", None).await;
    assert_eq!((status(&told), failed(&told)), (town.get("/judged", "").await.status, vec!["identity"]));
    let told = asked(&town, "GET /token", Some("a1")).await;
    assert!(matches!(told.verdict, Verdict::Asks) && told.checks.len() == 2, "{told:?}");
    let told = asked(&town, "GET /token", Some("b1")).await;
    assert_eq!((status(&told), failed(&told)), (town.get("/token", "b1").await.status, vec!["validation"]));
    let told = asked(&town, "GET /judged", Some("anything")).await;
    assert_eq!(told.authorizer, Some(("judge".into(), "CUSTOM")));
}

#[tokio::test]
async fn a_jwt_authorizer_of_a_rest_api_is_explained() {
    let key = SigningKey::generate().unwrap();
    let other = foreign::elsewhere(&key, None).await;
    let text = format!(
        "[[api]]\nname = 'rest'\nprotocol_type = 'REST'\n[api.authorizer.A]\ntype = 'JWT'\n\
         identity_source = 'method.request.header.Authorization'\ndefault_algorithms = ['RS256']\n\
         [[api.authorizer.A.issuers]]\nissuer = 'pool:{POOL}'\naudiences = ['{CLIENT}']\n\
         [[api.authorizer.A.issuers]]\nissuer = '{}'\naudiences = ['theirs']\n\
         additional_claims = [{{ claim_name = 'tenant', required = true, expected_values = ['blue'] }}]\n\
         [[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nscopes = ['read']\nintegration = {{ respond = {{}} }}\n",
        other.issuer
    );
    let town = written(&text, Functions::default()).await;
    let theirs = |changes: Value| {
        let mut all = json!({"iss": other.issuer, "aud": "theirs", "tenant": "blue", "scope": "read"});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key.sign(&claims(all)).unwrap()
    };
    let ours = |changes: Value| {
        let mut all = json!({"scope": "read"});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        town.token(all)
    };
    let cases: [(String, &[&str]); 10] = [
        (ours(json!({})), &[]),
        (theirs(json!({})), &[]),
        (theirs(json!({"tenant": "red", "aud": CLIENT})), &["audience", "claims"]),
        (theirs(json!({"scope": "write"})), &["scopes"]),
        (ours(json!({"aud": null, "client_id": CLIENT})), &["audience"]),
        (ours(json!({"exp": NOW})), &["times"]),
        (ours(json!({"iss": "https://nobody.example"})), &["issuer"]),
        (key.sign(&claims(json!({"scope": "read"}))).unwrap(), &["key", "signature"]),
        (ours(json!({"iss": other.issuer, "aud": "theirs", "tenant": "blue"})), &["key", "signature"]),
        ("garbage".to_owned(), &["form"]),
    ];
    for (token, names) in cases {
        let told = asked(&town, "GET /", Some(&token)).await;
        assert_eq!(failed(&told), names, "{told:?}");
        assert_eq!(status(&told), town.get("/", &token).await.status, "{told:?}");
        assert_eq!(told.authorizer, Some(("A".into(), "JWT")));
    }
}
