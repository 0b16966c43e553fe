package bridge

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/dns01d/dns01d/providers/lego/internal/catalog"
)

// Options that every provider has. The first two have one meaning in all of dns01d.
const (
	OptionProxy     = "proxy"
	OptionCAFile    = "ca-file"
	OptionResolvers = "resolvers"
)

// Option is a configured value.
type Option struct {
	Key    string
	Value  string
	Secret bool
}

var (
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// LEGO_* are switches of lego's own program and its debugging, *_DEBUG print requests with their secrets
	refused = regexp.MustCompile(`^LEGO_|_DEBUG$`)
)

// settings are an instance's options, sorted out.
type settings struct {
	environment map[string]string
	resolvers   []string
	secrets     []string
}

func sortOut(provider catalog.Provider, options []Option) (settings, error) {
	known := map[string]catalog.Kind{}
	for _, option := range provider.Options {
		known[option.Key] = option.Kind
	}
	found := settings{environment: map[string]string{}}
	set := func(key, value string) error {
		if _, twice := found.environment[key]; twice {
			return fmt.Errorf("option `%s` takes one value", key)
		}
		found.environment[key] = value
		return nil
	}
	for _, option := range options {
		kind, described := known[option.Key]
		if option.Secret || kind == catalog.Secret {
			found.secrets = append(found.secrets, option.Value)
		}
		var err error
		switch {
		case option.Key == OptionProxy:
			if err = set("HTTPS_PROXY", option.Value); err == nil {
				err = set("HTTP_PROXY", option.Value)
			}
		case option.Key == OptionCAFile:
			// Go reads the system's directory of certificates beside this file
			err = set("SSL_CERT_FILE", option.Value)
		case option.Key == OptionResolvers:
			found.resolvers = append(found.resolvers, option.Value)
		case !described && provider.Open == "":
			err = fmt.Errorf("lego:%s has no option `%s`", provider.Code, option.Key)
		case !described && (!variable.MatchString(option.Key) || refused.MatchString(option.Key)):
			err = fmt.Errorf("option `%s` cannot be given: it is no variable of a provider", option.Key)
		default:
			if base, is := strings.CutSuffix(option.Key, "_FILE"); is && known[base] == catalog.Secret {
				found.secrets = append(found.secrets, fileSecret(option.Value))
			}
			if err = wellFormed(option, kind); err == nil {
				err = set(option.Key, option.Value)
			}
		}
		if err != nil {
			return settings{}, err
		}
	}
	return found, nil
}

// wellFormed refuses what lego would silently replace by its default.
func wellFormed(option Option, kind catalog.Kind) error {
	switch kind {
	case catalog.Integer:
		if number, err := strconv.Atoi(option.Value); err != nil || number < 0 {
			return fmt.Errorf("option `%s` must be a whole number, 0 or more", option.Key)
		}
	case catalog.Boolean:
		if _, err := strconv.ParseBool(option.Value); err != nil {
			return fmt.Errorf("option `%s` must be true or false", option.Key)
		}
	}
	return nil
}

// enter sets the variables for this process, which holds this instance alone; leave undoes it.
func (s settings) enter() error {
	for key, value := range s.environment {
		if err := os.Setenv(key, value); err != nil {
			return fmt.Errorf("option `%s`: %w", key, err)
		}
	}
	return nil
}

func (s settings) leave() {
	for key := range s.environment {
		// fails for names that enter refused
		_ = os.Unsetenv(key)
	}
}
