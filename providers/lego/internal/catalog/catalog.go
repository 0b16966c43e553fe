// Package catalog is what dns01d says of lego's providers: their names, and the variables that each of them reads.
//
// catalog.json is written by internal/generate out of the lego module that go.mod names, and committed, so that
// a new lego shows in a diff which variables came, went, or count as secrets.
package catalog

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed catalog.json
var file []byte

// Kind is how the host treats the value of an option.
type Kind string

// The kinds.
const (
	// Text is anything.
	Text Kind = "text"
	// Secret is masked, and comes only from secret sources.
	Secret Kind = "secret"
	// File is the absolute path of a file that the sandbox lets the provider read.
	File Kind = "file"
	// Integer is a whole number.
	Integer Kind = "integer"
	// Boolean is true or false.
	Boolean Kind = "boolean"
)

// Option is a variable that a provider of lego reads.
type Option struct {
	Key  string `json:"key"`
	Kind Kind   `json:"kind"`
	Help string `json:"help"`
}

// Provider is a provider of lego.
type Provider struct {
	Code    string   `json:"code"`
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	Aliases []string `json:"aliases,omitempty"`
	// Sequential providers cannot hold two values at one name.
	Sequential bool `json:"sequential,omitempty"`
	// Open says why the options are not all there is; empty when they are.
	Open string `json:"open,omitempty"`
	// Execs is true for a provider that runs programs.
	Execs   bool     `json:"execs,omitempty"`
	Options []Option `json:"options"`
}

// Secrets are the keys of the options that hold secrets.
func (p Provider) Secrets() map[string]bool {
	secrets := map[string]bool{}
	for _, option := range p.Options {
		if option.Kind == Secret {
			secrets[option.Key] = true
		}
	}
	return secrets
}

// All returns every provider, sorted by code.
func All() ([]Provider, error) {
	return Parse(file)
}

// Parse reads the form that [Format] writes.
func Parse(text []byte) ([]Provider, error) {
	var providers []Provider
	if err := json.Unmarshal(text, &providers); err != nil {
		return nil, fmt.Errorf("catalog.json: %w; run `go generate`", err)
	}
	return providers, nil
}
