// openid-client: discovery, authorization code with PKCE through the hosted page, user info, refresh, revocation.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as oidc from 'openid-client';
import { Browser } from './browser.mjs';
import { suite, url } from './town.mjs';

let config;
before(async () => {
  config = await oidc.discovery(new URL(`${url}/${suite.pool}`), suite.client, undefined, oidc.None(), {
    execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
  });
});

async function flow(parameters = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const authorize = oidc.buildAuthorizationUrl(config, {
    redirect_uri: suite.callback,
    scope: 'openid email profile',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters,
  });
  return { authorize, checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true } };
}

test('the discovery document has what a client needs', () => {
  const found = config.serverMetadata();
  assert.equal(found.issuer, `${url}/${suite.pool}`);
  for (const [member, path] of Object.entries({
    authorization_endpoint: '/oauth2/authorize',
    token_endpoint: '/oauth2/token',
    userinfo_endpoint: '/oauth2/userInfo',
    revocation_endpoint: '/oauth2/revoke',
  })) {
    assert.equal(found[member], url + path);
  }
  assert.ok(found.response_types_supported.includes('code'));
  assert.deepEqual(found.id_token_signing_alg_values_supported, ['RS256']);
});

test('code with PKCE, user info, refresh and revocation', async () => {
  const { authorize, checks } = await flow();
  const back = await new Browser().signIn(authorize, 'ada', 'Lovelace-1815');
  assert.equal(back.status, 302);
  const tokens = await oidc.authorizationCodeGrant(config, new URL(back.headers.get('location')), checks);
  const { sub } = tokens.claims();
  const info = await oidc.fetchUserInfo(config, tokens.access_token, sub);
  assert.deepEqual([info.username, info.email, info.name], ['ada', 'ada@example.com', 'Ada Lovelace']);
  const refreshed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.equal(refreshed.claims().sub, sub);
  await oidc.tokenRevocation(config, tokens.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' });
  await assert.rejects(oidc.fetchUserInfo(config, refreshed.access_token, sub));
});

test('a code is refused for another verifier and for a second use', async () => {
  const stolen = await flow();
  const back = await new Browser().signIn(stolen.authorize, 'ada', 'Lovelace-1815');
  const landed = new URL(back.headers.get('location'));
  await assert.rejects(
    oidc.authorizationCodeGrant(config, landed, { ...stolen.checks, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }),
    { error: 'invalid_grant' },
  );
  const used = await flow();
  const second = new URL((await new Browser().signIn(used.authorize, 'ada', 'Lovelace-1815')).headers.get('location'));
  await oidc.authorizationCodeGrant(config, second, used.checks);
  await assert.rejects(oidc.authorizationCodeGrant(config, second, used.checks), { error: 'invalid_grant' });
});

test('a wrong password never leads to the application', async () => {
  const { authorize } = await flow();
  const browser = new Browser();
  const answer = await browser.signIn(authorize, 'ada', 'Wrong-horse-1');
  assert.ok(!(answer.headers.get('location') ?? '').startsWith(suite.callback));
});

test('an unknown scope comes back as an error with the state', async () => {
  const { authorize, checks } = await flow({ scope: 'openid nowhere/read' });
  const answer = await new Browser().open(authorize);
  assert.equal(answer.status, 302);
  const landed = new URL(answer.headers.get('location'));
  assert.equal(landed.origin + landed.pathname, suite.callback);
  assert.equal(landed.searchParams.get('error'), 'invalid_scope');
  assert.equal(landed.searchParams.get('state'), checks.expectedState);
});
