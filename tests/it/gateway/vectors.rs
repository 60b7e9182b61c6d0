//! The rest of the service's own rules about tokens, one case each.

use super::*;

#[tokio::test]
async fn a_token_may_stand_in_the_query() {
    let text = format!(
        "[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = '{AWS_ISSUER}'\naudience = ['{CLIENT}']\n\
         identity_source = '$request.querystring.access_token'\n\
         [[api.route]]\nkey = '$default'\nauthorizer = 'A'\nintegration = {{ respond = {{ body = 'in' }} }}\n"
    );
    let town = written(&text, Functions::default()).await;
    let token = town.token(json!({}));
    assert_eq!(town.get(&format!("/?access_token={token}"), "").await.body, "in");
    assert_eq!(town.get(&format!("/x?a=1&access_token={token}"), "").await.status, 200);
    for path in [format!("/?Access_Token={token}"), format!("/?access_token={token}&access_token={token}"), "/".into()]
    {
        assert_eq!(town.get(&path, "").await.status, 401, "{path}");
    }
    // The token of the header is not the one that counts.
    assert_eq!(town.get("/", &token).await.status, 401);
}

#[tokio::test]
async fn an_issuer_in_the_services_form_is_the_local_pool() {
    let text = format!(
        "[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = '{AWS_ISSUER}'\naudience = ['{CLIENT}']\n\
         [[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nintegration = {{ respond = {{}} }}\n"
    );
    let town = written(&text, Functions::default()).await;
    for issuer in [ISSUER, AWS_ISSUER] {
        assert_eq!(town.get("/", &town.token(json!({"iss": issuer}))).await.status, 200, "{issuer}");
    }
    for issuer in [
        format!("{AWS_ISSUER}/"),
        AWS_ISSUER.replace("https", "http"),
        AWS_ISSUER.replace("us-east-1.amazonaws", "us-west-2.amazonaws"),
        AWS_ISSUER.replace("Example01", "Example02"),
        format!("{AWS_ISSUER}@evil.example"),
    ] {
        assert_eq!(town.get("/", &town.token(json!({"iss": issuer}))).await.status, 401, "{issuer}");
    }
}

#[tokio::test]
async fn a_skew_is_patience_in_both_directions() {
    let text = format!(
        "[gateway]\nclock_skew_seconds = 30\n[[api]]\nname = 'x'\n[api.authorizer.A]\ntype = 'JWT'\nissuer = 'pool:{POOL}'\n\
         audience = ['{CLIENT}']\n[[api.route]]\nkey = 'GET /'\nauthorizer = 'A'\nintegration = {{ respond = {{}} }}\n"
    );
    let town = written(&text, Functions::default()).await;
    for (changes, status) in [
        (json!({"exp": NOW - 29}), 200),
        (json!({"exp": NOW - 30}), 401),
        (json!({"nbf": NOW + 30}), 200),
        (json!({"nbf": NOW + 31}), 401),
        (json!({"iat": NOW + 30}), 200),
        (json!({"iat": NOW + 31}), 401),
    ] {
        assert_eq!(town.get("/", &town.token(changes.clone())).await.status, status, "{changes}");
    }
}

#[tokio::test]
async fn one_of_ten_scopes_is_enough() {
    let scopes: Vec<String> = (0..10).map(|number| format!("s/{number}")).collect();
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let town = town(local(vec![route("GET /", true, &scopes, fixed("in"))]), Functions::default()).await;
    for (changes, status) in [
        (json!({"scope": "a  s/9 b"}), 200),
        (json!({"scope": "S/9"}), 403),
        (json!({"scope": "s/10"}), 403),
        (json!({"scope": "s/9", "scp": "other"}), 403),
        (json!({"scope": "other", "scp": ["s/0"]}), 200),
        (json!({"scope": 7}), 403),
    ] {
        assert_eq!(town.get("/", &town.token(changes.clone())).await.status, status, "{changes}");
    }
}
