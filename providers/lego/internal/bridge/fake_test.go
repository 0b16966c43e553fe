package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-acme/lego/v5/challenge"

	"github.com/dns01d/dns01d/providers/lego/internal/catalog"
)

// fake is a provider of lego whose answers a test chooses.
type fake struct {
	present func(ctx context.Context, domain, token string) error
	cleanUp func(ctx context.Context, domain, token string) error
}

func (f *fake) Present(ctx context.Context, domain, token, _ string) error {
	return f.present(ctx, domain, token)
}

func (f *fake) CleanUp(ctx context.Context, domain, token, _ string) error {
	return f.cleanUp(ctx, domain, token)
}

// Timeout knows one of its own, and has what all of lego has for the other.
func (f *fake) Timeout() (timeout, interval time.Duration) { return 90 * time.Second, 2 * time.Second }

// inTurn is a fake that cannot hold two values.
type inTurn struct{ *fake }

func (inTurn) Sequential() time.Duration { return time.Minute }

func works(context.Context, string, string) error { return nil }

// hostCall is a call of a host that cancels when told.
type hostCall struct {
	left      time.Duration
	cancelled *atomic.Bool
}

func calling(left time.Duration) hostCall { return hostCall{left, &atomic.Bool{}} }

func (c hostCall) Remaining() time.Duration { return c.left }

func (c hostCall) IsCancelled() bool { return c.cancelled.Load() }

var example = catalog.Provider{Code: "example", Options: []catalog.Option{
	{Key: "EXAMPLE_TOKEN", Kind: catalog.Secret},
	{Key: "EXAMPLE_USER", Kind: catalog.Text},
	{Key: "EXAMPLE_TTL", Kind: catalog.Integer},
	{Key: "EXAMPLE_STRICT", Kind: catalog.Boolean},
}}

func open(t *testing.T, provider challenge.Provider, options ...Option) *Instance {
	t.Helper()
	instance, failure := Open(calling(time.Minute), example, options, func(string) (challenge.Provider, error) { return provider, nil })
	if failure != nil {
		t.Fatal(failure.Message)
	}
	t.Cleanup(instance.Close)
	return instance
}

// record is one of dns-01 whose value follows from the key authorization.
func record(fqdn, token string) Record {
	authorization := token + ".thumbprint"
	digest := sha256.Sum256([]byte(authorization))
	return Record{
		FQDN:             fqdn,
		Identifier:       "example.test",
		Token:            token,
		KeyAuthorization: authorization,
		Value:            base64.RawURLEncoding.EncodeToString(digest[:]),
	}
}

func wants(t *testing.T, outcome Outcome, status Status, words string) {
	t.Helper()
	if outcome.Status != status || !contains(outcome.Message, words) {
		t.Errorf("want %d with %q, got %d: %s", status, words, outcome.Status, outcome.Message)
	}
}
