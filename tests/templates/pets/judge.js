// Lets `allow` pass, denies `deny`, and knows nobody else. A token authorizer has its token, a request authorizer a header.
exports.handler = async (event) => {
  const token = event.authorizationToken ?? event.headers['x-token'];
  if (token !== 'allow' && token !== 'deny') throw new Error('Unauthorized');
  return {
    principalId: 'ann',
    policyDocument: {
      Version: '2012-10-17',
      Statement: [{ Action: 'execute-api:Invoke', Effect: token === 'allow' ? 'Allow' : 'Deny', Resource: event.methodArn }],
    },
    context: { tenant: 'blue' },
  };
};
