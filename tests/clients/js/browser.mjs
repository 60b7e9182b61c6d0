// The hosted pages as a person sees them: forms that are filled in and sent.
import assert from 'node:assert/strict';

/** What HTML's character references stand for in an attribute: the ones by number, and the names that every escaper knows. */
export const unescaped = (text) =>
  text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(amp|lt|gt|quot));/gi, (_, decimal, hex, name) =>
    name ? { amp: '&', lt: '<', gt: '>', quot: '"' }[name.toLowerCase()] : String.fromCodePoint(decimal ? Number(decimal) : parseInt(hex, 16)),
  );

/** A browser without a screen: keeps cookies, follows nothing by itself. */
export class Browser {
  #cookies = new Map();

  async open(address, options = {}) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(address, { redirect: 'manual', ...options, headers: { ...options.headers, cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const at = pair.indexOf('=');
      this.#cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1));
    }
    return answer;
  }

  /** Signs in on the hosted page; answers the reply to the form. */
  async signIn(authorize, username, password) {
    const first = await this.open(authorize);
    assert.equal(first.status, 302);
    const page = new URL(first.headers.get('location'), authorize);
    assert.equal(page.pathname, '/login');
    const html = await (await this.open(page)).text();
    const form = html.match(/<form\b[^>]*method="post"[^>]*>[\s\S]*?<\/form>/i)[0];
    const action = unescaped(form.match(/^<form\b[^>]*\baction="([^"]*)"/i)?.[1] ?? '');
    const hidden = form.match(/<input\b[^>]*>/gi).find((input) => /name="_csrf"/.test(input));
    assert.match(form, /name="username"/);
    assert.match(form, /name="password"/);
    const body = new URLSearchParams({ _csrf: unescaped(hidden.match(/value="([^"]*)"/)[1]), username, password });
    return this.open(new URL(action || page, page), { method: 'POST', body, headers: { origin: page.origin } });
  }
}
