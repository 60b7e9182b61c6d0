// Passkeys in Chromium: its own authenticator behind its own WebAuthn, and the API behind an application's page.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CompleteWebAuthnRegistrationCommand,
  InitiateAuthCommand,
  ListWebAuthnCredentialsCommand,
  RespondToAuthChallengeCommand,
  SetUserPoolMfaConfigCommand,
  StartWebAuthnRegistrationCommand,
  UpdateUserPoolClientCommand,
  UpdateUserPoolCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { idp, launch, openApplication, openPool, PASSWORD } from './stage.mjs';

let application, browser, town, page, devtools, authenticator;
before(async () => {
  application = await openApplication();
  town = await openPool(application.callback);
  const pool = { UserPoolId: town.pool };
  await idp.send(
    new UpdateUserPoolCommand({ ...pool, Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'WEB_AUTHN'] } } }),
  );
  const WebAuthnConfiguration = { RelyingPartyId: 'localhost', UserVerification: 'required' };
  await idp.send(new SetUserPoolMfaConfigCommand({ ...pool, WebAuthnConfiguration }));
  const flows = ['ALLOW_USER_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'];
  await idp.send(new UpdateUserPoolClientCommand({ ...pool, ClientId: town.client, ExplicitAuthFlows: flows }));

  browser = await launch();
  page = await browser.newPage();
  page.setDefaultTimeout(15_000);
  devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const options = {
    protocol: 'ctap2',
    transport: 'internal',
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  };
  ({ authenticatorId: authenticator } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options }));
  await page.goto(new URL('/', application.callback).href);
});
after(async () => {
  await browser?.close();
  await application?.close();
});

const create = (options) =>
  page.evaluate(async (json) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(json);
    return (await navigator.credentials.create({ publicKey })).toJSON();
  }, options);

const get = (options) =>
  page.evaluate(async (json) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(json);
    return (await navigator.credentials.get({ publicKey })).toJSON();
  }, options);

const begin = (AuthFlow, AuthParameters) =>
  idp.send(
    new InitiateAuthCommand({ ClientId: town.client, AuthFlow, AuthParameters: { USERNAME: town.username, ...AuthParameters } }),
  );

const answer = ({ ChallengeName, Session }, credential) =>
  idp.send(
    new RespondToAuthChallengeCommand({
      ClientId: town.client,
      ChallengeName,
      Session,
      ChallengeResponses: { USERNAME: town.username, CREDENTIAL: JSON.stringify(credential) },
    }),
  );

test('a passkey is registered, and signs in again and again', async () => {
  const { AuthenticationResult } = await begin('USER_PASSWORD_AUTH', { PASSWORD });
  const { AccessToken } = AuthenticationResult;
  const started = await idp.send(new StartWebAuthnRegistrationCommand({ AccessToken }));
  const made = await create(started.CredentialCreationOptions);
  await idp.send(new CompleteWebAuthnRegistrationCommand({ AccessToken, Credential: made }));

  const { Credentials } = await idp.send(new ListWebAuthnCredentialsCommand({ AccessToken }));
  assert.deepEqual(Credentials.map(({ CredentialId, RelyingPartyId }) => [CredentialId, RelyingPartyId]), [[made.id, 'localhost']]);
  assert.deepEqual(Credentials[0].AuthenticatorTransports, ['internal']);

  for (let round = 0; round < 2; round += 1) {
    const asked = await begin('USER_AUTH', { PREFERRED_CHALLENGE: 'WEB_AUTHN' });
    assert.equal(asked.ChallengeName, 'WEB_AUTHN');
    const options = JSON.parse(asked.ChallengeParameters.CREDENTIAL_REQUEST_OPTIONS);
    assert.equal(options.userVerification, 'required');
    const assertion = await get(options);
    const { AuthenticationResult: tokens } = await answer(asked, assertion);
    const claims = JSON.parse(Buffer.from(tokens.IdToken.split('.')[1], 'base64url'));
    assert.equal(claims['cognito:username'], town.username);
    assert.equal(Buffer.from(assertion.response.userHandle, 'base64url').toString(), claims.sub);
    await assert.rejects(answer(asked, assertion), { name: 'NotAuthorizedException' });
  }
});

test('the browser itself keeps a second passkey off the same authenticator', async () => {
  const { AuthenticationResult } = await begin('USER_PASSWORD_AUTH', { PASSWORD });
  const { AccessToken } = AuthenticationResult;
  const { CredentialCreationOptions } = await idp.send(new StartWebAuthnRegistrationCommand({ AccessToken }));
  await assert.rejects(create(CredentialCreationOptions), /InvalidStateError/);
});

test('a copy of the key whose counter is behind is refused', async () => {
  const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId: authenticator });
  const [credential] = credentials;
  await devtools.send('WebAuthn.removeCredential', { authenticatorId: authenticator, credentialId: credential.credentialId });
  await devtools.send('WebAuthn.addCredential', { authenticatorId: authenticator, credential: { ...credential, signCount: 0 } });
  const asked = await begin('USER_AUTH', { PREFERRED_CHALLENGE: 'WEB_AUTHN' });
  const assertion = await get(JSON.parse(asked.ChallengeParameters.CREDENTIAL_REQUEST_OPTIONS));
  await assert.rejects(answer(asked, assertion), { name: 'NotAuthorizedException' });
});
