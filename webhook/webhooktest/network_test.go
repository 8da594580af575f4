package webhooktest_test

import (
	"net/http"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport/transporttest"
	"github.com/postrider/postrider/webhook/webhooktest"
)

// What is delivered in memory meets the same conditions as what is delivered over a
// network.
func TestNetworkIsATransport(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, func(t *testing.T, receiver http.Handler) transporttest.Harness {
		var n webhooktest.Network
		return transporttest.Harness{Transport: &n, URL: n.Listen(t, receiver)}
	})
}
