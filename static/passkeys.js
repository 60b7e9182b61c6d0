// Asks the browser for a passkey, and sends what it gives with the page's form. Binary members travel as base64url.
'use strict';

const form = document.querySelector('form[data-passkey]');
const alert = document.getElementById('passkey-error');

const decode = (text) => {
  const padded = text.replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
};

const encode = (buffer) => {
  const text = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join('');
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
};

const withIds = (credentials) => credentials?.map((one) => ({ ...one, id: decode(one.id) }));

const asked = () => {
  const { challenge, user, excludeCredentials, allowCredentials, ...rest } = JSON.parse(form.dataset.options);
  const options = { ...rest, challenge: decode(challenge) };
  if (user) options.user = { ...user, id: decode(user.id) };
  if (excludeCredentials) options.excludeCredentials = withIds(excludeCredentials);
  if (allowCredentials) options.allowCredentials = withIds(allowCredentials);
  return options;
};

const written = (credential) => {
  const { response } = credential;
  const members = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'];
  const present = members.filter((member) => response[member]);
  const answer = Object.fromEntries(present.map((member) => [member, encode(response[member])]));
  if (response.getTransports) answer.transports = response.getTransports();
  return JSON.stringify({
    id: credential.id,
    rawId: encode(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: answer,
  });
};

const complain = (text) => {
  alert.hidden = false;
  alert.textContent = text;
};

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (!window.PublicKeyCredential) {
    complain(alert.dataset.unsupported);
    return;
  }
  alert.hidden = true;
  try {
    const credential = await navigator.credentials[form.dataset.passkey]({ publicKey: asked() });
    form.elements.credential.value = written(credential);
  } catch (error) {
    console.warn(error);
    complain(alert.dataset.failed);
    return;
  }
  form.submit();
});
