// Package bridge makes a provider of lego an instance of dns01d's: everything but the C boundary.
package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/challenge/dns01"

	"github.com/dns01d/dns01d/providers/lego/internal/catalog"
)

// stateless are the providers whose CleanUp needs nothing of what Present left in memory, and for which tests
// against a real server prove it. Most others keep the ids of records in a map.
var stateless = map[string]string{
	"dnsupdate": "one update removes the value by name and text",
	"exec":      "the program is given name and value",
	"httpreq":   "name and value go to the portal as they went there with present",
}

// unknownRecord is how lego's providers say that Present was not called in this process, or did not succeed.
var unknownRecord = regexp.MustCompile(`(?i)\bunknown (record|zone|domain|request|ref|recordID)\b`)

// Factory makes a provider of lego from the process's environment.
type Factory func(code string) (challenge.Provider, error)

// Instance is an open provider.
type Instance struct {
	code       string
	provider   challenge.Provider
	sequential bool
	settings   settings
	mask       mask
	runner     runner
	// written by calls that may outlive the host's
	mutex sync.Mutex
	known map[key]fate
}

type key struct{ fqdn, value string }

// fate is what this process knows of a record.
type fate int

const (
	standing      fate = iota + 1 // added
	refusedByLego                 // Present returned an error
	gone                          // removed
)

// Fates that are remembered; a process that reaches that many forgets those of records that do not stand.
const remembered = 4096

// Open makes an instance. The failure is what stands in the way. Some providers log in here already, so the time
// of the call counts.
func Open(call Call, provider catalog.Provider, options []Option, factory Factory) (*Instance, *Outcome) {
	settings, err := sortOut(provider, options)
	if err != nil {
		return nil, &Outcome{Status: Config, Message: err.Error()}
	}
	mask := newMask(settings.secrets)
	if err := settings.enter(); err != nil {
		settings.leave()
		return nil, &Outcome{Status: Config, Message: mask.clean(err.Error())}
	}
	// after the environment, which it reads; without resolvers it takes the system's
	resolving := dns01.NewOptions()
	resolving.RecursiveNameservers = settings.resolvers
	dns01.SetDefaultClient(dns01.NewClient(resolving))

	var made challenge.Provider
	runner := newRunner()
	err = runner.run(call, func(context.Context) error {
		provider, err := factory(provider.Code)
		made = provider
		return err
	})
	if err != nil {
		settings.leave()
		return nil, refusal(provider.Code, mask, err)
	}
	_, sequential := made.(interface{ Sequential() time.Duration })
	return &Instance{
		code:       provider.Code,
		provider:   made,
		sequential: sequential,
		settings:   settings,
		mask:       mask,
		runner:     runner,
		known:      map[key]fate{},
	}, nil
}

// refusal is why lego did not make a provider: mostly a missing or malformed option, as it has not asked anybody yet.
func refusal(code string, mask mask, err error) *Outcome {
	class, native := classify(err)
	var caught panicked
	switch {
	case errors.Is(err, errAbandoned):
		class = Cancelled
	case errors.As(err, &caught):
		class = Internal
	case native == 0 && class == Transient && !isNetwork(err):
		class = Config
	}
	return &Outcome{Status: class, NativeCode: native, Message: mask.clean(fmt.Sprintf("lego:%s: %v", code, err))}
}

// Close ends the instance and takes its options out of the environment.
func (i *Instance) Close() {
	i.settings.leave()
	// The collector would keep what the instance had for a later one, and none may come.
	debug.FreeOSMemory()
}

// Info are the properties of an instance.
type Info struct {
	// OneValuePerName is true where a second value at a name would replace the first.
	OneValuePerName bool
	// Stateless is true where a new process can remove what an earlier one added.
	Stateless bool
	// PropagationTimeout and PropagationInterval are what lego knows of the provider, zero where it only has
	// the values that it uses everywhere.
	PropagationTimeout, PropagationInterval time.Duration
}

