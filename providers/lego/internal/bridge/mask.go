package bridge

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode"
)

// Parts of a secret shorter than this could be anybody's words.
const leastPart = 8

// mask takes secrets out of texts. The host does so too; a provider keeps the rule by itself.
type mask struct {
	replacer *strings.Replacer
}

func newMask(secrets []string) mask {
	var forms []string
	for _, secret := range secrets {
		secret = strings.TrimSpace(secret)
		if secret == "" {
			continue
		}
		forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret),
			base64.StdEncoding.EncodeToString([]byte(secret)))
		// some hold several: `domain:password,domain:password`
		for _, part := range strings.FieldsFunc(secret, func(r rune) bool { return r == ',' || r == ':' || r == ';' || r == '\n' }) {
			if part = strings.TrimSpace(part); len(part) >= leastPart {
				forms = append(forms, part, url.QueryEscape(part))
			}
		}
	}
	// a secret that begins with another must go as a whole
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, "***")
	}
	return mask{strings.NewReplacer(pairs...)}
}

// clean is the text without secrets, on one line.
func (m mask) clean(text string) string {
	if m.replacer != nil {
		text = m.replacer.Replace(text)
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// fileSecret is what lego will read from the file; "" when it cannot, which lego reports.
func fileSecret(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}
