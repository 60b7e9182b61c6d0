// oidc-client-ts in a page of its own origin: sign-in, user info, refresh and signing out, across origins as in every such page.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { launch, openStrictClient, openPool, PASSWORD, url, visitor } from './stage.mjs';

const LIBRARY = `${process.env.POOLHOUSE_TEST_LIBRARIES}/oidc-client-ts/dist/browser/oidc-client-ts.min.js`;

let browser, server, origin;
const settings = {};
before(async () => {
  const library = await readFile(LIBRARY, 'utf8');
  const page = (authority) => `<!doctype html><html lang="en"><title>Single page</title><pre id="state"></pre>
    <script src="/oidc-client-ts.js"></script>
    <script>
      const manager = new oidc.UserManager(${JSON.stringify(authority)});
      const show = (state) => { document.getElementById('state').textContent = JSON.stringify(state); };
      const returned = location.search.includes('code=') ? manager.signinCallback() : manager.getUser();
      returned.then((user) => show(user ? { profile: user.profile, tokens: [user.access_token, user.refresh_token] } : {}), (error) => show({ error: String(error) }));
    </script></html>`;
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    const [, kind] = pathname.split('/');
    if (pathname === '/favicon.ico') return response.writeHead(204).end();
    const isScript = pathname === '/oidc-client-ts.js';
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
    return response.end(isScript ? library : page(settings[kind] ?? {}));
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  origin = `http://localhost:${server.address().port}`;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

const POOLS = {
  strict: async (kind) => openStrictClient(`${origin}/${kind}/callback`, `${origin}/${kind}/left`),
  faithful: async (kind) => openPool(`${origin}/${kind}/callback`, {
    client: { LogoutURLs: [`${origin}/${kind}/left`], AllowedOAuthScopes: ['openid', 'email', 'profile'] },
  }),
};

for (const [kind, open] of Object.entries(POOLS)) {
  test(`a page signs in, refreshes and signs out (${kind})`, async () => {
    const town = await open(kind);
    settings[kind] = {
      authority: `${url}/${town.pool}`,
      client_id: town.client,
      redirect_uri: `${origin}/${kind}/callback`,
      post_logout_redirect_uri: kind === 'strict' ? `${origin}/${kind}/left` : undefined,
      response_type: 'code',
      scope: 'openid email profile',
      loadUserInfo: true,
      automaticSilentRenew: false,
    };
    await visitor(browser, {}, async (page, complaints) => {
      const state = async () => {
        await page.waitForFunction(() => document.getElementById('state')?.textContent !== '');
        return JSON.parse(await page.locator('#state').textContent());
      };
      await page.goto(`${origin}/${kind}/`);
      assert.deepEqual(await state(), {});
      await page.evaluate(() => void manager.signinRedirect());
      await page.waitForURL(`${url}/login?**`);
      await page.locator('input[name=username]').fill(town.username);
      await page.locator('input[name=password]').fill(PASSWORD);
      await page.locator('form:has(input[name=password]) :is(button, input)[type=submit]').first().click();
      await page.waitForURL(`${origin}/${kind}/callback?**`);
      const { profile, tokens, error } = await state();
      assert.equal(error, undefined);
      assert.equal(profile.email, town.email);
      const renewed = await page.evaluate(async () => {
        const user = await manager.signinSilent();
        return { sub: user.profile.sub, access: user.access_token };
      });
      assert.equal(renewed.sub, profile.sub);
      assert.notEqual(renewed.access, tokens[0]);
      // The service knows its own way only, which is documented with its parameters.
      const own = { client_id: town.client, logout_uri: `${origin}/${kind}/left` };
      await page.evaluate((extraQueryParams) => void manager.signoutRedirect({ extraQueryParams }), kind === 'strict' ? undefined : own);
      await page.waitForURL((address) => address.href.startsWith(`${origin}/${kind}/left`));
      await page.goto(`${origin}/${kind}/`);
      assert.deepEqual(await state(), {});
      await page.evaluate(() => void manager.signinRedirect());
      await page.waitForURL(`${url}/login?**`);
      await page.locator('input[name=password]').waitFor();
      // Chromium asks for an icon of every origin.
      assert.deepEqual(complaints.filter((line) => !line.startsWith('Failed to load resource')), []);
    });
  });
}
