package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
)

//go:embed static
var static embed.FS

// Brand is how the console looks.
type Brand struct {
	// Name stands at the top of every page.
	// Defaults to "Webhooks".
	Name string
	// Logo has one file, logo.svg, logo.png or logo.webp, that is shown before the name, 24
	// pixels high.
	// Defaults to a logo of ours.
	Logo fs.FS
	// Accent is the colour of what can be pressed, as "#rrggbb", and AccentDark that on
	// dark backgrounds. Text on it is black or white, whichever is read better; links have
	// it on white (on #16181d in the dark), so choose one with a contrast of 4.5 to that.
	// Default to a blue of ours.
	Accent, AccentDark string
}

// file is something that is served as it is.
type file struct {
	contentType string
	content     []byte
}

// assets are scripts, styles and pictures. They have their version in their path, so that
// browsers keep them.
type assets struct {
	brand   Brand
	version string
	files   map[string]file
	logo    *file
}

// maxLogo bounds the logo, which is on every page.
const maxLogo = 256 << 10

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".png": "image/png", ".webp": "image/webp",
}

func newAssets(brand Brand) (*assets, error) {
	if brand.Name == "" {
		brand.Name = "Webhooks"
	}
	a := &assets{brand: brand, files: make(map[string]file)}
	css, err := brand.css()
	if err != nil {
		return nil, err
	}
	a.files["brand.css"] = file{contentTypes[".css"], css}
	entries, err := static.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("list assets: %w", err)
	}
	for _, e := range entries {
		content, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read assets: %w", err)
		}
		a.files[e.Name()] = file{contentTypes[path.Ext(e.Name())], content}
	}
	if err := a.readLogo(); err != nil {
		return nil, err
	}
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(a.files[name].content), a.files[name].content)
	}
	a.version = hex.EncodeToString(sum.Sum(nil)[:6])
	return a, nil
}

func (a *assets) readLogo() error {
	if a.brand.Logo == nil {
		return nil
	}
	for _, ext := range []string{".svg", ".png", ".webp"} {
		content, err := fs.ReadFile(a.brand.Logo, "logo"+ext)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read Brand.Logo: %w", err)
		}
		if len(content) > maxLogo {
			return fmt.Errorf("the file of Brand.Logo has over %d bytes", maxLogo)
		}
		logo := file{contentTypes[ext], content}
		a.files["logo"], a.logo = logo, &logo
		return nil
	}
	return errors.New("Brand.Logo has no logo.svg, logo.png or logo.webp")
}

// serve answers with a file. An old version of it, which a page that is still open may ask
// for, is answered with the present one.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) bool {
	f, ok := a.files[chi.URLParam(r, "file")]
	if !ok {
		return false
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(f.content)))
	w.Header().Set("Cache-Control", "no-cache")
	if chi.URLParam(r, "version") == a.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.content) // who does not read it does not miss it
	}
	return true
}

var color = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// css returns a stylesheet with the colours of a brand, as CSS variables.
func (b *Brand) css() ([]byte, error) {
	var s strings.Builder
	for _, c := range []struct{ name, value string }{{"", b.Accent}, {"-dark", b.AccentDark}} {
		if c.value == "" {
			continue
		}
		if !color.MatchString(c.value) {
			return nil, errors.New("a colour of Brand must be written as #rrggbb")
		}
		fmt.Fprintf(&s, ":root { --brand%s: %s; --on-brand%s: %s; }\n", c.name, c.value, c.name, textOn(c.value))
	}
	return []byte(s.String()), nil
}

// textOn returns the colour, black or white, that is read better on another (WCAG 2.2,
// relative luminance: both contrasts are equal at 0.179).
func textOn(background string) string {
	if luminance(background) > 0.179 {
		return "#000000"
	}
	return "#ffffff"
}
