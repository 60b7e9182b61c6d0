// Synthesizes the assemblies in this folder: `npm ci && node synth.mjs`. The stage `templates` of tests/run does so in a copy, and
// holds what comes out against what lies here.
import { App, Duration, Stack } from 'aws-cdk-lib';
import * as rest from 'aws-cdk-lib/aws-apigateway';
import * as gateway from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpJwtAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import * as cognito from 'aws-cdk-lib/aws-cognito';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const context = { 'aws:cdk:enable-asset-metadata': true, 'aws:cdk:enable-path-metadata': true };

// A JWT authorizer in front of a Python function, with constructs of the lower level.
function hello(app) {
  const stack = new Stack(app, 'HttpApiGatewayJwtCognitoStack');
  const pool = new cognito.UserPool(stack, 'UserPool', {});
  const client = pool.addClient('WebClient', {
    accessTokenValidity: Duration.days(1),
    idTokenValidity: Duration.days(1),
    authFlows: { adminUserPassword: true },
    oAuth: { flows: { authorizationCodeGrant: true }, scopes: [cognito.OAuthScope.OPENID], callbackUrls: ['https://example.com'] },
  });
  const handler = new lambda.Function(stack, 'lambdaFn', {
    runtime: lambda.Runtime.PYTHON_3_11,
    handler: 'lambda_function.lambda_handler',
    code: lambda.Code.fromAsset(here('hello')),
    timeout: Duration.seconds(40),
  });
  const role = new iam.Role(stack, 'apiRole', { assumedBy: new iam.ServicePrincipal('apigateway.amazonaws.com') });
  handler.grantInvoke(role);
  const api = new gateway.CfnApi(stack, 'httpAPI', { name: 'httpAPI', protocolType: 'HTTP', corsConfiguration: { maxAge: 123 } });
  const authorizer = new gateway.CfnAuthorizer(stack, 'jwtAuth', {
    apiId: api.ref,
    authorizerType: 'JWT',
    name: 'jwtAuth',
    identitySource: ['$request.header.Authorization'],
    jwtConfiguration: {
      audience: [client.userPoolClientId],
      issuer: `https://cognito-idp.${stack.region}.amazonaws.com/${pool.userPoolId}`,
    },
  });
  const integration = new gateway.CfnIntegration(stack, 'apiInteg', {
    apiId: api.ref,
    integrationType: 'AWS_PROXY',
    integrationUri: handler.functionArn,
    payloadFormatVersion: '1.0',
    credentialsArn: role.roleArn,
  });
  const route = new gateway.CfnRoute(stack, 'helloRoute', {
    apiId: api.ref,
    routeKey: 'GET /hello',
    target: `integrations/${integration.ref}`,
    authorizationType: 'JWT',
    authorizerId: authorizer.ref,
  });
  const deployment = new gateway.CfnDeployment(stack, 'apiDeployment', { apiId: api.ref });
  deployment.addResourceDependency(route);
  new gateway.CfnStage(stack, 'apiStage', { apiId: api.ref, stageName: 'api', deploymentId: deployment.ref });
}

// Groups that a trigger turns into scopes, with constructs of the higher level.
function groups(app) {
  const stack = new Stack(app, 'GroupsToScopes');
  const code = (name) => new lambda.Function(stack, name, {
    runtime: lambda.Runtime.NODEJS_22_X,
    handler: `${name}.${name === 'pre-token' ? 'lambdaHandler' : 'handler'}`,
    code: lambda.Code.fromAsset(here('groups')),
  });
  const pool = new cognito.UserPool(stack, 'Pool', { lambdaTriggers: { preTokenGeneration: code('pre-token') } });
  const web = pool.addClient('Web', { authFlows: { userPassword: true } });
  pool.addClient('Other', { authFlows: { userPassword: true } });
  const members = { admin: ['adminuser'], regular: ['adminuser', 'regularuser'] };
  const user = (username) => new cognito.CfnUserPoolUser(stack, username, { userPoolId: pool.userPoolId, username, messageAction: 'SUPPRESS' });
  const users = { adminuser: user('adminuser'), regularuser: user('regularuser') };
  for (const [groupName, names] of Object.entries(members)) {
    const group = new cognito.CfnUserPoolGroup(stack, groupName, { userPoolId: pool.userPoolId, groupName });
    for (const username of names) {
      const member = new cognito.CfnUserPoolUserToGroupAttachment(stack, `${username}-${groupName}`, { userPoolId: pool.userPoolId, groupName, username });
      member.addResourceDependency(group);
      member.addResourceDependency(users[username]);
    }
  }
  const issuer = `https://cognito-idp.${stack.region}.amazonaws.com/${pool.userPoolId}`;
  const defaultAuthorizer = new HttpJwtAuthorizer('JWTAuth', issuer, { jwtAudience: [web.userPoolClientId] });
  const api = new gateway.HttpApi(stack, 'Api', { apiName: 'JWTAuth', defaultAuthorizer });
  for (const [path, name, group] of [['/AdminUser', 'admin-user', 'admin'], ['/RegularUser', 'regular-user', 'regular']]) {
    api.addRoutes({
      path,
      methods: [gateway.HttpMethod.GET],
      integration: new HttpLambdaIntegration(`${name}-integration`, code(name)),
      authorizationScopes: [`${group}-${web.userPoolClientId}`],
    });
  }
}

