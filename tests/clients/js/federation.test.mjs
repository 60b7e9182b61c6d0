// Signing in through another provider, whole: npm's oidc-provider, and a second Poolhouse, each with its own pages and cookies.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  AdminCreateUserCommand,
  AdminGetUserCommand,
  AdminLinkProviderForUserCommand,
  AdminSetUserPasswordCommand,
  CognitoIdentityProviderClient,
  CreateIdentityProviderCommand,
  CreateUserPoolClientCommand,
  CreateUserPoolCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import Provider from 'oidc-provider';
import { Browser } from './browser.mjs';
import { claims, idp, makeClient, makePool, makeUser, PASSWORD, url } from './town.mjs';

const CALLBACK = 'http://localhost:8400/callback';
const SECRET = 'pool-at-provider-0123456789-0123456789';
const back = `${url}/oauth2/idpresponse`;

/** Cookies belong to a host and not to its port, so each server here has a browser of its own, as on hosts of their own. */
class Browsers {
  #each = new Map();

  open(address, options) {
    const { origin } = new URL(address);
    if (!this.#each.has(origin)) this.#each.set(origin, new Browser());
    return this.#each.get(origin).open(address, options);
  }

  of(address) {
    this.open(address);
    return this.#each.get(new URL(address).origin);
  }

  /** Follows redirects as long as they stay away from `stop`. */
  async follow(address, stop) {
    for (let step = 0; step < 12; step += 1) {
      const answer = await this.open(address);
      const location = answer.headers.get('location');
      if (!location) return { answer, address };
      address = new URL(location, address).href;
      if (address.startsWith(stop)) return { address };
    }
    throw new Error(`no end: ${address}`);
  }
}

let reference;
let issuer;
let second;
before(async () => {
  reference = createServer();
  await new Promise((resolve) => reference.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${reference.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'pool',
        client_secret: SECRET,
        redirect_uris: [back],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    pkce: { required: () => true },
    cookies: { keys: ['only here'] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@reference.example`, email_verified: true, name: `Name of ${id}` }),
    }),
  });
  reference.on('request', provider.callback());
  second = await launch();
});
after(() => {
  reference.closeAllConnections();
  reference.close();
  second?.end();
});

/** A second server, until `end` is called. */
async function launch() {
  const folder = mkdtempSync(join(tmpdir(), 'poolhouse-second-'));
  const mark = join(folder, 'end');
  const wait = `console.log(process.env.POOLHOUSE_URL); const began = Date.now();
    setInterval(() => { if (require('fs').existsSync(${JSON.stringify(mark)}) || Date.now() - began > 180000) process.exit(0); }, 100);`;
  const child = spawn('python3', [process.env.POOLHOUSE_LAUNCH, '--', 'node', '-e', wait], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => child.on('exit', resolve));
  const line = await new Promise((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(String(data).trim()));
    child.once('exit', (code) => reject(new Error(`the second server ended with ${code}`)));
  });
  return {
    url: line,
    end: async () => {
      writeFileSync(mark, '');
      await gone;
      rmSync(folder, { recursive: true });
    },
  };
}

/** A pool with this provider, and a client that offers it and nothing else unless `offers` says so. */
async function federated(details, offers = ['Partner']) {
  const pool = await makePool();
  await idp.send(
    new CreateIdentityProviderCommand({
      UserPoolId: pool,
      ProviderName: 'Partner',
      ProviderType: 'OIDC',
      ProviderDetails: { attributes_request_method: 'GET', ...details },
      AttributeMapping: { email: 'email', email_verified: 'email_verified', name: 'name' },
      IdpIdentifiers: ['partner.example'],
    }),
  );
  const client = await makeClient(pool, {
    SupportedIdentityProviders: offers,
    CallbackURLs: [CALLBACK],
    AllowedOAuthFlowsUserPoolClient: true,
    AllowedOAuthFlows: ['code'],
    AllowedOAuthScopes: ['openid', 'email', 'profile'],
  });
  return { pool, client: client.ClientId };
}

const authorize = (client, more = {}) =>
  `${url}/oauth2/authorize?${new URLSearchParams({ response_type: 'code', client_id: client, redirect_uri: CALLBACK, state: 'mine', scope: 'openid email profile', ...more })}`;

async function redeem(client, landed) {
  const parameters = new URL(landed).searchParams;
  assert.equal(parameters.get('error'), null, landed);
  assert.equal(parameters.get('state'), 'mine');
  const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: client, redirect_uri: CALLBACK, code: parameters.get('code') });
  const answer = await fetch(`${url}/oauth2/token`, { method: 'POST', body });
  const told = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(told));
  return claims(told.id_token);
}

/** Answers the forms of the reference provider until it sends the browser on. */
async function answerForms(browsers, address, login) {
  let { answer, address: at } = await browsers.follow(address, back);
  for (let step = 0; answer && step < 4; step += 1) {
    const html = await answer.text();
    const action = html.match(/<form[^>]*action="([^"]*)"/)?.[1];
    assert.ok(action, html);
    const prompt = html.match(/name="prompt" value="([^"]*)"/)[1];
    const body = new URLSearchParams(prompt === 'login' ? { prompt, login, password: 'any' } : { prompt });
    const sent = await browsers.open(new URL(action, at), { method: 'POST', body });
    ({ answer, address: at } = await browsers.follow(new URL(sent.headers.get('location'), at).href, back));
  }
  return at;
}

test('a user of oidc-provider gets an account, and is known the next time', async () => {
  const { pool, client } = await federated({ client_id: 'pool', client_secret: SECRET, oidc_issuer: issuer, authorize_scopes: 'openid email profile' });
  const trip = async () => {
    const browsers = new Browsers();
    const { address } = await browsers.follow(authorize(client), issuer);
    const returned = await answerForms(browsers, address, 'fay');
    const { address: landed } = await browsers.follow(returned, CALLBACK);
    return { browsers, returned, told: await redeem(client, landed) };
  };
  const { browsers, returned, told } = await trip();
  assert.equal(told['cognito:username'], 'Partner_fay');
  assert.deepEqual([told.email, told.email_verified, told.name], ['fay@reference.example', true, 'Name of fay']);
  assert.deepEqual(told['cognito:groups'], [`${pool}_Partner`]);
  assert.equal(told.identities[0].providerName, 'Partner');
  const user = await idp.send(new AdminGetUserCommand({ UserPoolId: pool, Username: 'Partner_fay' }));
  assert.equal(user.UserStatus, 'EXTERNAL_PROVIDER');
  // The session lets in without the provider; its answer does not work twice, nor in another browser.
  const silent = await browsers.follow(authorize(client, { prompt: 'none' }), CALLBACK);
  assert.ok(new URL(silent.address).searchParams.get('code'));
  const again = await browsers.open(returned);
  assert.match(again.headers.get('location'), /\/error\?error=invalid_request/);
  assert.equal((await trip()).told.sub, told.sub);
});

test('an answer that another browser brings signs nobody in', async () => {
  const { client } = await federated({ client_id: 'pool', client_secret: SECRET, oidc_issuer: issuer, authorize_scopes: 'openid email' });
  const attacker = new Browsers();
  const { address } = await attacker.follow(authorize(client), issuer);
  const returned = await answerForms(attacker, address, 'mallory');
  const victim = new Browsers();
  await victim.follow(authorize(client), issuer);
  const answer = await victim.open(returned);
  assert.match(answer.headers.get('location'), /\/error\?error=invalid_request/);
  const silent = await victim.follow(authorize(client, { prompt: 'none' }), CALLBACK);
  assert.equal(new URL(silent.address).searchParams.get('error'), 'login_required');
});

test('a refusal at the provider reaches the application', async () => {
  const { client } = await federated({ client_id: 'pool', client_secret: SECRET, oidc_issuer: issuer, authorize_scopes: 'openid email' });
  const browsers = new Browsers();
  const { answer, address } = await browsers.follow((await browsers.follow(authorize(client), issuer)).address, back);
  const html = await answer.text();
  const abort = html.match(/href="([^"]*abort[^"]*)"/)[1];
  const { address: returned } = await browsers.follow(new URL(abort, address).href, back);
  const { address: landed } = await browsers.follow(returned, CALLBACK);
  const told = new URL(landed).searchParams;
  assert.deepEqual([told.get('error'), told.get('state'), told.get('code')], ['access_denied', 'mine', null]);
});

test('a second Poolhouse is a provider too, by a button and by a domain', async () => {
  const other = new CognitoIdentityProviderClient({
    region: 'us-east-1',
    endpoint: second.url,
    credentials: { accessKeyId: 'development', secretAccessKey: 'development' },
    maxAttempts: 1,
  });
  const partner = (await other.send(new CreateUserPoolCommand({ PoolName: 'partner' }))).UserPool.Id;
  const made = await other.send(
    new CreateUserPoolClientCommand({
      UserPoolId: partner,
      ClientName: 'pool',
      GenerateSecret: true,
      CallbackURLs: [back],
      SupportedIdentityProviders: ['COGNITO'],
      AllowedOAuthFlowsUserPoolClient: true,
      AllowedOAuthFlows: ['code'],
      AllowedOAuthScopes: ['openid', 'email', 'profile'],
    }),
  );
  const names = { UserPoolId: partner, Username: 'gus' };
  const attributes = Object.entries({ email: 'gus@partner.example', email_verified: 'true', name: 'Gus' });
  await other.send(
    new AdminCreateUserCommand({ ...names, MessageAction: 'SUPPRESS', UserAttributes: attributes.map(([Name, Value]) => ({ Name, Value })) }),
  );
  await other.send(new AdminSetUserPasswordCommand({ ...names, Password: PASSWORD, Permanent: true }));
  const { ClientId: client_id, ClientSecret: client_secret } = made.UserPoolClient;
  const details = { client_id, client_secret, oidc_issuer: `${second.url}/${partner}`, authorize_scopes: 'openid email profile' };
  const { pool, client } = await federated(details, ['COGNITO', 'Partner']);

  const browsers = new Browsers();
  const { answer, address } = await browsers.follow(authorize(client), CALLBACK);
  const link = (await answer.text()).match(/<a class="provider[^"]*" href="([^"]*)"/)[1].replaceAll('&amp;', '&').replaceAll('&#38;', '&');
  const gone = await browsers.follow(new URL(link, address).href, second.url);
  const sent = await browsers.of(second.url).signIn(gone.address, 'gus', PASSWORD);
  const { address: landed } = await browsers.follow(sent.headers.get('location'), CALLBACK);
  const told = await redeem(client, landed);
  assert.deepEqual([told.email, told.email_verified, told.name], ['gus@partner.example', true, 'Gus']);
  const sub = told.identities[0].userId;

  // Linked before the first sign-in, another pool's user is the one whom an administrator has named.
  const linked = await federated(details);
  const Username = await makeUser(linked.pool);
  await idp.send(
    new AdminLinkProviderForUserCommand({
      UserPoolId: linked.pool,
      DestinationUser: { ProviderName: 'Cognito', ProviderAttributeValue: Username },
      SourceUser: { ProviderName: 'Partner', ProviderAttributeName: 'Cognito_Subject', ProviderAttributeValue: sub },
    }),
  );
  const byDomain = await browsers.follow(authorize(linked.client, { idp_identifier: 'gus@partner.example' }), CALLBACK);
  assert.equal((await redeem(linked.client, byDomain.address))['cognito:username'], Username);
  assert.notEqual(pool, linked.pool);
});
