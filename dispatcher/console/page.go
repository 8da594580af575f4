package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"go.uber.org/zap"

	"github.com/postrider/postrider/webhook"
)

//go:embed templates
var templates embed.FS

// pages are the templates of all pages, by name, each with layout and components.
type pages map[string]*template.Template

func parsePages() (pages, error) {
	common, err := template.New("layout.html").Funcs(functions).ParseFS(templates, "templates/*.html", "templates/components/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	files, err := fs.Glob(templates, "templates/pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	all := make(pages)
	for _, file := range files {
		t, err := common.Clone()
		if err == nil {
			_, err = t.ParseFS(templates, file)
		}
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", file, err)
		}
		all[strings.TrimSuffix(path.Base(file), ".html")] = t
	}
	return all, nil
}

// page is what all pages have.
type page struct {
	// Root is the relative URL of the mount, and Static that of scripts and styles.
	Root, Static string
	Title        string
	// Nav names the entry of the navigation that the page belongs to.
	Nav   string
	Brand Brand
	// Who is signed in, as the host calls them; empty for nobody. Portal says that they came
	// with a portal token.
	Who           string
	Known, Portal bool
	// Write says that they may change webhooks, Admin that they see what administrators
	// see, Keys that they manage keys, and Types that they change event types.
	Write, Admin, Keys, Types bool

	Flash       flash
	HasLogo     bool
	Breadcrumbs []crumb
}

// crumb is a link to a page above this one.
type crumb struct{ Href, Text string }

// Base returns what all pages have, for components.
func (p page) Base() page { return p }

// newPage returns what all pages have, for the one that is asked for.
func (c *console) newPage(r *http.Request, nav, title string) page {
	who := visitorOf(r.Context())
	may := func(n need) bool { return n.metBy(who, c.cfg.AllowViewer) }
	p := page{
		Root: root(r.Context()), Title: title, Nav: nav, Brand: c.assets.brand, Who: who.Actor, HasLogo: c.assets.logo != nil,
		Known: who.known(), Portal: who.Portal, Write: may(developer), Admin: may(admin), Keys: may(owner), Types: may(registrar),
		Flash: flashOf(r.URL.Query().Get("done")),
	}
	p.Static = p.Root + "static/" + c.assets.version + "/"
	return p
}

// show answers with a page, whole or not at all.
func (c *console) show(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var b bytes.Buffer
	if err := c.pages[name].ExecuteTemplate(&b, "layout.html", data); err != nil {
		c.cfg.Logger.Error("make a page of the console", zap.String("page", name), zap.Error(err))
		http.Error(w, "Something went wrong here.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = b.WriteTo(w) // who does not read it does not miss it
	}
}

// flash is the sentence that tells what was done.
type flash struct {
	Text string
	Bad  bool
}

// flashes are all there are, by the code in the query. Nothing else of the query is shown,
// so a link made by somebody else can say nothing that we do not.
var flashes = map[string]flash{
	"paused":       {Text: "The webhook is paused. Its deliveries wait until you resume it."},
	"resumed":      {Text: "The webhook is active again. Deliveries that waited go out now, slowly at first."},
	"deleted":      {Text: "The webhook is deleted. What was waiting for it is canceled, and its history stays."},
	"saved":        {Text: "Your changes are saved and take effect at once."},
	"retrying":     {Text: "The delivery is on its way again."},
	"canceled":     {Text: "The delivery is canceled."},
	"requested":    {Text: "The delivery will be canceled, unless the attempt that is under way still delivers it."},
	"batched":      {Text: "This delivery is part of a batch that was sent before, and what is in a batch never changes.", Bad: true},
	"unblocked":    {Text: "The later events of its ordering key go on now."},
	"ended":        {Text: "The delivery had ended already.", Bad: true},
	"stopped":      {Text: "The redelivery is stopped. What it has put back stays on its way."},
	"noneselected": {Text: "Nothing was selected. Check the deliveries that you want to send again.", Bad: true},
	"nothing":      {Text: "Nothing matched, so nothing is sent again.", Bad: true},
	"revoked":      {Text: "The key is revoked. Whoever uses it is refused from now on."},
	"registered":   {Text: "The event type is registered. Its events are checked by its schema from now on."},
	"typesaved":    {Text: "The event type is changed. That takes effect at once."},
	"left":         {Text: "You have left. To come back, open the console from where you came from."},
	"evcanceled":   {Text: "What had not gone out of this event is canceled."},
	"evnothing":    {Text: "Nothing of this event was waiting any more.", Bad: true},
}

func flashOf(code string) flash { return flashes[code] }

// done redirects to a page below the mount, which then says what was done.
func done(w http.ResponseWriter, r *http.Request, target, code string) error {
	sep := "?"
	if strings.Contains(target, "?") {
		sep = "&"
	}
	redirect(w, root(r.Context())+target+sep+"done="+code, http.StatusSeeOther)
	return nil
}

// outcomeCodes are the flashes of what may become of the wish to cancel.
var outcomeCodes = map[webhook.CancelOutcome]string{
	webhook.CancelDone: "canceled", webhook.CancelRequested: "requested", webhook.CancelBound: "batched",
	webhook.CancelUnblocked: "unblocked", webhook.CancelEnded: "ended",
}
