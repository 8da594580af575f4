package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
)

// postOrder answers 201 with the order, 409 if the request has placed it before,
// 422 with the rule that it breaks, and 503 if it is worth another request.
func (s *shop) postOrder(w http.ResponseWriter, r *http.Request) {
	o := order{key: r.Header.Get("Idempotency-Key")}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&o)
	if err != nil || o.key == "" {
		http.Error(w, "want an order and an Idempotency-Key", http.StatusBadRequest)
		return
	}
	err = s.retry(r.Context(), func() (err error) {
		o, err = s.place(r.Context(), o)
		return err
	})
	rule, broken := brokenRule(err)
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(o) // the client may have gone
	case errors.Is(err, errDuplicate):
		http.Error(w, err.Error(), http.StatusConflict)
	case broken:
		http.Error(w, rule, http.StatusUnprocessableEntity)
	default:
		log.Printf("place an order: %v", err)
		http.Error(w, "send it again", http.StatusServiceUnavailable)
	}
}