// Info does not change while the instance is open.
func (i *Instance) Info() Info {
	_, known := stateless[i.code]
	info := Info{OneValuePerName: i.sequential, Stateless: known}
	if timed, is := i.provider.(challenge.ProviderTimeout); is {
		timeout, interval := timed.Timeout()
		if timeout != dns01.DefaultPropagationTimeout {
			info.PropagationTimeout = timeout
		}
		if interval != dns01.DefaultPollingInterval {
			info.PropagationInterval = interval
		}
	}
	return info
}

// Clean is a text of lego's without the instance's secrets, on one line.
func (i *Instance) Clean(text string) string { return i.mask.clean(text) }

// Present adds the record.
func (i *Instance) Present(call Call, record Record) Outcome {
	if why := unfit(record); why != "" {
		return Outcome{Status: Unsupported, Message: why}
	}
	at := key{record.FQDN, record.Value}
	i.mutex.Lock()
	fate, other := i.known[at], i.otherAt(at)
	i.mutex.Unlock()
	if fate == standing {
		// most providers of lego would add it a second time, and lose the id of the first
		return Outcome{Status: OK, NoChange: true}
	}
	if other != "" {
		return Outcome{Status: Transient, Message: fmt.Sprintf(
			"lego:%s keeps one value at a name, and %s still stands at %s: it must be removed first", i.code, other, record.FQDN)}
	}
	err := i.runner.run(call, func(ctx context.Context) error {
		domain, err := aim(ctx, record)
		if err != nil {
			return err
		}
		err = i.provider.Present(ctx, domain, record.Token, record.KeyAuthorization)
		switch {
		case err == nil:
			i.remember(at, standing)
		case ctx.Err() == nil:
			i.remember(at, refusedByLego)
		}
		return err
	})
	return i.outcome(err)
}

// Remove takes the record away.
func (i *Instance) Remove(call Call, record Record) Outcome {
	if why := unfit(record); why != "" {
		return Outcome{Status: Unsupported, Message: why}
	}
	at := key{record.FQDN, record.Value}
	i.mutex.Lock()
	fate := i.known[at]
	i.mutex.Unlock()
	if fate == gone {
		return Outcome{Status: OK, NoChange: true}
	}
	err := i.runner.run(call, func(ctx context.Context) error {
		domain, err := aim(ctx, record)
		if err != nil {
			return err
		}
		err = i.provider.CleanUp(ctx, domain, record.Token, record.KeyAuthorization)
		if err == nil {
			i.remember(at, gone)
		}
		return err
	})
	if err != nil && !errors.Is(err, errAbandoned) && unknownRecord.MatchString(err.Error()) {
		i.mutex.Lock()
		fate = i.known[at]
		i.mutex.Unlock()
		switch fate {
		case refusedByLego:
			return Outcome{Status: OK, NoChange: true}
		case 0:
			return Outcome{Status: Permanent, Message: fmt.Sprintf(
				"lego:%s can only remove what it finished adding in the same process: remove the TXT value %s at %s by hand (%s)",
				i.code, record.Value, record.FQDN, i.mask.clean(err.Error()))}
		}
	}
	return i.outcome(err)
}

func (i *Instance) outcome(err error) Outcome {
	if err == nil {
		return Outcome{Status: OK}
	}
	text := i.mask.clean(fmt.Sprintf("lego:%s: %v", i.code, err))
	var caught panicked
	var other elsewhere
	switch {
	case errors.Is(err, errAbandoned):
		return Outcome{Status: Cancelled, Message: text}
	case errors.As(err, &caught):
		return Outcome{Status: Internal, Message: text}
	case errors.As(err, &other):
		return Outcome{Status: Transient, Message: text}
	}
	class, code := classify(err)
	if class == Auth {
		text += "; check the credentials in the options"
	}
	return Outcome{Status: class, NativeCode: code, Message: text}
}

func (i *Instance) remember(at key, became fate) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if len(i.known) >= remembered {
		maps.DeleteFunc(i.known, func(_ key, of fate) bool { return of != standing })
	}
	i.known[at] = became
}

// otherAt is a value that a sequential provider would replace; the caller holds the lock.
func (i *Instance) otherAt(at key) string {
	if !i.sequential {
		return ""
	}
	for known, fate := range i.known {
		if fate == standing && known.fqdn == at.fqdn && known.value != at.value {
			return known.value
		}
	}
	return ""
}
