//! What `oidc = "strict"` changes: one method for each place where the service and the specifications part ways.
//!
//! A pool is faithful to the service unless its configuration says otherwise. What both agree on has no method here.

use super::{
    Client, Pool,
    client::{Flow, RotationFeature},
    resource_server,
};

/// Scopes of OpenID Connect that the service does not know.
const STRICT_SCOPES: [&str; 2] = ["address", "offline_access"];

impl Pool {
    /// Authorization requests also come as forms (OpenID Connect Core, section 3.1.2.1), access tokens in the body of a request
    /// to userInfo (RFC 6750, section 2.2), and `response_mode` says how the answer goes.
    pub fn takes_forms(&self) -> bool {
        self.strict_oidc
    }

    /// A claim has the type that OpenID Connect gives it, and comes with its scope only (OpenID Connect Core, section 5.4).
    /// The service writes text, and tells everything to a client that asks for `openid` alone.
    pub fn types_claims(&self) -> bool {
        self.strict_oidc
    }

    /// `request`, and a `request_uri` that was not pushed, are refused instead of ignored (OpenID Connect Core, section 6).
    pub fn refuses_request_objects(&self) -> bool {
        self.strict_oidc
    }

    /// An ID token that comes through the browser answers one request only (OpenID Connect Core, section 3.2.2.1).
    pub fn requires_nonce_in_fragment(&self) -> bool {
        self.strict_oidc
    }

    /// A client that keeps no secret proves that it is who asked (RFC 9700, section 2.1.1).
    pub fn requires_challenge(&self, client: &Client) -> bool {
        self.strict_oidc && client.is_public()
    }

    /// A native application listens at whatever port is free (RFC 8252, section 7.3).
    pub fn allows_any_loopback_port(&self) -> bool {
        self.strict_oidc
    }

    /// Every answer to an authorization request says who gives it (RFC 9207).
    pub fn names_issuer_in_answers(&self) -> bool {
        self.strict_oidc
    }

    /// A code that comes twice takes the tokens of its first use along (RFC 6749, section 4.1.2), and so does a refresh token
    /// that was replaced (RFC 9700, section 4.14.2).
    pub fn punishes_replays(&self) -> bool {
        self.strict_oidc
    }

    /// A new password ends what was signed in with the old one (OWASP ASVS 5, 7.4.3).
    pub fn ends_sessions_with_password(&self) -> bool {
        self.strict_oidc
    }

    /// A client that failed to prove itself reads 401 and how it could (RFC 6749, section 5.2).
    pub fn challenges_clients(&self) -> bool {
        self.strict_oidc
    }

    /// Both parts of HTTP Basic may be percent-encoded (RFC 6749, section 2.3.1).
    pub fn decodes_basic(&self) -> bool {
        self.strict_oidc
    }

    /// Access tokens are of the type `at+jwt` and always say for whom they are (RFC 9068).
    pub fn profiles_access_tokens(&self) -> bool {
        self.strict_oidc
    }

    /// Access tokens can be revoked too (RFC 7009).
    pub fn revokes_access_tokens(&self) -> bool {
        self.strict_oidc
    }

    /// Whether clients may ask what has become of a token (RFC 7662).
    pub fn introspects_tokens(&self) -> bool {
        self.strict_oidc
    }

    /// Signing out as OpenID Connect RP-Initiated Logout has it, besides the service's own way.
    pub fn has_standard_logout(&self) -> bool {
        self.strict_oidc
    }

    /// ID tokens name the session that they came of, and clients are told when it ends (OpenID Connect Back-Channel Logout 1.0).
    pub fn tells_of_logouts(&self) -> bool {
        self.strict_oidc
    }

    /// Clients may push what they ask for (RFC 9126).
    pub fn takes_pushed_requests(&self) -> bool {
        self.strict_oidc
    }

    /// Tokens may be bound to a key that the client shows it holds (RFC 9449). The service looks past such proofs.
    pub fn binds_tokens_to_keys(&self) -> bool {
        self.strict_oidc
    }

    /// Whether every token of the client must be bound to a key (RFC 9449, section 5.2).
    pub fn demands_possession(&self, client: &Client) -> bool {
        self.strict_oidc && client.settings.relying_party.dpop_bound_access_tokens
    }

    /// Whether the client's programs are let in from another screen (RFC 8628).
    pub fn allows_devices(&self, client: &Client) -> bool {
        self.strict_oidc && client.settings.relying_party.device_grant
    }

    /// Whether the client may sign users in through the API this way. That is a way around OAuth, so in a strict pool only what
    /// `ExplicitAuthFlows` names is open (OWASP ASVS 5, 10.4.4).
    pub fn allows(&self, client: &Client, flow: Flow) -> bool {
        let is_named = client.settings.explicit_auth_flows.is_some();
        client.allows(flow) && (is_named || !self.strict_oidc || flow == Flow::Refresh)
    }

    /// Where refresh tokens of this client are replaced at each use, the seconds for which the one before still works: where
    /// the client says so, and in a strict pool for every public client that does not say otherwise (RFC 9700, section 4.14.2).
    pub fn rotation_grace(&self, client: &Client) -> Option<u32> {
        match client.settings.refresh_token_rotation {
            Some(own) if own.feature == RotationFeature::Enabled => Some(own.retry_grace_period_seconds),
            Some(_) => None,
            None => (self.strict_oidc && client.is_public()).then_some(0),
        }
    }

    /// A response type that nobody knows has an error of its own (RFC 6749, section 4.1.2.1), which the service does not use.
    pub fn names_unsupported_response_types(&self) -> bool {
        self.strict_oidc
    }

    /// An age that is no number of seconds is a mistake; the service looks past it.
    pub fn refuses_malformed_ages(&self) -> bool {
        self.strict_oidc
    }

    /// Whether every client of the pool may be allowed this scope.
    pub fn knows_scope(&self, scope: &str) -> bool {
        resource_server::is_standard(scope) || (self.strict_oidc && STRICT_SCOPES.contains(&scope))
    }

    /// Discovery names everything that a client can use, also at the address of RFC 8414.
    pub fn publishes_everything(&self) -> bool {
        self.strict_oidc
    }

    /// What discovery tells of the scopes.
    pub fn published_scopes(&self) -> Vec<&'static str> {
        let mut scopes = vec!["openid", "email", "phone", "profile"];
        if self.strict_oidc {
            scopes.extend(STRICT_SCOPES);
        }
        scopes
    }
}
