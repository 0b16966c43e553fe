package catalog

import (
	"bytes"
	"encoding/json"
)

// Format writes a catalog with one option a line: what changes with a new lego is then readable as a diff.
func Format(providers []Provider) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("[\n")
	for i, provider := range providers {
		options := provider.Options
		provider.Options = []Option{}
		head, err := line(provider)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteString(",\n")
		}
		out.Write(bytes.TrimSuffix(head, []byte("]}")))
		for j, option := range options {
			text, err := line(option)
			if err != nil {
				return nil, err
			}
			if j > 0 {
				out.WriteString(",")
			}
			out.WriteString("\n  ")
			out.Write(text)
		}
		out.WriteString("]}")
	}
	out.WriteString("\n]\n")
	return out.Bytes(), nil
}

// Without the escapes that are for HTML.
func line(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
