//go:build !lego_dnslight

package main

import (
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/providers/dns"
)

// codes are the providers in this library; nil: all of them.
func codes() []string { return nil }

func build(code string) (challenge.Provider, error) { return dns.NewDNSChallengeProviderByName(code) }
