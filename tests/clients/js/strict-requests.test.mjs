// openid-client against what a strict pool adds: registration, keys instead of secrets, pushed requests, devices.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import * as oidc from 'openid-client';
import { Browser } from './browser.mjs';
import { url } from './town.mjs';

const ISSUER = new URL(`${url}/us-east-1_Strict001`);
const REGISTRAR = '8strict23456789abcdefghij';
const SECRET = 'strict_registrar_secret_0123456789';
const TV = '9strict23456789abcdefghij';
const CALLBACK = 'http://127.0.0.1:53212/callback';
const insecure = { execute: [oidc.allowInsecureRequests] };

let keys;
let keyed;
let told = [];
let application;
before(async () => {
  keys = await crypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign', 'verify'],
  );
  application = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      told.push(new URLSearchParams(body).get('logout_token'));
      response.end();
    });
  });
  await new Promise((ready) => application.listen(0, '127.0.0.1', ready));
  keyed = await register();
});
after(() => application.close());

/** A client that registers itself, with a key of its own and an address for logout tokens. */
async function register() {
  const machine = await oidc.discovery(ISSUER, REGISTRAR, SECRET, oidc.ClientSecretBasic(SECRET), insecure);
  const { access_token: initialAccessToken } = await oidc.clientCredentialsGrant(machine, { scope: 'aws.cognito/dcr/register' });
  const { kty, n, e } = await crypto.subtle.exportKey('jwk', keys.publicKey);
  const metadata = {
    client_name: 'Keyed', redirect_uris: [CALLBACK], token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ kty, n, e, kid: 'one', alg: 'RS256', use: 'sig' }] },
    backchannel_logout_uri: `http://127.0.0.1:${application.address().port}/out`,
  };
  const method = oidc.PrivateKeyJwt({ key: keys.privateKey, kid: 'one' });
  return oidc.dynamicClientRegistration(ISSUER, metadata, method, { ...insecure, initialAccessToken });
}

const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));

/** Signs ada in by a pushed request; answers the browser and the tokens. */
async function signIn() {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const authorize = await oidc.buildAuthorizationUrlWithPAR(keyed, {
    redirect_uri: CALLBACK, scope: 'openid email', state,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  });
  const browser = new Browser();
  const back = await browser.signIn(authorize, 'ada', 'Lovelace-1815');
  const landed = new URL(back.headers.get('location'));
  const checks = { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true };
  return { authorize, browser, tokens: await oidc.authorizationCodeGrant(keyed, landed, checks) };
}

test('a client registers itself and proves itself with its key', async () => {
  const metadata = keyed.clientMetadata();
  assert.deepEqual([metadata.token_endpoint_auth_method, metadata.client_secret], ['private_key_jwt', undefined]);
  const { tokens } = await signIn();
  assert.equal(tokens.claims().email, 'ada@example.com');
  const next = await oidc.refreshTokenGrant(keyed, tokens.refresh_token);
  assert.equal((await oidc.tokenIntrospection(keyed, next.access_token)).active, true);
  await oidc.tokenRevocation(keyed, next.access_token);
  assert.deepEqual(await oidc.tokenIntrospection(keyed, next.access_token), { active: false });
});

test('somebody else with the same client id does not', async () => {
  const other = await crypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['sign', 'verify'],
  );
  const id = keyed.clientMetadata().client_id;
  const config = await oidc.discovery(ISSUER, id, undefined, oidc.PrivateKeyJwt({ key: other.privateKey, kid: 'one' }), insecure);
  await assert.rejects(oidc.refreshTokenGrant(config, 'any'), { status: 401 });
});

test('a pushed request is answered once, and the browser carries nothing of it', async () => {
  const { authorize, browser } = await signIn();
  assert.deepEqual([...authorize.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  const again = await browser.open(authorize);
  assert.match(again.headers.get('location'), /^\/error\?/);
});

test('a stranger may register, and not have us call addresses', async () => {
  const open = await oidc.dynamicClientRegistration(ISSUER, { redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' }, oidc.None(), insecure);
  assert.equal(open.clientMetadata().token_endpoint_auth_method, 'none');
  const metadata = { redirect_uris: [CALLBACK], backchannel_logout_uri: 'https://internal.example/' };
  await assert.rejects(oidc.dynamicClientRegistration(ISSUER, metadata, undefined, insecure), { error: 'invalid_client_metadata' });
});

test('a device is let in from a browser', async () => {
  const tv = await oidc.discovery(ISSUER, TV, undefined, oidc.None(), insecure);
  const device = await oidc.initiateDeviceAuthorization(tv, { scope: 'openid email' });
  assert.match(device.user_code, /^[B-Z]{4}-[B-Z]{4}$/);
  const polling = oidc.pollDeviceAuthorizationGrant(tv, device);
  const browser = new Browser();
  const send = async (answer, fields) => {
    const html = await answer.text();
    const page = new URL(answer.url);
    const action = html.match(/<form method="post" action="([^"]*)"/)[1].replaceAll('&#38;', '&');
    const body = new URLSearchParams({ _csrf: html.match(/name="_csrf" value="([^"]*)"/)[1], ...fields });
    return browser.open(new URL(action, page), { method: 'POST', body, headers: { origin: page.origin } });
  };
  const typed = await send(await browser.open(device.verification_uri), { user_code: device.user_code.toLowerCase() });
  assert.equal(typed.status, 303);
  const back = await browser.signIn(new URL(typed.headers.get('location'), url), 'ada', 'Lovelace-1815');
  const asked = await browser.open(new URL(back.headers.get('location'), url));
  const done = await send(asked, { answer: 'allow' });
  assert.equal(done.status, 200);
  const tokens = await polling;
  assert.equal(tokens.claims().aud, TV);
  const html = await done.text();
  assert.match(html, /Your device is connected/);
});

test('an application hears that its user has signed out', async () => {
  const { browser, tokens } = await signIn();
  told = [];
  await browser.open(oidc.buildEndSessionUrl(keyed, { id_token_hint: tokens.id_token }));
  for (let waited = 0; told.length === 0 && waited < 100; waited += 1) await new Promise((later) => setTimeout(later, 100));
  assert.equal(told.length, 1);
  const { sid, sub, aud, events, nonce, exp, iat } = claims(told[0]);
  assert.deepEqual([sid, sub, aud, nonce], [tokens.claims().sid, tokens.claims().sub, keyed.clientMetadata().client_id, undefined]);
  assert.ok('http://schemas.openid.net/event/backchannel-logout' in events && exp - iat <= 120);
  const header = JSON.parse(Buffer.from(told[0].split('.')[0], 'base64url'));
  const { keys: published } = await (await fetch(keyed.serverMetadata().jwks_uri)).json();
  const jwk = published.find((one) => one.kid === header.kid);
  assert.equal(header.typ, 'logout+jwt');
  const key = await crypto.subtle.importKey('jwk', jwk, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['verify']);
  const [head, payload, signature] = told[0].split('.');
  assert.ok(await crypto.subtle.verify('RSASSA-PKCS1-v1_5', key, Buffer.from(signature, 'base64url'), Buffer.from(`${head}.${payload}`)));
});
