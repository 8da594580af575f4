package webhook

import (
	"encoding/json"
	"strings"
)

// TypeChallenge is the type of the event by which an endpoint is asked whether it
// wants deliveries, before it is stored (see Config.OwnershipCheck of package
// dispatcher). Its data is {"challenge": "…"}. It is signed, but with a secret that
// the receiver cannot know yet unless it was imported.
const TypeChallenge = "webhook.endpoint.challenge"

// CodeURLNotVerified is the code of a URL whose receiver did not answer the
// challenge.
const CodeURLNotVerified = "url_not_verified"

// AnswersChallenge reports whether the body of a response answers a challenge: it is
// the challenge and nothing else but white space around it, or a JSON object whose
// member "challenge" it is. A body that repeats the whole request is no answer:
// receivers that echo whatever they get have not understood the question.
func AnswersChallenge(body []byte, challenge string) bool {
	if challenge == "" {
		return false
	}
	if strings.TrimSpace(string(body)) == challenge {
		return true
	}
	var answer struct {
		Challenge string `json:"challenge"`
	}
	return json.Unmarshal(body, &answer) == nil && answer.Challenge == challenge
}
