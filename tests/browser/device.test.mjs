// A device is let in from a browser: every step of the page in Chromium, in English on a desk, in German on a phone.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { launch, look, screens, url, VIEWS, visitor } from './stage.mjs';

/** The television of tests/clients/suite.toml, and its user. */
const TV = '9strict23456789abcdefghij';
const READERS = { en: VIEWS.desktop, de: VIEWS.phone };

let browser;
before(async () => {
  browser = await launch();
  if (screens) await mkdir(screens, { recursive: true });
});
after(() => browser?.close());

/** The words of the page, by key. */
async function words(lang) {
  const file = await readFile(new URL(`./text/${lang}.toml`, import.meta.url), 'utf8');
  const [section] = file.split('[device]\n')[1].split('\n[');
  return Object.fromEntries([...section.matchAll(/^(\w+) = "(.*)"$/gm)].map(([, key, text]) => [key, text]));
}

const post = async (path, fields) =>
  (await fetch(url + path, { method: 'POST', body: new URLSearchParams({ client_id: TV, ...fields }) })).json();

for (const [lang, view] of Object.entries(READERS)) {
  for (const [answer, title, outcome] of [['allow', 'done_title', 'access_token'], ['deny', 'denied_title', 'error']]) {
    test(`a device and its user (${lang}, ${answer})`, async () => {
      const device = await post('/oauth2/device_authorization', { scope: 'openid email' });
      const text = await words(lang);
      await visitor(browser, { ...view, locale: lang }, async (page, complaints) => {
        const heading = (label) => page.getByRole('heading', { name: label, exact: true }).waitFor();
        await page.goto(`${device.verification_uri}?lang=${lang}`);
        await heading(text.title);
        await look(page, `device-${lang}`);
        await page.locator('#user_code').fill('no code');
        await page.getByRole('button', { name: text.next, exact: true }).click();
        await page.getByRole('alert').getByText(text.wrong).waitFor();
        await look(page, `device-wrong-${lang}`);
        await page.locator('#user_code').fill(device.user_code.toLowerCase());
        await page.getByRole('button', { name: text.next, exact: true }).click();
        await page.locator('#username').fill('ada');
        await page.locator('#password').fill('Lovelace-1815');
        await page.locator('#sign_in').click();
        await heading(text.confirm_title);
        await page.getByText(device.user_code, { exact: true }).waitFor();
        await look(page, `device-confirm-${lang}`);
        await page.getByRole('button', { name: text[answer], exact: true }).click();
        await heading(text[title]);
        await look(page, `device-${answer}-${lang}`);
        // That a page is one of an error is no fault of it.
        assert.deepEqual(complaints.filter((line) => !line.startsWith('Failed to load resource')), []);
      });
      const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
      const answered = await post('/oauth2/token', { grant_type, device_code: device.device_code });
      assert.ok(outcome in answered, JSON.stringify(answered));
    });
  }
}
