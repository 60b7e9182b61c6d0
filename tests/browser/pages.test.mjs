// A walk over every hosted page in Chromium, by the labels that its reader sees: in English on a desk, in German on a phone.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import {
  AdminCreateUserCommand,
  AdminResetUserPasswordCommand,
  AdminSetUserMFAPreferenceCommand,
  AdminUpdateUserAttributesCommand,
  CreateIdentityProviderCommand,
  SetUserPoolMfaConfigCommand,
  UpdateUserPoolClientCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { createHmac } from 'node:crypto';
import {
  authorizeUrl,
  EMAIL,
  idp,
  launch,
  look,
  newestCode,
  openApplication,
  openPool,
  PASSWORD,
  READERS,
  screens,
  url,
  VIEWS,
  visitor,
  words,
} from './stage.mjs';

const CHANGED = 'Changed-horse-2';

let application, browser;
before(async () => {
  application = await openApplication();
  browser = await launch();
  if (screens) await mkdir(screens, { recursive: true });
});
after(async () => {
  await browser?.close();
  await application?.close();
});

/** A reader of each language at the sign-in page of a pool of their own. */
function walk(name, settings, visit) {
  for (const [lang, view] of Object.entries(READERS)) {
    test(`${name} (${lang})`, async () => {
      const town = await openPool(application.callback, settings);
      const text = await words(lang);
      await visitor(browser, { ...view, locale: lang }, async (page, complaints) => {
        const press = (label) => page.getByRole('button', { name: label, exact: true }).click();
        const follow = (label) => page.getByRole('link', { name: label, exact: true }).click();
        const title = (label) => page.getByRole('heading', { name: label, exact: true }).waitFor();
        const field = (label) => page.getByLabel(label, { exact: true });
        const see = (name) => look(page, `${name}-${lang}`);
        const start = authorizeUrl(town.client, application.callback, 'walk', { lang });
        await page.goto(start);
        /** The application gets its code after this. */
        const arrives = async (act) => {
          const arrival = application.arrival();
          await act();
          const query = await arrival;
          assert.equal(query.get('state'), 'walk');
          assert.ok(query.get('code'));
          await page.waitForURL(`${application.callback}?**`);
        };
        await visit({ page, town, text, press, follow, title, field, see, start, arrives });
        // That a page is one of an error is no fault of it.
        assert.deepEqual(complaints.filter((line) => !line.startsWith('Failed to load resource')), []);
      });
    });
  }
}

const required = (Name) => ({ Name, Required: true, Mutable: true, AttributeDataType: 'String' });

walk(
  'signing up, confirming and signing in',
  { username: EMAIL, pool: { UsernameAttributes: ['email'], Schema: [required('given_name'), required('birthdate'), required('phone_number')] } },
  async ({ page, text, press, follow, title, field, see, arrives }) => {
    const email = `new-${Math.random().toString(36).slice(2)}@example.com`;
    await see('sign-in');
    await follow(text.sign_in.sign_up);
    await title(text.sign_up.title);
    await see('sign-up');
    await field(text.name.email).fill(email);
    await field(text.attribute.given_name).fill('Ada');
    await field(text.attribute.birthdate).fill('1815-12-10');
    await field(text.attribute.phone_number).fill('+15555550100');
    await field(text.common.password).fill('no-upper-1');
    await field(text.common.password_again).fill('no-upper-1');
    await press(text.sign_up.button);
    await page.getByText(text.error.uppercase).waitFor();
    await see('sign-up-refused');
    await field(text.common.password).fill(PASSWORD);
    await field(text.common.password_again).fill(PASSWORD);
    await press(text.sign_up.button);
    await title(text.confirm.title);
    await see('confirm');
    await press(text.common.new_code);
    await page.getByText(text.confirm.resent).waitFor();
    await field(text.common.code).fill(await newestCode(email));
    await press(text.confirm.button);
    await page.getByText(text.confirm.done).waitFor();
    await see('confirmed');
    await field(text.common.password).fill(PASSWORD);
    await arrives(() => press(text.sign_in.button));
  },
);

walk('choosing a new password for a forgotten one', {}, async ({ page, town, text, press, follow, title, field, see, arrives }) => {
  await follow(text.sign_in.forgot);
  await title(text.forgot.title);
  await see('forgot');
  await field(text.name.username).fill(town.username);
  await press(text.forgot.button);
  await title(text.forgot.reset_title);
  await see('reset');
  await field(text.common.code).fill(await newestCode(EMAIL));
  await field(text.common.new_password).fill(CHANGED);
  await field(text.common.password_again).fill(CHANGED);
  await press(text.forgot.reset_button);
  await page.getByText(text.forgot.done).waitFor();
  await field(text.common.password).fill(CHANGED);
  await arrives(() => press(text.sign_in.button));
});