// REST APIs: behind a pool, behind a function that gets the token, and behind one that gets the request.
function pets(app) {
  const stack = new Stack(app, 'Pets');
  const code = (name) => new lambda.Function(stack, name, {
    runtime: lambda.Runtime.NODEJS_22_X,
    handler: `${name}.handler`,
    code: lambda.Code.fromAsset(here('pets')),
  });
  const handler = code('pets');
  const judge = code('judge');

  const pool = new cognito.UserPool(stack, 'Pool', {});
  const readScope = new cognito.ResourceServerScope({ scopeName: 'read', scopeDescription: 'Read' });
  const server = pool.addResourceServer('Server', { identifier: 'pets', scopes: [readScope] });
  pool.addClient('Web', {
    authFlows: { adminUserPassword: true },
    generateSecret: true,
    oAuth: { flows: { clientCredentials: true }, scopes: [cognito.OAuthScope.resourceServer(server, readScope)] },
  });

  const guarded = new rest.RestApi(stack, 'Guarded', {
    defaultCorsPreflightOptions: { allowOrigins: ['https://app.example', 'http://localhost:3000'], allowHeaders: ['Authorization'], allowCredentials: true },
    deployOptions: { throttlingRateLimit: 100, throttlingBurstLimit: 200, variables: { color: 'blue' } },
    policy: new iam.PolicyDocument({
      statements: [
        new iam.PolicyStatement({ principals: [new iam.AnyPrincipal()], actions: ['execute-api:Invoke'], resources: ['execute-api:/*'] }),
        new iam.PolicyStatement({
          effect: iam.Effect.DENY,
          principals: [new iam.AnyPrincipal()],
          actions: ['execute-api:Invoke'],
          resources: ['execute-api:/*/*/closed'],
          conditions: { IpAddress: { 'aws:SourceIp': ['127.0.0.0/8', '::1/128'] } },
        }),
      ],
    }),
  });
  const authorizer = new rest.CognitoUserPoolsAuthorizer(stack, 'Users', { cognitoUserPools: [pool] });
  const integration = new rest.LambdaIntegration(handler);
  const users = { authorizer, authorizationType: rest.AuthorizationType.COGNITO };
  const list = guarded.root.addResource('pets');
  list.addMethod('GET', integration, users);
  list.addResource('{id}').addMethod('ANY', integration, { ...users, authorizationScopes: ['pets/read'] });
  guarded.root.addResource('closed').addMethod('GET', integration);
  const health = guarded.root.addResource('health');
  health.addMethod('GET', new rest.MockIntegration({
    requestTemplates: { 'application/json': '{"statusCode": 200}' },
    integrationResponses: [{ statusCode: '200', responseTemplates: { 'application/json': '{"ok":true}' } }],
  }), { methodResponses: [{ statusCode: '200' }] });
  guarded.addGatewayResponse('Unauthorized', {
    type: rest.ResponseType.UNAUTHORIZED,
    statusCode: '401',
    responseHeaders: { 'Access-Control-Allow-Origin': "'https://app.example'" },
    templates: { 'application/json': '{"error":$context.error.messageString,"type":"$context.error.responseType"}' },
  });

  new rest.LambdaRestApi(stack, 'Whole', {
    handler,
    deployOptions: { stageName: 'live' },
    defaultMethodOptions: { authorizer: new rest.TokenAuthorizer(stack, 'Token', { handler: judge, validationRegex: '[a-z]+' }) },
  });

  const asked = new rest.RestApi(stack, 'Asked', { deployOptions: { stageName: 'v1' } });
  asked.root.addResource('pets').addMethod('GET', integration, {
    authorizer: new rest.RequestAuthorizer(stack, 'Request', {
      handler: judge,
      identitySources: [rest.IdentitySource.header('x-token'), rest.IdentitySource.queryString('q')],
      resultsCacheTtl: Duration.seconds(0),
    }),
  });
}

for (const [name, make] of Object.entries({ hello, groups, pets })) {
  const app = new App({ outdir: here(`${name}.cdk.out`), context, analyticsReporting: true });
  make(app);
  app.synth();
}
