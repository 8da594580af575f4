package send

import "strings"

// echo masks what an endpoint's owner has set as headers in what the receiver
// answers: one that repeats the request would have its credential kept unsealed.
// The zero value masks nothing.
type echo struct{ values *strings.Replacer }

// shortestEcho is the length from which a value can be told from ordinary text.
const shortestEcho = 6

func newEcho(headers map[string]string) echo {
	var pairs []string
	add := func(value string) {
		if len(value) >= shortestEcho {
			pairs = append(pairs, value, redacted)
		}
	}
	for _, value := range headers {
		add(value)
		if _, credential, ok := strings.Cut(value, " "); ok { // "Bearer …", "Basic …"
			add(credential)
		}
	}
	if pairs == nil {
		return echo{}
	}
	return echo{strings.NewReplacer(pairs...)}
}

func (e echo) mask(text string) string {
	if e.values == nil {
		return text
	}
	return e.values.Replace(text)
}

func (e echo) maskBytes(text []byte) []byte {
	if e.values == nil {
		return text
	}
	return []byte(e.values.Replace(string(text)))
}
