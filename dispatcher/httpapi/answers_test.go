package httpapi_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

var update = flag.Bool("answers", false, "write the examples of answers in the document anew, of what the API answers")

// note keeps an answer as an example.
func (w *world) note(call string, rec *httptest.ResponseRecorder) {
	w.t.Helper()
	if rec.Body.Len() == 0 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "application/json") {
		return
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(rec.Body.Bytes()))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		w.t.Fatalf("%s: %v", call, err)
	}
	if w.answers == nil {
		w.answers = make(map[string]any)
	}
	w.answers[call] = short(v)
}

// secrets are texts that nobody may see again, which the examples have not.
var secrets = regexp.MustCompile(`^(whsec_|[a-z]+_(live|test)?_?)[A-Za-z0-9+/=_-]{20,}$`)

// short returns an answer with one entry of each list at most, and made-up secrets.
func short(v any) any {
	switch v := v.(type) {
	case []any:
		if len(v) > 1 {
			v = v[:1]
		}
		for i := range v {
			v[i] = short(v[i])
		}
		return v
	case map[string]any:
		for name, field := range v {
			text, _ := field.(string)
			if secret := secrets.FindStringSubmatch(text); secret != nil && (name == "secret" || name == "token" || name == "key") {
				v[name] = secret[1] + "EXAMPLE"
				continue
			}
			v[name] = short(field)
		}
	}
	return v
}

// wantAnswerExamples wants every answer in JSON to have an example in the document. That
// they fit their schemas is for the document's validation to say.
func (w *world) wantAnswerExamples(doc *openapi3.T) {
	w.t.Helper()
	if *update {
		w.answers["POST /webhooks/erase"] = w.answers["GET /webhooks/erasures/{id}"] // which is not made here
		text, err := json.MarshalIndent(w.answers, "", "\t")
		if err == nil {
			err = os.WriteFile("answers.json", append(text, '\n'), 0o644)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		return
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				for media, content := range r.Value.Content {
					if (media == "application/json" || media == "application/problem+json") && content.Example == nil {
						w.t.Errorf("the answer %s of %s %s has no example; run this test with -answers", status, method, path)
					}
				}
			}
		}
	}
}

func TestAnswerExamplesHaveNoSecrets(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("answers.json")
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`whsec_[A-Za-z0-9+/]{8,}`).Find(text); found != nil && !bytes.Contains(found, []byte("EXAMPLE")) {
		t.Errorf("answers.json has a secret of a run: %s", found)
	}
}
