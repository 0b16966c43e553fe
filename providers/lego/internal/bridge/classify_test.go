package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
)

type withField struct{ StatusCode int }

func (withField) Error() string { return "the server said no" }

type withMethod struct{}

func (withMethod) Error() string { return "the server said no" }

func (withMethod) HTTPStatusCode() int { return 429 }

func TestTheClassOfAnErrorIsGuessedCautiously(t *testing.T) {
	for _, one := range []struct {
		err   error
		class Status
		code  int
	}{
		{fmt.Errorf("x: %w", &withField{401}), Auth, 401},
		{errors.Join(errors.New("first"), fmt.Errorf("x: %w", withField{403})), Auth, 403},
		{withMethod{}, RateLimited, 429},
		{withField{500}, Transient, 500},
		{errors.New("unexpected status code: [status code: 422] body: in none of our zones"), Permanent, 422},
		{withField{200}, Transient, 0},
		{errors.New("unexpected status code: [status code: 403] body: no"), Auth, 403},
		{errors.New("authentication failed: status 503"), Transient, 503},
		{errors.New("HTTP 429: slow down"), RateLimited, 429},
		{errors.New("code 10000: Invalid API Token"), Auth, 0},
		{errors.New("DNS update failed: server 127.0.0.1:53 replied REFUSED for INSERT example.test."), Auth, 0},
		{errors.New("DNS update failed: dns: bad authentication"), Auth, 0},
		{errors.New("could not find zone for domain"), ZoneNotFound, 0},
		{errors.New("[fqdn=x.] could not find the start of authority for x."), ZoneNotFound, 0},
		{errors.New("dnsupdate: failed to insert: [fqdn=x.] unexpected response for 'x.' [question='x. IN  SOA', code=REFUSED]"), ZoneNotFound, 0},
		{errors.New("dnsupdate: failed to insert: [fqdn=x.] unexpected response for 'x.' [question='x. IN  SOA', code=SERVFAIL]"), Transient, 0},
		{errors.New("dnsupdate: failed to insert: [fqdn=x.] unexpected response for 'x.' [question='x. IN  SOA', code=NOTAUTH]"), ZoneNotFound, 0},
		{errors.New("Throttling: Rate exceeded"), RateLimited, 0},
		{errors.New("something else"), Transient, 0},
		{fmt.Errorf("forbidden by %w", context.DeadlineExceeded), Transient, 0},
		{&net.DNSError{Err: "forbidden", Name: "api.example.test"}, Transient, 0},
	} {
		if class, code := classify(one.err); class != one.class || code != one.code {
			t.Errorf("%v: class %d, code %d", one.err, class, code)
		}
	}
}

func TestNoFormOfASecretStaysInAText(t *testing.T) {
	mask := newMask([]string{"pa ss/wörd?", "a.example:first-password,b.example:second-password", "", "secret", "secret-longer"})
	for text, want := range map[string]string{
		"is pa ss/wörd? here":                          "is *** here",
		"get https://x/?t=pa+ss%2Fw%C3%B6rd%3F failed": "get https://x/?t=*** failed",
		"Basic cGEgc3Mvd8O2cmQ/":                       "Basic ***",
		"b.example has second-password":                "*** has ***",
		"secret-longer and secret":                     "*** and ***",
		"two\nlines\tof\x1b text":                      "two lines of text",
		"nothing of it":                                "nothing of it",
	} {
		if got := mask.clean(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}
