package main

import (
	"os/exec"
	"testing"
)

// The built library, loaded by a host in C: what cgo makes of it is part of the test.
func TestTheLibraryInAHost(t *testing.T) {
	host := exec.Command("build/host", "build/libdns01_{{word}}.so",
		"python3", "tests/tinyhost.py", "--token", testToken)
	output, err := host.CombinedOutput()
	if err != nil {
		t.Fatalf("%v (run `make test`, which builds both)\n%s", err, output)
	}
	t.Logf("%s", output)
}
