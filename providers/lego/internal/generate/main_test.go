package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/dns01d/dns01d/providers/lego/internal/catalog"
)

func TestTheCatalogIsThatOfTheModule(t *testing.T) {
	root, err := moduleDirectory()
	if err != nil {
		t.Fatal(err)
	}
	providers, err := read(filepath.Join(root, "providers", "dns"))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := catalog.Format(providers)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile(filepath.Join("..", "..", output))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fresh, committed) {
		t.Errorf("%s is of another lego: run `go generate` and look at the diff, above all at what counts as a secret", output)
	}
}

func TestSecretsAreKnownByTheirNames(t *testing.T) {
	for _, one := range []struct {
		key, help  string
		credential bool
		want       catalog.Kind
	}{
		{"HETZNER_API_TOKEN", "API token", true, catalog.Secret},
		{"HTTPREQ_PASSWORD", "Basic authentication password", false, catalog.Secret},
		{"DNSUPDATE_TSIG_SECRET", "Secret key payload", false, catalog.Secret},
		{"GCE_SERVICE_ACCOUNT", "Account", true, catalog.Secret},
		{"NEWPROVIDER_WHATEVER", "no word of ours", true, catalog.Secret},
		{"AWS_ACCESS_KEY_ID", "Access key ID", true, catalog.Text},
		{"HTTPREQ_ENDPOINT", "The URL of the server", true, catalog.Text},
		{"DNSUPDATE_TSIG_KEY", "Name of the secret key", false, catalog.Text},
		{"TRANSIP_PRIVATE_KEY_PATH", "Private key path", true, catalog.File},
		{"INFOBLOX_CA_CERTIFICATE", "The path to the CA certificate (PEM encoded)", false, catalog.File},
		{"X_TTL", "The TTL of the TXT record", false, catalog.Integer},
		{"INWX_SANDBOX", "Activate the sandbox (boolean)", false, catalog.Boolean},
	} {
		if got := kind(one.key, one.help, one.credential); got != one.want {
			t.Errorf("%s is %s", one.key, got)
		}
	}
}

func TestWhatLegoDoesNotDescribeIsFoundInItsSource(t *testing.T) {
	providers, err := catalog.All()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]catalog.Kind{}
	for _, provider := range providers {
		for _, option := range provider.Options {
			found[option.Key] = option.Kind
		}
	}
	for key, want := range map[string]catalog.Kind{
		"EXEC_PATH":             catalog.File,
		"RFC2136_TSIG_SECRET":   catalog.Secret,
		"SCALEWAY_API_TOKEN":    catalog.Secret,
		"CLOUDPRESS_ACCOUNT_ID": catalog.Text,
	} {
		if found[key] != want {
			t.Errorf("%s is %q", key, found[key])
		}
	}
}
