package poolhouse;

import java.net.URI;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cognitoidentityprovider.CognitoIdentityProviderClient;
import software.amazon.awssdk.services.cognitoidentityprovider.model.AttributeType;
import software.amazon.awssdk.services.cognitoidentityprovider.model.AuthFlowType;
import software.amazon.awssdk.services.cognitoidentityprovider.model.CreateUserPoolClientRequest;
import software.amazon.awssdk.services.cognitoidentityprovider.model.ExplicitAuthFlowsType;
import software.amazon.awssdk.services.cognitoidentityprovider.model.InitiateAuthResponse;
import software.amazon.awssdk.services.cognitoidentityprovider.model.MessageActionType;
import software.amazon.awssdk.services.cognitoidentityprovider.model.UserPoolClientType;

/** A pool and an app client of it, with an administrator's and anybody's hands. */
final class Town {
  static final String PASSWORD = "Correct-horse-1";
  private static final AtomicInteger NUMBER = new AtomicInteger();

  final CognitoIdentityProviderClient administrator = connect(StaticCredentialsProvider.create(AwsBasicCredentials.create("development", "development")));
  final CognitoIdentityProviderClient anybody = connect(AnonymousCredentialsProvider.create());
  final String pool;
  final String client;

  Town() {
    this(settings -> {});
  }

  Town(Consumer<CreateUserPoolClientRequest.Builder> change) {
    pool = administrator.createUserPool(request -> request.poolName(unique("pool"))).userPool().id();
    UserPoolClientType made =
        administrator
            .createUserPoolClient(
                request -> {
                  request
                      .userPoolId(pool)
                      .clientName(unique("client"))
                      .explicitAuthFlows(
                          ExplicitAuthFlowsType.ALLOW_USER_PASSWORD_AUTH,
                          ExplicitAuthFlowsType.ALLOW_USER_SRP_AUTH,
                          ExplicitAuthFlowsType.ALLOW_REFRESH_TOKEN_AUTH);
                  change.accept(request);
                })
            .userPoolClient();
    client = made.clientId();
  }

  static String unique(String word) {
    return word + "-" + NUMBER.incrementAndGet();
  }

  /** A user who still has the temporary password `Temporary-1`. */
  String makeNewcomer() {
    String name = unique("user");
    administrator.adminCreateUser(
        request ->
            request
                .userPoolId(pool)
                .username(name)
                .temporaryPassword("Temporary-1")
                .messageAction(MessageActionType.SUPPRESS)
                .userAttributes(AttributeType.builder().name("email").value(name + "@example.com").build()));
    return name;
  }

  /** A confirmed user whose password is {@link #PASSWORD}. */
  String makeUser() {
    String name = makeNewcomer();
    administrator.adminSetUserPassword(request -> request.userPoolId(pool).username(name).password(PASSWORD).permanent(true));
    return name;
  }

  InitiateAuthResponse begin(String name, String password) {
    return anybody.initiateAuth(
        request ->
            request
                .clientId(client)
                .authFlow(AuthFlowType.USER_PASSWORD_AUTH)
                .authParameters(Map.of("USERNAME", name, "PASSWORD", password)));
  }

  private static CognitoIdentityProviderClient connect(AwsCredentialsProvider credentials) {
    String url = System.getenv("POOLHOUSE_URL");
    if (url == null) throw new IllegalStateException("POOLHOUSE_URL is not set: start this suite with tests/clients/launch.py");
    return CognitoIdentityProviderClient.builder()
        .endpointOverride(URI.create(url))
        .region(Region.US_EAST_1)
        .credentialsProvider(credentials)
        .httpClientBuilder(UrlConnectionHttpClient.builder())
        .overrideConfiguration(settings -> settings.retryStrategy(retries -> retries.maxAttempts(1)))
        .build();
  }
}
