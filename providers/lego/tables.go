package main

// #include <stdlib.h>
// #include "plugin.h"
import "C"

import (
	"runtime/debug"
	"slices"
	"strings"
	"unsafe"

	"github.com/dns01d/dns01d/providers/lego/internal/bridge"
	"github.com/dns01d/dns01d/providers/lego/internal/catalog"
)

// version is dns01d's; `./dev lego` sets it.
var version = "0"

// described are the providers by the id that the host knows.
var described = map[string]catalog.Provider{}

// everywhere are the options that each provider has.
var everywhere = []struct {
	key, help string
	flags     C.uint32_t
}{
	{bridge.OptionResolvers, "resolvers, host:port, that lego asks for zones and CNAMEs; otherwise those of the system", C.DNS01_OPT_LIST},
	{bridge.OptionCAFile, "trust roots in PEM, beside those of the system", C.DNS01_OPT_FILE},
	{bridge.OptionProxy, "HTTP proxy as a URL", 0},
}

//export legoDescribe
func legoDescribe(host *C.dns01_host, plugin *C.dns01_plugin) (done C.int32_t) {
	defer func() {
		if recover() != nil {
			done = 0
		}
	}()
	providers, err := catalog.All()
	if err != nil {
		say(host, bridge.LevelError, err.Error())
		return 0
	}
	built := codes()
	var tables []*C.dns01_provider
	for _, provider := range providers {
		// with build tags a library holds some of lego's providers
		if built != nil && !slices.Contains(built, provider.Code) {
			continue
		}
		options := makeOptions(provider)
		tables = append(tables, makeProvider(provider.Code, provider, options))
		for _, alias := range provider.Aliases {
			tables = append(tables, makeProvider(alias, provider, options))
		}
	}
	plugin.name = C.CString("lego")
	plugin.version = C.CString(version + "+lego" + legoVersion())
	// ours; lego's is MIT, and its client libraries have their own
	plugin.license = C.CString("MIT OR Apache-2.0")
	plugin.providers, plugin.provider_count = list(tables)
	return 1
}

func makeProvider(code string, provider catalog.Provider, options []*C.dns01_option_desc) *C.dns01_provider {
	id := "lego:" + code
	described[id] = provider
	title := provider.Name + ", through lego"
	if code != provider.Code {
		title += " (other name of lego:" + provider.Code + ")"
	}
	if provider.Sequential {
		title += "; one value per name"
	}
	made := (*C.dns01_provider)(C.calloc(1, C.sizeof_dns01_provider))
	made.struct_size = C.sizeof_dns01_provider
	if provider.Open != "" {
		made.flags |= C.DNS01_PROVIDER_OPEN_CONFIG
	}
	if provider.Execs {
		made.flags |= C.DNS01_PROVIDER_EXECS
	}
	made.id = C.CString(id)
	made.title = C.CString(title)
	made.url = C.CString(provider.URL)
	made.options, made.option_count = list(options)
	return made
}

func makeOptions(provider catalog.Provider) []*C.dns01_option_desc {
	var made []*C.dns01_option_desc
	for _, option := range provider.Options {
		made = append(made, makeOption(option.Key, option.Help, flags[option.Kind]))
	}
	for _, option := range everywhere {
		made = append(made, makeOption(option.key, option.help, option.flags))
	}
	return made
}

// Lego does not say which of its variables are required: many are alternatives to others. It refuses itself.
var flags = map[catalog.Kind]C.uint32_t{
	catalog.Secret:  C.DNS01_OPT_SECRET,
	catalog.File:    C.DNS01_OPT_FILE,
	catalog.Integer: C.DNS01_OPT_INTEGER,
	catalog.Boolean: C.DNS01_OPT_BOOLEAN,
}

func makeOption(key, help string, flags C.uint32_t) *C.dns01_option_desc {
	made := (*C.dns01_option_desc)(C.calloc(1, C.sizeof_dns01_option_desc))
	made.struct_size = C.sizeof_dns01_option_desc
	made.flags = flags
	made.key = C.CString(key)
	made.help = C.CString(help)
	return made
}

// list copies pointers to memory that Go does not manage. Nothing here is ever freed: rule M4.
func list[T any](from []*T) (**T, C.uint32_t) {
	if len(from) == 0 {
		return nil, 0
	}
	made := (**T)(C.calloc(C.size_t(len(from)), C.size_t(unsafe.Sizeof(from[0]))))
	copy(unsafe.Slice(made, len(from)), from)
	return made, C.uint32_t(len(from))
}

func legoVersion() string {
	info, known := debug.ReadBuildInfo()
	if known {
		for _, module := range info.Deps {
			if module.Path == "github.com/go-acme/lego/v5" {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return ""
}
