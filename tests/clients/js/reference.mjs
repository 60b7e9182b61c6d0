// Two providers to hold to the same standard: a strict pool of the server under test, and npm's `oidc-provider`, which the OpenID
// Foundation has certified. What passes against one of them only is a fault of that one or of the test.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { CreateResourceServerCommand } from '@aws-sdk/client-cognito-identity-provider';
import Provider from 'oidc-provider';
import { Browser, unescaped } from './browser.mjs';
import { idp, makeClient, makeUser, PASSWORD, unique, url } from './town.mjs';

export const CALLBACK = 'http://localhost:8400/callback';
export const LEFT = 'http://localhost:8400/signed-out';
/** What machines ask for. */
export const MACHINE_SCOPE = 'https://api.example/read';

/** The address and the inputs of the page's first posted form. */
export function form(html, page) {
  const [whole] = html.match(/<form\b[^>]*method="post"[^>]*>[\s\S]*?<\/form>/i) ?? assert.fail(`no form in ${html}`);
  const attribute = (tag, name) => unescaped(tag.match(new RegExp(`\\b${name}="([^"]*)"`, 'i'))?.[1] ?? '');
  const inputs = (whole.match(/<input\b[^>]*>/gi) ?? []).map((tag) => [attribute(tag, 'name'), attribute(tag, 'value')]);
  return { action: new URL(attribute(whole.match(/^<form\b[^>]*>/i)[0], 'action') || page, page), fields: Object.fromEntries(inputs) };
}

const metadataOf = async (issuer) => (await fetch(`${issuer}/.well-known/openid-configuration`)).json();

/** A strict pool with clients of every kind. */
export async function poolhouse() {
  const pool = 'us-east-1_Strict001';
  const scopes = ['openid', 'email', 'profile', 'offline_access'];
  const web = {
    ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH'],
    SupportedIdentityProviders: ['COGNITO'],
    AllowedOAuthFlowsUserPoolClient: true,
    AllowedOAuthFlows: ['code'],
    AllowedOAuthScopes: scopes,
    CallbackURLs: [CALLBACK],
    LogoutURLs: [LEFT],
  };
  const rotating = { RefreshTokenRotation: { Feature: 'ENABLED', RetryGracePeriodSeconds: 0 } };
  const Scopes = [{ ScopeName: 'read', ScopeDescription: 'read' }];
  await idp.send(new CreateResourceServerCommand({ UserPoolId: pool, Identifier: 'https://api.example', Name: 'api', Scopes }));
  const machine = { AllowedOAuthFlows: ['client_credentials'], AllowedOAuthScopes: [MACHINE_SCOPE], CallbackURLs: [], LogoutURLs: [] };
  const make = async (method, settings) => {
    const made = await makeClient(pool, { ...web, GenerateSecret: method !== 'none', ...settings });
    return { id: made.ClientId, secret: made.ClientSecret, method };
  };
  const username = await makeUser(pool, { attributes: { email: `${unique('user')}@example.com`, email_verified: 'true', name: 'Ada' } });
  return {
    name: 'Poolhouse',
    metadata: await metadataOf(`${url}/${pool}`),
    clients: {
      basic: await make('client_secret_basic', rotating),
      post: await make('client_secret_post', rotating),
      native: await make('none', {}),
      machine: await make('client_secret_basic', machine),
    },
    signIn: (browser, authorize) => browser.signIn(authorize, username, PASSWORD),
    leave: (browser, address) => browser.open(address),
    close: async () => {},
  };
}

/** `oidc-provider` with the same clients. Its own development pages sign anybody in. */
export async function oidcProvider() {
  let answer;
  const server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // Where a test fails before its end, the process still ends.
  server.unref();
  const issuer = `http://localhost:${server.address().port}`;
  const common = {
    redirect_uris: [CALLBACK],
    post_logout_redirect_uris: [LEFT],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };
  const secret = 'a-secret-of-the-reference-0123456789';
  const client = (id, method, more = {}) => ({
    client_id: id, token_endpoint_auth_method: method, ...(method === 'none' ? {} : { client_secret: secret }), ...common, ...more,
  });
  const machine = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [], scope: MACHINE_SCOPE };
  const quiet = console.warn;
  console.warn = console.info = () => {}; // Its notices about development settings, which are meant here.
  const provider = new Provider(issuer, {
    clients: [
      client('basic', 'client_secret_basic'),
      client('post', 'client_secret_post'),
      client('native', 'none'),
      client('machine', 'client_secret_basic', machine),
    ],
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    scopes: ['openid', 'email', 'profile', 'offline_access', MACHINE_SCOPE],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    clientBasedCORS: () => true,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    allowOmittingSingleRegisteredRedirectUri: false,
    issueRefreshToken: async (ctx, one) => one.grantTypeAllowed('refresh_token'),
    features: {
      devInteractions: { enabled: true },
      dPoP: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
    cookies: { keys: ['a key of the reference'] },
    findAccount: async (ctx, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, email: `${id}@example.com`, email_verified: true, name: 'Ada' }),
    }),
    // Nobody is asked for consent in a pool either.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid email profile offline_access');
      await grant.save();
      return grant;
    },
  });
  console.warn = quiet;
  answer = provider.callback();

  const follow = async (browser, reply, from) => {
    let [at, last] = [new URL(from), reply];
    while (last.status >= 300 && last.status < 400) {
      const next = new URL(last.headers.get('location'), at);
      if (next.origin !== issuer) break;
      at = next;
      last = await browser.open(at);
    }
    return { at, reply: last };
  };
  const submit = async (browser, { at, reply }, fields) => {
    const found = form(await reply.text(), at);
    const body = new URLSearchParams({ ...found.fields, ...fields });
    return follow(browser, await browser.open(found.action, { method: 'POST', body }), found.action);
  };
  return {
    name: 'oidc-provider',
    metadata: await metadataOf(issuer),
    clients: {
      basic: { id: 'basic', secret, method: 'client_secret_basic' },
      post: { id: 'post', secret, method: 'client_secret_post' },
      native: { id: 'native', method: 'none' },
      machine: { id: 'machine', secret, method: 'client_secret_basic' },
    },
    async signIn(browser, authorize) {
      const page = await follow(browser, await browser.open(authorize), authorize);
      const { reply } = await submit(browser, page, { login: 'ada', password: 'any' });
      return reply;
    },
    async leave(browser, address) {
      const page = await follow(browser, await browser.open(address), address);
      if (page.reply.status !== 200) return page.reply;
      const { reply } = await submit(browser, page, { logout: 'yes' });
      return reply;
    },
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
