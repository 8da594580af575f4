package faults_test

import (
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestFaultDarkUnheard is TestFaultDark with endpoints that do not even take a
// connection: their queue of those is full, and the system drops the rest.
func TestFaultDarkUnheard(t *testing.T) {
	beside(t, heavy)
	dark, perSecond, lasting, backlog := 20, 100, 5*time.Second, 2000
	if long {
		dark, perSecond, lasting, backlog = 50, 300, 2*time.Minute, 100_000
	}
	if *darkFor > 0 {
		lasting = *darkFor
	}
	base := newDarkWorld(t, "SQLite", 0, 2*time.Second, 0).run(perSecond, lasting, lasting)
	w := &darkWorld{t: t, timeout: 2 * time.Second, dark: dark}
	w.unheard = func() string { return fullBacklog(t) }
	w.open("SQLite", backlog)
	f := w.run(perSecond, lasting, lasting)
	t.Logf("F5 unheard, without: %v", base)
	t.Logf("F5 unheard, with: %v", f)
	judgeDark(t, f, base, 0.8)
}

// fullBacklog returns an address where nobody accepts and nobody more can wait.
func fullBacklog(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) }) // nobody reads from it
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(name.(*syscall.SockaddrInet4).Port))
	dialer := net.Dialer{Timeout: 100 * time.Millisecond}
	for range 10 {
		c, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			return address // full
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Fatalf("a listener with a backlog of 0 at %s takes ten connections", address)
	return ""
}
