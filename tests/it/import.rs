//! `poolhouse.toml` applied: what it asks for becomes so, once.

mod rest_templates;
mod templates;

use std::{fs, path::Path};

use poolhouse::{
    config::{self, Config, Flags, Sources},
    flows::{clients, groups, pools, users},
    import, store,
};

use crate::api::town::{Town, towns};

const FILE: &str = r#"
[[pool]]
id = "us-east-1_Import001"
name = "import"
settings = { AutoVerifiedAttributes = ["email"] }

  [[pool.client]]
  id = "1import"
  name = "web"
  settings = { ExplicitAuthFlows = ["ALLOW_USER_PASSWORD_AUTH"] }

  [[pool.group]]
  name = "admin"
  precedence = 1

  [[pool.user]]
  username = "ann"
  password = "First-1234"
  groups = ["admin"]
  attributes = { email = "ann@example.com", email_verified = "true" }

  [pool.triggers]
  PreTokenGeneration = "groups-to-scopes"
"#;

fn read(folder: &Path, text: &str) -> Result<Config, Vec<config::Mistake>> {
    let file = folder.join("poolhouse.toml");
    fs::write(&file, text).unwrap();
    config::load(&Sources { file: Some(file), environment: Vec::new(), flags: Flags::default() })
}

async fn apply(town: &Town, text: &str) {
    let folder = tempfile::tempdir().unwrap();
    let config = read(folder.path(), text).unwrap();
    assert_eq!(import::check(&config), []);
    import::apply(&town.cx(), &config).await.unwrap();
}

async fn ann(town: &Town) -> poolhouse::domain::User {
    users::find(&town.cx(), "us-east-1_Import001", "ann").await.unwrap().1
}

async fn knows(town: &Town, password: &str) -> bool {
    let hash = ann(town).await.credential.password_hash.unwrap();
    town.app.hasher.verify(password.into(), hash).await.unwrap()
}

#[tokio::test]
async fn applying_twice_changes_nothing() {
    for town in towns().await {
        apply(&town, FILE).await;
        let before = ann(&town).await;
        apply(&town, FILE).await;
        assert_eq!(ann(&town).await, before);
        let mut tx = town.cx().read().await.unwrap();
        let groups = store::groups::of_user(&mut tx, "us-east-1_Import001", &before.sub, "", 9).await.unwrap();
        assert_eq!(groups[0].name, "admin");
        assert!(knows(&town, "First-1234").await);
    }
}

#[tokio::test]
async fn a_password_that_its_user_changed_stays_until_the_file_changes_its_own() {
    for town in towns().await {
        apply(&town, FILE).await;
        let (pool, user) = users::find(&town.cx(), "us-east-1_Import001", "ann").await.unwrap();
        users::set_password(&town.cx(), &pool, &user, &"Chosen-1234".into(), true).await.unwrap();
        apply(&town, FILE).await;
        assert!(knows(&town, "Chosen-1234").await);
        apply(&town, &FILE.replace("First-1234", "Second-1234")).await;
        assert!(knows(&town, "Second-1234").await);
    }
}

#[tokio::test]
async fn what_the_file_no_longer_names_goes_only_when_it_is_asked_to() {
    for town in towns().await {
        apply(&town, FILE).await;
        let smaller = FILE
            .replace("1import", "2import")
            .replace("name = \"admin\"\n  precedence", "name = \"staff\"\n  precedence");
        let smaller = smaller.replace("groups = [\"admin\"]", "groups = [\"staff\"]");
        apply(&town, &smaller).await;
        let cx = town.cx();
        let pool = "us-east-1_Import001";
        assert_eq!(clients::all_ids(&cx, pool).await.unwrap(), ["1import", "2import"]);
        assert_eq!(groups::all_names(&cx, pool).await.unwrap(), ["admin", "staff"]);
        apply(&town, &format!("prune = true\n{smaller}")).await;
        assert_eq!(clients::all_ids(&cx, pool).await.unwrap(), ["2import"]);
        assert_eq!(groups::all_names(&cx, pool).await.unwrap(), ["staff"]);
        assert_eq!(pools::all_ids(&cx).await.unwrap(), [pool]);
    }
}

#[tokio::test]
async fn an_address_that_the_file_calls_verified_stays_so_when_it_changes() {
    for town in towns().await {
        apply(&town, FILE).await;
        apply(&town, &FILE.replace("ann@example.com", "ann@example.org")).await;
        let ann = ann(&town).await;
        assert_eq!((ann.attribute("email"), ann.has_verified("email")), (Some("ann@example.org"), true));
    }
}

