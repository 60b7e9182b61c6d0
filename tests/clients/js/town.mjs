// What every file of this suite does: call the server under test as an administrator, make clients and users, read claims.
import {
  AdminCreateUserCommand,
  AdminSetUserPasswordCommand,
  CognitoIdentityProviderClient,
  CreateUserPoolClientCommand,
  CreateUserPoolCommand,
} from '@aws-sdk/client-cognito-identity-provider';

if (!process.env.POOLHOUSE_URL) throw new Error('POOLHOUSE_URL is not set: start this suite with tests/clients/launch.py');

export const url = process.env.POOLHOUSE_URL;
export const PASSWORD = 'Correct-horse-1';
/** The pool and the public client of tests/clients/suite.toml. */
export const suite = { pool: 'us-east-1_Clients01', client: '5clients23456789abcdefghij', callback: 'http://localhost:8400/callback' };

export const idp = new CognitoIdentityProviderClient({
  region: 'us-east-1',
  endpoint: url,
  credentials: { accessKeyId: 'development', secretAccessKey: 'development' },
  maxAttempts: 1,
});

let number = 0;
const prefix = process.pid.toString(36);
export const unique = (word) => `${word}-${prefix}-${(number += 1)}`;

export async function makePool(settings = {}) {
  const made = await idp.send(new CreateUserPoolCommand({ PoolName: unique('pool'), AutoVerifiedAttributes: ['email'], ...settings }));
  return made.UserPool.Id;
}

export async function makeClient(pool, settings = {}) {
  const made = await idp.send(
    new CreateUserPoolClientCommand({
      UserPoolId: pool,
      ClientName: unique('client'),
      ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
      ...settings,
    }),
  );
  return made.UserPoolClient;
}

/** A confirmed user; with `password: null` one that still has the temporary password `Temporary-1`. */
export async function makeUser(pool, { password = PASSWORD, attributes = {} } = {}) {
  const Username = unique('user');
  await idp.send(
    new AdminCreateUserCommand({
      UserPoolId: pool,
      Username,
      TemporaryPassword: 'Temporary-1',
      MessageAction: 'SUPPRESS',
      UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
    }),
  );
  if (password) await idp.send(new AdminSetUserPasswordCommand({ UserPoolId: pool, Username, Password: password, Permanent: true }));
  return Username;
}

/** The payload of a token, unverified. */
export const claims = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());

/** The code of the newest message to `to`; waits for it. */
export async function code(to) {
  const answer = await fetch(`${url}/_poolhouse/messages?${new URLSearchParams({ to, wait: '5' })}`);
  if (!answer.ok) throw new Error(`messages: ${answer.status} ${await answer.text()}`);
  const messages = await answer.json();
  if (messages.length !== 1) throw new Error(`expected one message to ${to}, found ${messages.length}`);
  return messages[0].code;
}
