package poolhouse;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import software.amazon.awssdk.services.cognitoidentityprovider.model.AuthenticationResultType;
import software.amazon.awssdk.services.cognitoidentityprovider.model.ChallengeNameType;
import software.amazon.awssdk.services.cognitoidentityprovider.model.CognitoIdentityProviderException;
import software.amazon.awssdk.services.cognitoidentityprovider.model.InitiateAuthResponse;
import software.amazon.awssdk.services.cognitoidentityprovider.model.NotAuthorizedException;
import software.amazon.awssdk.services.cognitoidentityprovider.model.RespondToAuthChallengeRequest;
import software.amazon.awssdk.services.cognitoidentityprovider.model.UserNotFoundException;

class SignInTest {
  private final Town town = new Town();

  /** The call must fail with exactly this exception and this text of the server. */
  private static <E extends CognitoIdentityProviderException> void refused(Class<E> kind, String message, Executable call) {
    E exception = assertThrows(kind, call);
    assertEquals(message, exception.awsErrorDetails().errorMessage());
    assertEquals(400, exception.statusCode());
  }

  @Test
  void aPasswordGivesTokensThatTheApiTakes() {
    String name = town.makeUser();
    AuthenticationResultType result = town.begin(name, Town.PASSWORD).authenticationResult();
    assertEquals("Bearer", result.tokenType());
    assertEquals(3600, result.expiresIn());
    assertEquals(name, town.anybody.getUser(request -> request.accessToken(result.accessToken())).username());
    refused(NotAuthorizedException.class, "Invalid Access Token", () -> town.anybody.getUser(request -> request.accessToken(result.idToken())));
  }

  @Test
  void aWrongPasswordGivesNothing() {
    String name = town.makeUser();
    refused(NotAuthorizedException.class, "Incorrect username or password.", () -> town.begin(name, "Wrong-horse-1"));
    refused(UserNotFoundException.class, "User does not exist.", () -> town.begin("stranger", Town.PASSWORD));
  }

  @Test
  void aTemporaryPasswordIsReplaced() {
    String name = town.makeNewcomer();
    InitiateAuthResponse begun = town.begin(name, "Temporary-1");
    assertEquals(ChallengeNameType.NEW_PASSWORD_REQUIRED, begun.challengeName());
    RespondToAuthChallengeRequest answer =
        RespondToAuthChallengeRequest.builder()
            .clientId(town.client)
            .challengeName(begun.challengeName())
            .session(begun.session())
            .challengeResponses(Map.of("USERNAME", name, "NEW_PASSWORD", Town.PASSWORD))
            .build();
    assertNotNull(town.anybody.respondToAuthChallenge(answer).authenticationResult());
    assertNotNull(town.begin(name, Town.PASSWORD).authenticationResult());
    String used = "Invalid session for the user, session can only be used once.";
    refused(NotAuthorizedException.class, used, () -> town.anybody.respondToAuthChallenge(answer));
  }

  @Test
  void aRefreshEndsWithTheRevocation() {
    AuthenticationResultType first = town.begin(town.makeUser(), Town.PASSWORD).authenticationResult();
    Executable refresh =
        () -> town.anybody.getTokensFromRefreshToken(request -> request.clientId(town.client).refreshToken(first.refreshToken()));
    assertDoesNotThrow(refresh);
    town.anybody.revokeToken(request -> request.clientId(town.client).token(first.refreshToken()));
    refused(NotAuthorizedException.class, "Refresh Token has been revoked", refresh);
    refused(
        NotAuthorizedException.class,
        "Access Token has been revoked",
        () -> town.anybody.getUser(request -> request.accessToken(first.accessToken())));
  }

  @Test
  void aGlobalSignOutReachesEveryToken() {
    String name = town.makeUser();
    AuthenticationResultType first = town.begin(name, Town.PASSWORD).authenticationResult();
    AuthenticationResultType second = town.begin(name, Town.PASSWORD).authenticationResult();
    town.anybody.globalSignOut(request -> request.accessToken(first.accessToken()));
    for (AuthenticationResultType result : new AuthenticationResultType[] {first, second}) {
      refused(
          NotAuthorizedException.class,
          "Access Token has been revoked",
          () -> town.anybody.getUser(request -> request.accessToken(result.accessToken())));
    }
  }

  @Test
  void thePaginatorWalksThroughEveryUser() {
    Set<String> made = new HashSet<>();
    for (int n = 0; n < 5; n++) made.add(town.makeUser());
    Set<String> seen = new HashSet<>();
    town.administrator
        .listUsersPaginator(request -> request.userPoolId(town.pool).limit(2))
        .users()
        .forEach(user -> assertTrue(seen.add(user.username())));
    assertEquals(made, seen);
  }
}
