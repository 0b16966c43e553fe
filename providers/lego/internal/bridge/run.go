package bridge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Call is the call of the host in progress.
type Call interface {
	// Remaining is the time that was left when the call began.
	Remaining() time.Duration
	// IsCancelled is true once the host wants it to stop.
	IsCancelled() bool
}

const (
	// Between two looks whether the host cancelled: well within the 2 s of rule C2, and no load.
	look = 50 * time.Millisecond
	// What a provider gets to hear of its cancelled context; with the look it stays within rule C2.
	patience = time.Second
)

// errAbandoned is a provider that did not listen to its context: nobody knows the outcome.
var errAbandoned = errors.New("given up because of the deadline or a cancellation")

// panicked is a panic of lego or of a client library.
type panicked struct{ what any }

func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.what) }

// runner lets one call into lego at a time: its providers are written for that, and a variable of the process's
// environment tells each call whether to follow CNAMEs.
type runner struct {
	turn chan struct{}
}

func newRunner() runner { return runner{turn: make(chan struct{}, 1)} }

// run calls work on a goroutine of its own, so that the host's thread comes back in time also from a provider
// that does not. Such a call keeps its turn until it ends: the next one waits for it.
func (r runner) run(call Call, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), call.Remaining())
	defer cancel()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	stopped := ctx.Done()
	var done chan error
	turn := r.turn
	var late <-chan time.Time
	for {
		select {
		case turn <- struct{}{}:
			turn = nil
			// room for the result of a call that nobody waits for any more
			done = make(chan error, 1)
			go func() {
				defer func() { <-r.turn }()
				done <- guarded(ctx, work)
			}()
		case err := <-done:
			if err != nil && ctx.Err() != nil {
				return fmt.Errorf("%w: %w", errAbandoned, err)
			}
			return err
		case <-ticker.C:
			if call.IsCancelled() {
				cancel()
			}
		case <-stopped:
			stopped = nil
			if done == nil {
				return errAbandoned
			}
			late = time.After(patience)
		case <-late:
			return errAbandoned
		}
	}
}

func guarded(ctx context.Context, work func(context.Context) error) (err error) {
	defer func() {
		if what := recover(); what != nil {
			err = panicked{what}
		}
	}()
	return work(ctx)
}
