package bridge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
)

// Lego's errors are text. What an operator gets from this file is a guess, made so that a wrong one does no harm:
// whatever is not known to need a person is tried again.

var (
	statusText = regexp.MustCompile(`(?i)status(?: code)?[:=]? ?(\d{3})\b|\bhttp(?:/\d(?:\.\d)?)? (\d{3})\b`)
	authText   = regexp.MustCompile(`(?i)\bunauthori[sz]ed\b|\bforbidden\b|\baccess denied\b|\bpermission denied\b|authentication (failed|failure|error|required)|` +
		`not authenticated|bad authentication|invalid (api|auth|access|authentication|authorization)?[ _-]?(key|token|credentials?|password|signature)\b|` +
		`(login|authorization) failed|incorrect password|\bBAD(KEY|SIG)\b|\bNOTAUTH\b|replied REFUSED`)
	rateText = regexp.MustCompile(`(?i)rate.?limit|too many requests|throttl`)
	zoneText = regexp.MustCompile(`(?i)(could not find|cannot find|can't find|failed to find|unable to find|couldn't find|no|unknown)( \w+)? (hosted )?zone\b|` +
		`\bzone (\S+ )?(for \S+ )?(was )?not found|start of authority|domain (\S+ )?not found`)
	// a server asked for the zone of a name that is in none of its zones, or a resolver that is not for us
	lookupText = regexp.MustCompile(`(?i)\bIN +SOA', code=(REFUSED|NOTAUTH)\b`)
)

// classify guesses who must act. The code is the HTTP status, 0 if none is known.
func classify(err error) (class Status, code int) {
	code = httpStatus(err)
	text := err.Error()
	if code == 0 {
		code = statusInText(text)
	}
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return Auth, code
	case code == http.StatusTooManyRequests:
		return RateLimited, code
	case code == http.StatusUnprocessableEntity:
		// understood, and refused for what it says: it will say the same again
		return Permanent, code
	case code >= 500:
		return Transient, code
	case isNetwork(err):
		return Transient, code
	case rateText.MatchString(text):
		return RateLimited, code
	case lookupText.MatchString(text):
		return ZoneNotFound, code
	case authText.MatchString(text):
		return Auth, code
	case zoneText.MatchString(text):
		return ZoneNotFound, code
	}
	return Transient, code
}

func isNetwork(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network)
}

func statusInText(text string) int {
	found := statusText.FindStringSubmatch(text)
	for _, digits := range found {
		if code, err := strconv.Atoi(digits); err == nil && isStatus(code) {
			return code
		}
	}
	return 0
}

// httpStatus looks for a status in the errors that err wraps. Their types belong to seventy client libraries and
// to lego's internal packages; what they have in common are the names of a field and of two methods.
func httpStatus(err error) int {
	for _, one := range flatten(err, nil) {
		switch known := one.(type) {
		case interface{ HTTPStatusCode() int }:
			if code := known.HTTPStatusCode(); isStatus(code) {
				return code
			}
		case interface{ StatusCode() int }:
			if code := known.StatusCode(); isStatus(code) {
				return code
			}
		}
		if code := statusField(reflect.ValueOf(one)); code != 0 {
			return code
		}
	}
	return 0
}

func statusField(value reflect.Value) int {
	for value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct {
		return 0
	}
	for _, name := range []string{"StatusCode", "HTTPStatusCode"} {
		field := value.FieldByName(name)
		if field.IsValid() && field.CanInt() && isStatus(int(field.Int())) {
			return int(field.Int())
		}
	}
	return 0
}

func isStatus(code int) bool { return code >= 400 && code <= 599 }

// Deepest chain of wrapped errors that is looked at.
const deepest = 32

func flatten(err error, found []error) []error {
	for err != nil && len(found) < deepest {
		found = append(found, err)
		switch wrapping := err.(type) {
		case interface{ Unwrap() error }:
			err = wrapping.Unwrap()
		case interface{ Unwrap() []error }:
			for _, one := range wrapping.Unwrap() {
				found = flatten(one, found)
			}
			return found
		default:
			return found
		}
	}
	return found
}
