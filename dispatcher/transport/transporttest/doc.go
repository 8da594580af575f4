// Package transporttest checks that a transport keeps the promises of
// transport.Transport: the deadline, the caps, no redirects, no repetition, the
// error classes, what a request asks of its connection and where it may go, and safety
// for concurrent use.
//
//	func TestTransport(t *testing.T) {
//		transporttest.Run(t, func(t *testing.T, receiver http.Handler) transporttest.Harness {
//			srv := httptest.NewServer(receiver)
//			t.Cleanup(srv.Close)
//			return transporttest.Harness{Transport: mytransport.New(), URL: srv.URL}
//		})
//	}
//
// The receivers are http.Handlers. A transport that does not speak HTTP itself
// is tested behind a gateway that does.
package transporttest
