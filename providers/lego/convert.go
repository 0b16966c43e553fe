package main

// #include "plugin.h"
import "C"

import (
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/dns01d/dns01d/providers/lego/internal/bridge"
)

// Go's memory may move and C's ends with the call: everything is copied.

func text(from C.dns01_str) string { return C.GoStringN(from.ptr, C.int(from.len)) }

func read(from *C.dns01_record) bridge.Record {
	return bridge.Record{
		FQDN:             text(from.fqdn),
		Value:            text(from.value),
		Identifier:       text(from.identifier),
		Token:            text(from.token),
		KeyAuthorization: text(from.key_authorization),
		Kind:             uint32(from.kind),
	}
}

// settle gives a record its outcome.
func settle(result *C.dns01_result, outcome bridge.Outcome) {
	if outcome.NoChange {
		result.flags |= C.DNS01_RESULT_NO_CHANGE
	}
	result.status = fail(result, outcome)
}

// fail writes everything but the status, which is the answer to the whole call.
func fail(result *C.dns01_result, outcome bridge.Outcome) C.dns01_status {
	result.native_code = C.int32_t(outcome.NativeCode)
	if result.message_cap > 0 {
		buffer := unsafe.Slice((*byte)(unsafe.Pointer(result.message)), result.message_cap)
		end := copy(buffer[:len(buffer)-1], fitting(outcome.Message, len(buffer)-1))
		buffer[end] = 0
	}
	return C.dns01_status(outcome.Status)
}

// fitting is as much of the text as fits, cut between characters.
func fitting(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// call is the host's call in progress.
type call struct {
	host *C.dns01_host
	call *C.dns01_call
	end  time.Time
}

func newCall(host *C.dns01_host, from *C.dns01_call) call {
	return call{host, from, time.Now().Add(time.Duration(from.timeout_ms) * time.Millisecond)}
}

func (c call) Remaining() time.Duration { return time.Until(c.end) }

func (c call) IsCancelled() bool { return C.lego_is_cancelled(c.host, c.call) != 0 }
