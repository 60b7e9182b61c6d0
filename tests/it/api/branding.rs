//! Managed-login styles.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::town::{NO_POOL, NOWHERE, Town, towns, with};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nlogo";
const NO_STYLE: &str = "00000000-0000-4000-8000-000000000000";

async fn client(town: &Town, pool: &str) -> String {
    let made = town.call("CreateUserPoolClient", json!({"UserPoolId": pool, "ClientName": "web"})).await;
    made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
}

fn logo(mode: &str, bytes: &[u8]) -> Value {
    json!({"Category": "FORM_LOGO", "ColorMode": mode, "Extension": "PNG", "Bytes": BASE64_STANDARD.encode(bytes)})
}

fn settings(color: &str) -> Value {
    json!({"components": {"primaryButton": {"lightMode": {"defaults": {"backgroundColor": color}}}}})
}

#[tokio::test]
async fn a_style_is_made_changed_and_deleted() {
    for town in towns().await {
        let pool = town.pool().await;
        let client = client(&town, &pool).await;
        let named = json!({"UserPoolId": pool, "ClientId": client});
        let whole = with(&named, json!({"Settings": settings("0972d3ff"), "Assets": [logo("LIGHT", PNG)]}));
        let made = town.call("CreateManagedLoginBranding", whole.clone()).await["ManagedLoginBranding"].clone();
        let id = made["ManagedLoginBrandingId"].as_str().unwrap();
        assert_eq!(made["UseCognitoProvidedValues"], false);
        assert_eq!(made["Settings"], settings("0972d3ff"));
        assert_eq!(made["Assets"][0]["Bytes"], logo("LIGHT", PNG)["Bytes"]);
        let exists =
            "ManagedLoginBrandingExistsException: A managed login branding style already exists for this app client.";
        assert_eq!(town.refused("CreateManagedLoginBranding", whole).await, exists);

        let by_id = json!({"UserPoolId": pool, "ManagedLoginBrandingId": id});
        let shown = json!({"ManagedLoginBranding": made});
        assert_eq!(town.call("DescribeManagedLoginBranding", by_id.clone()).await, shown);
        assert_eq!(town.call("DescribeManagedLoginBrandingByClient", named.clone()).await, shown);
        let merged = with(&by_id, json!({"ReturnMergedResources": true}));
        let merged =
            town.call("DescribeManagedLoginBranding", merged).await["ManagedLoginBranding"]["Settings"].clone();
        let button = &merged["components"]["primaryButton"]["lightMode"]["defaults"];
        assert_eq!(button["backgroundColor"], "0972d3ff");
        assert!(button["textColor"].is_string(), "{merged}");

        // What a change does not name stays; the image of the same place is replaced, and one is meant by its name.
        let darker = json!({"components": {"form": {"borderRadius": 4.0}}});
        let resource = &made["Assets"][0]["ResourceId"];
        let again = json!({"Category": "FORM_LOGO", "ColorMode": "DARK", "Extension": "PNG", "ResourceId": resource});
        let change = with(&by_id, json!({"Settings": darker, "Assets": [again]}));
        let changed = town.call("UpdateManagedLoginBranding", change).await["ManagedLoginBranding"].clone();
        assert_eq!(changed["Settings"]["components"]["form"], json!({"borderRadius": 4.0}));
        assert!(changed["Settings"]["components"]["primaryButton"].is_object());
        assert_eq!(changed["Assets"].as_array().unwrap().len(), 2);
        let other = with(&by_id, json!({"Assets": [logo("DARK", b"\x89PNG\r\n\x1a\nother")]}));
        let changed = town.call("UpdateManagedLoginBranding", other).await["ManagedLoginBranding"].clone();
        assert_eq!(changed["Assets"].as_array().unwrap().len(), 2);

        let provided = with(&by_id, json!({"UseCognitoProvidedValues": true}));
        let provided = town.call("UpdateManagedLoginBranding", provided).await["ManagedLoginBranding"].clone();
        assert_eq!(
            (&provided["UseCognitoProvidedValues"], &provided["Settings"], &provided["Assets"]),
            (&json!(true), &Value::Null, &Value::Null)
        );

        assert_eq!(town.call("DeleteManagedLoginBranding", by_id.clone()).await, Value::Null);
        let gone = format!("ResourceNotFoundException: Managed login branding style {id} does not exist.");
        for operation in ["DescribeManagedLoginBranding", "UpdateManagedLoginBranding", "DeleteManagedLoginBranding"] {
            assert_eq!(town.refused(operation, by_id.clone()).await, gone, "{operation}");
        }
        let none = format!("ResourceNotFoundException: User pool client {client} has no managed login branding style.");
        assert_eq!(town.refused("DescribeManagedLoginBrandingByClient", named).await, none);
    }
}

