// aws-jwt-verify: tokens of ours, checked by somebody else's code.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { InitiateAuthCommand } from '@aws-sdk/client-cognito-identity-provider';
import { JwtRsaVerifier } from 'aws-jwt-verify';
import { JwtInvalidAudienceError, JwtInvalidIssuerError, JwtInvalidScopeError, JwtInvalidSignatureError } from 'aws-jwt-verify/error';
import { idp, makeClient, makeUser, PASSWORD, suite, url } from './town.mjs';

const issuer = `${url}/${suite.pool}`;
let tokens, jwks;

const signIn = async (client, USERNAME, password) => {
  const answer = await idp.send(
    new InitiateAuthCommand({ ClientId: client, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME, PASSWORD: password } }),
  );
  return answer.AuthenticationResult;
};

before(async () => {
  tokens = await signIn(suite.client, 'ada', 'Lovelace-1815');
  const discovery = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  assert.equal(discovery.issuer, issuer);
  jwks = await (await fetch(discovery.jwks_uri)).json();
});

/** The library fetches keys by https only, so it is handed the ones of our plain http issuer. */
function verifier(properties) {
  const made = JwtRsaVerifier.create({ issuer, jwksUri: `${issuer}/.well-known/jwks.json`, ...properties });
  made.cacheJwks(jwks);
  return made;
}

test('an ID token verifies for its client', async () => {
  const claims = await verifier({ audience: suite.client }).verify(tokens.IdToken);
  assert.equal(claims.token_use, 'id');
  assert.equal(claims['cognito:username'], 'ada');
  assert.deepEqual(claims['cognito:groups'], ['readers']);
});

test('an access token verifies and carries its client and scope', async () => {
  const claims = await verifier({ audience: null, scope: 'aws.cognito.signin.user.admin' }).verify(tokens.AccessToken);
  assert.equal(claims.token_use, 'access');
  assert.equal(claims.client_id, suite.client);
});

test('other audiences, issuers, scopes and signatures do not pass', async () => {
  await assert.rejects(verifier({ audience: 'another' }).verify(tokens.IdToken), JwtInvalidAudienceError);
  await assert.rejects(verifier({ audience: null, scope: 'shop/read' }).verify(tokens.AccessToken), JwtInvalidScopeError);
  const foreign = JwtRsaVerifier.create({ issuer: `${url}/us-east-1_Nothing00`, audience: null, jwksUri: `${issuer}/.well-known/jwks.json` });
  foreign.cacheJwks(jwks);
  await assert.rejects(foreign.verify(tokens.IdToken), JwtInvalidIssuerError);
  const [header, payload, signature] = tokens.IdToken.split('.');
  const changed = `${header}.${payload}.${signature.slice(0, -8)}AAAAAAAA`;
  await assert.rejects(verifier({ audience: suite.client }).verify(changed), JwtInvalidSignatureError);
});

test('another client of the pool has another audience', async () => {
  const other = (await makeClient(suite.pool)).ClientId;
  const theirs = await signIn(other, await makeUser(suite.pool), PASSWORD);
  await assert.rejects(verifier({ audience: suite.client }).verify(theirs.IdToken), JwtInvalidAudienceError);
  assert.equal((await verifier({ audience: other }).verify(theirs.IdToken)).aud, other);
});
