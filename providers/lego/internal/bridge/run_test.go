package bridge

import (
	"context"
	"testing"
	"time"

	"github.com/go-acme/lego/v5/challenge"
)

// Rule C2.
const cancelledWithin = 2 * time.Second

func TestACancelledCallOfAnObedientProviderEndsAtOnce(t *testing.T) {
	instance := open(t, &fake{present: func(ctx context.Context, _, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}, cleanUp: works})
	call := calling(time.Minute)
	time.AfterFunc(100*time.Millisecond, func() { call.cancelled.Store(true) })
	begun := time.Now()
	wants(t, instance.Present(call, record(owner, "one")), Cancelled, "deadline or a cancellation")
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestADeafProviderIsLeftBehindAndTheNextCallWaitsForIt(t *testing.T) {
	release := make(chan struct{})
	instance := open(t, &fake{present: func(context.Context, string, string) error {
		<-release
		return nil
	}, cleanUp: works})
	one := record(owner, "one")
	begun := time.Now()
	wants(t, instance.Present(calling(100*time.Millisecond), one), Cancelled, "given up")
	if took := time.Since(begun); took > cancelledWithin {
		t.Errorf("it took %v", took)
	}
	// its turn is not over
	wants(t, instance.Remove(calling(100*time.Millisecond), one), Cancelled, "given up")
	time.AfterFunc(100*time.Millisecond, func() { close(release) })
	wants(t, instance.Remove(calling(time.Minute), one), OK, "")
}

func TestALateSuccessIsKnown(t *testing.T) {
	release := make(chan struct{})
	instance := open(t, &fake{present: func(context.Context, string, string) error {
		<-release
		return nil
	}, cleanUp: works})
	one := record(owner, "one")
	wants(t, instance.Present(calling(50*time.Millisecond), one), Cancelled, "given up")
	close(release)
	deadline := time.Now().Add(10 * time.Second)
	for !instance.Present(calling(time.Minute), one).NoChange {
		if time.Now().After(deadline) {
			t.Fatal("it is not known")
		}
	}
}

func TestAProviderThatLogsInForEverDoesNotOpen(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	_, failure := Open(calling(100*time.Millisecond), example, nil, func(string) (challenge.Provider, error) {
		<-release
		return &fake{}, nil
	})
	wants(t, *failure, Cancelled, "lego:example: given up")
}
