package webhooktest

import (
	"net/http"
	"testing"
)

// Listen adds a host that nobody verifies or records for.
func (n *Network) Listen(t testing.TB, handler http.Handler) string {
	url, h := n.listen(handler)
	t.Cleanup(h.close)
	return url
}

// Patience is how long a test waits by default, in real time.
const Patience = patience
