// The stage of a browser test: Chromium, an application's redirect URI on loopback, an app client and a user of its own.
import { createServer } from 'node:http';
import {
  AdminCreateUserCommand,
  AdminSetUserPasswordCommand,
  CognitoIdentityProviderClient,
  CreateUserPoolClientCommand,
  CreateUserPoolCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { chromium } from 'playwright-core';

if (!process.env.POOLHOUSE_URL) throw new Error('POOLHOUSE_URL is not set: start this suite with tests/clients/launch.py');

export const url = process.env.POOLHOUSE_URL;
export const PASSWORD = 'Correct-horse-1';
export const screens = process.env.POOLHOUSE_TEST_SCREENS;

/** Without a network of its own the browser must not try to reach anybody but us. */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.POOLHOUSE_TEST_CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
    ],
  });

/** An application that only waits at its redirect URI; `arrival()` resolves to the query of the next visit. */
export async function openApplication() {
  const waiting = [];
  const arrived = [];
  const server = createServer((request, response) => {
    const visited = new URL(request.url, 'http://localhost');
    if (visited.pathname === '/callback') {
      const waiter = waiting.shift();
      if (waiter) waiter(visited.searchParams);
      else arrived.push(visited.searchParams);
    }
    response.writeHead(visited.pathname === '/favicon.ico' ? 204 : 200, { 'content-type': 'text/html' });
    response.end('<!doctype html><html lang="en"><title>The application</title><h1>Welcome back</h1></html>');
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return {
    callback: `http://localhost:${server.address().port}/callback`,
    arrived,
    arrival: () => (arrived.length ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve))),
    close: () => new Promise((done) => { server.closeAllConnections(); server.close(done); }),
  };
}

export const idp = new CognitoIdentityProviderClient({
  region: 'us-east-1',
  endpoint: url,
  credentials: { accessKeyId: 'development', secretAccessKey: 'development' },
  maxAttempts: 1,
});

/** A pool with one public client that returns to `callback`, and one confirmed user. */
export async function openPool(callback) {
  const { UserPool } = await idp.send(new CreateUserPoolCommand({ PoolName: 'browser', AutoVerifiedAttributes: ['email'] }));
  const { UserPoolClient } = await idp.send(
    new CreateUserPoolClientCommand({
      UserPoolId: UserPool.Id,
      ClientName: 'browser',
      ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
      SupportedIdentityProviders: ['COGNITO'],
      AllowedOAuthFlowsUserPoolClient: true,
      AllowedOAuthFlows: ['code'],
      AllowedOAuthScopes: ['openid', 'email'],
      CallbackURLs: [callback],
    }),
  );
  const of = { UserPoolId: UserPool.Id, Username: 'grace' };
  await idp.send(
    new AdminCreateUserCommand({ ...of, MessageAction: 'SUPPRESS', UserAttributes: [{ Name: 'email', Value: 'grace@example.com' }] }),
  );
  await idp.send(new AdminSetUserPasswordCommand({ ...of, Password: PASSWORD, Permanent: true }));
  return { pool: UserPool.Id, client: UserPoolClient.ClientId, username: of.Username };
}

export function authorizeUrl(client, callback, state) {
  return `${url}/oauth2/authorize?${new URLSearchParams({ response_type: 'code', client_id: client, redirect_uri: callback, scope: 'openid email', state })}`;
}

/** What an application does with the code it received. */
export async function redeem(client, callback, code) {
  const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: client, redirect_uri: callback, code });
  const answer = await fetch(`${url}/oauth2/token`, { method: 'POST', body });
  return { status: answer.status, ...(await answer.json()) };
}
