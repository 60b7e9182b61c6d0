// amazon-cognito-identity-js: the secure remote password protocol in the browser library's own arithmetic.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { AdminForgetDeviceCommand, AdminGetDeviceCommand } from '@aws-sdk/client-cognito-identity-provider';
import { AuthenticationDetails, CognitoRefreshToken, CognitoUser, CognitoUserAttribute, CognitoUserPool } from 'amazon-cognito-identity-js';
import { claims, code, idp, makeClient, makePool, makeUser, PASSWORD, unique, url } from './town.mjs';

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

/** A pool that remembers devices, and how a user of it is met again in the same browser: with what its storage kept. */
async function remembering(settings = {}) {
  const tracked = await makePool({ DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: false, ...settings } });
  const ClientId = (await makeClient(tracked)).ClientId;
  const browser = new Memory();
  const Username = await makeUser(tracked);
  const meet = () => new CognitoUser({ Username, Pool: new CognitoUserPool({ UserPoolId: tracked, ClientId, endpoint: url, Storage: browser }), Storage: browser });
  return { tracked, Username, meet };
}

test('a device is confirmed, proves itself, refreshes and is forgotten', async () => {
  const { tracked, Username, meet } = await remembering();
  const first = await authenticate(meet(), PASSWORD);
  const key = first.getAccessToken().payload.device_key;
  assert.match(key, /^us-east-1_[0-9a-f-]{36}$/);

  const again = meet();
  const session = await authenticate(again, PASSWORD);
  assert.equal(session.getAccessToken().payload.device_key, key);
  const { Device } = await idp.send(new AdminGetDeviceCommand({ UserPoolId: tracked, Username, DeviceKey: key }));
  assert.ok(Device.DeviceLastAuthenticatedDate > Device.DeviceCreateDate);
  const shown = await new Promise((onSuccess, onFailure) => again.getDevice({ onSuccess, onFailure }));
  assert.equal(shown.Device.DeviceKey, key);
  const fresh = await called((done) => again.refreshSession(session.getRefreshToken(), done));
  assert.equal(claims(fresh.getAccessToken().getJwtToken()).device_key, key);

  await new Promise((onSuccess, onFailure) => again.forgetDevice({ onSuccess, onFailure }));
  const listed = await new Promise((onSuccess, onFailure) => again.listDevices(10, null, { onSuccess, onFailure }));
  assert.deepEqual(listed.Devices, []);
});

test('a device that was forgotten elsewhere signs in as a new one', async () => {
  const { tracked, Username, meet } = await remembering();
  const key = (await authenticate(meet(), PASSWORD)).getAccessToken().payload.device_key;
  await idp.send(new AdminForgetDeviceCommand({ UserPoolId: tracked, Username, DeviceKey: key }));
  const session = await authenticate(meet(), PASSWORD);
  assert.notEqual(session.getAccessToken().payload.device_key, key);
  assert.equal((await authenticate(meet(), PASSWORD)).getAccessToken().payload.device_key, session.getAccessToken().payload.device_key);
});

test('a user is asked before a device is remembered', async () => {
  const { meet } = await remembering({ DeviceOnlyRememberedOnUserPrompt: true });
  const user = meet();
  const necessary = await new Promise((resolve, reject) => {
    user.authenticateUser(new AuthenticationDetails({ Username: user.getUsername(), Password: PASSWORD }), {
      onSuccess: (_, confirmation) => resolve(confirmation),
      onFailure: reject,
    });
  });
  assert.equal(necessary, true);
  assert.equal(await new Promise((onSuccess, onFailure) => user.setDeviceStatusRemembered({ onSuccess, onFailure })), 'SUCCESS');
});
