package bridge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-acme/lego/v5/challenge"
)

func contains(text, words string) bool { return strings.Contains(text, words) }

const owner = "_acme-challenge.example.test"

func TestLegoIsToldTheDomainWhoseRecordIsTheOneToWrite(t *testing.T) {
	var told []string
	note := func(_ context.Context, domain, token string) error {
		told = append(told, domain+" "+token+" "+os.Getenv(disableCNAME))
		return nil
	}
	instance := open(t, &fake{present: note, cleanUp: note})
	one := record("_acme-challenge.target.test", "one")
	wants(t, instance.Present(calling(time.Minute), one), OK, "")
	wants(t, instance.Remove(calling(time.Minute), one), OK, "")
	if want := "target.test one true"; len(told) != 2 || told[0] != want || told[1] != want {
		t.Error(told)
	}
}

func TestWhereLegoWouldWriteElsewhereNothingIsWritten(t *testing.T) {
	never := func(context.Context, string, string) error {
		t.Error("lego was called")
		return nil
	}
	// nobody answers there, so that lego stays at the name itself
	instance := open(t, &fake{present: never, cleanUp: never}, Option{Key: OptionResolvers, Value: "127.0.0.1:1"})
	wants(t, instance.Present(calling(time.Minute), record("elsewhere.test", "one")), Transient,
		"lego follows CNAMEs to _acme-challenge.example.test and dns01d to elsewhere.test")
}

func TestAValueThatLegoWouldNotWriteIsRefused(t *testing.T) {
	instance := open(t, &fake{present: works, cleanUp: works})
	other := record(owner, "one")
	other.Value = "another"
	wants(t, instance.Present(calling(time.Minute), other), Unsupported, "and not another")
	none := record(owner, "one")
	none.KeyAuthorization = ""
	wants(t, instance.Remove(calling(time.Minute), none), Unsupported, "has none")
	account := record(owner, "one")
	account.Kind = 1
	wants(t, instance.Present(calling(time.Minute), account), Unsupported, "dns-01 only")
}

func TestWhatStandsIsNotAddedTwiceAndWhatIsGoneNotRemovedTwice(t *testing.T) {
	calls := 0
	count := func(context.Context, string, string) error { calls++; return nil }
	instance := open(t, &fake{present: count, cleanUp: count})
	one := record(owner, "one")
	for _, operation := range []func(Call, Record) Outcome{instance.Present, instance.Remove, instance.Present, instance.Remove} {
		for _, again := range []bool{false, true} {
			if outcome := operation(calling(time.Minute), one); outcome.Status != OK || outcome.NoChange != again {
				t.Errorf("again %v: %+v", again, outcome)
			}
		}
	}
	if calls != 4 {
		t.Errorf("lego was called %d times", calls)
	}
}

func TestASecondValueWaitsWhereItWouldReplaceTheFirst(t *testing.T) {
	instance := open(t, inTurn{&fake{present: works, cleanUp: works}})
	if info := instance.Info(); !info.OneValuePerName || info.Stateless || info.PropagationTimeout != 90*time.Second || info.PropagationInterval != 0 {
		t.Errorf("%+v", info)
	}
	one, two := record(owner, "one"), record(owner, "two")
	wants(t, instance.Present(calling(time.Minute), one), OK, "")
	wants(t, instance.Present(calling(time.Minute), two), Transient, one.Value+" still stands")
	wants(t, instance.Present(calling(time.Minute), record("_acme-challenge.other.test", "two")), OK, "")
	wants(t, instance.Remove(calling(time.Minute), one), OK, "")
	wants(t, instance.Present(calling(time.Minute), two), OK, "")
}

func TestARecordOfAnotherProcessIsForAPersonToRemove(t *testing.T) {
	unknown := func(context.Context, string, string) error {
		return errors.New("example: unknown record ID for '" + owner + "'")
	}
	refuses := func(context.Context, string, string) error { return errors.New("example: no") }
	instance := open(t, &fake{present: refuses, cleanUp: unknown})
	one := record(owner, "one")
	wants(t, instance.Remove(calling(time.Minute), one), Permanent, "remove the TXT value "+one.Value+" at "+owner+" by hand")
	// lego refused it, so there is nothing to remove
	wants(t, instance.Present(calling(time.Minute), one), Transient, "example: no")
	if outcome := instance.Remove(calling(time.Minute), one); outcome.Status != OK || !outcome.NoChange {
		t.Errorf("%+v", outcome)
	}
}

