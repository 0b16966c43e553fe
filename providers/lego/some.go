//go:build lego_dnslight

package main

import (
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/providers/dns"
)

// codes are the providers in this library: those whose tag `lego_dns_CODE` was given, which is lego's own way to
// leave out the others.
func codes() []string { return dns.GetProviderCodes() }

func build(code string) (challenge.Provider, error) { return dns.NewDNSChallengeProviderByName(code) }