walk('a password that an administrator has reset', {}, async ({ page, town, text, press, title, field }) => {
  await idp.send(new AdminResetUserPasswordCommand({ UserPoolId: town.pool, Username: town.username }));
  await field(text.name.username).fill(town.username);
  await field(text.common.password).fill(PASSWORD);
  await press(text.sign_in.button);
  await title(text.forgot.reset_title);
  await page.getByText(text.forgot.must_reset).waitFor();
});

walk('a password of one\'s own in place of a temporary one', {}, async ({ town, text, press, title, field, see, arrives }) => {
  const of = { UserPoolId: town.pool, Username: 'temporary', MessageAction: 'SUPPRESS' };
  await idp.send(new AdminCreateUserCommand({ ...of, TemporaryPassword: PASSWORD }));
  await field(text.name.username).fill('temporary');
  await field(text.common.password).fill(PASSWORD);
  await press(text.sign_in.button);
  await title(text.new_password.title);
  await see('new-password');
  await field(text.common.new_password).fill(CHANGED);
  await field(text.common.password_again).fill(CHANGED);
  await arrives(() => press(text.new_password.button));
});

/** RFC 6238, as an authenticator app has it. */
function totp(secret) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

// A pool must send its own e-mail before it may ask for codes by it.
const SourceArn = 'arn:aws:ses:us-east-1:123456789012:identity/login@example.com';
const sending = { pool: { EmailConfiguration: { EmailSendingAccount: 'DEVELOPER', SourceArn } } };

walk('setting up an authenticator app, its code, and another factor', sending, async ({ page, town, text, press, title, field, see, start, arrives }) => {
  const software = { SoftwareTokenMfaConfiguration: { Enabled: true }, MfaConfiguration: 'ON' };
  await idp.send(new SetUserPoolMfaConfigCommand({ UserPoolId: town.pool, ...software }));
  const signIn = async () => {
    await field(text.name.username).fill(town.username);
    await field(text.common.password).fill(PASSWORD);
    await press(text.sign_in.button);
  };
  await signIn();
  await title(text.setup.title);
  await page.getByRole('img', { name: text.setup.picture }).waitFor();
  await see('second-factor-setup');
  const secret = await page.locator('#key code').innerText();
  await field(text.common.code).fill(totp(secret));
  await arrives(() => press(text.setup.button));
  await page.context().clearCookies();
  await page.goto(start);
  await signIn();
  await title(text.code.title);
  await see('second-factor');

  await idp.send(new SetUserPoolMfaConfigCommand({ UserPoolId: town.pool, EmailMfaConfiguration: {}, ...software }));
  const both = { SoftwareTokenMfaSettings: { Enabled: true }, EmailMfaSettings: { Enabled: true } };
  await idp.send(new AdminSetUserMFAPreferenceCommand({ UserPoolId: town.pool, Username: town.username, ...both }));
  await page.goto(start);
  await signIn();
  await title(text.factor.title);
  await see('second-factor-choice');
  await press(text.factor.email);
  await title(text.code.title);
  await field(text.common.code).fill(await newestCode(EMAIL));
  await arrives(() => press(text.code.button));
});

walk('a second factor that is sent to a telephone', {}, async ({ page, town, text, press, follow, title, field, see, arrives }) => {
  const phone = `+1555555${Math.floor(1_000 + Math.random() * 9_000)}`;
  const SmsConfiguration = { SnsCallerArn: 'arn:aws:iam::123456789012:role/messages', ExternalId: 'browser' };
  const factors = { SmsMfaConfiguration: { SmsConfiguration }, MfaConfiguration: 'ON' };
  await idp.send(new SetUserPoolMfaConfigCommand({ UserPoolId: town.pool, ...factors }));
  const UserAttributes = [{ Name: 'phone_number', Value: phone }, { Name: 'phone_number_verified', Value: 'true' }];
  await idp.send(new AdminUpdateUserAttributesCommand({ UserPoolId: town.pool, Username: town.username, UserAttributes }));
  await field(text.name.username).fill(town.username);
  await field(text.common.password).fill(PASSWORD);
  await press(text.sign_in.button);
  await title(text.code.title);
  await see('second-factor-sms');
  await field(text.common.code).fill('000000');
  await press(text.code.button);
  await page.getByRole('alert').waitFor();
  await see('second-factor-wrong');
  const first = await newestCode(phone);
  // Whoever gets no message begins anew.
  await follow(text.common.back);
  await field(text.name.username).fill(town.username);
  await field(text.common.password).fill(PASSWORD);
  await press(text.sign_in.button);
  await title(text.code.title);
  const second = await newestCode(phone);
  assert.notEqual(second, first);
  await field(text.common.code).fill(second);
  await arrives(() => press(text.code.button));
});

