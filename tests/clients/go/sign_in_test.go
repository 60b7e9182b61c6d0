package town

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const incorrect = "Incorrect username or password."

func usual(*cognito.CreateUserPoolClientInput) {}

func TestAPasswordGivesTokensThatTheAPITakes(t *testing.T) {
	p := makePlace(t, usual)
	name := p.makeUser(true)
	result := must(p.begin(name, password)).AuthenticationResult
	if *result.TokenType != "Bearer" || result.ExpiresIn != 3600 {
		t.Fatalf("%v %v", *result.TokenType, result.ExpiresIn)
	}
	if said := claims(t, result.IdToken); said["email"] != name+"@example.com" || said["aud"] != p.app {
		t.Fatalf("%v", said)
	}
	user := must(p.authorizer.GetUser(ctx, &cognito.GetUserInput{AccessToken: result.AccessToken}))
	if *user.Username != name {
		t.Fatalf("%v", *user.Username)
	}
	_, err := p.authorizer.GetUser(ctx, &cognito.GetUserInput{AccessToken: result.IdToken})
	refused[*types.NotAuthorizedException](t, err, "Invalid Access Token")
}

func TestAWrongPasswordGivesNothing(t *testing.T) {
	p := makePlace(t, usual)
	_, err := p.begin(p.makeUser(true), "Wrong-horse-1")
	refused[*types.NotAuthorizedException](t, err, incorrect)
	_, err = p.begin("stranger", password)
	refused[*types.UserNotFoundException](t, err, "User does not exist.")
}

func TestATemporaryPasswordIsReplaced(t *testing.T) {
	p := makePlace(t, usual)
	name := p.makeUser(false)
	begun := must(p.begin(name, "Temporary-1"))
	if begun.ChallengeName != types.ChallengeNameTypeNewPasswordRequired {
		t.Fatalf("%v", begun.ChallengeName)
	}
	answer := &cognito.RespondToAuthChallengeInput{
		ClientId: &p.app, ChallengeName: begun.ChallengeName, Session: begun.Session,
		ChallengeResponses: map[string]string{"USERNAME": name, "NEW_PASSWORD": password},
	}
	must(p.authorizer.RespondToAuthChallenge(ctx, answer))
	if must(p.begin(name, password)).AuthenticationResult == nil {
		t.Fatal("the new password does not count")
	}
	_, err := p.authorizer.RespondToAuthChallenge(ctx, answer)
	refused[*types.NotAuthorizedException](t, err, "Invalid session for the user, session can only be used once.")
}

func TestARefreshEndsWithTheRevocation(t *testing.T) {
	p := makePlace(t, usual)
	first := must(p.begin(p.makeUser(true), password)).AuthenticationResult
	ask := &cognito.GetTokensFromRefreshTokenInput{ClientId: &p.app, RefreshToken: first.RefreshToken}
	fresh := must(p.authorizer.GetTokensFromRefreshToken(ctx, ask)).AuthenticationResult
	if claims(t, fresh.AccessToken)["origin_jti"] != claims(t, first.AccessToken)["origin_jti"] {
		t.Fatal("a refresh belongs to its sign-in")
	}
	must(p.authorizer.RevokeToken(ctx, &cognito.RevokeTokenInput{ClientId: &p.app, Token: first.RefreshToken}))
	_, err := p.authorizer.GetTokensFromRefreshToken(ctx, ask)
	refused[*types.NotAuthorizedException](t, err, "Refresh Token has been revoked")
	_, err = p.authorizer.GetUser(ctx, &cognito.GetUserInput{AccessToken: fresh.AccessToken})
	refused[*types.NotAuthorizedException](t, err, "Access Token has been revoked")
}

func TestASecretHashIsAskedFor(t *testing.T) {
	p := makePlace(t, func(input *cognito.CreateUserPoolClientInput) { input.GenerateSecret = true })
	name := p.makeUser(true)
	must(p.begin(name, password))
	bare := p
	bare.secret = ""
	_, err := bare.begin(name, password)
	refused[*types.NotAuthorizedException](t, err, "Client "+p.app+" is configured with secret but SECRET_HASH was not received")
}

func TestThePaginatorWalksThroughEveryUser(t *testing.T) {
	p := makePlace(t, usual)
	made := map[string]bool{}
	for range 5 {
		made[p.makeUser(true)] = true
	}
	pages := cognito.NewListUsersPaginator(p.idp, &cognito.ListUsersInput{UserPoolId: &p.pool, Limit: aws.Int32(2)})
	seen := 0
	for pages.HasMorePages() {
		for _, user := range must(pages.NextPage(ctx)).Users {
			if !made[*user.Username] {
				t.Fatalf("%v comes twice, or from nowhere", *user.Username)
			}
			delete(made, *user.Username)
			seen++
		}
	}
	if seen != 5 {
		t.Fatalf("saw %d users", seen)
	}
}

func TestAnAdministratorIsAskedForASignature(t *testing.T) {
	p := makePlace(t, usual)
	if _, err := p.authorizer.DescribeUserPool(ctx, &cognito.DescribeUserPoolInput{UserPoolId: &p.pool}); err == nil {
		t.Fatal("an unsigned administrator call was answered")
	}
}
