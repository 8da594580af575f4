package transport_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// answer is what the DNS server says about a name: addresses, or a CNAME.
type answer struct {
	a, aaaa, a2 string
	cname       string
}

// newResolver returns a resolver that asks a DNS server of this test, over UDP
// on loopback. For each name it gives the answers in turn, one for each pair of
// A and AAAA questions, and the last one for ever. "*" is all names that are not in
// the zone.
func newResolver(t *testing.T, zone map[string][]answer) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		asked := make(map[string]int)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			if reply := respond(zone, asked, buf[:n]); reply != nil {
				_, _ = pc.WriteTo(reply, from)
			}
		}
	})
	t.Cleanup(func() { pc.Close(); wg.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func respond(zone map[string][]answer, asked map[string]int, query []byte) []byte {
	var msg dnsmessage.Message
	if msg.Unpack(query) != nil || len(msg.Questions) != 1 {
		return nil
	}
	q := msg.Questions[0]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: msg.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: msg.Questions,
	}
	answers, known := zone[q.Name.String()]
	if !known {
		answers = zone["*"]
	}
	if len(answers) == 0 {
		reply.RCode = dnsmessage.RCodeNameError
	} else {
		key := q.Type.String() + q.Name.String()
		reply.Answers = records(zone, q, answers[min(asked[key], len(answers)-1)])
		asked[key]++
	}
	out, _ := reply.Pack()
	return out
}

func records(zone map[string][]answer, q dnsmessage.Question, ans answer) []dnsmessage.Resource {
	header := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
	var out []dnsmessage.Resource
	if ans.cname != "" {
		target := dnsmessage.MustNewName(ans.cname)
		out = append(out, dnsmessage.Resource{Header: header, Body: &dnsmessage.CNAMEResource{CNAME: target}})
		q.Name = target
		return append(out, records(zone, q, zone[ans.cname][0])...)
	}
	if q.Type == dnsmessage.TypeA {
		for _, s := range []string{ans.a, ans.a2} {
			if s != "" {
				out = append(out, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: netip.MustParseAddr(s).As4()}})
			}
		}
	}
	if q.Type == dnsmessage.TypeAAAA && ans.aaaa != "" {
		out = append(out, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(ans.aaaa).As16()}})
	}
	return out
}
