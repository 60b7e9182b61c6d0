// amazon-cognito-identity-js: the secure remote password protocol in the browser library's own arithmetic.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { AuthenticationDetails, CognitoRefreshToken, CognitoUser, CognitoUserAttribute, CognitoUserPool } from 'amazon-cognito-identity-js';
import { code, makeClient, makePool, makeUser, PASSWORD, unique, url } from './town.mjs';

let pool, users;

class Memory {
  #kept = new Map();
  setItem(key, value) { this.#kept.set(key, value); }
  getItem(key) { return this.#kept.get(key) ?? null; }
  removeItem(key) { this.#kept.delete(key); }
  clear() { this.#kept.clear(); }
}

before(async () => {
  pool = await makePool();
  users = new CognitoUserPool({ UserPoolId: pool, ClientId: (await makeClient(pool)).ClientId, endpoint: url, Storage: new Memory() });
});

const userNamed = (Username) => new CognitoUser({ Username, Pool: users, Storage: new Memory() });

/** Signs in with SRP; resolves to the session, or to the challenge as `{ newPassword: […] }`. */
const authenticate = (user, Password) =>
  new Promise((resolve, reject) => {
    user.authenticateUser(new AuthenticationDetails({ Username: user.getUsername(), Password }), {
      onSuccess: resolve,
      onFailure: reject,
      newPasswordRequired: (attributes, required) => resolve({ newPassword: { attributes, required } }),
    });
  });

const called = (run) => new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))));

test('the right password is proven', async () => {
  const user = userNamed(await makeUser(pool, { attributes: { email: 'a@example.com', email_verified: 'true' } }));
  const session = await authenticate(user, PASSWORD);
  assert.ok(session.isValid());
  assert.equal(session.getIdToken().payload.email, 'a@example.com');
  const shown = await called((done) => user.getUserAttributes(done));
  assert.equal(shown.find((attribute) => attribute.getName() === 'email').getValue(), 'a@example.com');
});

// The arithmetic has corner cases (leading zeros, high bits) that one run in a few hundred meets; many users make many salts.
test('twelve users with twelve salts sign in', async () => {
  for (let n = 0; n < 12; n += 1) {
    const session = await authenticate(userNamed(await makeUser(pool)), PASSWORD);
    assert.ok(session.isValid());
  }
});

test('a wrong password proves nothing', async () => {
  const username = await makeUser(pool);
  for (const wrong of ['Wrong-horse-1', PASSWORD.toLowerCase()]) {
    await assert.rejects(authenticate(userNamed(username), wrong), {
      code: 'NotAuthorizedException',
      message: 'Incorrect username or password.',
    });
  }
});

test('a temporary password is replaced', async () => {
  const user = userNamed(await makeUser(pool, { password: null, attributes: { email: 'b@example.com' } }));
  const { newPassword } = await authenticate(user, 'Temporary-1');
  assert.deepEqual(newPassword.required, []);
  assert.equal(newPassword.attributes.email, 'b@example.com');
  const session = await new Promise((onSuccess, onFailure) => {
    user.completeNewPasswordChallenge(PASSWORD, {}, { onSuccess, onFailure });
  });
  assert.ok(session.isValid());
  assert.ok((await authenticate(userNamed(user.getUsername()), PASSWORD)).isValid());
});

test('a session is refreshed', async () => {
  const user = userNamed(await makeUser(pool));
  const session = await authenticate(user, PASSWORD);
  const token = new CognitoRefreshToken({ RefreshToken: session.getRefreshToken().getToken() });
  const fresh = await called((done) => user.refreshSession(token, done));
  assert.notEqual(fresh.getAccessToken().getJwtToken(), session.getAccessToken().getJwtToken());
  assert.equal(fresh.getAccessToken().payload.origin_jti, session.getAccessToken().payload.origin_jti);
});

test('a password is changed', async () => {
  const user = userNamed(await makeUser(pool));
  await authenticate(user, PASSWORD);
  await assert.rejects(called((done) => user.changePassword('Wrong-horse-1', 'Another-horse-2', done)), { code: 'NotAuthorizedException' });
  assert.equal(await called((done) => user.changePassword(PASSWORD, 'Another-horse-2', done)), 'SUCCESS');
  await assert.rejects(authenticate(userNamed(user.getUsername()), PASSWORD), { code: 'NotAuthorizedException' });
  assert.ok((await authenticate(userNamed(user.getUsername()), 'Another-horse-2')).isValid());
});

test('a global sign-out ends the session', async () => {
  const user = userNamed(await makeUser(pool));
  const session = await authenticate(user, PASSWORD);
  await new Promise((onSuccess, onFailure) => user.globalSignOut({ onSuccess, onFailure }));
  const token = new CognitoRefreshToken({ RefreshToken: session.getRefreshToken().getToken() });
  await assert.rejects(called((done) => user.refreshSession(token, done)), { message: 'Refresh Token has been revoked' });
});

test('a newcomer signs up, confirms and signs in', async () => {
  const username = unique('newcomer');
  const email = new CognitoUserAttribute({ Name: 'email', Value: `${username}@example.com` });
  const { user } = await called((done) => users.signUp(username, PASSWORD, [email], [], done));
  await assert.rejects(authenticate(user, PASSWORD), { code: 'UserNotConfirmedException' });
  const confirmation = await code(email.getValue());
  assert.equal(await called((done) => user.confirmRegistration(confirmation, false, done)), 'SUCCESS');
  assert.ok((await authenticate(user, PASSWORD)).isValid());
});

const CUSTOM = 'arn:aws:lambda:us-east-1:123456789012:function:custom-auth';

test('an application asks its own question', async () => {
  const LambdaConfig = { DefineAuthChallenge: CUSTOM, CreateAuthChallenge: CUSTOM, VerifyAuthChallengeResponse: CUSTOM };
  const asking = await makePool({ LambdaConfig });
  const client = await makeClient(asking, { ExplicitAuthFlows: ['ALLOW_CUSTOM_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] });
  const Pool = new CognitoUserPool({ UserPoolId: asking, ClientId: client.ClientId, endpoint: url, Storage: new Memory() });
  const Username = await makeUser(asking);
  const backwards = [...Username].reverse().join('');
  /** Signs in with these answers in turn. */
  const answering = (...answers) =>
    new Promise((resolve, reject) => {
      const user = new CognitoUser({ Username, Pool, Storage: new Memory() });
      user.setAuthenticationFlowType('CUSTOM_AUTH');
      const steps = {
        onSuccess: resolve,
        onFailure: reject,
        customChallenge: (parameters) => {
          assert.equal(parameters.question, 'What is your name backwards?');
          assert.equal(parameters.answer, undefined);
          user.sendCustomChallengeAnswer(answers.shift(), steps);
        },
      };
      user.initiateAuth(new AuthenticationDetails({ Username }), steps);
    });
  assert.ok((await answering(backwards)).isValid());
  assert.ok((await answering('a guess', backwards)).isValid());
  await assert.rejects(answering('a guess', 'another'), { code: 'NotAuthorizedException', message: 'Incorrect username or password.' });
});
