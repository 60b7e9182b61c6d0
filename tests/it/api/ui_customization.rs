//! The classic look of a client's pages.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::town::{NO_POOL, NOWHERE, Town, towns, with};

const CSS: &str = ".submitButton-customizable { background-color: #123456; }";

/// A pool that has a domain: without one there are no pages to look at.
async fn pool_with_domain(town: &Town) -> String {
    let pool = town.pool().await;
    town.call("CreateUserPoolDomain", json!({"UserPoolId": pool, "Domain": "my-app"})).await;
    pool
}

async fn client(town: &Town, pool: &str) -> String {
    let made = town.call("CreateUserPoolClient", json!({"UserPoolId": pool, "ClientName": "web"})).await;
    made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
}

fn image(bytes: &[u8]) -> Value {
    json!({"ImageFile": BASE64_STANDARD.encode(bytes)})
}

#[tokio::test]
async fn a_look_is_set_for_one_client_or_for_all() {
    for town in towns().await {
        let pool = pool_with_domain(&town).await;
        let client = client(&town, &pool).await;
        let all = json!({"UserPoolId": pool});
        let own = json!({"UserPoolId": pool, "ClientId": client});
        let nothing = json!({"UICustomization": {"UserPoolId": pool, "ClientId": client}});
        assert_eq!(town.call("GetUICustomization", own.clone()).await, nothing);

        let set = town.call("SetUICustomization", with(&all, json!({"CSS": CSS}))).await;
        let shown = &set["UICustomization"];
        assert_eq!((&shown["ClientId"], &shown["CSS"]), (&json!("ALL"), &json!(CSS)));
        let version = shown["CSSVersion"].as_str().unwrap();
        assert!(version.len() == 14 && version.bytes().all(|b| b.is_ascii_digit()), "{version}");
        // A client without a look of its own has that of all.
        assert_eq!(town.call("GetUICustomization", own.clone()).await, set);
        assert_eq!(town.call("GetUICustomization", with(&all, json!({"ClientId": "ALL"}))).await, set);
        let again = town.call("SetUICustomization", with(&all, json!({"CSS": CSS}))).await;
        assert!(again["UICustomization"]["CSSVersion"].as_str().unwrap() > version, "{again}");

        let logo = with(&own, image(b"\x89PNG\r\n\x1a\nlogo"));
        let set = town.call("SetUICustomization", logo).await["UICustomization"].clone();
        assert_eq!(set["ClientId"], client);
        let address = set["ImageUrl"].as_str().unwrap();
        assert!(address.starts_with(&format!("http://localhost:9229/brand/{pool}/{client}/")), "{address}");
        assert_eq!(set.get("CSS"), None);
        // What is not named stays; what is empty is taken away, and with nothing left the look of all counts again.
        let styled = town.call("SetUICustomization", with(&own, json!({"CSS": CSS}))).await["UICustomization"].clone();
        assert_eq!(styled["ImageUrl"], address);
        let other = with(&own, image(b"\x89PNG\r\n\x1a\nother"));
        let other = town.call("SetUICustomization", other).await["UICustomization"].clone();
        assert_eq!(other["CSS"], CSS);
        assert_ne!(other["ImageUrl"], address);
        town.call("SetUICustomization", with(&own, json!({"CSS": "", "ImageFile": ""}))).await;
        assert_eq!(town.call("GetUICustomization", own).await, again);
    }
}

#[tokio::test]
async fn what_is_no_style_sheet_and_no_logo_is_refused() {
    for town in towns().await {
        let without = json!({"UserPoolId": town.pool().await, "CSS": CSS});
        let no_domain = "InvalidParameterException: There has to be an existing domain associated with this user pool";
        assert_eq!(town.refused("SetUICustomization", without).await, no_domain);
        let pool = pool_with_domain(&town).await;
        let all = json!({"UserPoolId": pool});
        for (members, why) in [
            (json!({"CSS": "body { color: red }"}), "Invalid CSS: the selector body is not allowed."),
            (json!({"CSS": "@import 'x';"}), "Invalid CSS"),
            (json!({"CSS": ".logo-customizable { background: url(x) }"}), "the value of background is not allowed"),
            (json!({"CSS": ".logo-customizable { position: fixed }"}), "the property position is not allowed"),
            (image(b"GIF89a"), "The image file must be a PNG or JPEG image."),
            (image(b"<svg/>"), "The image file must be a PNG or JPEG image."),
            (image(&[0xff; 110_000]), "The image file must not be larger than 100 KB."),
            (json!({"CSS": "x".repeat(131_073)}), "length less than or equal to 131072"),
        ] {
            let refused = town.refused("SetUICustomization", with(&all, members)).await;
            assert!(refused.starts_with("InvalidParameterException") && refused.contains(why), "{refused}");
        }
        for operation in ["GetUICustomization", "SetUICustomization"] {
            assert_eq!(town.refused(operation, json!({"UserPoolId": NOWHERE})).await, NO_POOL, "{operation}");
            let stranger = json!({"UserPoolId": pool, "ClientId": "stranger"});
            let none = "ResourceNotFoundException: User pool client stranger does not exist.";
            assert_eq!(town.refused(operation, stranger).await, none, "{operation}");
        }
    }
}
