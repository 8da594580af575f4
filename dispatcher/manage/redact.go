package manage

import (
	"context"
	"maps"

	"github.com/postrider/postrider/webhook"
)

// redactAnswers hides what receivers have answered to an event where that repeats what
// is redacted in it. The answer to a batch may repeat any event of the batch.
func (m *Manager) redactAnswers(ctx context.Context, ev *webhook.Event, attempts []webhook.Attempt) {
	for i := range attempts {
		a := &attempts[i]
		hide := func(answer []byte) []byte { return m.d.RedactAnswer(ctx, ev, answer) }
		if a.BatchID != "" && m.d.RedactsAny(ctx) {
			hide = func([]byte) []byte { return []byte(Hidden) }
		}
		if len(a.ResponseBody) > 0 {
			a.ResponseBody = hide(a.ResponseBody)
		}
		a.ResponseHeaders = maps.Clone(a.ResponseHeaders)
		for name, value := range a.ResponseHeaders {
			a.ResponseHeaders[name] = string(hide([]byte(value)))
		}
	}
}
