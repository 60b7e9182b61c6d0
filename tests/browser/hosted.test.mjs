// The hosted pages in Chromium: with scripts and without, by mouse and by keyboard, on a phone and on a desk.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import * as stage from './stage.mjs';
import { authorizeUrl, launch, look, openApplication, openPool, PASSWORD, redeem, screens, url, VIEWS } from './stage.mjs';

let application, browser, town;
before(async () => {
  application = await openApplication();
  town = await openPool(application.callback);
  browser = await launch();
  if (screens) await mkdir(screens, { recursive: true });
});
after(async () => {
  await browser?.close();
  await application?.close();
});

/** A fresh visitor (no cookies) at the sign-in page. */
const visitor = (options, visit, state = 'state-1') =>
  stage.visitor(browser, options, async (page, complaints) => {
    await page.goto(authorizeUrl(town.client, application.callback, state));
    assert.equal(new URL(page.url()).pathname, '/login');
    await visit(page, complaints);
  });

async function fill(page, password) {
  await page.locator('input[name=username]').fill(town.username);
  await page.locator('input[name=password]').fill(password);
}

const submit = (page) => page.locator('form:has(input[name=password]) :is(button, input)[type=submit]').first().click();

for (const [words, javaScriptEnabled] of [['with scripts', true], ['without scripts', false]]) {
  test(`signing in ${words} lands at the application with a code`, async () => {
    await visitor({ javaScriptEnabled }, async (page) => {
      await fill(page, PASSWORD);
      const arrival = application.arrival();
      await submit(page);
      const query = await arrival;
      assert.equal(query.get('state'), 'state-1');
      await page.waitForURL(`${application.callback}?**`);
      const tokens = await redeem(town.client, application.callback, query.get('code'));
      assert.equal(tokens.status, 200);
      const identity = JSON.parse(Buffer.from(tokens.id_token.split('.')[1], 'base64url'));
      assert.deepEqual([identity['cognito:username'], identity.aud], [town.username, town.client]);
    });
  });

  test(`a wrong password ${words} is explained on the page`, async () => {
    await visitor({ javaScriptEnabled }, async (page) => {
      await fill(page, 'Wrong-horse-1');
      await submit(page);
      await page.getByText('Incorrect username or password.').first().waitFor();
      assert.equal(new URL(page.url()).origin, url);
      assert.equal(await page.locator('input[name=password]').inputValue(), '');
      assert.equal(application.arrived.length, 0);
      await fill(page, PASSWORD);
      const arrival = application.arrival();
      await submit(page);
      assert.ok((await arrival).get('code'));
    });
  });
}

test('the keyboard alone signs in', async () => {
  await visitor({}, async (page) => {
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('name') ?? document.activeElement?.tagName);
    for (let presses = 0; (await focused()) !== 'username'; presses += 1) {
      assert.ok(presses < 10, 'Tab does not reach the username');
      await page.keyboard.press('Tab');
    }
    await page.keyboard.type(town.username);
    for (let presses = 0; (await focused()) !== 'password'; presses += 1) {
      assert.ok(presses < 5, 'Tab does not reach the password');
      await page.keyboard.press('Tab');
    }
    await page.keyboard.type(PASSWORD);
    const arrival = application.arrival();
    await page.keyboard.press('Enter');
    assert.ok((await arrival).get('code'));
  });
});

test('a password manager finds its fields', async () => {
  await visitor({}, async (page) => {
    assert.equal(await page.locator('input[name=username]').getAttribute('autocomplete'), 'username');
    assert.equal(await page.locator('input[name=password]').getAttribute('autocomplete'), 'current-password');
    assert.equal(await page.locator('input[name=password]').getAttribute('type'), 'password');
  });
});

test('a second visit of the same browser needs no password', async () => {
  await visitor({}, async (page) => {
    await fill(page, PASSWORD);
    const first = application.arrival();
    await submit(page);
    await first;
    const second = application.arrival();
    await page.goto(authorizeUrl(town.client, application.callback, 'state-2'));
    const query = await second;
    assert.equal(query.get('state'), 'state-2');
    assert.ok(query.get('code'));
  });
});

test('what the address says is shown as text, never run', async () => {
  await visitor({}, async (page, complaints) => {
    const hostile = '"><img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>';
    const address = new URL(page.url());
    for (const name of ['state', 'lang', 'login_hint', 'nonce']) address.searchParams.set(name, hostile);
    await page.goto(address.toString());
    assert.notEqual(await page.title(), 'taken');
    assert.equal(await page.locator('img[src=x]').count(), 0);
    assert.deepEqual(complaints.filter((line) => line.includes('taken')), []);
  });
});

for (const [view, options] of Object.entries(VIEWS)) {
  test(`the sign-in page on a ${view} fits, is accessible and is photographed`, async () => {
    await visitor(options, async (page, complaints) => {
      await look(page, `sign-in-${view}`);
      assert.deepEqual(complaints, []);
      await fill(page, 'Wrong-horse-1');
      await submit(page);
      await page.getByText('Incorrect username or password.').first().waitFor();
      await look(page, `sign-in-refused-${view}`);
    });
  });
}
