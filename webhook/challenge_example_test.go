package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/postrider/postrider/webhook"
)

// A receiver that agrees to get deliveries, also where ownership is checked.
func ExampleAnswersChallenge() {
	receiver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			http.Error(w, "bad JSON", http.StatusBadRequest)
			return
		}
		if event.Type == webhook.TypeChallenge {
			_, _ = w.Write(event.Data) // {"challenge": "…"}
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})

	answer := httptest.NewRecorder()
	receiver.ServeHTTP(answer, httptest.NewRequest("POST", "/", strings.NewReader(
		`{"type":"webhook.endpoint.challenge","timestamp":"2026-03-01T12:00:00.000000Z","data":{"challenge":"Zm9v"}}`)))
	fmt.Println(webhook.AnswersChallenge(answer.Body.Bytes(), "Zm9v"))
	// Output: true
}
