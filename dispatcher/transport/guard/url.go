package guard

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/postrider/postrider/webhook"
)

// MaxURLLen bounds a URL, as typed and in normal form, in bytes.
const MaxURLLen = 2048

// CheckURL returns the normal form of raw, or a *webhook.InvalidError about the
// field "url": code url_invalid if it is not a URL that deliveries can go to,
// url_not_allowed if it names an address or domain that is denied. The messages
// are fixed and repeat nothing of raw. Checking a normal form returns it
// unchanged. There is no I/O: what a name resolves to is Control's to judge.
func (g *Guard) CheckURL(raw string) (string, error) { return g.CheckURLWithin(raw, Scope{}) }

// CheckURLWithin is CheckURL for those whom lists narrow.
func (g *Guard) CheckURLWithin(raw string, scope Scope) (string, error) {
	u, err := g.ParseURL(raw, scope)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// ParseURL is CheckURLWithin for those who send: it returns the normal form parsed.
func (g *Guard) ParseURL(raw string, scope Scope) (*url.URL, error) {
	if !Clean(raw) {
		return nil, errInvalid()
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if scheme != "https" && (scheme != "http" || !g.cfg.AllowHTTP) {
		return nil, errInvalid()
	}
	authority, path, query := rest, "", ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority = rest[:i]
		path, query, _ = strings.Cut(rest[i:], "?")
	}
	host, err := g.host(scheme, authority, scope)
	if err != nil {
		return nil, err
	}
	u := &url.URL{Scheme: scheme, Host: host, RawQuery: escape(query)}
	if err := setPath(u, path); err != nil {
		return nil, errInvalid()
	}
	if len(scheme)+len("://")+len(host)+len(u.RequestURI()) > MaxURLLen {
		return nil, errInvalid()
	}
	return u, nil
}

func errInvalid() error {
	return webhook.Invalid("url", webhook.CodeURLInvalid, "Endpoint must be a valid HTTPS URL.")
}

func errNotAllowed() error {
	return webhook.Invalid("url", webhook.CodeURLNotAllowed, "Endpoint address is not allowed.")
}

// Clean reports whether a URL of any scheme is at most MaxURLLen bytes of UTF-8
// without what parsers disagree about: control bytes and spaces, backslashes (some
// read them as slashes), and fragments, which are never sent.
func Clean(raw string) bool {
	if len(raw) > MaxURLLen {
		return false
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c == 0x7f || c == '\\' || c == '#' {
			return false
		}
	}
	return utf8.ValidString(raw)
}

// host judges the authority and returns it in normal form, port included.
func (g *Guard) host(scheme, authority string, scope Scope) (string, error) {
	if strings.ContainsAny(authority, "@%") {
		return "", errInvalid()
	}
	host, port, ok := splitPort(authority)
	if !ok || !validPort(port) {
		return "", errInvalid()
	}
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(host[1 : len(host)-1])
		if err != nil || !addr.Is6() {
			return "", errInvalid()
		}
		if !g.Allowed(Destination{addr.Unmap().String(), scope}, addr) {
			return "", errNotAllowed()
		}
		if host = addr.Unmap().String(); !addr.Is4In6() {
			host = "[" + host + "]"
		}
	} else {
		var err error
		if host, err = g.name(host, scope); err != nil {
			return "", err
		}
	}
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return host, nil
	}
	return host + ":" + port, nil
}

// splitPort splits host:port, where the host may be in brackets and the port
// may be missing together with its colon.
func splitPort(authority string) (host, port string, ok bool) {
	end := strings.IndexByte(authority, ':')
	if strings.HasPrefix(authority, "[") {
		end = strings.IndexByte(authority, ']') + 1
		if end == 0 {
			return "", "", false
		}
	}
	if end < 0 || end == len(authority) {
		return authority, "", true
	}
	host, port = authority[:end], authority[end:]
	return host, port[1:], port[0] == ':' && len(port) > 1
}

// validPort accepts "" and 1 to 65535 in plain decimal, except the ports that
// other protocols own: a POST is a way to speak to them.
func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == port && n != 0 && !slices.Contains(badPorts, uint16(n))
}

// badPorts is the list of ports that browsers block (Fetch standard, section
// 2.9 "Port blocking"), and the ones of common databases and caches.
var badPorts = []uint16{
	1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113,
	115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556,
	563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
	6668, 6669, 6679, 6697, 10080,
	445, 1433, 1521, 3306, 3389, 5432, 6379, 11211, 27017,
}

// setPath puts a path as typed into u; "" becomes "/" (RFC 3986 section 6.2.3).
func setPath(u *url.URL, path string) error {
	path = escape(path)
	if path == "" {
		path = "/"
	}
	u.RawPath = path
	var err error
	u.Path, err = url.PathUnescape(path)
	return err
}

// escape percent-encodes the bytes that may not stand in a path or a query (RFC
// 3986 section 3.3) and leaves all others alone.
func escape(s string) string {
	if strings.IndexFunc(s, mustEscape) < 0 {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; mustEscape(rune(c)) {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func mustEscape(r rune) bool {
	return r >= utf8.RuneSelf || strings.IndexByte("\"<>^`{|}", byte(r)) >= 0
}