walk('going to another provider', {}, async ({ page, town, text, follow, title, see, start }) => {
  const names = ['Corp', 'Partner'];
  for (const ProviderName of names) {
    const ProviderDetails = {
      client_id: 'pool', client_secret: 'secret-0123456789', authorize_scopes: 'openid', attributes_request_method: 'GET',
      oidc_issuer: application.left, authorize_url: application.left, token_url: application.left,
      attributes_url: application.left, jwks_uri: application.left,
    };
    const provider = { UserPoolId: town.pool, ProviderName, ProviderType: 'OIDC', ProviderDetails };
    await idp.send(new CreateIdentityProviderCommand(provider));
  }
  const offer = (SupportedIdentityProviders) => idp.send(new UpdateUserPoolClientCommand({
    UserPoolId: town.pool, ClientId: town.client, ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
    SupportedIdentityProviders, AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ['code'],
    AllowedOAuthScopes: ['openid', 'email'], CallbackURLs: [application.callback],
  }));
  await offer(['COGNITO', ...names]);
  await page.goto(start);
  await title(text.sign_in.title);
  await see('providers');
  await follow(text.sign_in.provider.replace('{provider}', 'Corp'));
  await page.waitForURL(`${application.left}?**`);
  assert.equal(new URL(page.url()).searchParams.get('client_id'), 'pool');
  await offer(names);
  await page.goto(start);
  await title(text.sign_in.title);
  assert.equal(await page.getByLabel(text.common.password, { exact: true }).count(), 0);
  await see('providers-alone');
});

const choice = {
  pool: { Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'EMAIL_OTP', 'WEB_AUTHN'] } } },
  client: { ExplicitAuthFlows: ['ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] },
};

walk('signing in with a code that is sent', choice, async ({ page, town, text, press, title, field, see, arrives }) => {
  await see('username');
  await field(text.name.username).fill(town.username);
  await press(text.sign_in.next);
  await title(text.choose.title);
  await see('choose');
  await press(text.factor.email);
  await title(text.code.title);
  await see('code');
  const first = await newestCode(EMAIL);
  await press(text.common.new_code);
  await page.getByRole('heading', { name: text.code.title }).waitFor();
  await field(text.common.code).fill(first);
  await press(text.code.button);
  await page.getByText(text.code.wrong).waitFor();
  await field(text.common.code).fill(await newestCode(EMAIL));
  await press(text.code.button);
  await title(text.passkey.add_title);
  await arrives(() => press(text.passkey.later));
});

walk('making a passkey, and signing in with it', choice, async ({ page, town, text, press, title, field, see, start, arrives }) => {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const options = {
    protocol: 'ctap2',
    transport: 'internal',
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options });
  const name = async () => {
    await field(text.name.username).fill(town.username);
    await press(text.sign_in.next);
    await title(text.choose.title);
  };
  await name();
  await press(text.choose.password);
  await title(text.choose.password_title);
  await see('password');
  await field(text.common.password).fill('Wrong-horse-1');
  await press(text.sign_in.button);
  await page.getByText(text.error.incorrect).waitFor();
  await field(text.common.password).fill(PASSWORD);
  await press(text.sign_in.button);
  await title(text.passkey.add_title);
  await see('passkey-add');
  await arrives(() => press(text.passkey.add_button));

  await page.context().clearCookies();
  await page.goto(start);
  await name();
  await press(text.choose.passkey);
  await title(text.passkey.title);
  await see('passkey');
  // Somebody who does not show that it is them stays where they are, and is told so.
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
  await devtools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled: false });
  await page.evaluate(() => { navigator.credentials.get = async () => { throw new DOMException('no', 'NotAllowedError'); }; });
  await press(text.passkey.button);
  await page.getByRole('alert').getByText(text.passkey.failed).waitFor();
  await see('passkey-refused');
  await press(text.choose.another);
  await title(text.choose.title);
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
  await devtools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled: true });
  await press(text.choose.passkey);
  await title(text.passkey.title);
  await arrives(() => press(text.passkey.button));
});

walk('links of messages that lead nowhere', {}, async ({ page, town, text, press, title, see }) => {
  const link = { client_id: town.client, user_name: town.username, confirmation_code: '000000' };
  await page.goto(`${url}/confirmUser?${new URLSearchParams(link)}`);
  await title(text.confirm.title);
  await see('link');
  await press(text.confirm_link.button);
  await title(text.confirm_link.refused_title);
  await see('link-refused');
  await page.goto(`${url}/signInFeedback?token=none&value=invalid`);
  await title(text.feedback.title);
  await see('feedback');
  await press(text.feedback.no);
  await title(text.feedback.refused_title);
});

walk('an error', {}, async ({ page, text, title, see }) => {
  await page.goto(`${url}/error?error=redirect_mismatch`);
  await title(text.error.title);
  await page.getByText(text.error.redirect_mismatch).waitFor();
  await see('error');
});
