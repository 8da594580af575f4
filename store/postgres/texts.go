package postgres

import (
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// defaultSchema is the schema that all statements are written for.
const defaultSchema = "postrider"

// texts gives statements the name of a store's schema, and the way in which they
// are sent.
type texts struct {
	schema string
	// mode goes before the arguments of each statement; nil leaves it to the
	// connection.
	mode []any
	// known has what texts were changed to.
	known sync.Map
}

func newTexts(cfg Config) *texts {
	t := &texts{schema: cfg.Schema}
	if cfg.Pooler {
		t.mode = []any{pgx.QueryExecModeExec}
	}
	return t
}

// of returns a statement as the store's schema has it, be it one of this package
// or of sqlstore.
func (t *texts) of(text string) string {
	if changed, ok := t.known.Load(text); ok {
		return changed.(string)
	}
	changed := t.inSchema(text)
	if strings.Contains(text, "postrider_") {
		changed = t.inSchema(fromShared(text))
	}
	t.known.Store(text, changed)
	return changed
}

// inSchema names the schema.
func (t *texts) inSchema(text string) string {
	return strings.ReplaceAll(text, defaultSchema+".", t.schema+".")
}

// args returns the arguments of a statement with the mode before them.
func (t *texts) args(args []any) []any {
	if t.mode == nil {
		return args
	}
	return append(t.mode[:1:1], args...)
}
