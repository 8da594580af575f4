package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
	"github.com/postrider/postrider/webhook/schema"
)

// testerPage is a WebhookTester: an event to send, and what came of it.
type testerPage struct {
	page
	Endpoint *webhook.Endpoint // nil until one is chosen
	Webhooks []option
	Form     *form
	Types    []option
	// Checked says that the payload was checked, and Problems what is wrong with it.
	Checked  bool
	Problems []schema.Violation
	HasRule  bool
	Result   *manage.TestResult
	Verifier verifier
}

// pingType is what is sent if nobody chooses.
const pingType = "ping"

// pingData is its payload.
const pingData = "{\n  \"message\": \"This is a test of your webhook.\"\n}"

// testing shows the tester of the webhook of the query, or lets one choose.
func (c *console) testing(w http.ResponseWriter, r *http.Request) error {
	id := r.URL.Query().Get("webhook")
	if id == "" {
		p := &testerPage{page: c.newPage(r, "testing", "Testing")}
		eps, err := c.m.Endpoints(r.Context(), tenant(r.Context()), store.Page{Limit: maxChoices})
		if err != nil {
			return err
		}
		p.Webhooks = webhookOptions(eps)
		c.show(w, r, http.StatusOK, "tester", p)
		return nil
	}
	ep, err := c.m.Endpoint(r.Context(), tenant(r.Context()), id)
	if err != nil {
		return err
	}
	redirect(w, root(r.Context())+ep.ID+"/test", http.StatusSeeOther)
	return nil
}

// maxChoices is how many webhooks there are to choose from; the overview has all.
const maxChoices = 200

func webhookOptions(eps []webhook.Endpoint) []option {
	list := make([]option, len(eps))
	for i := range eps {
		list[i] = option{eps[i].ID, eps[i].URL}
	}
	return list
}

func (c *console) tester(w http.ResponseWriter, r *http.Request) error {
	f := newForm(url.Values{"event_type": {r.URL.Query().Get("event_type")}})
	if f.text("event_type") == "" {
		f.set("event_type", pingType)
	}
	return c.showTester(w, r, &testerPage{Form: f})
}

// test takes the form of a tester: it fills in an example, checks the payload, sends it, or
// verifies a signature.
func (c *console) test(w http.ResponseWriter, r *http.Request) error {
	ctx, id := r.Context(), chi.URLParam(r, "id")
	p := &testerPage{Form: newForm(url.Values{"event_type": r.PostForm["event_type"], "payload": r.PostForm["payload"]})}
	switch r.PostForm.Get("act") {
	case "verify":
		var err error
		if p.Verifier, err = c.verify(r, id); err != nil {
			return err
		}
		p.Form.set("event_type", pingType)
		return c.showTester(w, r, p)
	case "example":
		p.Form.values.Del("payload")
		return c.showTester(w, r, p)
	case "check":
		p.Checked = true
		return c.showTester(w, r, p)
	}
	result, err := c.m.TestEndpoint(ctx, tenant(ctx), id, manage.Test{EventType: p.Form.text("event_type"), Data: json.RawMessage(p.Form.values.Get("payload"))})
	switch {
	case err == nil:
		p.Result = &result
	case errors.Is(err, manage.ErrTestLimit):
		p.Form.fault("test", "Too many tests in a row. Try again in a second.")
	default:
		if err := p.Form.faults(err); err != nil {
			return err
		}
		p.Checked = true
	}
	return c.showTester(w, r, p)
}

func (c *console) showTester(w http.ResponseWriter, r *http.Request, p *testerPage) error {
	ctx, id := r.Context(), chi.URLParam(r, "id")
	ep, err := c.m.Endpoint(ctx, tenant(ctx), id)
	if err != nil {
		return err
	}
	types, err := c.m.EventTypes(ctx, manage.EventTypeFilter{})
	if err != nil {
		return err
	}
	p.page, p.Endpoint = c.newPage(r, "testing", "Test "+host(ep.URL)), &ep
	p.Breadcrumbs = []crumb{{p.Root, "Overview"}, {p.Root + id, host(ep.URL)}}
	p.Types = []option{{pingType, pingType + " (a plain test)"}}
	for _, t := range types {
		if t.Name != pingType {
			p.Types = append(p.Types, option{t.Name, t.Name})
		}
	}
	known, err := c.m.EventType(ctx, p.Form.text("event_type"))
	if err != nil && !isNotFound(err) {
		return err
	}
	p.HasRule = len(known.Schema()) > 0
	if _, typed := p.Form.values["payload"]; !typed {
		p.Form.set("payload", exampleOf(&known))
	}
	if p.Checked {
		if p.Problems, err = problemsOf(&known, []byte(p.Form.values.Get("payload"))); err != nil {
			return err
		}
	}
	v := &p.Verifier
	v.page, v.Action = p.page, p.Root+id+"/test#verifier"
	status := http.StatusOK
	if p.Form.Bad() {
		status = http.StatusUnprocessableEntity
	}
	c.show(w, r, status, "tester", p)
	return nil
}

// exampleOf returns the payload that an editor begins with.
func exampleOf(t *webhook.EventType) string {
	if len(t.Example) > 0 {
		return pretty(t.Example)
	}
	return pingData
}

// problemsOf returns what is wrong with a payload by the schema of its type, if it has one.
func problemsOf(t *webhook.EventType, payload []byte) ([]schema.Violation, error) {
	var v any
	if err := json.Unmarshal(payload, &v); err != nil {
		where := ""
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line := bytes.Count(payload[:min(int(syntax.Offset), len(payload))], []byte("\n")) + 1
			where = fmt.Sprintf(" Look at line %d.", line)
		}
		return []schema.Violation{{Message: "This is not JSON." + where}}, nil
	}
	if len(t.Schema()) == 0 {
		return nil, nil
	}
	s, err := schema.Compile(t.Schema())
	if err != nil {
		return nil, fmt.Errorf("compile the schema of an event type: %w", err)
	}
	return s.Validate(payload), nil
}

// checkAnswer is what the editor gets while somebody types.
type checkAnswer struct {
	// Checked says that there is a schema.
	Checked  bool           `json:"checked"`
	Problems []checkProblem `json:"problems"`
}

type checkProblem struct {
	Pointer string `json:"pointer"`
	Message string `json:"message"`
}

// check answers the editor of a payload.
func (c *console) check(w http.ResponseWriter, r *http.Request) error {
	answer, err := c.checkPayload(r.Context(), r.PostForm.Get("event_type"), []byte(r.PostForm.Get("payload")))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

func (c *console) checkPayload(ctx context.Context, eventType string, payload []byte) (checkAnswer, error) {
	known, err := c.m.EventType(ctx, eventType)
	if err != nil && !isNotFound(err) {
		return checkAnswer{}, err
	}
	problems, err := problemsOf(&known, payload)
	if err != nil {
		return checkAnswer{}, err
	}
	answer := checkAnswer{Checked: len(known.Schema()) > 0, Problems: []checkProblem{}}
	for _, p := range problems {
		answer.Problems = append(answer.Problems, checkProblem{p.Pointer, p.Message})
	}
	return answer, nil
}