#[tokio::test]
async fn a_pool_becomes_strict_and_faithful_again_as_the_file_says() {
    for town in towns().await {
        let strict = FILE.replacen("name = \"import\"", "name = \"import\"\noidc = \"strict\"", 1);
        for (text, is_strict) in [(FILE, false), (&strict, true), (FILE, false)] {
            apply(&town, text).await;
            let pool =
                store::pools::find(&mut town.app.store.read().await.unwrap(), "us-east-1_Import001").await.unwrap();
            assert_eq!(pool.unwrap().strict_oidc, is_strict);
        }
    }
}

#[test]
fn settings_are_judged_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let wrong = |setting: &str| {
        let text = FILE.replace("AutoVerifiedAttributes = [\"email\"]", setting);
        let said: Vec<_> =
            import::check(&read(folder.path(), &text).unwrap()).iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 1, "{said:?}");
        said[0].rsplit_once("poolhouse.toml:").unwrap().1.to_owned()
    };
    assert_eq!(
        wrong("AutoVerifedAttributes = [\"email\"]"),
        "5: `AutoVerifedAttributes` is not a setting of CreateUserPool (did you mean `AutoVerifiedAttributes`?)"
    );
    assert!(
        wrong("AutoVerifiedAttributes = [\"emial\"]").starts_with("5: Value '[emial]' at 'autoVerifiedAttributes'")
    );
    assert!(
        wrong("MfaConfiguration = \"ON\"")
            .contains("SMS configuration and Auto verification for phone_number are required")
    );
    assert!(wrong("PoolName = \"x\"").starts_with("5: `PoolName` has a key of its own"));
}

const STRICT: &str = r#"
[[pool]]
id = "us-east-1_Import002"
name = "strict"
oidc = "strict"

  [[pool.client]]
  id = "1strict"
  name = "app"
  settings = { AllowedOAuthScopes = ["openid"] }

    [pool.client.oidc]
    backchannel_logout_uri = "https://app.example/out"
    backchannel_logout_session_required = true
    device_grant = true
    dpop_bound_access_tokens = true
    jwks = { keys = [{ kty = "RSA", kid = "one", n = "AQAB", e = "AQAB" }] }
"#;

#[tokio::test]
async fn what_a_client_of_a_strict_pool_is_besides_comes_from_the_file_and_goes_with_it() {
    for town in towns().await {
        apply(&town, STRICT).await;
        let found = async || {
            let mut tx = town.app.store.read().await.unwrap();
            store::clients::find(&mut tx, "1strict").await.unwrap().unwrap().settings.relying_party
        };
        let own = found().await;
        assert_eq!(own.backchannel_logout_uri.as_deref(), Some("https://app.example/out"));
        assert!(
            own.backchannel_logout_session_required
                && own.device_grant
                && own.dpop_bound_access_tokens
                && own.has_keys()
        );
        // A call that replaces the settings leaves it alone.
        let members = serde_json::json!({"AllowedOAuthScopes": ["email"]}).as_object().cloned().unwrap();
        clients::update(&town.cx(), "us-east-1_Import002", "1strict", members).await.unwrap();
        assert_eq!(found().await, own);
        let (without, _) = STRICT.split_once("    [pool.client.oidc]").unwrap();
        apply(&town, without).await;
        assert!(found().await.is_empty());
    }
}

#[test]
fn what_it_cannot_be_is_a_mistake_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, says) in [
        ("oidc = \"strict\"\n", "", "need a strict pool"),
        ("https://app.example/out", "http://app.example/out", "https URL"),
        ("kid = \"one\", ", "", "each with a kid"),
        ("  name = \"app\"", "  name = \"app\"\n  secret = \"a_secret_of_24_characters\"", "cannot have a secret"),
    ] {
        let config = read(folder.path(), &STRICT.replace(from, to)).unwrap();
        let mistakes = import::check(&config);
        assert!(mistakes.iter().any(|mistake| mistake.to_string().contains(says)), "{says}: {mistakes:?}");
    }
    let unknown = read(folder.path(), &STRICT.replace("device_grant", "devices")).unwrap_err();
    assert!(unknown.iter().any(|mistake| mistake.to_string().contains("devices")), "{unknown:?}");
}

#[test]
fn the_example_of_the_conformance_page_has_no_mistakes() {
    let page = fs::read_to_string("docs/conformance.md").unwrap();
    let (_, behind) = page.split_once("```toml\n").unwrap();
    let (example, _) = behind.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for file in ["id.example.pem", "id.example.key"] {
        fs::write(folder.path().join(file), "").unwrap();
    }
    let suite = rcgen::generate_simple_self_signed(["suite.example".to_owned()]).unwrap();
    fs::write(folder.path().join("suite.pem"), suite.cert.pem()).unwrap();
    let config = read(folder.path(), example).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    assert_eq!(import::check(&config), []);
}