#[tokio::test]
async fn a_style_that_makes_no_sense_is_refused() {
    for town in towns().await {
        let pool = town.pool().await;
        let client = client(&town, &pool).await;
        let asset = |category: &str, extension: &str, bytes: &[u8]| json!([{"Category": category, "ColorMode": "LIGHT", "Extension": extension, "Bytes": BASE64_STANDARD.encode(bytes)}]);
        for (members, why) in [
            (
                json!({"UseCognitoProvidedValues": true, "Settings": settings("0972d3ff")}),
                "Settings and Assets cannot be given when UseCognitoProvidedValues is true.",
            ),
            (json!({"Settings": settings("red")}), "must be a colour of eight hexadecimal digits"),
            (json!({"Settings": {"other": {}}}), "Invalid Settings: other is not known."),
            (json!({"Assets": asset("FORM_LOGO", "JPEG", PNG)}), "Asset FORM_LOGO is PNG, not JPEG."),
            (json!({"Assets": asset("FORM_LOGO", "PNG", b"GIF89a")}), "Asset FORM_LOGO is not an image."),
            (json!({"Assets": asset("FAVICON_ICO", "PNG", PNG)}), "Extension PNG is not allowed for FAVICON_ICO."),
            (
                json!({"Assets": asset("FORM_LOGO", "SVG", b"<svg><script>alert(1)</script></svg>")}),
                "must not contain scripts",
            ),
            (
                json!({"Assets": [{"Category": "FORM_LOGO", "ColorMode": "DARK", "Extension": "PNG"}]}),
                "Asset FORM_LOGO needs Bytes or a ResourceId.",
            ),
            (
                json!({"Assets": [{"Category": "FORM_LOGO", "ColorMode": "DARK", "Extension": "PNG", "ResourceId": "x"}]}),
                "Resource x does not exist.",
            ),
        ] {
            let call = with(&json!({"UserPoolId": pool, "ClientId": client}), members);
            let refused = town.refused("CreateManagedLoginBranding", call).await;
            assert!(refused.starts_with("InvalidParameterException") && refused.contains(why), "{refused}");
        }
        let text = "InvalidParameterException: ManagedLoginBrandingId is required.";
        assert_eq!(town.refused("UpdateManagedLoginBranding", json!({"UserPoolId": pool})).await, text);
        let text = "InvalidParameterException: UserPoolId is required.";
        assert_eq!(town.refused("UpdateManagedLoginBranding", json!({})).await, text);
    }
}

#[tokio::test]
async fn a_style_is_found_in_its_own_pool_only() {
    for town in towns().await {
        let (pool, other) = (town.pool().await, town.pool().await);
        let client = client(&town, &pool).await;
        let made = town.call("CreateManagedLoginBranding", json!({"UserPoolId": pool, "ClientId": client})).await;
        let id = made["ManagedLoginBranding"]["ManagedLoginBrandingId"].as_str().unwrap().to_owned();
        let call = |pool: &str, id: &str| json!({"UserPoolId": pool, "ManagedLoginBrandingId": id, "ClientId": client});
        for operation in ["DescribeManagedLoginBranding", "UpdateManagedLoginBranding", "DeleteManagedLoginBranding"] {
            let abroad = town.refused(operation, call(&other, &id)).await;
            assert!(abroad.starts_with("ResourceNotFoundException: Managed login branding style"), "{abroad}");
            assert!(town.refused(operation, call(&pool, NO_STYLE)).await.starts_with("ResourceNotFoundException"));
            assert_eq!(town.refused(operation, call(NOWHERE, &id)).await, NO_POOL, "{operation}");
            assert!(
                town.refused(operation, call(&pool, "no-uuid")).await.contains("regular expression"),
                "{operation}"
            );
        }
        let no_client = format!("ResourceNotFoundException: User pool client {client} does not exist.");
        for operation in ["CreateManagedLoginBranding", "DescribeManagedLoginBrandingByClient"] {
            assert_eq!(town.refused(operation, call(&other, &id)).await, no_client, "{operation}");
            assert_eq!(town.refused(operation, call(NOWHERE, &id)).await, NO_POOL, "{operation}");
        }
        // It goes with its client.
        town.call("DeleteUserPoolClient", json!({"UserPoolId": pool, "ClientId": client})).await;
        assert!(town.refused("DescribeManagedLoginBranding", call(&pool, &id)).await.starts_with("ResourceNotFound"));
    }
}

#[tokio::test]
async fn a_pool_has_no_more_than_twenty_styles() {
    for town in towns().await {
        let pool = town.pool().await;
        for n in 0..21 {
            let call = json!({"UserPoolId": pool, "ClientId": client(&town, &pool).await});
            if n < 20 {
                town.call("CreateManagedLoginBranding", call).await;
            } else {
                assert!(town.refused("CreateManagedLoginBranding", call).await.starts_with("LimitExceededException"));
            }
        }
    }
}

#[tokio::test]
async fn images_of_a_style_may_be_two_megabytes() {
    for town in towns().await {
        let pool = town.pool().await;
        let client = client(&town, &pool).await;
        let large = |size: usize| {
            let mut bytes = PNG.to_vec();
            bytes.resize(size, 0);
            logo("LIGHT", &bytes)
        };
        let call = |assets: Value| json!({"UserPoolId": pool, "ClientId": client, "Assets": assets});
        town.call("CreateManagedLoginBranding", call(json!([large(900_000)]))).await;
        let mut dark = large(900_000);
        dark["ColorMode"] = "DARK".into();
        let (status, body) = town.send("CreateManagedLoginBranding", &call(json!([large(900_000), dark]))).await;
        assert_eq!((status, &body["__type"]), (413, &json!("RequestEntityTooLargeException")));
    }
}
