// Tells whom the gateway let pass, and where.
exports.handler = async (event) => ({
  statusCode: 200,
  headers: { 'Access-Control-Allow-Origin': '*' },
  body: JSON.stringify({
    path: event.path,
    resource: event.resource,
    stage: event.requestContext.stage,
    authorizer: event.requestContext.authorizer,
  }),
});
