package catalog

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func all(t *testing.T) []Provider {
	t.Helper()
	providers, err := All()
	if err != nil {
		t.Fatal(err)
	}
	return providers
}

func TestTheReadmeNamesTheProvidersThatHoldOneValue(t *testing.T) {
	_, list, _ := strings.Cut(readme(t), "These are ")
	list, _, _ = strings.Cut(list, ". lego also")
	var named, are []string
	for _, found := range regexp.MustCompile("`([a-z0-9]+)`").FindAllStringSubmatch(list, -1) {
		named = append(named, found[1])
	}
	for _, provider := range all(t) {
		if provider.Sequential {
			are = append(are, provider.Code)
		}
	}
	if strings.Join(named, " ") != strings.Join(are, " ") {
		t.Errorf("named %v, are %v", named, are)
	}
}

func TestTheReadmeNamesVariablesAndProvidersThatThereAre(t *testing.T) {
	known := map[string]bool{}
	for _, provider := range all(t) {
		known["lego:"+provider.Code] = true
		for _, alias := range provider.Aliases {
			known["lego:"+alias] = true
		}
		for _, option := range provider.Options {
			known[option.Key] = true
		}
	}
	text := readme(t)
	for _, name := range regexp.MustCompile(`\b[A-Z0-9]+(?:_[A-Z0-9]+)+\b|\blego:[a-z0-9]+`).FindAllString(text, -1) {
		family := strings.Contains(text, "*_"+name) || name == "NAME_FILE"
		if !known[name] && !family {
			t.Errorf("%s is none", name)
		}
	}
}

func TestEveryProviderKeepsTheRulesOfTheTables(t *testing.T) {
	id, key := regexp.MustCompile(`^[a-z0-9_.:-]+$`), regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	seen := map[string]bool{}
	for _, provider := range all(t) {
		for _, code := range append([]string{provider.Code}, provider.Aliases...) {
			if !id.MatchString(code) || seen[code] {
				t.Errorf("provider %q", code)
			}
			seen[code] = true
		}
		keys := map[string]bool{}
		for _, option := range provider.Options {
			if !key.MatchString(option.Key) || keys[option.Key] || strings.ContainsAny(option.Help, "\n\r") {
				t.Errorf("%s: option %q", provider.Code, option.Key)
			}
			keys[option.Key] = true
		}
		if len(provider.Options) == 0 && provider.Open == "" {
			t.Errorf("%s has no options and is not open", provider.Code)
		}
	}
	if len(seen) < 230 {
		t.Errorf("%d providers", len(seen))
	}
}
