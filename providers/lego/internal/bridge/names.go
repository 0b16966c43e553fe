package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/go-acme/lego/v5/challenge/dns01"
)

const (
	label = "_acme-challenge."
	// A variable that lego reads in every call.
	disableCNAME = "LEGO_DISABLE_CNAME_SUPPORT"
)

// unfit is a record that lego cannot be told to write.
func unfit(record Record) string {
	switch {
	case record.Kind != KindDNS01 && record.Kind != KindCanary:
		return "lego writes records of dns-01 only"
	case record.KeyAuthorization == "":
		return "lego computes the value from the key authorization, and this record has none"
	}
	digest := sha256.Sum256([]byte(record.KeyAuthorization))
	if value := base64.RawURLEncoding.EncodeToString(digest[:]); value != record.Value {
		return fmt.Sprintf("lego would write %s, which follows from the key authorization, and not %s", value, record.Value)
	}
	return ""
}

// domain is the name to tell lego so that it writes at the record's own. Where that begins with the label of the
// challenge it can be told exactly; otherwise only the name that is proven helps, and lego follows its CNAMEs.
func (r Record) domain() (name string, follow bool) {
	if rest, is := strings.CutPrefix(r.FQDN, label); is && rest != "" {
		return rest, false
	}
	return r.Identifier, true
}

// elsewhere is lego about to write at another name.
type elsewhere struct{ lego, host string }

func (e elsewhere) Error() string {
	return fmt.Sprintf("lego follows CNAMEs to %s and dns01d to %s; when this stays so, give lego the same `resolvers`, "+
		"or let the CNAME point to a name that begins with %s", e.lego, e.host, strings.TrimSuffix(label, "."))
}

// aim sets lego up for the record and checks where it would write.
func aim(ctx context.Context, record Record) (domain string, err error) {
	domain, follow := record.domain()
	if err := os.Setenv(disableCNAME, strconv.FormatBool(!follow)); err != nil {
		return "", err
	}
	info := dns01.GetChallengeInfo(ctx, domain, record.KeyAuthorization)
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if found := strings.ToLower(strings.TrimSuffix(info.EffectiveFQDN, ".")); found != record.FQDN {
		return "", elsewhere{lego: found, host: record.FQDN}
	}
	return domain, nil
}
