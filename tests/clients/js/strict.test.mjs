// openid-client against a strict pool: metadata, issuer in answers, a port of its own, rotation, introspection, signing out.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as oidc from 'openid-client';
import { Browser } from './browser.mjs';
import { url } from './town.mjs';

const POOL = 'us-east-1_Strict001';
const CALLBACK = 'http://127.0.0.1:53211/callback';
const insecure = { execute: [oidc.allowInsecureRequests] };

let config;
let api;
before(async () => {
  const issuer = new URL(`${url}/${POOL}`);
  config = await oidc.discovery(issuer, '6strict23456789abcdefghij', undefined, oidc.None(), {
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
  });
  // The address of RFC 8414, and a resource server that asks about what it is presented.
  const secret = 'strict_api_secret_0123456789';
  api = await oidc.discovery(issuer, '7strict23456789abcdefghij', secret, oidc.ClientSecretBasic(secret), { algorithm: 'oauth2', ...insecure });
});

/** Signs ada in; answers the browser and the tokens. */
async function signIn(parameters = {}, options = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const nonce = oidc.randomNonce();
  const authorize = oidc.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid email profile address offline_access',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    nonce,
    ...parameters,
  });
  const browser = new Browser();
  const back = await browser.signIn(authorize, 'ada', 'Lovelace-1815');
  const checks = { pkceCodeVerifier: verifier, expectedNonce: nonce, idTokenExpected: true };
  const landed = new URL(back.headers.get('location'));
  return { browser, landed, checks, tokens: await oidc.authorizationCodeGrant(config, landed, checks, undefined, options) };
}

test('the metadata say what a strict pool can do', () => {
  const found = config.serverMetadata();
  assert.ok(found.supportsPKCE());
  assert.equal(found.authorization_response_iss_parameter_supported, true);
  assert.equal(found.issuer, api.serverMetadata().issuer);
});

test('claims have their types, at the port that was free', async () => {
  const { tokens, landed } = await signIn();
  assert.equal(landed.port, '53211');
  const claims = tokens.claims();
  assert.deepEqual([claims.email_verified, claims.address.formatted], [true, "12 St James's Square"]);
  const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.deepEqual([info.email_verified, info.name, info.address], [true, 'Ada Lovelace', { formatted: "12 St James's Square" }]);
});

test('an answer that names another issuer is refused by the client', async () => {
  const { landed, checks } = await signIn();
  landed.searchParams.set('iss', 'https://evil.example');
  await assert.rejects(oidc.authorizationCodeGrant(config, landed, checks));
});

test('a refresh token is replaced, and a copy ends the sign-in', async () => {
  const { tokens } = await signIn();
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
  await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token), { error: 'invalid_grant' });
});

test('a resource server asks what has become of a token', async () => {
  const { tokens } = await signIn();
  const found = await oidc.tokenIntrospection(api, tokens.access_token);
  assert.deepEqual([found.active, found.username, found.client_id], [true, 'ada', '6strict23456789abcdefghij']);
  await oidc.tokenRevocation(config, tokens.access_token);
  assert.deepEqual(await oidc.tokenIntrospection(api, tokens.access_token), { active: false });
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
});

test('tokens are bound to a key that the client holds', async () => {
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const { tokens } = await signIn({ dpop_jkt: await DPoP.calculateThumbprint() }, { DPoP });
  assert.equal(tokens.token_type, 'dpop');
  const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
  assert.equal(info.name, 'Ada Lovelace');
  const { cnf, token_type } = await oidc.tokenIntrospection(api, tokens.access_token);
  assert.deepEqual([cnf.jkt, token_type], [await DPoP.calculateThumbprint(), 'DPoP']);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_dpop_proof' });
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert.equal(next.token_type, 'dpop');
});

test('the user signs out and has to sign in again', async () => {
  const { browser, tokens } = await signIn();
  const leave = oidc.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: 'http://localhost:8400/signed-out',
    state: 'so long',
  });
  const answer = await browser.open(leave);
  assert.equal(answer.headers.get('location'), 'http://localhost:8400/signed-out?state=so%20long');
  const again = oidc.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK, scope: 'openid', prompt: 'none', code_challenge: 'a'.repeat(43), code_challenge_method: 'S256',
  });
  const refused = new URL((await browser.open(again)).headers.get('location'));
  assert.equal(refused.searchParams.get('error'), 'login_required');
});

test('form_post carries the answer in a form', async () => {
  const authorize = oidc.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK, scope: 'openid', response_mode: 'form_post', code_challenge: 'a'.repeat(43), code_challenge_method: 'S256',
  });
  const page = await new Browser().signIn(authorize, 'ada', 'Lovelace-1815');
  assert.equal(page.status, 200);
  const html = await page.text();
  assert.ok(html.includes(`action="${CALLBACK}"`) && /name="code" value="[^"]+"/.test(html));
});
