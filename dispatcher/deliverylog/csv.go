package deliverylog

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// columns name the cells of a row, as its JSON does.
const columns = "id,webhook_id,event_id,event_type,status,reason,attempt_count,priority,ordering_key,batch_id,next_attempt_at,created_at,updated_at\r\n"

// appendCSV appends a row as a line of CSV (RFC 4180). Times are RFC 3339; what is null in
// JSON is an empty cell.
func (r *Row) appendCSV(b []byte) []byte {
	key, next := "", ""
	if r.OrderingKey != nil {
		key = *r.OrderingKey
	}
	if r.NextAttemptAt != nil {
		next = r.NextAttemptAt.Format(time.RFC3339Nano)
	}
	for i, cell := range []string{
		r.ID, r.WebhookID, r.EventID, r.EventType, r.Status, r.Reason, strconv.Itoa(r.AttemptCount), r.Priority, key, r.BatchID, next,
		r.CreatedAt.Format(time.RFC3339Nano), r.UpdatedAt.Format(time.RFC3339Nano),
	} {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCell(b, defuse(cell))
	}
	return append(b, "\r\n"...)
}

// formulas are what a spreadsheet takes for the beginning of a formula or of a command
// (OWASP, CSV Injection; ASVS 1.2.10), the full-width forms among them. The quotation mark
// is there so that one at the beginning is always ours.
const formulas = "=+-@\t\r\n\x00'＝＋－＠"

// defuse returns a text that no spreadsheet computes: with a ' before it, if it begins
// with what one might. Whoever reads the file by a program takes that one away.
func defuse(cell string) string {
	if strings.IndexAny(strings.TrimLeftFunc(cell, unseen), formulas) == 0 {
		return "'" + cell
	}
	return cell
}

// unseen reports whether a spreadsheet may pass over a character at the beginning.
func unseen(r rune) bool {
	return (unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)) && !strings.ContainsRune(formulas, r)
}

// appendCell appends a cell, in quotation marks if it has to be.
func appendCell(b []byte, cell string) []byte {
	if !strings.ContainsAny(cell, "\",;\r\n\t ") {
		return append(b, cell...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(cell, `"`, `""`)...)
	return append(b, '"')
}
