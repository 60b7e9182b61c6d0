// oauth4webapi, which checks every answer to the letter: a confidential client, in a pool of either kind.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { CreateResourceServerCommand } from '@aws-sdk/client-cognito-identity-provider';
import * as oauth from 'oauth4webapi';
import { Browser } from './browser.mjs';
import { idp, makeClient, suite, unique, url } from './town.mjs';

const STRICT = 'us-east-1_Strict001';
const CALLBACK = 'http://localhost:8400/callback';
const LEFT = 'http://localhost:8400/signed-out';
const insecure = { [oauth.allowInsecureRequests]: true };

/** A client with a secret in the pool, with all that a relying party has to know. */
async function register(pool, settings = {}) {
  const made = await makeClient(pool, {
    GenerateSecret: true,
    ExplicitAuthFlows: ['ALLOW_REFRESH_TOKEN_AUTH'],
    SupportedIdentityProviders: ['COGNITO'],
    AllowedOAuthFlowsUserPoolClient: true,
    AllowedOAuthFlows: ['code'],
    AllowedOAuthScopes: ['openid', 'email', 'profile'],
    CallbackURLs: [CALLBACK],
    LogoutURLs: [LEFT],
    ...settings,
  });
  const issuer = new URL(`${url}/${pool}`);
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
  return { as, client: { client_id: made.ClientId }, secret: made.ClientSecret };
}

/** Ada signs in; the answer is checked, the code redeemed with the given proof, the ID token verified with the published keys. */
async function signIn({ as, client }, proof) {
  const verifier = oauth.generateRandomCodeVerifier();
  const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
  const authorize = new URL(as.authorization_endpoint);
  authorize.search = new URLSearchParams({
    client_id: client.client_id, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid email profile', state, nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', max_age: '300',
  });
  const browser = new Browser();
  const back = new URL((await browser.signIn(authorize, 'ada', 'Lovelace-1815')).headers.get('location'));
  const answer = oauth.validateAuthResponse(as, client, back, state);
  const reply = await oauth.authorizationCodeGrantRequest(as, client, proof, answer, CALLBACK, verifier, insecure);
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, reply, { expectedNonce: nonce, maxAge: 300, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, reply, insecure);
  return { browser, tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
}

const userInfo = async ({ as, client }, tokens, sub) =>
  oauth.processUserInfoResponse(as, client, sub, await oauth.userInfoRequest(as, client, tokens.access_token, insecure));

const refresh = async ({ as, client }, proof, tokens) =>
  oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, proof, tokens.refresh_token, insecure));

const proofs = { Basic: oauth.ClientSecretBasic, 'the form': oauth.ClientSecretPost };

for (const pool of [suite.pool, STRICT]) {
  const strict = pool === STRICT;
  const words = strict ? 'strict' : 'faithful';
  let party;
  before(async () => {
    // Both ways of refreshing: tokens that are replaced, and one that stays.
    const rotating = { ExplicitAuthFlows: [], RefreshTokenRotation: { Feature: 'ENABLED', RetryGracePeriodSeconds: 0 } };
    party = await register(pool, strict ? rotating : {});
  });

  for (const [name, make] of Object.entries(proofs)) {
    test(`${words}: sign-in, user info, refresh and revocation with the secret in ${name}`, async () => {
      const { as, client, secret } = party;
      const proof = make(secret);
      const { tokens, claims } = await signIn(party, proof);
      assert.deepEqual([claims.email, claims.email_verified], ['ada@example.com', true]);
      assert.ok(claims.at_hash && claims.auth_time);
      const info = await userInfo(party, tokens, claims.sub);
      assert.deepEqual([info.name, info.email_verified], ['Ada Lovelace', strict ? true : 'true']);
      const next = await refresh(party, proof, tokens);
      const refreshed = oauth.getValidatedIdTokenClaims(next);
      assert.deepEqual([refreshed.sub, refreshed.auth_time], [claims.sub, claims.auth_time]);
      assert.equal(next.refresh_token !== undefined, strict);
      const last = next.refresh_token ?? tokens.refresh_token;
      await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proof, last, insecure));
      await assert.rejects(refresh(party, proof, { refresh_token: last }), { error: 'invalid_grant' });
      await assert.rejects(userInfo(party, next, claims.sub), oauth.WWWAuthenticateChallengeError);
    });
  }

  test(`${words}: a wrong secret and another client's code are refused`, async () => {
    const { as, client, secret } = party;
    const { tokens } = await signIn(party, oauth.ClientSecretBasic(secret));
    const wrong = oauth.ClientSecretBasic(`${secret}x`);
    if (strict) {
      // Refused with 401 and a challenge, as RFC 6749, section 5.2 has it.
      const status = { status: 401, name: 'WWWAuthenticateChallengeError' };
      await assert.rejects(refresh(party, wrong, tokens), status);
    } else {
      await assert.rejects(refresh(party, wrong, tokens), { error: 'invalid_client', status: 400 });
    }
    const other = await register(pool);
    await assert.rejects(refresh(other, oauth.ClientSecretBasic(other.secret), tokens), { error: 'invalid_grant' });
    assert.ok((await refresh({ as, client }, oauth.ClientSecretPost(secret), tokens)).access_token);
  });
}

