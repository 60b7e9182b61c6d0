// Package town holds the suite of the AWS SDK for Go v2. It calls a running server, whose address is in POOLHOUSE_URL.
package town

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

const password = "Correct-horse-1"

var (
	ctx    = context.Background()
	number atomic.Int64
)

// connect gives the SDK's client of an administrator; `anybody` gives one without credentials.
func connect(t *testing.T) *cognito.Client {
	return client(t, credentials.NewStaticCredentialsProvider("development", "development", ""))
}

func anybody(t *testing.T) *cognito.Client { return client(t, aws.AnonymousCredentials{}) }

func client(t *testing.T, who aws.CredentialsProvider) *cognito.Client {
	t.Helper()
	url := os.Getenv("POOLHOUSE_URL")
	if url == "" {
		t.Fatal("POOLHOUSE_URL is not set: start this suite with tests/clients/launch.py")
	}
	return cognito.New(cognito.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: who, Retryer: aws.NopRetryer{}})
}

func unique(word string) string { return fmt.Sprintf("%s-%d", word, number.Add(1)) }

// place is a pool and an app client of it.
type place struct {
	idp        *cognito.Client
	pool       string
	app        string
	secret     string
	authorizer *cognito.Client
}

func makePlace(t *testing.T, change func(*cognito.CreateUserPoolClientInput)) place {
	t.Helper()
	idp := connect(t)
	pool := must(idp.CreateUserPool(ctx, &cognito.CreateUserPoolInput{PoolName: aws.String(unique("pool"))}))
	input := &cognito.CreateUserPoolClientInput{
		UserPoolId: pool.UserPool.Id,
		ClientName: aws.String(unique("client")),
		ExplicitAuthFlows: []types.ExplicitAuthFlowsType{
			types.ExplicitAuthFlowsTypeAllowUserPasswordAuth,
			types.ExplicitAuthFlowsTypeAllowUserSrpAuth,
			types.ExplicitAuthFlowsTypeAllowRefreshTokenAuth,
		},
	}
	change(input)
	made := must(idp.CreateUserPoolClient(ctx, input)).UserPoolClient
	return place{idp: idp, pool: *pool.UserPool.Id, app: *made.ClientId, secret: aws.ToString(made.ClientSecret), authorizer: anybody(t)}
}

// makeUser gives the name of a confirmed user; with `permanent` false, of one who has the temporary password `Temporary-1`.
func (p place) makeUser(permanent bool) string {
	name := unique("user")
	must(p.idp.AdminCreateUser(ctx, &cognito.AdminCreateUserInput{
		UserPoolId: &p.pool, Username: &name, TemporaryPassword: aws.String("Temporary-1"), MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: []types.AttributeType{{Name: aws.String("email"), Value: aws.String(name + "@example.com")}},
	}))
	if permanent {
		must(p.idp.AdminSetUserPassword(ctx, &cognito.AdminSetUserPasswordInput{
			UserPoolId: &p.pool, Username: &name, Password: aws.String(password), Permanent: true,
		}))
	}
	return name
}

func (p place) begin(name, password string) (*cognito.InitiateAuthOutput, error) {
	parameters := map[string]string{"USERNAME": name, "PASSWORD": password}
	if p.secret != "" {
		parameters["SECRET_HASH"] = p.hash(name)
	}
	return p.authorizer.InitiateAuth(ctx, &cognito.InitiateAuthInput{
		ClientId: &p.app, AuthFlow: types.AuthFlowTypeUserPasswordAuth, AuthParameters: parameters,
	})
}

func (p place) hash(name string) string {
	mac := hmac.New(sha256.New, []byte(p.secret))
	mac.Write([]byte(name + p.app))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// must gives the value of a call that may not fail.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// refused asserts that a call failed with the exception E and exactly this message.
func refused[E interface {
	error
	ErrorMessage() string
}](t *testing.T, err error, message string) {
	t.Helper()
	var exception E
	if !errors.As(err, &exception) {
		t.Fatalf("expected %T, got %v", exception, err)
	}
	if exception.ErrorMessage() != message {
		t.Fatalf("expected the message %q, got %q", message, exception.ErrorMessage())
	}
}

// claims reads the payload of a token, unverified.
func claims(t *testing.T, token *string) map[string]any {
	t.Helper()
	payload := must(base64.RawURLEncoding.DecodeString(strings.Split(*token, ".")[1]))
	var all map[string]any
	if err := json.Unmarshal(payload, &all); err != nil {
		t.Fatal(err)
	}
	return all
}
