//! What a client's pages show of its own: styles, logos, and links to its terms.

use http::StatusCode;
use poolhouse::{
    domain::branding::{Asset, Wanted},
    flows::{branding, domains, terms, ui_customizations},
};
use serde_json::json;

use super::query;
use crate::app::{Browser, CALLBACK, House, POOL, Reply, SERVER, WEB, encode, houses};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nlogo";
const CSS: &str =
    "/* ours */ .submitButton-customizable{background-color:#123456} .background-customizable { color: red; }";

async fn page(house: &House) -> Reply {
    Browser::new(house).get(&format!("/login?{}", query())).await
}

/// The address behind the last `mark` of the page.
fn address<'a>(page: &'a Reply, mark: &str) -> &'a str {
    let rest = page.text.rsplit_once(mark).unwrap_or_else(|| panic!("no {mark} in {}", page.text)).1;
    rest.split_once('"').unwrap().0
}

async fn domain(house: &House, managed_login_version: i64) {
    let wanted = domains::Wanted {
        name: "my-app".into(),
        pool_id: POOL.into(),
        custom: None,
        managed_login_version: Some(managed_login_version),
        routing: None,
    };
    let cx = house.cx();
    match domains::find(&cx, "my-app").await.unwrap() {
        Some(_) => domains::update(&cx, wanted).await.unwrap(),
        None => domains::create(&cx, wanted).await.unwrap(),
    };
}

async fn classic(house: &House, client: Option<&str>, css: &str, image: Option<&[u8]>) {
    let wanted = ui_customizations::Wanted { css: Some(css.into()), image: image.map(<[u8]>::to_vec) };
    ui_customizations::set(&house.cx(), POOL, client, wanted).await.unwrap();
}

