package httpapi

import (
	"context"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// route is a line of the table of routes.
type route struct {
	method, path string
	need         need
	action       Action
	// summary says what it does, in the document.
	summary string
	// body is a value of what a request's body has, or nil if it has none.
	body any
	// answers are values of what an answer may be, by media type, where the function writes
	// it itself.
	answers map[string]any
	// status is that of success. Defaults to 200.
	status int
	// limit bounds the body, in bytes. Defaults to 1 MiB.
	limit int64
}

const (
	maxBody  = 1 << 20
	maxBatch = 8 << 20
)

// newHuma returns what makes handlers of functions. It writes JSON as encoding/json does,
// and adds nothing to answers.
func (a *api) newHuma() huma.API {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Postrider", Version: "1.0.0",
				Description: "Webhooks: where events are sent, what became of them, and publishing them.",
				License:     &huma.License{Name: "MIT", Identifier: "MIT"},
				Contact:     &huma.Contact{Name: "Postrider", URL: "https://github.com/postrider/postrider"},
			},
			Tags:    tags,
			Servers: []*huma.Server{{URL: ".", Description: "Where the API is mounted."}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "An API key, or another token that the host accepts."},
				},
			},
			Security: []map[string][]string{{"bearer": {}}},
		},
		Formats:                      map[string]huma.Format{jsonType: huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                jsonType,
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{ownProblems},
	}
	return humachi.New(a.router, config)
}

// schemaName names a schema after its type: webhookJSON is Webhook.
func schemaName(t reflect.Type, hint string) string {
	return strings.ReplaceAll(huma.DefaultSchemaNamer(t, hint), "JSON", "")
}

// serve adds a route. What its function returns is the answer: an error becomes a
// problem.
func serve[I, O any](a *api, h huma.API, rt route, answer func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: operationID(rt), Method: rt.method, Path: rt.path, Summary: rt.summary,
		Description: describe(rt), DefaultStatus: rt.status, Middlewares: huma.Middlewares{a.letIn(rt)},
		SkipValidateBody: true, Tags: []string{tagOf(rt.action)}, Responses: a.problems(h),
	}
	if rt.limit == 0 {
		rt.limit = maxBody
	}
	op.MaxBodyBytes = rt.limit + 1 // huma refuses what is as long as the limit
	huma.Register(h, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := answer(ctx, in)
		if err != nil {
			return nil, a.problemOf(ctx, err)
		}
		return out, nil
	})
	if rt.body != nil {
		documentBody(h, rt)
	}
	documentAnswers(h, rt)
}

// operationID makes a name of a route: "post-webhooks-id-test".
func operationID(rt route) string {
	path := strings.NewReplacer("/", "-", "{", "", "}", "").Replace(rt.path)
	return strings.ToLower(rt.method) + path
}

func tagOf(action Action) string {
	tag, _, _ := strings.Cut(string(action), ".")
	return tag
}

func describe(rt route) string {
	switch rt.need {
	case admin:
		return "Needs the role admin."
	case publisher:
		return "Needs the role admin or developer, and the scope publish."
	case registrar:
		return "Needs the role admin, and the scope event-types."
	case developer:
		return "Needs the role admin or developer."
	}
	return "Needs the role admin or developer, or viewer if the host lets viewers in."
}

// problems describes the errors of every route.
func (a *api) problems(h huma.API) map[string]*huma.Response {
	schema := h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "")
	content := map[string]*huma.MediaType{problemType: {Schema: schema}}
	return map[string]*huma.Response{
		"4XX": {Description: "Something about the request; the code says what.", Content: content},
		"5XX": {Description: "Something here. A request with an idempotency key may be repeated.", Content: content},
	}
}
