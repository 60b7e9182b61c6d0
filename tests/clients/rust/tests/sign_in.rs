//! The crate `openidconnect`: discovery, sign-in with PKCE, user info, refresh and signing out, in a pool of either kind.

mod loopback;

use loopback::{Browser, location, send};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, CsrfToken, EndSessionUrl, IssuerUrl, LogoutRequest, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadataWithLogout,
    RedirectUrl, RefreshToken, RequestTokenError, Scope, TokenResponse,
    core::{CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreTokenResponse, CoreUserInfoClaims},
    url::Url,
};

const LEFT: &str = "http://localhost:8400/signed-out";

/// A relying party and where its users come back to.
struct Party {
    pool: &'static str,
    client: &'static str,
    callback: &'static str,
}

const FAITHFUL: Party = Party {
    pool: "us-east-1_Clients01",
    client: "5clients23456789abcdefghij",
    callback: "http://localhost:8400/callback",
};
const STRICT: Party = Party {
    pool: "us-east-1_Strict001",
    client: "6strict23456789abcdefghij",
    callback: "http://127.0.0.1:53212/callback",
};

/// The client, made from what the pool says of itself; its type depends on the endpoints that it knows.
macro_rules! client {
    ($party:expr, $metadata:expr) => {
        CoreClient::from_provider_metadata($metadata.clone(), ClientId::new($party.client.into()), None)
            .set_redirect_uri(RedirectUrl::new($party.callback.into()).unwrap())
    };
}

fn discover(party: &Party) -> ProviderMetadataWithLogout {
    let url = std::env::var("POOLHOUSE_URL").expect("start this suite with tests/clients/launch.py");
    let issuer = IssuerUrl::new(format!("{url}/{}", party.pool)).unwrap();
    ProviderMetadataWithLogout::discover(&issuer, &send).unwrap()
}

/// What the application got from a user who signed in.
struct Arrival {
    browser: Browser,
    code: AuthorizationCode,
    verifier: PkceCodeVerifier,
    nonce: Nonce,
}

fn arrive(party: &Party, metadata: &ProviderMetadataWithLogout) -> Arrival {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (authorize, state, nonce) = client!(party, metadata)
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, CsrfToken::new_random, Nonce::new_random)
        .add_scopes(["email", "profile"].map(|scope| Scope::new(scope.into())))
        .set_pkce_challenge(challenge)
        .url();
    let mut browser = Browser::default();
    let landed = browser.sign_in(&authorize);
    assert!(landed.as_str().starts_with(party.callback), "{landed}");
    let told = |name: &str| landed.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned());
    assert_eq!(told("state").as_deref(), Some(state.secret().as_str()));
    Arrival { browser, code: AuthorizationCode::new(told("code").unwrap()), verifier, nonce }
}

fn redeem(party: &Party, metadata: &ProviderMetadataWithLogout, arrival: &Arrival) -> CoreTokenResponse {
    let verifier = PkceCodeVerifier::new(arrival.verifier.secret().clone());
    let client = client!(party, metadata);
    client.exchange_code(arrival.code.clone()).unwrap().set_pkce_verifier(verifier).request(&send).unwrap()
}

fn signs_in_and_refreshes(party: &Party) {
    let metadata = discover(party);
    let client = client!(party, &metadata);
    let arrival = arrive(party, &metadata);
    let tokens = redeem(party, &metadata, &arrival);
    let id_token = tokens.id_token().expect("an ID token");
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, &arrival.nonce).unwrap();
    let hash = claims.access_token_hash().expect("a hash of the access token");
    let own = AccessTokenHash::from_token(
        tokens.access_token(),
        id_token.signing_alg().unwrap(),
        id_token.signing_key(&verifier).unwrap(),
    );
    assert_eq!(*hash, own.unwrap());
    assert!(id_token.claims(&verifier, &Nonce::new("another".into())).is_err());

    let subject = claims.subject().clone();
    let info: CoreUserInfoClaims =
        client.user_info(tokens.access_token().clone(), Some(subject.clone())).unwrap().request(&send).unwrap();
    assert_eq!(info.email().map(|email| email.as_str()), Some("ada@example.com"));
    assert_eq!(info.email_verified(), Some(true));

    let refresh_token = tokens.refresh_token().expect("a refresh token");
    let next: CoreTokenResponse = client.exchange_refresh_token(refresh_token).unwrap().request(&send).unwrap();
    let renewed = next.id_token().unwrap();
    assert_eq!(*renewed.claims(&verifier, |_: Option<&Nonce>| Ok(())).unwrap().subject(), subject);

    match client.exchange_refresh_token(&RefreshToken::new("nonsense".into())).unwrap().request(&send) {
        Err(RequestTokenError::ServerResponse(refusal)) => {
            assert_eq!(*refusal.error(), CoreErrorResponseType::InvalidGrant)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_user_signs_in_to_a_faithful_pool() {
    signs_in_and_refreshes(&FAITHFUL);
}

#[test]
fn a_user_signs_in_to_a_strict_pool() {
    signs_in_and_refreshes(&STRICT);
}

#[test]
fn a_code_is_refused_for_another_verifier() {
    for party in [FAITHFUL, STRICT] {
        let metadata = discover(&party);
        let arrival = arrive(&party, &metadata);
        let (_, other) = PkceCodeChallenge::new_random_sha256();
        match client!(party, &metadata).exchange_code(arrival.code).unwrap().set_pkce_verifier(other).request(&send) {
            Err(RequestTokenError::ServerResponse(refusal)) => {
                assert_eq!(*refusal.error(), CoreErrorResponseType::InvalidGrant);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_user_leaves_a_strict_pool_and_comes_back() {
    let metadata = discover(&STRICT);
    let mut arrival = arrive(&STRICT, &metadata);
    let tokens = redeem(&STRICT, &metadata, &arrival);
    let place: EndSessionUrl =
        metadata.additional_metadata().end_session_endpoint.clone().expect("an address to leave by");
    let leave = LogoutRequest::from(place)
        .set_id_token_hint(tokens.id_token().unwrap())
        .set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(LEFT.into()).unwrap())
        .set_state(CsrfToken::new("so long".into()))
        .http_get_url();
    let reply = arrival.browser.get(&leave);
    let back = Url::parse(location(&reply)).unwrap();
    assert!(back.as_str().starts_with(LEFT), "{back}");
    assert_eq!(back.query_pairs().find(|(name, _)| name == "state").unwrap().1, "so long");
}
