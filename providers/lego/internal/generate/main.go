// Command generate writes internal/catalog/catalog.json anew from the lego module that go.mod names: from the
// description that lego keeps beside each provider (a .toml file), and from the names of variables in its source,
// because the descriptions leave some out. It needs no network once the module is there.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/dns01d/dns01d/providers/lego/internal/catalog"
)

const (
	module = "github.com/go-acme/lego/v5"
	output = "internal/catalog/catalog.json"
	site   = "https://go-acme.github.io/lego/dns/"
)

// description is lego's own form.
type description struct {
	Name          string
	Code          string
	Aliases       []string
	Configuration struct {
		Credentials map[string]string
		Additional  map[string]string
	}
}

func main() {
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate() error {
	root, err := moduleDirectory()
	if err != nil {
		return err
	}
	providers, err := read(filepath.Join(root, "providers", "dns"))
	if err != nil {
		return err
	}
	text, err := catalog.Format(providers)
	if err != nil {
		return err
	}
	return os.WriteFile(output, text, 0o644)
}

func moduleDirectory() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("go list -m %s: %w", module, err)
	}
	directory := strings.TrimSpace(string(out))
	if directory == "" {
		return "", fmt.Errorf("%s is not downloaded: run `go mod download %s`", module, module)
	}
	return directory, nil
}

// read describes every provider below the directory, sorted by code.
func read(directory string) ([]catalog.Provider, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*", "*.toml"))
	if err != nil {
		return nil, err
	}
	var providers []catalog.Provider
	for _, file := range files {
		var found description
		if _, err := toml.DecodeFile(file, &found); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if _, left := leftOut[found.Code]; left {
			continue
		}
		source, err := readSource(filepath.Dir(file))
		if err != nil {
			return nil, err
		}
		providers = append(providers, describe(found, source))
	}
	sort.Slice(providers, func(i, j int) bool { return providers[i].Code < providers[j].Code })
	return providers, nil
}

func describe(found description, source source) catalog.Provider {
	options := map[string]catalog.Option{}
	add := func(key, help string, credential bool) {
		if _, known := options[key]; known || !isVariable(key) {
			return
		}
		help = oneLine(help)
		options[key] = catalog.Option{Key: key, Kind: kind(key, help, credential), Help: help}
	}
	for key, help := range found.Configuration.Credentials {
		add(key, help, true)
	}
	for key, help := range found.Configuration.Additional {
		add(key, help, false)
	}
	for _, key := range source.variables {
		add(key, "read by lego, which does not describe it", true)
	}
	for key, option := range copyOf(options) {
		for from, to := range formerNames[found.Code] {
			if rest, is := strings.CutPrefix(key, from); is {
				option.Key = to + rest
				option.Help = "other name of " + key
				options[option.Key] = option
			}
		}
	}
	// lego reads the file that NAME_FILE names where NAME is not set
	for key, option := range copyOf(options) {
		if option.Kind == catalog.Secret && !strings.Contains(option.Help, "_FILE' is not supported") {
			add(key+"_FILE", "path of a file that holds "+key, false)
		}
	}
	sorted := make([]catalog.Option, 0, len(options))
	for _, option := range options {
		sorted = append(sorted, option)
	}
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Key < sorted[j].Key })
	return catalog.Provider{
		Code:       found.Code,
		Name:       found.Name,
		URL:        site + found.Code + "/",
		Aliases:    found.Aliases,
		Sequential: source.sequential,
		Open:       ownVariables[found.Code],
		Execs:      found.Code == "exec",
		Options:    sorted,
	}
}

func copyOf(options map[string]catalog.Option) map[string]catalog.Option {
	made := make(map[string]catalog.Option, len(options))
	for key, option := range options {
		made[key] = option
	}
	return made
}

// oneLine is what the host shows of a help text: a line without Markdown.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "`", "'")), " ")
}
