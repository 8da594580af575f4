package transport_test

import (
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/postrider/postrider/dispatcher/transport"
)

// TestProxyFromEnvironmentIsIgnored runs in a process of its own: net/http reads
// the environment once, and another test may have been first.
func TestProxyFromEnvironmentIsIgnored(t *testing.T) {
	if os.Getenv("POSTRIDER_TEST_PROXY") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "POSTRIDER_TEST_PROXY=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	proxy := newRawReceiver(t, hold)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://"+proxy.Addr().String())
	}
	r := newRawReceiver(t, ok)
	_, port, _ := net.SplitHostPort(r.Addr().String())
	resolver := newResolver(t, map[string][]answer{"receiver.example.": {{a: "127.0.0.1"}}})
	h := newHTTP(t, transport.HTTPConfig{Guard: open, Resolver: resolver})
	if _, err := post(t, h, "http://receiver.example:"+port+"/", generous); err != nil {
		t.Errorf("Send = %v; want the receiver's response", err)
	}
	if n := proxy.accepted.Load(); n != 0 {
		t.Errorf("Send made %d connections to the environment's proxy; want 0: the guard never sees what lies behind it", n)
	}
}
