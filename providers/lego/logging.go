package main

// #include <stdlib.h>
// #include "plugin.h"
import "C"

import (
	"context"
	"log/slog"
	"strings"
	"unsafe"

	"github.com/go-acme/lego/v5/log"

	"github.com/dns01d/dns01d/providers/lego/internal/bridge"
)

// handler hands lego's log lines to the host.
type handler struct {
	host  *C.dns01_host
	clean func(string) string
	// of loggers that carry attributes
	prefix string
}

func logTo(host *C.dns01_host, clean func(string) string) {
	log.SetDefault(slog.New(handler{host: host, clean: clean}))
}

func (h handler) Enabled(context.Context, slog.Level) bool { return true }

func (h handler) Handle(_ context.Context, record slog.Record) error {
	var line strings.Builder
	line.WriteString("lego: " + record.Message + h.prefix)
	record.Attrs(func(attribute slog.Attr) bool {
		line.WriteString(shown(attribute))
		return true
	})
	say(h.host, level(record.Level), h.clean(line.String()))
	return nil
}

func (h handler) WithAttrs(attributes []slog.Attr) slog.Handler {
	for _, attribute := range attributes {
		h.prefix += shown(attribute)
	}
	return h
}

func (h handler) WithGroup(string) slog.Handler { return h }

func shown(attribute slog.Attr) string {
	return " " + attribute.Key + "=" + attribute.Value.Resolve().String()
}

func level(of slog.Level) bridge.Level {
	switch {
	case of >= slog.LevelError:
		return bridge.LevelError
	case of >= slog.LevelWarn:
		return bridge.LevelWarn
	case of >= slog.LevelInfo:
		return bridge.LevelInfo
	default:
		return bridge.LevelDebug
	}
}

// say logs for the host; which call it belongs to lego does not tell.
func say(host *C.dns01_host, level bridge.Level, text string) {
	copied := C.CString(text)
	C.lego_log(host, nil, C.int32_t(level), copied, C.size_t(len(text)))
	C.free(unsafe.Pointer(copied))
}
