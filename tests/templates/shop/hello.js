exports.handler = async (event) => ({
  statusCode: 200,
  body: `${event.version ?? 'rest'} ${event.requestContext.authorizer?.principalId ?? 'nobody'}`,
});

exports.judge = async (event) => ({
  principalId: 'judged',
  policyDocument: {
    Version: '2012-10-17',
    Statement: [{ Action: 'execute-api:Invoke', Effect: event.headers.authorization === 'yes' || event.headers.Authorization === 'yes' ? 'Allow' : 'Deny', Resource: event.methodArn }],
  },
});
