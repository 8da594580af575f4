package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"

	"github.com/postrider/postrider/signer"
)

// receiver is the customer's server. It stands behind a signer.Verifier, and so
// sees genuine webhooks only.
type receiver struct {
	out io.Writer

	mu     sync.Mutex
	orders map[string]order // by event
}

// ServeHTTP takes an event. After a crash of the sender it may come again, with
// the same id.
func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Type string `json:"type"`
		Data order  `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		http.Error(w, "not a webhook", http.StatusBadRequest)
		return
	}
	id := signer.ID(r.Context())
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if _, again := rc.orders[id]; !again {
		rc.orders[id] = event.Data
		fmt.Fprintf(rc.out, "%s  %s: order %d, %d × %s\n", id, event.Type, event.Data.ID, event.Data.Quantity, event.Data.Item)
	}
	w.WriteHeader(http.StatusNoContent)
}

// received returns the orders that were announced, by event.
func (rc *receiver) received() map[string]order {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return maps.Clone(rc.orders)
}
