use http::Request;

use super::*;
use crate::config::Mode;

/// A signed call, as botocore 1.43 makes it.
struct Call {
    target: &'static str,
    host: &'static str,
    uri: &'static str,
    body: &'static str,
    signature: &'static str,
}

const CALLS: [Call; 3] = [
    Call {
        target: "ListUserPools",
        host: "localhost:9229",
        uri: "/",
        body: r#"{"MaxResults": 10}"#,
        signature: "2a05c68f8da81681405ce1560f0d34aec6ed3d2b333f63cf947b372081b32d31",
    },
    Call {
        target: "AdminCreateUser",
        host: "cognito.example.com",
        uri: "/",
        body: r#"{"UserPoolId": "us-east-1_AbCdEf123", "Username": "Jürgen"}"#,
        signature: "2e16b5038833ce5706f269003b1a9e45cc4cc5b5c98cbffab6f813c7af6d7a47",
    },
    Call {
        target: "ListUsers",
        host: "localhost:9229",
        uri: "/?b=2&a=x%20y&a=%2F",
        body: "{}",
        signature: "2fa2e3c0e2d5517179afd85754dcaf41c84137881ae88cfa9d4b025464bfceed",
    },
];

const SIGNED: &str = "content-type;host;x-amz-date;x-amz-target";
const SCOPE: &str = "20260106/eu-central-1/cognito-idp/aws4_request";

fn key() -> AccessKey {
    AccessKey { id: "AKIDEXAMPLE".into(), secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into() }
}

/// 2026-01-06T07:08:09Z
fn now() -> Time {
    Time::from_seconds(1_767_683_289)
}

fn head(call: &Call, authorization: &str) -> Parts {
    Request::post(call.uri)
        .header("Host", call.host)
        .header("X-Amz-Target", format!("AWSCognitoIdentityProviderService.{}", call.target))
        .header("Content-Type", "application/x-amz-json-1.1")
        .header("X-Amz-Date", "20260106T070809Z")
        .header("Authorization", authorization)
        .body(())
        .unwrap()
        .into_parts()
        .0
}

fn authorization(scope: &str, signed: &str, signature: &str) -> String {
    format!("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={signed}, Signature={signature}")
}

fn signed(call: &Call) -> Parts {
    head(call, &authorization(SCOPE, SIGNED, call.signature))
}

/// Region and access key.
fn identify_at(mode: Mode, now: Time, head: &Parts, body: &[u8]) -> Result<(String, String), SignatureFault> {
    let gate = Gate { mode, keys: &[key()], now, service: "cognito-idp" };
    gate.administrator(head, body).map(|authorization| (authorization.region, authorization.access_key_id))
}

fn identify(head: &Parts, body: &str) -> Result<(String, String), SignatureFault> {
    identify_at(Mode::Production, now(), head, body.as_bytes())
}

#[test]
fn calls_signed_by_botocore_are_let_in() {
    for call in &CALLS {
        let caller = identify(&signed(call), call.body).unwrap();
        assert_eq!(caller, ("eu-central-1".to_owned(), "AKIDEXAMPLE".to_owned()));
    }
}