test('strict: access tokens are JWTs as RFC 9068 has them, and can be asked about', async () => {
  const party = await register(STRICT);
  const { as, client, secret } = party;
  const { tokens, claims } = await signIn(party, oauth.ClientSecretBasic(secret));
  const request = new Request('http://localhost:8400/resource', { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const access = await oauth.validateJwtAccessToken(as, request, client.client_id, insecure);
  assert.deepEqual([access.sub, access.client_id], [claims.sub, client.client_id]);
  const introspect = async (token) =>
    oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, oauth.ClientSecretPost(secret), token, insecure));
  const found = await introspect(tokens.access_token);
  assert.deepEqual([found.active, found.sub, found.iss], [true, claims.sub, as.issuer]);
  await oauth.revocationRequest(as, client, oauth.ClientSecretBasic(secret), tokens.access_token, insecure);
  assert.equal((await introspect(tokens.access_token)).active, false);
});

test('strict: the user signs out with the ID token and comes back to the application', async () => {
  const party = await register(STRICT);
  const { as, secret } = party;
  const { browser, tokens } = await signIn(party, oauth.ClientSecretBasic(secret));
  const leave = new URL(as.end_session_endpoint);
  leave.search = new URLSearchParams({ id_token_hint: tokens.id_token, post_logout_redirect_uri: LEFT, state: 's&t' });
  const back = new URL((await browser.open(leave)).headers.get('location'));
  assert.deepEqual([back.origin + back.pathname, back.searchParams.get('state')], [LEFT, 's&t']);
});

test('faithful: the user signs out with the client id and has to sign in again', async () => {
  const party = await register(suite.pool);
  const { as, client, secret } = party;
  const { browser } = await signIn(party, oauth.ClientSecretBasic(secret));
  const leave = new URL(as.end_session_endpoint);
  leave.search = new URLSearchParams({ client_id: client.client_id, logout_uri: LEFT });
  assert.equal((await browser.open(leave)).headers.get('location'), LEFT);
  const silent = new URL(as.authorization_endpoint);
  const state = oauth.generateRandomState();
  silent.search = new URLSearchParams({
    client_id: client.client_id, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid', state, prompt: 'none',
  });
  const refused = new URL((await browser.open(silent)).headers.get('location'));
  assert.throws(() => oauth.validateAuthResponse(as, client, refused, state), { error: 'login_required' });
});

test('a machine gets its scopes, in a pool of either kind', async () => {
  for (const pool of [suite.pool, STRICT]) {
    const Name = unique('api');
    const Identifier = `https://${Name}.example`;
    const Scopes = ['read', 'write'].map((ScopeName) => ({ ScopeName, ScopeDescription: ScopeName }));
    await idp.send(new CreateResourceServerCommand({ UserPoolId: pool, Identifier, Name, Scopes }));
    const scope = `${Identifier}/read`;
    const machine = { AllowedOAuthFlows: ['client_credentials'], AllowedOAuthScopes: [scope], CallbackURLs: [], LogoutURLs: [] };
    const { as, client, secret } = await register(pool, machine);
    const ask = async (wanted) => {
      const proof = oauth.ClientSecretBasic(secret);
      const reply = await oauth.clientCredentialsGrantRequest(as, client, proof, { scope: wanted }, insecure);
      return oauth.processClientCredentialsResponse(as, client, reply);
    };
    const tokens = await ask(scope);
    assert.deepEqual([tokens.token_type, tokens.id_token, tokens.refresh_token], ['bearer', undefined, undefined]);
    await assert.rejects(ask(`${Identifier}/write`), { error: 'invalid_scope' });
  }
});
