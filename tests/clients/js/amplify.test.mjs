// Amplify v6, as an application uses it: sign-up, sign-in with its own SRP arithmetic, an authenticator app, refresh, sign-out.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { SetUserPoolMfaConfigCommand } from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import {
  confirmResetPassword,
  confirmSignIn,
  confirmSignUp,
  fetchAuthSession,
  fetchMFAPreference,
  fetchUserAttributes,
  getCurrentUser,
  resetPassword,
  setUpTOTP,
  signIn,
  signOut,
  signUp,
  updateMFAPreference,
  updatePassword,
  verifyTOTPSetup,
} from 'aws-amplify/auth';
import { code, idp, makeClient, makePool, makeUser, PASSWORD, unique, url } from './town.mjs';
import { totp } from './totp.mjs';

let pool;

before(async () => {
  pool = await makePool();
});

beforeEach(() => configure(pool));

/** Amplify talks to a new client of this pool from now on. */
async function configure(userPoolId) {
  const { ClientId: userPoolClientId } = await makeClient(userPoolId);
  Amplify.configure({ Auth: { Cognito: { userPoolId, userPoolClientId, userPoolEndpoint: url } } });
}

const tokens = async (options) => (await fetchAuthSession(options)).tokens;
const signedIn = { isSignedIn: true, nextStep: { signInStep: 'DONE' } };

test('a newcomer signs up, confirms and signs in', async () => {
  const username = unique('newcomer');
  const email = `${username}@example.com`;
  const begun = await signUp({ username, password: PASSWORD, options: { userAttributes: { email } } });
  assert.equal(begun.nextStep.signUpStep, 'CONFIRM_SIGN_UP');
  const early = await signIn({ username, password: PASSWORD });
  assert.equal(early.nextStep.signInStep, 'CONFIRM_SIGN_UP');
  const confirmationCode = await code(email);
  const wrong = confirmationCode === '000000' ? '000001' : '000000';
  await assert.rejects(confirmSignUp({ username, confirmationCode: wrong }), { name: 'CodeMismatchException' });
  assert.equal((await confirmSignUp({ username, confirmationCode })).isSignUpComplete, true);
  assert.deepEqual(await signIn({ username, password: PASSWORD }), signedIn);
  assert.equal((await getCurrentUser()).username, username);
  assert.deepEqual(await fetchUserAttributes().then(({ email, email_verified }) => ({ email, email_verified })), {
    email,
    email_verified: 'true',
  });
  await signOut();
  await assert.rejects(getCurrentUser(), { name: 'UserUnAuthenticatedException' });
});

test('a password that is missing is told apart', async () => {
  await assert.rejects(signUp({ username: unique('newcomer'), password: '' }), { name: 'EmptySignUpPassword' });
});

test('a wrong password is refused', async () => {
  const username = await makeUser(pool);
  await assert.rejects(signIn({ username, password: 'Wrong-horse-1' }), {
    name: 'NotAuthorizedException',
    message: 'Incorrect username or password.',
  });
});

test('a temporary password is replaced', async () => {
  const username = await makeUser(pool, { password: null });
  const begun = await signIn({ username, password: 'Temporary-1' });
  assert.equal(begun.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED');
  assert.deepEqual(await confirmSignIn({ challengeResponse: PASSWORD }), signedIn);
  await signOut();
});

test('an authenticator app is set up, asked for, and refused with a wrong or a used code', async () => {
  const careful = await makePool();
  await idp.send(
    new SetUserPoolMfaConfigCommand({ UserPoolId: careful, MfaConfiguration: 'OPTIONAL', SoftwareTokenMfaConfiguration: { Enabled: true } }),
  );
  await configure(careful);
  const username = await makeUser(careful);
  await signIn({ username, password: PASSWORD });
  const { sharedSecret } = await setUpTOTP();
  await assert.rejects(verifyTOTPSetup({ code: wrongCode(sharedSecret) }), { name: 'EnableSoftwareTokenMFAException' });
  // Codes of three steps count: this one, the one before and the next one, each once.
  await verifyTOTPSetup({ code: totp(sharedSecret, { steps: -1 }) });
  await updateMFAPreference({ totp: 'PREFERRED' });
  assert.deepEqual(await fetchMFAPreference(), { enabled: ['TOTP'], preferred: 'TOTP' });
  await signOut();

  const begun = await signIn({ username, password: PASSWORD });
  assert.equal(begun.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  await assert.rejects(confirmSignIn({ challengeResponse: wrongCode(sharedSecret) }), { name: 'CodeMismatchException' });
  const present = totp(sharedSecret);
  assert.deepEqual(await confirmSignIn({ challengeResponse: present }), signedIn);
  await signOut();

  await signIn({ username, password: PASSWORD });
  await assert.rejects(confirmSignIn({ challengeResponse: present }), {
    name: 'ExpiredCodeException',
    message: 'Your software token has already been used once.',
  });
  assert.deepEqual(await confirmSignIn({ challengeResponse: totp(sharedSecret, { steps: 1 }) }), signedIn);
  await signOut();
});

/** A code that none of the steps around now has. */
function wrongCode(secret) {
  const near = new Set([-2, -1, 0, 1, 2].map((steps) => totp(secret, { steps })));
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find((candidate) => !near.has(candidate));
}

test('a session is refreshed', async () => {
  await signIn({ username: await makeUser(pool), password: PASSWORD });
  const first = await tokens();
  const second = await tokens({ forceRefresh: true });
  assert.notEqual(second.accessToken.toString(), first.accessToken.toString());
  assert.equal(second.accessToken.payload.origin_jti, first.accessToken.payload.origin_jti);
  await signOut();
});

test('a sign-out revokes what it leaves behind, here and everywhere', async () => {
  const username = await makeUser(pool);
  for (const global of [false, true]) {
    await signIn({ username, password: PASSWORD });
    const AccessToken = (await tokens()).accessToken.toString();
    await signOut({ global });
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSCognitoIdentityProviderService.GetUser' },
      body: JSON.stringify({ AccessToken }),
    });
    assert.equal((await answer.json()).message, 'Access Token has been revoked');
  }
});

test('a forgotten password is replaced, and a known one changed', async () => {
  const username = unique('forgetful');
  const email = `${username}@example.com`;
  await signUp({ username, password: PASSWORD, options: { userAttributes: { email } } });
  await confirmSignUp({ username, confirmationCode: await code(email) });
  const { nextStep } = await resetPassword({ username });
  assert.equal(nextStep.resetPasswordStep, 'CONFIRM_RESET_PASSWORD_WITH_CODE');
  assert.equal(nextStep.codeDeliveryDetails.deliveryMedium, 'EMAIL');
  await confirmResetPassword({ username, newPassword: 'Another-horse-2', confirmationCode: await newestCode(email) });
  await assert.rejects(signIn({ username, password: PASSWORD }), { name: 'NotAuthorizedException' });
  await signIn({ username, password: 'Another-horse-2' });
  await updatePassword({ oldPassword: 'Another-horse-2', newPassword: 'Third-horse-3' });
  await signOut();
  assert.deepEqual(await signIn({ username, password: 'Third-horse-3' }), signedIn);
  await signOut();
});

async function newestCode(to) {
  const answer = await fetch(`${url}/_poolhouse/messages?${new URLSearchParams({ to })}`);
  return (await answer.json())[0].code;
}
