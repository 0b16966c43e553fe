package main

import (
	"bufio"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const testToken = "let-me-in"

// startHost plays the DNS host until the test ends, and returns its address.
func startHost(t *testing.T) string {
	t.Helper()
	command := exec.Command("python3", "tests/tinyhost.py", "--token", testToken)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err, "(python3 plays the host: install it)")
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "http "))
}

type memory map[string]string

func (m memory) get(key string) (string, error) { return m[key], nil }
func (m memory) put(key, value string) error    { m[key] = value; return nil }

func opened(t *testing.T, token string) api {
	t.Helper()
	a, err := open(map[string]string{"endpoint": startHost(t), "token": token, "timeout": "10000"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func status(err error) int32 {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure.Status
	}
	return 0
}

func TestAddingAndRemovingMayComeTwice(t *testing.T) {
	a, ctx := opened(t, testToken), context.Background()
	records := []Record{{FQDN: "_acme-challenge.example.test", Value: "value", TTL: 60}}
	for _, again := range []bool{false, true} {
		outcomes, err := a.present(ctx, memory{}, records)
		if err != nil || outcomes[0].Err != nil || outcomes[0].NoChange != again || outcomes[0].Handle == "" {
			t.Fatal(again, outcomes, err)
		}
	}
	for _, again := range []bool{false, true} {
		outcomes, err := a.remove(ctx, memory{}, records)
		if err != nil || outcomes[0].Err != nil || outcomes[0].NoChange != again {
			t.Fatal(again, outcomes, err)
		}
	}
}

func TestErrorsSayWhoseTurnItIs(t *testing.T) {
	_, err := opened(t, "wr0ng-t0ken").check(context.Background(), memory{}, nil)
	if status(err) != auth || strings.Contains(err.Error(), "wr0ng") {
		t.Fatal(err)
	}
	a := opened(t, testToken)
	for name, want := range map[string]int32{"status-429": rateLimited, "status-503": transient} {
		records := []Record{{FQDN: "_acme-challenge." + name + ".example.test", Value: "value"}}
		if _, err := a.present(context.Background(), memory{}, records); status(err) != want {
			t.Fatal(name, err)
		}
	}
	if _, err := open(map[string]string{"endpoint": "nowhere", "timeout": "1"}); status(err) != config {
		t.Fatal(err)
	}
}

func TestACancelledCallEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(300*time.Millisecond, cancel)
	records := []Record{{FQDN: "_acme-challenge.slow.example.test", Value: "value"}}
	begin := time.Now()
	_, err := opened(t, testToken).present(ctx, memory{}, records)
	if status(err) != cancelled || time.Since(begin) > 2*time.Second {
		t.Fatal(err, time.Since(begin))
	}
}