#[test]
fn whatever_is_signed_cannot_be_changed() {
    let [call, other, query] = &CALLS;
    let wrong = Err(invalid(MISMATCH));
    assert_eq!(identify(&signed(call), r#"{"MaxResults": 11}"#), wrong);
    let retargeted = Call { target: "DeleteUserPool", ..*call };
    assert_eq!(identify(&signed(&retargeted), call.body), wrong);
    let rehosted = Call { host: "other.example.com", ..*other };
    assert_eq!(identify(&signed(&rehosted), other.body), wrong);
    let requeried = Call { uri: "/?b=3&a=x%20y&a=%2F", ..*query };
    assert_eq!(identify(&signed(&requeried), query.body), wrong);
    let forged = Call { signature: "00", ..*call };
    assert_eq!(identify(&signed(&forged), call.body), wrong);
    let moved = "20260106/us-east-1/cognito-idp/aws4_request";
    assert_eq!(identify(&head(call, &authorization(moved, SIGNED, call.signature)), call.body), wrong);
}

#[test]
fn a_claimed_hash_must_be_the_bodys() {
    let call = &CALLS[0];
    for (claimed, is_right) in [
        (hex::encode(digest(&SHA256, call.body.as_bytes())), true),
        (hex::encode(digest(&SHA256, b"other")), false),
        ("UNSIGNED-PAYLOAD".to_owned(), false),
    ] {
        let mut head = signed(call);
        head.headers.insert(CONTENT_SHA256, claimed.parse().unwrap());
        assert_eq!(identify(&head, call.body).is_ok(), is_right, "{claimed}");
    }
}

#[test]
fn unknown_keys_and_session_tokens_are_refused() {
    let call = &CALLS[0];
    let stranger = authorization(SCOPE, SIGNED, call.signature).replace("AKIDEXAMPLE", "AKIDOTHER");
    assert_eq!(identify(&head(call, &stranger), call.body), Err(SignatureFault::UnknownKey));
    let mut with_token = signed(call);
    with_token.headers.insert(SECURITY_TOKEN, "token".parse().unwrap());
    assert_eq!(identify(&with_token, call.body), Err(SignatureFault::UnknownKey));
}

#[test]
fn clocks_may_differ_by_fifteen_minutes() {
    let call = &CALLS[0];
    let at = |seconds: i64| {
        identify_at(
            Mode::Production,
            Time::from_seconds(now().seconds() + seconds),
            &signed(call),
            call.body.as_bytes(),
        )
    };
    assert!(at(900).is_ok() && at(-900).is_ok());
    let late = "Signature expired: 20260106T070809Z is now earlier than 20260106T070810Z (20260106T072310Z - 15 min.)";
    assert_eq!(at(901), Err(invalid(late)));
    let early =
        "Signature not yet current: 20260106T070809Z is still later than 20260106T070808Z (20260106T065308Z + 15 min.)";
    assert_eq!(at(-901), Err(invalid(early)));
}

#[test]
fn the_scope_and_the_signed_headers_are_checked() {
    let call = &CALLS[0];
    let refused =
        |scope: &str, signed: &str| match identify(&head(call, &authorization(scope, signed, "00")), call.body) {
            Err(SignatureFault::Invalid(text)) => text,
            other => panic!("{other:?}"),
        };
    assert!(refused("20260106/eu-central-1/s3/aws4_request", SIGNED).contains("correct service: 'cognito-idp'"));
    assert!(refused("20260106/eu-central-1/cognito-idp/aws5", SIGNED).contains("valid terminator"));
    assert!(refused("20260107/eu-central-1/cognito-idp/aws4_request", SIGNED).starts_with("Date in Credential scope"));
    assert!(refused(SCOPE, "x-amz-date;x-amz-target").starts_with("'Host'"));
    assert!(refused(SCOPE, "host;x-amz-date").starts_with("'X-Amz-Target'"));
    assert!(refused(SCOPE, "host;x-amz-target").starts_with("'x-amz-date'"));
}

#[test]
fn development_believes_any_signature_but_not_none() {
    let call = &CALLS[0];
    let development = |head: &Parts| identify_at(Mode::Development, now(), head, b"{}");
    let any = head(call, &authorization("20200101/ap-south-1/any/x", "host", "00").replace("AKIDEXAMPLE", "test"));
    assert_eq!(development(&any).unwrap(), ("ap-south-1".to_owned(), "test".to_owned()));
    let mut unsigned = any;
    unsigned.headers.remove("authorization");
    assert_eq!(development(&unsigned), Err(SignatureFault::Missing));
    assert_eq!(identify(&unsigned, call.body), Err(SignatureFault::Missing));
    let presigned = Call { uri: "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00", ..*call };
    assert!(matches!(development(&signed(&presigned)), Err(SignatureFault::Incomplete(_))));
}

#[test]
fn malformed_headers_say_what_is_missing() {
    let text = |header: &str| match Authorization::parse(header) {
        Err(SignatureFault::Incomplete(text)) => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text("Bearer abc"), "Unsupported AWS 'algorithm': 'Bearer'.");
    assert_eq!(
        text("AWS4-HMAC-SHA256 Credential=a/b/c/d/e"),
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter."
    );
    assert!(text("AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0").ends_with("got 'a/b/c'"));
    assert!(text("AWS4-HMAC-SHA256 Credential=a/b/r_x/d/e, SignedHeaders=host, Signature=0").contains("region"));
    let slashes =
        Authorization::parse("AWS4-HMAC-SHA256 Credential=a/b/d/r/s/t,SignedHeaders=host,Signature=0").unwrap();
    assert_eq!(slashes.access_key_id, "a/b");
}

/// The suite that AWS publishes for signers; its service is `service`, so the parts are called one by one.
#[test]
fn the_published_suite_has_the_same_signatures() {
    let suite = [
        ("GET", "/", vec![], "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            vec![],
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/",
            vec![("my-header1", " value1"), ("my-header2", r#" "a   b   c""#)],
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        ("POST", "/", vec![], "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ];
    for (method, uri, extra, expected) in suite {
        let mut request = Request::builder().method(method).uri(uri).header("Host", "example.amazonaws.com");
        let mut signed = vec!["host"];
        for (name, value) in &extra {
            request = request.header(*name, *value);
            signed.push(name);
        }
        signed.push("x-amz-date");
        let head = request.header("X-Amz-Date", "20150830T123600Z").body(()).unwrap().into_parts().0;
        let scope = "20150830/us-east-1/service/aws4_request";
        let authorization = Authorization::parse(&authorization(scope, &signed.join(";"), "00")).unwrap();
        let request = canonical_request(&authorization, &head, &hex::encode(digest(&SHA256, b"")));
        let text = text_to_sign(&authorization, "20150830T123600Z", &request);
        let signature = hex::encode(hmac::sign(&signing_key(&authorization, &key()), text.as_bytes()));
        assert_eq!(signature, expected, "{method} {uri}");
    }
}

const PATH_SIGNATURE: &str = "0d1a3a479facbc970152c4c8825bfc75bb4f740a181a99c062815db5f3ce32fa";

/// A path is encoded once more, whatever it has encoded; botocore 1.43 signed this.
#[test]
fn services_that_are_called_by_path_need_no_target() {
    let head = |uri: &str| {
        let authorization =
            authorization("20260106/eu-central-1/apigateway/aws4_request", "host;x-amz-date", PATH_SIGNATURE);
        let request = Request::get(uri).header("Host", "localhost:9229").header("X-Amz-Date", "20260106T070809Z");
        request.header("Authorization", authorization).body(()).unwrap().into_parts().0
    };
    let gate = Gate { mode: Mode::Production, keys: &[key()], now: now(), service: "apigateway" };
    let signed = "/v2/apis/abc/stages/%24default?maxResults=5";
    assert!(gate.administrator(&head(signed), b"").is_ok());
    assert_eq!(gate.administrator(&head("/v2/apis/abc/stages/test?maxResults=5"), b""), Err(invalid(MISMATCH)));
    let other = Gate { service: "cognito-idp", ..gate };
    assert!(other.administrator(&head(signed), b"").is_err());
}
