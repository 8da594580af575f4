package webhook_test

import (
	"testing"

	"github.com/postrider/postrider/webhook"
)

func TestAnswersChallenge(t *testing.T) {
	const challenge = "Zm9vYmFy"
	for body, want := range map[string]bool{
		challenge:                            true,
		" " + challenge + "\r\n":             true,
		`{"challenge":"Zm9vYmFy"}`:           true,
		`{"ok":true,"challenge":"Zm9vYmFy"}`: true,
		"":                                   false,
		"ok":                                 false,
		`"Zm9vYmFy"`:                         false,
		`{"challenge":"zm9vymfy"}`:           false,
		`{"challenge":["Zm9vYmFy"]}`:         false,
		`{"challenge":"Zm9vYmFy"} and more`:  false,
		`{"data":{"challenge":"Zm9vYmFy"}}`:  false, // the request, repeated
		"you sent " + challenge:              false,
		challenge + challenge:                false,
		`<p>{"challenge":"Zm9vYmFy"}</p>`:    false,
		"\x00" + challenge:                   false,
		`{"type":"webhook.endpoint.challenge","timestamp":"2026-03-01T12:00:00Z","data":{"challenge":"Zm9vYmFy"}}`: false,
	} {
		if got := webhook.AnswersChallenge([]byte(body), challenge); got != want {
			t.Errorf("AnswersChallenge(%q) = %v; want %v", body, got, want)
		}
	}
	if webhook.AnswersChallenge(nil, "") {
		t.Error("an empty body answers an empty challenge")
	}
}
