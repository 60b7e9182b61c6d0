//! The languages of the pages.

use http::{Request, StatusCode};

use super::query;
use crate::app::{Browser, PASSWORD, Reply, houses, houses_with};

const SENTENCES: [(&str, &str); 5] = [
    ("en", "Incorrect username or password."),
    ("de", "Benutzername oder Passwort ist falsch."),
    ("es", "El nombre de usuario o la contraseña no son correctos."),
    ("fr", "Nom d’utilisateur ou mot de passe incorrect."),
    ("ja", "ユーザー名またはパスワードが正しくありません。"),
];

#[tokio::test]
async fn a_page_and_its_refusals_are_in_the_language_that_was_asked_for() {
    for house in houses().await {
        for (lang, sentence) in SENTENCES {
            let query = format!("{}&lang={lang}", query());
            let page = Browser::new(&house).sign_in(&query, "ann", "Wrong-1234").await;
            assert!(page.text.contains(&format!("<html lang=\"{lang}\">")), "{}", page.text);
            assert_eq!(page.alert(), sentence);
            assert!(Browser::new(&house).sign_in(&query, "ann", PASSWORD).await.told("code").is_some());
        }
    }
}

#[tokio::test]
async fn the_language_is_kept_for_the_pages_that_follow() {
    for house in houses_with(|parts| parts.setup.public_url = "https://id.example".into()).await {
        let mut browser = Browser::new(&house);
        let page = browser.get(&format!("/login?{}&lang=de", query())).await;
        let cookies: Vec<_> = page.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
        let cookie = "lang=de; Path=/; HttpOnly; SameSite=Lax; Secure";
        assert!(cookies.contains(&cookie), "{cookies:?}");
        let is_german = |reply: &Reply| reply.text.contains("<html lang=\"de\">");
        assert!(is_german(&browser.get(&format!("/login?{}", query())).await));
        assert!(is_german(&browser.get("/error?error=redirect_mismatch").await));
        assert!(is_german(&browser.get(&format!("/signup?{}", query())).await));
        let spanish = browser.get(&format!("/login?{}&lang=es", query())).await;
        assert!(spanish.text.contains("<html lang=\"es\">"));
        // What is no language changes nothing, and is not kept.
        let odd = browser.get(&format!("/login?{}&lang=%22%3E%3Cx", query())).await;
        assert!(odd.text.contains("<html lang=\"es\">"));
        assert!(!odd.headers.contains_key("set-cookie"), "{:?}", odd.headers);
    }
}

#[tokio::test]
async fn a_browser_says_what_it_reads() {
    for house in houses().await {
        let request = Request::get(format!("/login?{}", query())).header("accept-language", "ja,en;q=0.5");
        let page = house.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("<html lang=\"ja\">") && page.text.contains("<h1>サインイン</h1>"), "{}", page.text);
    }
}