func TestAPanicIsAnAnswer(t *testing.T) {
	instance := open(t, &fake{present: func(context.Context, string, string) error { panic("s3cret-token at work") }, cleanUp: works},
		Option{Key: "EXAMPLE_TOKEN", Value: "s3cret-token", Secret: true})
	wants(t, instance.Present(calling(time.Minute), record(owner, "one")), Internal, "panic: *** at work")
	wants(t, instance.Remove(calling(time.Minute), record(owner, "one")), OK, "")
	_, failure := Open(calling(time.Minute), example, nil, func(string) (challenge.Provider, error) { panic("at once") })
	wants(t, *failure, Internal, "panic: at once")
}

func TestOptionsAreTheProcessEnvironmentWhileTheInstanceIsOpen(t *testing.T) {
	seen := map[string]string{}
	instance, failure := Open(calling(time.Minute), example, []Option{
		{Key: "EXAMPLE_TOKEN", Value: "s3cret-token", Secret: true},
		{Key: "EXAMPLE_TTL", Value: "300"},
		{Key: "EXAMPLE_STRICT", Value: "true"},
		{Key: OptionProxy, Value: "http://127.0.0.1:3128"},
		{Key: OptionCAFile, Value: "/etc/ssl/own.pem"},
	}, func(string) (challenge.Provider, error) {
		for _, key := range []string{"EXAMPLE_TOKEN", "HTTPS_PROXY", "HTTP_PROXY", "SSL_CERT_FILE"} {
			seen[key] = os.Getenv(key)
		}
		return &fake{}, nil
	})
	if failure != nil {
		t.Fatal(failure.Message)
	}
	want := "map[EXAMPLE_TOKEN:s3cret-token HTTPS_PROXY:http://127.0.0.1:3128 HTTP_PROXY:http://127.0.0.1:3128 SSL_CERT_FILE:/etc/ssl/own.pem]"
	if fmt.Sprint(seen) != want {
		t.Error(seen)
	}
	instance.Close()
	if _, left := os.LookupEnv("EXAMPLE_TOKEN"); left {
		t.Error("the token stays in the environment")
	}
}

func TestOptionsThatNobodyReadsAreRefused(t *testing.T) {
	refuse := func(provider, words string, options ...Option) {
		t.Helper()
		described := example
		described.Open = provider
		_, failure := Open(calling(time.Minute), described, options, func(string) (challenge.Provider, error) { return &fake{}, nil })
		if failure == nil {
			t.Fatalf("%v: accepted", options)
		}
		wants(t, *failure, Config, words)
	}
	refuse("", "no option `EXAMPLE_TOKN`", Option{Key: "EXAMPLE_TOKN"})
	refuse("", "`EXAMPLE_USER` takes one value", Option{Key: "EXAMPLE_USER", Value: "a"}, Option{Key: "EXAMPLE_USER", Value: "b"})
	refuse("", "`EXAMPLE_TTL` must be a whole number", Option{Key: "EXAMPLE_TTL", Value: "seven"})
	refuse("", "`EXAMPLE_TTL` must be a whole number", Option{Key: "EXAMPLE_TTL", Value: "-1"})
	refuse("", "`EXAMPLE_TTL` must be a whole number", Option{Key: "EXAMPLE_TTL", Value: ""})
	refuse("", "`EXAMPLE_STRICT` must be true or false", Option{Key: "EXAMPLE_STRICT", Value: "perhaps"})
	refuse("its client reads OTHER_*", "`not-a-variable` cannot be given", Option{Key: "not-a-variable"})
	refuse("its client reads OTHER_*", "`LEGO_DEBUG_DNS_API_HTTP_CLIENT` cannot be given", Option{Key: "LEGO_DEBUG_DNS_API_HTTP_CLIENT"})
	described := example
	described.Open = "its client reads OTHER_*"
	instance, failure := Open(calling(time.Minute), described, []Option{{Key: "OTHER_NAME", Value: "x"}}, func(string) (challenge.Provider, error) { return &fake{}, nil })
	if failure != nil {
		t.Fatal(failure.Message)
	}
	instance.Close()
}

func TestWhatLegoMissesIsAFaultOfTheConfiguration(t *testing.T) {
	_, failure := Open(calling(time.Minute), example, nil, func(string) (challenge.Provider, error) {
		return nil, errors.New("example: some credentials information are missing: EXAMPLE_TOKEN")
	})
	wants(t, *failure, Config, "lego:example: example: some credentials information are missing: EXAMPLE_TOKEN")
}