#[tokio::test]
async fn a_style_sheet_of_known_classes_is_served_beside_the_page() {
    for house in houses().await {
        let plain = page(&house).await;
        assert_eq!(plain.text.matches("rel=\"stylesheet\"").count(), 1);
        domain(&house, 1).await;
        classic(&house, None, CSS, Some(PNG)).await;
        let styled = page(&house).await;
        assert!(styled.text.contains("class=\"submitButton-customizable\""));
        assert!(styled.header("content-security-policy").contains("style-src 'self'; img-src 'self'"));
        let sheet = house.get(address(&styled, "rel=\"stylesheet\" href=\"")).await;
        assert_eq!((sheet.status, sheet.header("content-type")), (StatusCode::OK, "text/css; charset=utf-8"));
        let rewritten = ".submitButton-customizable {\n  background-color: #123456;\n}\n.background-customizable {\n  color: red;\n}\n";
        assert_eq!(sheet.text, rewritten);
        let logo = address(&styled, "class=\"logo-customizable\" src=\"");
        let request = http::Request::get(logo).body(axum::body::Body::empty()).unwrap();
        let image = tower::ServiceExt::oneshot(house.router.clone(), request).await.unwrap();
        assert_eq!(image.headers()["content-type"], "image/png");
        for headers in [&sheet.headers, image.headers()] {
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert!(headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
            assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
        }
        // A former look leads nowhere, and one's own comes before that of all.
        let old = address(&styled, "rel=\"stylesheet\" href=\"").to_owned();
        classic(&house, None, ".label-customizable { color: blue; }", None).await;
        assert_eq!(house.get(&old).await.status, StatusCode::NOT_FOUND);
        classic(&house, Some(WEB), ".label-customizable { color: green; }", None).await;
        let own = house.get(address(&page(&house).await, "rel=\"stylesheet\" href=\"")).await;
        assert!(own.text.contains("green"), "{}", own.text);
        let elsewhere = http::Request::get(address(&page(&house).await, "rel=\"stylesheet\" href=\""))
            .header("host", "other.auth.localhost")
            .body(axum::body::Body::empty())
            .unwrap();
        assert_eq!(house.send(elsewhere).await.status, StatusCode::NOT_FOUND);
        for nowhere in ["/brand/x/ALL/0/style.css", "/brand/x/y/0/image", &old.replace("style.css", "other")] {
            assert_eq!(house.get(nowhere).await.status, StatusCode::NOT_FOUND, "{nowhere}");
        }
    }
}

#[tokio::test]
async fn a_managed_style_is_shown_where_the_domain_is_of_the_second_generation() {
    for house in houses().await {
        domain(&house, 1).await;
        classic(&house, None, CSS, None).await;
        let asset = |category: &str, mode: &str, extension: &str, bytes: &[u8]| Asset {
            category: category.into(),
            color_mode: mode.into(),
            extension: extension.into(),
            resource_id: None,
            bytes: Some(bytes.to_vec()),
        };
        let drawing = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0\"/></svg>";
        let button = json!({"lightMode": {"defaults": {"backgroundColor": "0972d3ff"}}});
        let wanted = Wanted {
            uses_provided: None,
            settings: Some(json!({
                "categories": {"global": {"colorSchemeMode": "LIGHT"}},
                "components": {"primaryButton": button, "form": {"borderRadius": 3.5}},
            })),
            assets: Some(vec![
                asset("FORM_LOGO", "LIGHT", "SVG", drawing),
                asset("FORM_LOGO", "DARK", "PNG", PNG),
                asset("PAGE_BACKGROUND", "DYNAMIC", "PNG", b"\x89PNG\r\n\x1a\nbackground"),
                asset("FAVICON_SVG", "LIGHT", "SVG", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><g/></svg>"),
            ]),
        };
        let made = branding::create(&house.cx(), POOL, WEB, wanted).await.unwrap();
        let first = house.get(address(&page(&house).await, "rel=\"stylesheet\" href=\"")).await.text;
        assert!(first.contains("submitButton"), "{first}");
        domain(&house, 2).await;
        let styled = page(&house).await;
        let at = address(&styled, "rel=\"stylesheet\" href=\"");
        let sheet = house.get(at).await.text;
        assert!(sheet.contains("--accent: #0972d3ff;") && sheet.contains("--card-rounding: 3.5px;"), "{sheet}");
        assert!(!sheet.contains("submitButton"), "{sheet}");
        let folder = at.rsplit_once('/').unwrap().0.rsplit_once('/').unwrap().0;
        let background = sheet.split_once("url(\"..").unwrap().1.split_once('"').unwrap().0;
        let request = http::Request::get(format!("{folder}{background}")).body(axum::body::Body::empty()).unwrap();
        let image = tower::ServiceExt::oneshot(house.router.clone(), request).await.unwrap();
        assert_eq!(image.headers()["content-type"], "image/png");
        let logo = house.get(address(&styled, "class=\"logo-customizable\" src=\"")).await;
        assert_eq!(logo.header("content-type"), "image/svg+xml");
        assert!(logo.header("content-security-policy").contains("sandbox"));
        assert!(styled.text.contains("media=\"(prefers-color-scheme: dark)\""));
        assert_eq!(house.get(address(&styled, "rel=\"icon\" href=\"")).await.status, StatusCode::OK);

        let provided = Wanted { uses_provided: Some(true), ..Wanted::default() };
        branding::update(&house.cx(), POOL, &made.branding.id, provided).await.unwrap();
        assert_eq!(page(&house).await.text.matches("rel=\"stylesheet\"").count(), 1);
        branding::delete(&house.cx(), POOL, &made.branding.id).await.unwrap();
        assert_eq!(page(&house).await.text.matches("rel=\"stylesheet\"").count(), 1);
        domain(&house, 1).await;
        let classic = page(&house).await;
        assert!(house.get(address(&classic, "rel=\"stylesheet\" href=\"")).await.text.contains("submitButton"));
    }
}

#[tokio::test]
async fn terms_are_linked_to_in_the_language_that_was_asked_for() {
    for house in houses().await {
        assert!(!page(&house).await.text.contains("noopener"));
        let links =
            [("cognito:default", "https://app.example/terms?a=1&b=\"2"), ("cognito:german", "https://app.example/agb")];
        let links = links.map(|(language, link)| (language.to_owned(), link.to_owned())).into();
        terms::create(&house.cx(), (POOL, WEB), "terms-of-use".into(), links).await.unwrap();
        let shown = page(&house).await.text;
        let link = "<a href=\"https://app.example/terms?a=1&#38;b=&#34;2\" rel=\"noopener noreferrer\" target=\"_blank\">Terms of use</a>";
        assert!(shown.contains(link), "{shown}");
        let german = Browser::new(&house).get(&format!("/login?{}&lang=de", query())).await;
        assert!(german.text.contains("href=\"https://app.example/agb\""), "{}", german.text);
        // They are this client's alone.
        let other = [("client_id", SERVER), ("redirect_uri", CALLBACK), ("response_type", "code"), ("scope", "openid")];
        assert!(!Browser::new(&house).get(&format!("/login?{}", encode(&other))).await.text.contains("Terms of use"));
    }
}
