package console

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/schema"
)

// typeFormPage registers an event type, or changes one: a schema that is new becomes its
// next version.
type typeFormPage struct {
	page
	// Type is what is changed, or empty for a new one.
	Type        webhook.EventType
	Form        *form
	Action      string
	Validations []option
	// Breaks is what a new schema breaks, and Consent what the form says back if that is
	// meant: it stands for this schema over this version alone.
	Breaks  []schema.Change
	Consent string
}

var validations = []option{{"", "Are refused"}, {string(webhook.ValidationWarn), "Are sent all the same, and logged"}}

func (c *console) newType(w http.ResponseWriter, r *http.Request) error {
	return c.showTypeForm(w, r, &typeFormPage{Form: newForm(make(url.Values))})
}

func (c *console) registerType(w http.ResponseWriter, r *http.Request) error {
	p := &typeFormPage{Form: newForm(r.PostForm)}
	t := p.Form.eventType(webhook.EventType{Name: p.Form.text("name")})
	if text := p.Form.text("schema"); text != "" {
		t.Schemas = []webhook.SchemaVersion{{Number: 1, Schema: json.RawMessage(text)}}
	}
	made, err := c.m.RegisterEventType(r.Context(), t)
	if errors.Is(err, manage.ErrEventTypeExists) {
		p.Form.fault("name", "There is an event type of this name already.")
		err = nil
	}
	if err := p.Form.faults(err); err != nil {
		return err
	}
	if p.Form.Bad() {
		return c.showTypeForm(w, r, p)
	}
	return done(w, r, "events/"+made.Name, "registered")
}

func (c *console) typeEditor(w http.ResponseWriter, r *http.Request) error {
	t, err := c.m.EventType(r.Context(), chi.URLParam(r, "type"))
	if err != nil {
		return err
	}
	f := newForm(url.Values{
		"group": {t.Group}, "description": {t.Description}, "validation": {string(t.Validation)}, "redact": {strings.Join(t.Redact, "\n")},
		"version": {strconv.FormatInt(t.Version, 10)},
	})
	if t.Validation == webhook.ValidationStrict {
		f.set("validation", "")
	}
	for name, text := range map[string]json.RawMessage{"schema": t.Schema(), "example": t.Example} {
		if len(text) > 0 {
			f.set(name, pretty(text))
		}
	}
	return c.showTypeForm(w, r, &typeFormPage{Type: t, Form: f})
}

// changeType saves the form. A schema that breaks receivers is refused until the form comes
// back with the consent to just that.
func (c *console) changeType(w http.ResponseWriter, r *http.Request) error {
	t, err := c.m.EventType(r.Context(), chi.URLParam(r, "type"))
	if err != nil {
		return err
	}
	p := &typeFormPage{Type: t, Form: newForm(r.PostForm)}
	f := p.Form
	wish := manage.Replacement{EventType: f.eventType(t), IfVersion: int64(f.number("version"))}
	if text := f.text("schema"); text != "" {
		wish.Schema = json.RawMessage(text)
	} else if len(t.Schema()) > 0 {
		f.fault("schema", "A schema cannot be taken away. The schema {} allows any payload.")
	}
	consent := consentTo(f.text("schema"), f.text("version"))
	wish.AllowBreaking = f.text("allow_breaking") == consent
	if f.Bad() {
		return c.showTypeForm(w, r, p)
	}
	_, err = c.m.ReplaceEventType(r.Context(), t.Name, wish)
	if breaking, ok := errors.AsType[*manage.BreakingError](err); ok {
		p.Breaks, p.Consent = breaking.Changes, consent
		return c.showTypeForm(w, r, p)
	}
	if err := f.faults(err); err != nil {
		return err
	}
	if f.Bad() {
		return c.showTypeForm(w, r, p)
	}
	return done(w, r, "events/"+t.Name, "typesaved")
}

// consentTo stands for a schema that is to follow a version of a type. It is no secret.
func consentTo(schema, version string) string {
	sum := sha256.Sum256([]byte(version + "\n" + schema))
	return hex.EncodeToString(sum[:])
}

// eventType returns a type with what the form says of it.
func (f *form) eventType(t webhook.EventType) webhook.EventType {
	t.Group, t.Description, t.Validation = f.text("group"), f.text("description"), webhook.Validation(f.text("validation"))
	t.Redact = f.words("redact")
	t.Example = nil
	if text := f.text("example"); text != "" {
		t.Example = json.RawMessage(text)
	}
	return t
}

func (c *console) showTypeForm(w http.ResponseWriter, r *http.Request, p *typeFormPage) error {
	status := http.StatusOK
	switch {
	case p.Form.Bad():
		status = http.StatusUnprocessableEntity
	case len(p.Breaks) > 0:
		status = http.StatusConflict
	}
	title := "New event type"
	if p.Type.Name != "" {
		title = "Change " + p.Type.Name
	}
	p.page, p.Validations = c.newPage(r, "events", title), validations
	p.Breadcrumbs, p.Action = []crumb{{p.Root + "events", "Event reference"}}, p.Root+"event-types/new"
	if p.Type.Name != "" {
		p.Breadcrumbs = append(p.Breadcrumbs, crumb{p.Root + "events/" + p.Type.Name, p.Type.Name})
		p.Action = p.Root + "events/" + p.Type.Name + "/edit"
	}
	c.show(w, r, status, "typeform", p)
	return nil
}

// retireType deprecates or archives an event type, or takes that back.
func (c *console) retireType(w http.ResponseWriter, r *http.Request) error {
	ctx, name := r.Context(), chi.URLParam(r, "type")
	act := r.PostForm.Get("act")
	var err error
	switch act {
	case "deprecate":
		_, err = c.m.DeprecateEventType(ctx, name, strings.TrimSpace(r.PostForm.Get("in_its_place")))
	case "undeprecate":
		_, err = c.m.UndeprecateEventType(ctx, name)
	case "archive":
		_, err = c.m.ArchiveEventType(ctx, name)
	case "unarchive":
		_, err = c.m.UnarchiveEventType(ctx, name)
	default:
		return &trouble{status: http.StatusUnprocessableEntity, text: "The form does not say what to do.", todo: "Go back and choose."}
	}
	if err != nil {
		return fmt.Errorf("%s an event type: %w", act, err)
	}
	return done(w, r, "events/"+name, "typesaved")
}

// The questions before an event type is retired.
func deprecateConfirm(root, name string) confirm {
	return confirm{
		Text: "Deprecate", Action: root + "events/" + name + "/retire", Act: "deprecate", Yes: "Deprecate it",
		Question: "Its events still come. The reference tells people not to begin to use it, and what to use in its place.",
		Field:    field{ID: "in-its-place", Name: "in_its_place", Label: "In its place", Type: "text", Code: true},
	}
}

func archiveConfirm(root, name string) confirm {
	return confirm{
		Text: "Archive", Action: root + "events/" + name + "/retire", Act: "archive", Yes: "Archive it", Danger: true,
		Question: "No event of it is published any more: whoever tries gets an error. What was published stays.",
	}
}
