package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/webhook"
)

// classify turns an error of net/http into an Error. The text is ours or the
// operating system's: that of net/http may quote the receiver's bytes, DNS
// servers and addresses.
func (x *exchange) classify(ctx context.Context, err error) *Error {
	x.mu.Lock()
	at, wanted := x.stage, x.wanted
	x.mu.Unlock()
	class, reason := classify(ctx.Err(), at, err)
	if wanted && at == stageSend && class == webhook.ClassConnect {
		// In TLS 1.3 the receiver judges the client's certificate after the client
		// has begun to send, and what it says may be lost in a reset.
		class, reason = webhook.ClassTLS, errClientRefused
	}
	return x.fail(class, reason)
}

// classify decides what err means at a stage. ended is the context's error.
func classify(ended error, at stage, err error) (webhook.ErrorClass, error) {
	var dns *net.DNSError
	switch {
	case errors.Is(err, guard.ErrBlocked):
		return webhook.ClassBlockedAddress, guard.ErrBlocked
	case errors.Is(ended, context.Canceled):
		return webhook.ClassCanceled, context.Canceled
	case errors.Is(err, errProxy) || at == stageProxy:
		return webhook.ClassInternal, proxyReason(err)
	case errors.Is(ended, context.DeadlineExceeded):
		return webhook.ClassTimeout, context.DeadlineExceeded
	case ended != nil:
		return webhook.ClassCanceled, context.Canceled
	case errors.Is(err, errUnreachable):
		return webhook.ClassConnect, errUnreachable
	case errors.As(err, &dns):
		return webhook.ClassDNS, dnsReason(dns)
	case timedOut(err):
		return webhook.ClassTimeout, timeoutReason(at)
	case dropped(err):
		return webhook.ClassConnect, connectReason(err)
	}
	switch {
	case at == stageNone:
		return webhook.ClassInternal, errors.New("request is not valid")
	case at == stageTLS || alert(err) != nil:
		return webhook.ClassTLS, tlsReason(err)
	case at == stageAnswer || violation(err):
		return webhook.ClassProtocol, protocolReason(err)
	}
	return webhook.ClassConnect, connectReason(err)
}

// proxyReason is for the host's log: the proxy is its own, and what it said is safe
// to repeat as far as connect and dial keep it.
func proxyReason(err error) error {
	if errors.Is(err, errProxy) {
		return err
	}
	return fmt.Errorf("%w: did not answer in time", errProxy)
}

func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func timeoutReason(at stage) error {
	switch at {
	case stageTLS:
		return errors.New("TLS handshake took too long")
	case stageDial:
		return errors.New("connecting took too long")
	}
	return errors.New("connection timed out")
}

func dnsReason(err *net.DNSError) error {
	switch {
	case err.IsNotFound:
		return errors.New("no such host")
	case err.IsTimeout:
		return errors.New("name servers did not answer in time")
	}
	return errors.New("name could not be resolved")
}

// dropped reports whether the other side, or the network, ended the connection.
func dropped(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

func connectReason(err error) error {
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, errNotRepeated):
		return errNotRepeated
	}
	return errors.New("connection was closed before a response came")
}

func tlsReason(err error) error {
	var (
		host      x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &host):
		return errors.New("certificate is for another host")
	case errors.As(err, &authority):
		return errors.New("certificate is signed by an unknown authority")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return errors.New("certificate has expired or is not yet valid")
	case errors.As(err, &invalid):
		return errors.New("certificate is not valid")
	case alert(err) != nil:
		return alert(err)
	}
	for _, own := range []error{errNotPinned, errClientCertificate, errAuthorities} {
		if errors.Is(err, own) {
			return own
		}
	}
	return errors.New("TLS handshake failed")
}

// alert returns the TLS alert in err, or nil. A receiver that asks for a client
// certificate sends it after the handshake (RFC 8446 section 4.4.2.4).
func alert(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") {
		return op.Err
	}
	return nil
}

// violation reports whether the receiver broke HTTP/2 before its response was
// seen. The types of these errors are net/http's own; the texts are those of
// x/net/http2 ConnectionError and of StreamError when it is our finding.
func violation(err error) bool {
	text := err.Error()
	return strings.Contains(text, "connection error: ") ||
		strings.Contains(text, "stream error: ") && !strings.Contains(text, "received from peer")
}

func protocolReason(err error) error {
	if strings.Contains(err.Error(), "response headers exceeded") {
		return errors.New("response header is too large")
	}
	return errors.New("response is not valid HTTP")
}
