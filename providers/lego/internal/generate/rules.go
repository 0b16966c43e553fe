package main

import (
	"regexp"
	"strings"

	"github.com/dns01d/dns01d/providers/lego/internal/catalog"
)

// leftOut are the providers of lego that cannot work in a daemon, with the reason.
var leftOut = map[string]string{
	"manual": "asks a person at a terminal",
}

// ownVariables are the providers whose client library reads variables of its own, which lego neither describes
// nor names: their list of options stays open. The text tells which.
var ownVariables = map[string]string{
	"alidns":      "the Alibaba Cloud client reads ALIBABA_CLOUD_*",
	"aliesa":      "the Alibaba Cloud client reads ALIBABA_CLOUD_*",
	"azuredns":    "the Azure client reads AZURE_*",
	"designate":   "the OpenStack client reads OS_*",
	"edgedns":     "the Akamai client reads AKAMAI_<SECTION>_*",
	"exec":        "the program that it runs gets every variable",
	"gcloud":      "the Google Cloud client reads GOOGLE_*",
	"hyperone":    "lego describes no credentials of it",
	"ibmcloud":    "the SoftLayer client reads SL_*",
	"lightsail":   "the AWS client reads AWS_*",
	"oraclecloud": "the Oracle Cloud client reads OCI_* and TF_VAR_*",
	"ovh":         "the OVH client reads OVH_*",
	"route53":     "the AWS client reads AWS_*",
	"scaleway":    "the Scaleway client reads SCW_*",
}

// formerNames are prefixes that a provider also reads under another name, through a function and not a constant.
var formerNames = map[string]map[string]string{
	"dnsupdate": {"DNSUPDATE_": "RFC2136_", "DNSUPDATE_TSIG_GSS_": "DNSUPDATE_RFC3645_"},
}

var (
	variable = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
	// words that make a name a secret's
	secretWord = regexp.MustCompile(`(^|_)(API_?KEY|ACCESS_?KEY|SECRET_?KEY|KEYS?|TOKENS?|\w*TOKEN|SECRET|PASSWORD|CREDENTIALS?|SIGNATURE|OTP)(_|$)`)
	// last words of what anybody may know, also in a name such as AWS_ACCESS_KEY_ID
	publicWord = regexp.MustCompile(`(?i)(^|_)(ID|NAME|USERNAME|NICKNAME|USER|LOGIN|EMAIL|URL|ENDPOINT|HOST|HOSTNAME|SERVER|ADDRESS|NAMESERVER|` +
		`BASE|MODE|REGION|PROFILE|SECTION|PROJECT|ZONE|VIEW|NUMBER|REFERENCE|CODE|OCID|FINGERPRINT|ARN|ROLE|CONFIG|CHANGED|PORT|` +
		`VERSION|SCHEME|METHOD|ENVIRONMENT|TYPE|ALGORITHM|TTL|TIMEOUT|INTERVAL|SIZE|RETRIES|SANDBOX|LINE|CONTEXT|ALLOWLIST|VERIFY)$`)
	number = regexp.MustCompile(`(^|_)(TTL|PROPAGATION_TIMEOUT|POLLING_INTERVAL|SEQUENCE_INTERVAL|HTTP_TIMEOUT|DNS_TIMEOUT)$`)
	path   = regexp.MustCompile(`(?i)(_FILE|_PATH|EDGERC)$`)
	// dumps requests with their secrets; the host has `proxy` for all providers; CGI's
	unfit   = regexp.MustCompile(`(?i)_DEBUG$|^(HTTPS?|NO)_PROXY$|^REQUEST_METHOD$`)
	pathFor = regexp.MustCompile(`(?i)\bpath (to|of)\b|\bpassport file\b`)
)

// exceptions are variables whose name or description says the wrong thing.
var exceptions = map[string]catalog.Kind{
	// the name of a key
	"DNSUPDATE_TSIG_KEY": catalog.Text,
	// numbers of records
	"SELFHOSTDE_RECORDS_MAPPING":   catalog.Text,
	"SELFHOSTDEV2_RECORDS_MAPPING": catalog.Text,
	// lego takes one of two words, not a boolean
	"AWS_SDK_LOAD_CONFIG": catalog.Text,
	// the name of an entry in clouds.yaml
	"OS_CLOUD": catalog.Text,
	// a program: readable, and executable where the operator allows programs
	"EXEC_PATH": catalog.File,
}

// isVariable is false also for the remarks that some descriptions hold instead of a name.
func isVariable(key string) bool { return variable.MatchString(key) && !unfit.MatchString(key) }

// kind decides how the host treats an option. Among the credentials what is not known to be public is a secret: a
// name too many behind a secret source is a line more to write, a password too few is a leak.
func kind(key, help string, credential bool) catalog.Kind {
	if kind, known := exceptions[key]; known {
		return kind
	}
	switch {
	case number.MatchString(key):
		return catalog.Integer
	case path.MatchString(key) || pathFor.MatchString(help):
		return catalog.File
	case strings.Contains(strings.ToLower(help), "(boolean)"):
		return catalog.Boolean
	case publicWord.MatchString(key):
		return catalog.Text
	case credential || secretWord.MatchString(key):
		return catalog.Secret
	default:
		return catalog.Text
	}
}
