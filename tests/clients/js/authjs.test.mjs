// Auth.js with its Cognito provider: the pages an application shows, asked for one after the other, with its cookies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Auth } from '@auth/core';
import Cognito from '@auth/core/providers/cognito';
import { Browser } from './browser.mjs';
import { makeClient, suite, url } from './town.mjs';

const STRICT = 'us-east-1_Strict001';
const APPLICATION = 'http://localhost:8400';
const CALLBACK = `${APPLICATION}/auth/callback/cognito`;

/** An application with Auth.js in it. Cookies are kept as its user's browser would. */
class Application {
  #cookies = new Map();

  constructor(made, pool, more = {}) {
    this.config = {
      trustHost: true,
      basePath: '/auth',
      secret: 'a secret of the application, of thirty-two letters',
      providers: [Cognito({ clientId: made.ClientId, clientSecret: made.ClientSecret, issuer: `${url}/${pool}`, ...more })],
      callbacks: {
        jwt: ({ token, account, profile }) => (account ? { ...token, account, profile } : token),
        session: ({ session, token }) => ({ ...session, account: token.account, profile: token.profile }),
      },
      logger: { error: (error) => this.errors.push(error), warn() {}, debug() {} },
    };
    this.errors = [];
  }

  async ask(path, form) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const init = { headers: { cookie, host: 'localhost:8400' } };
    if (form) Object.assign(init, { method: 'POST', body: new URLSearchParams(form) });
    const reply = await Auth(new Request(new URL(path, APPLICATION), init), this.config);
    for (const line of reply.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(';');
      const at = pair.indexOf('=');
      if (attributes.some((one) => /^\s*max-age=0$/i.test(one))) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return reply;
  }

  async csrf() {
    return (await (await this.ask('/auth/csrf')).json()).csrfToken;
  }

  /** The address that the button leads to. */
  async signIn() {
    const reply = await this.ask('/auth/signin/cognito', { csrfToken: await this.csrf(), callbackUrl: `${APPLICATION}/home` });
    assert.equal(reply.status, 302);
    return new URL(reply.headers.get('location'));
  }

  async session() {
    return (await this.ask('/auth/session')).json();
  }
}

async function application(pool, more) {
  const made = await makeClient(pool, {
    GenerateSecret: true,
    ExplicitAuthFlows: ['ALLOW_REFRESH_TOKEN_AUTH'],
    SupportedIdentityProviders: ['COGNITO'],
    AllowedOAuthFlowsUserPoolClient: true,
    AllowedOAuthFlows: ['code'],
    AllowedOAuthScopes: ['openid', 'email', 'profile'],
    CallbackURLs: [CALLBACK],
    LogoutURLs: [`${APPLICATION}/signed-out`],
  });
  return new Application(made, pool, more);
}

for (const pool of [suite.pool, STRICT]) {
  test(`${pool}: a user signs in, has a session, and leaves`, async () => {
    const app = await application(pool, { checks: ['pkce', 'state', 'nonce'] });
    assert.equal(await app.session(), null);
    const authorize = await app.signIn();
    assert.equal(authorize.origin + authorize.pathname, `${url}/oauth2/authorize`);
    assert.ok(authorize.searchParams.get('code_challenge') && authorize.searchParams.get('nonce'));
    const browser = new Browser();
    const back = await browser.signIn(authorize, 'ada', 'Lovelace-1815');
    const landed = await app.ask(back.headers.get('location'));
    assert.deepEqual(app.errors, []);
    assert.equal(landed.headers.get('location'), `${APPLICATION}/home`);
    const session = await app.session();
    assert.deepEqual([session.user.name, session.user.email], ['Ada Lovelace', 'ada@example.com']);
    assert.equal(session.profile.iss, `${url}/${pool}`);
    assert.ok(session.account.refresh_token && session.account.access_token);
    // The refresh that the documentation of Auth.js leaves to the application.
    const { clientId, clientSecret } = app.config.providers[0].options;
    const refreshed = await fetch(`${url}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token', refresh_token: session.account.refresh_token, client_id: clientId, client_secret: clientSecret,
      }),
    });
    assert.equal(refreshed.status, 200);
    await app.ask('/auth/signout', { csrfToken: await app.csrf() });
    assert.equal(await app.session(), null);
    const leave = new URLSearchParams({ client_id: clientId, logout_uri: `${APPLICATION}/signed-out` });
    const left = await browser.open(`${url}/logout?${leave}`);
    assert.equal(left.headers.get('location'), `${APPLICATION}/signed-out`);
    assert.equal(new URL((await browser.open(await app.signIn())).headers.get('location'), url).pathname, '/login');
  });
}

test('a code that was taken to another browser is refused by the application', async () => {
  const app = await application(suite.pool);
  const back = await new Browser().signIn(await app.signIn(), 'ada', 'Lovelace-1815');
  const other = await application(suite.pool);
  const reply = await other.ask(back.headers.get('location'));
  assert.match(reply.headers.get('location'), /\/auth\/(signin|error)\?error=/);
  assert.equal(await other.session(), null);
});

test('what the pool refuses reaches the application as an error', async () => {
  const app = await application(STRICT, { authorization: { params: { scope: 'openid nowhere/read' } } });
  const refused = await new Browser().open(await app.signIn());
  const landed = new URL(refused.headers.get('location'));
  assert.equal(landed.searchParams.get('error'), 'invalid_scope');
  await app.ask(landed);
  assert.ok(app.errors.length > 0);
  assert.equal(await app.session(), null);
});
