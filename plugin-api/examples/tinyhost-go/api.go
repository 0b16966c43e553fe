package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The classes of the header that this API knows. C.DNS01_E_AUTH is an integer of C,
// and this file has no C in it.
const (
	transient    = 100
	rateLimited  = 101
	cancelled    = 102
	permanent    = 200
	auth         = 201
	zoneNotFound = 202
	config       = 203
)

const (
	account   = "account" // where dns01d keeps the token that setup got
	maxAnswer = 64 << 10  // no answer of this API is longer
)

// store is the durable state of an instance.
type store interface {
	get(key string) (string, error)
	put(key, value string) error
}

// api is one open instance; nothing in it changes.
type api struct {
	endpoint string
	token    string // empty: the one that setup registered
	timeout  time.Duration
	agent    string
}

// open reads the options, which the host has checked by their types.
func open(options map[string]string) (api, error) {
	milliseconds, err := strconv.Atoi(options["timeout"])
	if err != nil || milliseconds <= 0 {
		return api{}, &Failure{Status: config, Message: "option `timeout` is not a duration in whole milliseconds"}
	}
	if _, _, err := net.SplitHostPort(options["endpoint"]); err != nil {
		return api{}, &Failure{Status: config, Message: "option `endpoint` is not an address and a port: " + err.Error()}
	}
	if strings.ContainsAny(options["token"], " \t\r\n") {
		return api{}, &Failure{Status: config, Message: "option `token` holds a space"}
	}
	return api{
		endpoint: options["endpoint"],
		token:    options["token"],
		timeout:  time.Duration(milliseconds) * time.Millisecond,
	}, nil
}

func (a api) present(ctx context.Context, state store, records []Record) ([]Outcome, error) {
	line := func(r Record) string { return fmt.Sprintf("%s %d %s", r.FQDN, r.TTL, r.Value) }
	return a.each(ctx, state, "/add", records, line, func(code int, words string) Outcome {
		switch code {
		case 201:
			return Outcome{Handle: words}
		case 200:
			return Outcome{Handle: words, NoChange: true}
		}
		return Outcome{Err: fault(code, words)}
	})
}

func (a api) remove(ctx context.Context, state store, records []Record) ([]Outcome, error) {
	line := func(r Record) string {
		if r.Handle != "" {
			return r.Handle
		}
		return r.FQDN + " " + r.Value // the handle was lost in a crash
	}
	return a.each(ctx, state, "/remove", records, line, func(code int, words string) Outcome {
		switch code {
		case 200:
			return Outcome{}
		case 404:
			return Outcome{NoChange: true}
		}
		return Outcome{Err: fault(code, words)}
	})
}

func (a api) check(ctx context.Context, state store, records []Record) ([]Outcome, error) {
	line := func(r Record) string { return r.FQDN }
	return a.each(ctx, state, "/check", records, line, func(code int, words string) Outcome {
		if code == 200 {
			return Outcome{NoChange: true, Message: "in zone " + words}
		}
		return Outcome{Err: fault(code, words)}
	})
}

func (a api) setup(ctx context.Context, state store, records []Record) ([]Outcome, error) {
	message := "nothing to do: option `token` is set"
	if a.token == "" {
		known, err := state.get(account)
		if err != nil {
			return nil, err
		}
		message = "nothing to do: there is an account"
		if known == "" {
			token, err := a.post(ctx, "/register", "", "")
			if err != nil {
				return nil, err
			}
			if err := state.put(account, strings.TrimSpace(token)); err != nil {
				return nil, err
			}
			message = "an account was registered"
		}
	}
	outcomes := make([]Outcome, len(records))
	for i := range outcomes {
		outcomes[i].Message = message
	}
	return outcomes, nil
}

// each sends a line for each record in one request, and judges each by its line of
// the answer.
func (a api) each(ctx context.Context, state store, path string, records []Record,
	line func(Record) string, outcome func(int, string) Outcome) ([]Outcome, error) {
	token := a.token
	if token == "" {
		var err error
		if token, err = state.get(account); err != nil {
			return nil, err
		}
		if token == "" {
			return nil, &Failure{Status: config,
				Message: "there is no account: set option `token`, or run `dns01d provider setup`"}
		}
	}
	lines := make([]string, len(records))
	for i, record := range records {
		lines[i] = line(record)
	}
	answer, err := a.post(ctx, path, token, strings.Join(lines, "\n"))
	if err != nil {
		return nil, err
	}
	answers := strings.Split(answer, "\n")
	outcomes := make([]Outcome, len(records))
	for i := range records {
		code, words := 0, ""
		if i < len(answers) {
			number, rest, _ := strings.Cut(answers[i], " ")
			code, _ = strconv.Atoi(number)
			words = rest
		}
		if code == 0 {
			outcomes[i].Err = &Failure{Status: permanent, Message: "the answer has not a line for each record"}
		} else {
			outcomes[i] = outcome(code, words)
		}
	}
	return outcomes, nil
}

// fault says what went wrong with one record.
func fault(code int, words string) error {
	status := int32(permanent)
	switch {
	case code == 403:
		status = auth
	case code == 404:
		status = zoneNotFound
	case code >= 500:
		status = transient
	}
	return &Failure{Status: status, Native: int32(code), Message: "TinyHost: " + words}
}

// post ends with the context, or after the time of one request. What fails here
// fails the whole call.
func (a api) post(ctx context.Context, path, token, body string) (string, error) {
	limited, done := context.WithTimeout(ctx, a.timeout)
	defer done()
	request, err := http.NewRequestWithContext(limited, "POST", "http://"+a.endpoint+path, bytes.NewBufferString(body))
	if err != nil {
		return "", &Failure{Status: config, Message: "option `endpoint`: " + err.Error()}
	}
	request.Header.Set("User-Agent", a.agent)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	var text []byte
	if err == nil {
		defer response.Body.Close()
		text, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "", &Failure{Status: cancelled, Message: "given up: cancelled"}
	case errors.Is(err, context.DeadlineExceeded):
		return "", &Failure{Status: transient, Message: "TinyHost did not answer in time"}
	case err != nil:
		return "", &Failure{Status: transient, Message: "TinyHost is not reached: " + err.Error()}
	case response.StatusCode < 300:
		return string(text), nil
	case response.StatusCode == 401:
		return "", &Failure{Status: auth, Native: 401,
			Message: "TinyHost does not know the token: make a new one and set option `token`"}
	case response.StatusCode == 429:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return "", &Failure{Status: rateLimited, Native: 429, RetryAfter: time.Duration(seconds) * time.Second,
			Message: "TinyHost has had too many requests"}
	case response.StatusCode >= 500:
		return "", &Failure{Status: transient, Native: int32(response.StatusCode),
			Message: "TinyHost answered with status " + response.Status}
	}
	return "", &Failure{Status: permanent, Native: int32(response.StatusCode),
		Message: "TinyHost answered with status " + response.Status}
}
