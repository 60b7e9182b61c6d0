// The AWS SDK for JavaScript, version 3: names of errors, dates, paginators and the shapes that its parser builds.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  AdminGetUserCommand,
  ConfirmSignUpCommand,
  DescribeUserPoolCommand,
  GetTokensFromRefreshTokenCommand,
  GetUserCommand,
  InitiateAuthCommand,
  NotAuthorizedException,
  paginateListUsers,
  ResourceNotFoundException,
  RespondToAuthChallengeCommand,
  RevokeTokenCommand,
  SignUpCommand,
  UserNotConfirmedException,
} from '@aws-sdk/client-cognito-identity-provider';
import { claims, code, idp, makeClient, makePool, makeUser, PASSWORD, unique } from './town.mjs';

let pool, client;
before(async () => {
  pool = await makePool();
  client = (await makeClient(pool)).ClientId;
});

const signIn = (USERNAME, password = PASSWORD) =>
  idp.send(new InitiateAuthCommand({ ClientId: client, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME, PASSWORD: password } }));

test('a pool is described with dates', async () => {
  const { UserPool } = await idp.send(new DescribeUserPoolCommand({ UserPoolId: pool }));
  assert.equal(UserPool.Id, pool);
  assert.ok(UserPool.CreationDate instanceof Date && Math.abs(Date.now() - UserPool.CreationDate) < 600_000);
});

test('errors arrive as their classes', async () => {
  await assert.rejects(idp.send(new DescribeUserPoolCommand({ UserPoolId: 'us-east-1_Nothing00' })), (error) => {
    assert.ok(error instanceof ResourceNotFoundException);
    assert.equal(error.message, 'User pool us-east-1_Nothing00 does not exist.');
    assert.equal(error.$metadata.httpStatusCode, 400);
    return true;
  });
  const username = await makeUser(pool);
  await assert.rejects(signIn(username, 'Wrong-horse-1'), NotAuthorizedException);
});

test('sign-up, confirmation, sign-in, refresh and revocation', async () => {
  const Username = unique('newcomer');
  const email = `${Username}@example.com`;
  const signedUp = await idp.send(
    new SignUpCommand({ ClientId: client, Username, Password: PASSWORD, UserAttributes: [{ Name: 'email', Value: email }] }),
  );
  assert.equal(signedUp.UserConfirmed, false);
  await assert.rejects(signIn(Username), UserNotConfirmedException);
  await idp.send(new ConfirmSignUpCommand({ ClientId: client, Username, ConfirmationCode: await code(email) }));
  const { AuthenticationResult: tokens } = await signIn(Username);
  const me = await idp.send(new GetUserCommand({ AccessToken: tokens.AccessToken }));
  assert.equal(me.UserAttributes.find((a) => a.Name === 'sub').Value, signedUp.UserSub);
  const refreshed = await idp.send(new GetTokensFromRefreshTokenCommand({ ClientId: client, RefreshToken: tokens.RefreshToken }));
  assert.equal(claims(refreshed.AuthenticationResult.AccessToken).origin_jti, claims(tokens.AccessToken).origin_jti);
  await idp.send(new RevokeTokenCommand({ ClientId: client, Token: tokens.RefreshToken }));
  await assert.rejects(idp.send(new GetUserCommand({ AccessToken: tokens.AccessToken })), { message: 'Access Token has been revoked' });
});

test('the new-password challenge is answered', async () => {
  const Username = await makeUser(pool, { password: null });
  const challenge = await signIn(Username, 'Temporary-1');
  assert.equal(challenge.ChallengeName, 'NEW_PASSWORD_REQUIRED');
  const answer = await idp.send(
    new RespondToAuthChallengeCommand({
      ClientId: client,
      ChallengeName: challenge.ChallengeName,
      Session: challenge.Session,
      ChallengeResponses: { USERNAME: Username, NEW_PASSWORD: PASSWORD },
    }),
  );
  assert.ok(answer.AuthenticationResult.RefreshToken);
  const { UserStatus } = await idp.send(new AdminGetUserCommand({ UserPoolId: pool, Username }));
  assert.equal(UserStatus, 'CONFIRMED');
});

test('the paginator walks every user', async () => {
  const own = await makePool();
  const made = [];
  for (let n = 0; n < 5; n += 1) made.push(await makeUser(own));
  const found = [];
  for await (const page of paginateListUsers({ client: idp, pageSize: 2 }, { UserPoolId: own })) {
    assert.ok(page.Users.length <= 2);
    found.push(...page.Users.map((user) => user.Username));
  }
  assert.deepEqual(found.sort(), made.sort());
});
