// Signing out of a strict pool: the page that asks, in English on a desk and in German on a phone.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { authorizeUrl, launch, look, openApplication, openStrictClient, PASSWORD, READERS, screens, url, visitor, words } from './stage.mjs';

let application, browser, town;
before(async () => {
  application = await openApplication();
  town = await openStrictClient(application.callback, application.left);
  browser = await launch();
  if (screens) await mkdir(screens, { recursive: true });
});
after(async () => {
  await browser?.close();
  await application?.close();
});

const start = (lang) => {
  const code_challenge = createHash('sha256').update(randomBytes(32)).digest('base64url');
  return authorizeUrl(town.client, application.callback, 'walk', { lang, code_challenge, code_challenge_method: 'S256' });
};

/** Somebody who has signed in. */
function signedIn(name, visit) {
  for (const [lang, view] of Object.entries(READERS)) {
    test(`${name} (${lang})`, async () => {
      const text = await words(lang);
      await visitor(browser, { ...view, locale: lang }, async (page, complaints) => {
        await page.goto(start(lang));
        await page.getByLabel(text.name.username, { exact: true }).fill(town.username);
        await page.getByLabel(text.common.password, { exact: true }).fill(PASSWORD);
        const arrival = application.arrival();
        await page.getByRole('button', { name: text.sign_in.button, exact: true }).click();
        assert.ok((await arrival).get('code'));
        await page.waitForURL(`${application.callback}?**`);
        await visit({ page, text, lang, press: (label) => page.getByRole('button', { name: label, exact: true }).click() });
        await page.goto(start(lang));
        await page.getByLabel(text.common.password, { exact: true }).waitFor();
        // Chromium asks for an icon of every origin.
        assert.deepEqual(complaints.filter((line) => !line.startsWith('Failed to load resource')), []);
      });
    });
  }
}

signedIn('somebody whom an application wants to sign out is asked, and returns to it', async ({ page, text, lang, press }) => {
  const query = new URLSearchParams({ client_id: town.client, post_logout_redirect_uri: application.left, state: 'so long' });
  await page.goto(`${url}/logout?${query}`);
  await page.getByRole('heading', { name: text.sign_out.title, exact: true }).waitFor();
  await look(page, `sign-out-${lang}`);
  // Asking is not doing.
  const arrival = application.arrival();
  await page.goto(start(lang));
  assert.ok((await arrival).get('code'));
  await page.goto(`${url}/logout?${query}`);
  await press(text.sign_out.button);
  await page.waitForURL(`${application.left}?state=so%20long`);
});

signedIn('somebody who signs out without an application stays on the page that says so', async ({ page, text, lang, press }) => {
  await page.goto(`${url}/logout`);
  await page.getByRole('heading', { name: text.sign_out.title, exact: true }).waitFor();
  await press(text.sign_out.button);
  await page.getByRole('heading', { name: text.sign_out.done, exact: true }).waitFor();
  await look(page, `signed-out-${lang}`);
});
