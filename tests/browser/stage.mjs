// The stage of a browser test: Chromium, an application's redirect URI on loopback, an app client and a user of its own.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import {
  AdminCreateUserCommand,
  AdminSetUserPasswordCommand,
  CognitoIdentityProviderClient,
  CreateUserPoolClientCommand,
  CreateUserPoolCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

if (!process.env.POOLHOUSE_URL) throw new Error('POOLHOUSE_URL is not set: start this suite with tests/clients/launch.py');

export const url = process.env.POOLHOUSE_URL;
export const PASSWORD = 'Correct-horse-1';
export const EMAIL = 'grace@example.com';
export const screens = process.env.POOLHOUSE_TEST_SCREENS;

export const VIEWS = {
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};

/** Who reads the pages of a walk: in two languages, at a desk and on the way. */
export const READERS = { en: VIEWS.desktop, de: VIEWS.phone };

/** The words of a language, by section and key. Our files have one text a line. */
export async function words(lang) {
  const said = {};
  let section;
  for (const line of (await readFile(new URL(`./text/${lang}.toml`, import.meta.url), 'utf8')).split('\n')) {
    const [, name] = line.match(/^\[(\w+)\]$/) ?? [];
    if (name) section = said[name] = {};
    const [, key, text] = line.match(/^(\w+) = "(.*)"$/) ?? [];
    if (key) section[key] = text;
  }
  return said;
}

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
    left: `http://localhost:${server.address().port}/left`,
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

/** A pool with one public client that returns to `callback`, and one confirmed user. `settings` are further ones of pool and client. */
export async function openPool(callback, settings = {}) {
  const { UserPool } = await idp.send(
    new CreateUserPoolCommand({ PoolName: 'browser', AutoVerifiedAttributes: ['email'], ...settings.pool }),
  );
  return openClient(UserPool.Id, callback, { username: settings.username ?? 'grace', email: EMAIL }, settings.client);
}

/** The same in the suite's strict pool, where `left` follows the sign-out. */
export async function openStrictClient(callback, left) {
  const username = `grace-${Math.random().toString(36).slice(2)}`;
  const settings = { LogoutURLs: [left], AllowedOAuthScopes: ['openid', 'email', 'profile'] };
  return openClient('us-east-1_Strict001', callback, { username, email: `${username}@example.com` }, settings);
}

async function openClient(pool, callback, { username, email }, settings) {
  const { UserPoolClient } = await idp.send(
    new CreateUserPoolClientCommand({
      UserPoolId: pool,
      ClientName: 'browser',
      ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
      SupportedIdentityProviders: ['COGNITO'],
      AllowedOAuthFlowsUserPoolClient: true,
      AllowedOAuthFlows: ['code'],
      AllowedOAuthScopes: ['openid', 'email'],
      CallbackURLs: [callback],
      ...settings,
    }),
  );
  const of = { UserPoolId: pool, Username: username };
  await idp.send(
    new AdminCreateUserCommand({
      ...of,
      MessageAction: 'SUPPRESS',
      UserAttributes: [{ Name: 'email', Value: email }, { Name: 'email_verified', Value: 'true' }],
    }),
  );
  await idp.send(new AdminSetUserPasswordCommand({ ...of, Password: PASSWORD, Permanent: true }));
  return { pool, client: UserPoolClient.ClientId, username, email };
}

export function authorizeUrl(client, callback, state, further = {}) {
  const query = { response_type: 'code', client_id: client, redirect_uri: callback, scope: 'openid email', state, ...further };
  return `${url}/oauth2/authorize?${new URLSearchParams(query)}`;
}

/** The code of the newest message to an address, which is awaited. */
export async function newestCode(to) {
  const answer = await fetch(`${url}/_poolhouse/messages?${new URLSearchParams({ to, wait: '10' })}`);
  const [newest] = await answer.json();
  return newest.code;
}

/** Somebody with a browser of their own; `visit` receives a page and what the browser complained about. */
export async function visitor(browser, options, visit) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(15_000);
  try {
    const page = await context.newPage();
    const complaints = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    await visit(page, complaints);
  } finally {
    await context.close();
  }
}

/**
 * Fits the reader's window and the other one, is accessible, and is photographed where somebody wants to see it: in light and in
 * dark colours.
 */
export async function look(page, name) {
  const own = page.viewportSize();
  const [other, suffix] = own.width === VIEWS.phone.viewport.width ? [VIEWS.desktop, '-wide'] : [VIEWS.phone, '-narrow'];
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page }).analyze();
    assert.deepEqual(violations.map(({ id, nodes }) => [name, colorScheme, id, nodes.map(({ html }) => html)]), []);
    for (const [size, mark] of [[other.viewport, suffix], [own, '']]) {
      await page.setViewportSize(size);
      if (screens) await page.screenshot({ path: `${screens}/${name}-${colorScheme}${mark}.png`, fullPage: true });
      const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      assert.ok(wide <= room, `${name} is ${wide} pixels wide in a window of ${room}`);
    }
  }
}

/** What an application does with the code it received. */
export async function redeem(client, callback, code) {
  const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: client, redirect_uri: callback, code });
  const answer = await fetch(`${url}/oauth2/token`, { method: 'POST', body });
  return { status: answer.status, ...(await answer.json()) };
}
