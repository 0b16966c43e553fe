// A complete provider in Go, for the host that tinyhost.py plays: typed options, a
// secret, state kept by dns01d, whole batches in one request, handles, error
// classes, cancellation.
//
//	go build -buildmode=c-shared -o libdns01_tinyhost.so \
//	    -ldflags '-extldflags "-Wl,-z,defs -Wl,--version-script=$PWD/exports.map"'
//
// The version script exports the entry and nothing of Go's runtime. This file is the
// boundary: it copies what C lends, stops every panic, and knows nothing of the API,
// which is in api.go. The tables are in plugin.c. The library is never unloaded,
// which Go could not bear.
package main

/*
#cgo CFLAGS: -std=c99 -I${SRCDIR}/include -I${SRCDIR}/../../include
#include <stdlib.h>
#include "plugin.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime/cgo"
	"time"
	"unsafe"
)

func main() {} // c-shared wants one; nobody calls it

// instance is what a *C.dns01_instance stands for: a cgo.Handle, since C must not
// keep pointers into Go's memory.
type instance struct {
	host *C.dns01_host
	api  api
}

// Failure is an error with what dns01d does about it.
type Failure struct {
	Status     int32 // DNS01_E_*
	Native     int32 // HTTP status; 0 none
	RetryAfter time.Duration
	Message    string // for the operator: what failed, what to do; never a secret
}

func (f *Failure) Error() string { return f.Message }

// Record is one TXT record, copied: what C lends is gone when the call returns.
type Record struct {
	FQDN, Value, Handle string
	TTL                 uint32
}

// Outcome is what became of one record.
type Outcome struct {
	NoChange        bool
	Message, Handle string
	Err             error
}

//export goOpen
func goOpen(host *C.dns01_host, call *C.dns01_call, options **C.dns01_option, count C.size_t,
	result *C.dns01_result, out **C.dns01_instance) (status C.dns01_status) {
	defer barrier(host, call, result, &status)
	values := map[string]string{}
	for _, option := range unsafe.Slice(options, count) {
		values[text(option.key)] = text(option.value)
	}
	api, err := open(values)
	if err != nil {
		return fail(result, err)
	}
	api.agent = C.GoString(host.name) + "/" + C.GoString(host.version)
	handle := cgo.NewHandle(&instance{host, api})
	*out = (*C.dns01_instance)(C.malloc(C.size_t(unsafe.Sizeof(handle))))
	*(*cgo.Handle)(unsafe.Pointer(*out)) = handle
	return C.DNS01_OK
}

//export goClose
func goClose(raw *C.dns01_instance) {
	(*(*cgo.Handle)(unsafe.Pointer(raw))).Delete()
	C.free(unsafe.Pointer(raw))
}

//export goBatch
func goBatch(operation C.int, raw *C.dns01_instance, call *C.dns01_call, lent **C.dns01_record,
	results **C.dns01_result, count C.size_t) (status C.dns01_status) {
	self := (*(*cgo.Handle)(unsafe.Pointer(raw))).Value().(*instance)
	slots := unsafe.Slice(results, max(count, 1))
	defer barrier(self.host, call, slots[0], &status)
	ctx, done := self.during(call)
	defer done()

	records := make([]Record, count)
	for i, record := range unsafe.Slice(lent, count) {
		records[i] = Record{text(record.fqdn), text(record.value), text(record.handle), uint32(record.ttl)}
	}
	var outcomes []Outcome
	var err error
	state := kept{self.host, call}
	switch operation {
	case C.PRESENT:
		outcomes, err = self.api.present(ctx, state, records)
	case C.REMOVE:
		outcomes, err = self.api.remove(ctx, state, records)
	case C.CHECK:
		outcomes, err = self.api.check(ctx, state, records)
	case C.SETUP:
		outcomes, err = self.api.setup(ctx, state, records)
	}
	if err != nil { // the outcome of every record
		return fail(slots[0], err)
	}
	for i, outcome := range outcomes {
		settle(slots[i], outcome)
	}
	return C.DNS01_OK
}

// during gives a context that ends with the call's time (C1) or its cancellation
// (C2). No goroutine uses the call after `done` has returned (T3).
func (self *instance) during(call *C.dns01_call) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(call.timeout_ms)*time.Millisecond)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if C.host_is_cancelled(self.host, call) != 0 {
				cancel()
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return ctx, func() { cancel(); <-ended }
}

// barrier turns a panic into DNS01_E_INTERNAL: none may leave Go (T4).
func barrier(host *C.dns01_host, call *C.dns01_call, result *C.dns01_result, status *C.dns01_status) {
	if found := recover(); found != nil {
		line := fmt.Sprintf("bug in the provider: %v", found)
		chars := C.CString(line)
		defer C.free(unsafe.Pointer(chars))
		C.host_log(host, call, C.DNS01_LOG_ERROR, chars, C.size_t(len(line)))
		*status = fail(result, &Failure{Status: C.DNS01_E_INTERNAL, Message: line})
	}
}

// fail says why in result, and returns the status of the call.
func fail(result *C.dns01_result, err error) C.dns01_status {
	var failure *Failure
	if !errors.As(err, &failure) {
		failure = &Failure{Status: C.DNS01_E_PERMANENT, Message: err.Error()}
	}
	put(result.message, result.message_cap, failure.Message)
	result.native_code = C.int32_t(failure.Native)
	result.retry_after_ms = C.int64_t(failure.RetryAfter.Milliseconds())
	return C.dns01_status(failure.Status)
}

// settle writes the fields one by one: the struct is the host's, and may be larger.
func settle(result *C.dns01_result, outcome Outcome) {
	if outcome.Err != nil {
		result.status = fail(result, outcome.Err)
		return
	}
	put(result.message, result.message_cap, outcome.Message)
	if len(outcome.Handle) < int(result.handle_cap) { // never cut (it would be another)
		put(result.handle, result.handle_cap, outcome.Handle)
	}
	if outcome.NoChange {
		result.flags = C.DNS01_RESULT_NO_CHANGE
	}
	result.status = C.DNS01_OK
}

func put(buffer *C.char, size C.uint32_t, text string) {
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(buffer)), size)
	end := copy(bytes[:size-1], text)
	bytes[end] = 0
}

func text(lent C.dns01_str) string { return C.GoStringN(lent.ptr, C.int(lent.len)) }

// kept is the durable state of this instance, which dns01d keeps sealed.
type kept struct {
	host *C.dns01_host
	call *C.dns01_call
}

func lend(text string) (C.dns01_str, func()) {
	chars := C.CString(text)
	return C.dns01_str{ptr: chars, len: C.size_t(len(text))}, func() { C.free(unsafe.Pointer(chars)) }
}

func (k kept) get(key string) (string, error) {
	name, free := lend(key)
	defer free()
	var buffer [4096]C.char
	var size C.size_t
	status := C.host_state_get(k.host, k.call, name, &buffer[0], C.size_t(len(buffer)), &size)
	if status != C.DNS01_OK || int(size) > len(buffer) {
		return "", &Failure{Status: int32(status), Message: "dns01d did not give the kept " + key}
	}
	return C.GoStringN(&buffer[0], C.int(size)), nil
}

func (k kept) put(key, value string) error {
	name, free := lend(key)
	defer free()
	content, free := lend(value)
	defer free()
	if status := C.host_state_put(k.host, k.call, name, content); status != C.DNS01_OK {
		return &Failure{Status: int32(status), Message: "dns01d did not keep the " + key}
	}
	return nil
}
