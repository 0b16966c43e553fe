// dns01d's provider plugin over lego: each provider of lego is one of dns01d's, `lego:NAME`.
//
// Built with -buildmode=c-shared; `./dev lego` in the repository's root does it.
package main

// #cgo CFLAGS: -std=c99 -Wall -Wextra -pthread -I${SRCDIR}/../../plugin-api/include
// #include "plugin.h"
import "C"

import (
	"fmt"
	"runtime"
	"runtime/cgo"
	"unsafe"

	"github.com/dns01d/dns01d/providers/lego/internal/bridge"
)

func main() {}

// Threads that run Go at once: requests to one API need no more, and a machine with many cores would make many.
const threads = 2

func init() { runtime.GOMAXPROCS(threads) }

// opened is what the host's handle stands for.
type opened struct {
	host     *C.dns01_host
	instance *bridge.Instance
}

//export legoOpen
func legoOpen(host *C.dns01_host, id *C.char, call *C.dns01_call, options **C.dns01_option, count C.size_t, failure *C.dns01_result, out *C.uintptr_t) (status C.dns01_status) {
	defer barrier(&status, failure)
	provider, known := described[C.GoString(id)]
	if !known {
		return fail(failure, bridge.Outcome{Status: bridge.Config, Message: fmt.Sprintf("no provider %s is in this library", C.GoString(id))})
	}
	given := make([]bridge.Option, 0, count)
	for _, option := range unsafe.Slice(options, count) {
		given = append(given, bridge.Option{
			Key:    text(option.key),
			Value:  text(option.value),
			Secret: option.flags&C.DNS01_OPT_SECRET != 0,
		})
	}
	instance, refused := bridge.Open(newCall(host, call), provider, given, build)
	if refused != nil {
		return fail(failure, *refused)
	}
	logTo(host, instance.Clean)
	*out = C.uintptr_t(cgo.NewHandle(opened{host, instance}))
	return C.DNS01_OK
}

//export legoClose
func legoClose(handle C.uintptr_t) {
	of(handle).instance.Close()
	cgo.Handle(handle).Delete()
}

//export legoInfo
func legoInfo(handle C.uintptr_t, out *C.dns01_instance_info) {
	info := of(handle).instance.Info()
	out.caps = C.DNS01_CAP_NEEDS_KEY_AUTH | C.DNS01_CAP_CANCELS
	if info.Stateless {
		out.caps |= C.DNS01_CAP_STATELESS_REMOVE
	}
	if info.OneValuePerName {
		out.max_values_per_name = 1
	}
	out.propagation_timeout_ms = C.int64_t(info.PropagationTimeout.Milliseconds())
	out.propagation_interval_ms = C.int64_t(info.PropagationInterval.Milliseconds())
}

//export legoPresent
func legoPresent(handle C.uintptr_t, call *C.dns01_call, records **C.dns01_record, results **C.dns01_result, count C.size_t) C.dns01_status {
	return each(of(handle), call, unsafe.Slice(records, count), unsafe.Slice(results, count), (*bridge.Instance).Present)
}

//export legoRemove
func legoRemove(handle C.uintptr_t, call *C.dns01_call, records **C.dns01_record, results **C.dns01_result, count C.size_t) C.dns01_status {
	return each(of(handle), call, unsafe.Slice(records, count), unsafe.Slice(results, count), (*bridge.Instance).Remove)
}

// each settles one record after the other, as lego does. A record whose outcome is unknown ends the call.
func each(
	self opened, call *C.dns01_call, records []*C.dns01_record, results []*C.dns01_result,
	operation func(*bridge.Instance, bridge.Call, bridge.Record) bridge.Outcome,
) (status C.dns01_status) {
	at := 0
	defer func() {
		if status != C.DNS01_OK || at == len(records) {
			return
		}
		status = fail(results[at], bridge.Outcome{Status: bridge.Internal, Message: "the bridge to lego panicked, which is a bug of dns01d's"})
	}()
	defer func() {
		// a panic of lego is an outcome; one of ours must not cross the boundary either
		if recover() != nil {
			status = C.DNS01_OK
		}
	}()
	running := newCall(self.host, call)
	for ; at < len(records); at++ {
		outcome := operation(self.instance, running, read(records[at]))
		if outcome.Status == bridge.Cancelled {
			return fail(results[at], outcome)
		}
		settle(results[at], outcome)
	}
	return C.DNS01_OK
}

func of(handle C.uintptr_t) opened { return cgo.Handle(handle).Value().(opened) }

// barrier turns a panic into an answer: none may cross the boundary.
func barrier(status *C.dns01_status, failure *C.dns01_result) {
	if recover() != nil {
		*status = fail(failure, bridge.Outcome{Status: bridge.Internal, Message: "the bridge to lego panicked, which is a bug of dns01d's"})
	}
}
