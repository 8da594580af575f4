package deliverylog

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// parseCSV reads lines of CSV by RFC 4180 to the letter: encoding/csv makes one line break
// of CR LF in a cell.
func parseCSV(t *testing.T, text string) (lines [][]string) {
	t.Helper()
	var line []string
	var cell strings.Builder
	for quoted := false; text != ""; {
		switch {
		case quoted && strings.HasPrefix(text, `""`):
			cell.WriteByte('"')
			text = text[1:]
		case text[0] == '"':
			quoted = !quoted
		case !quoted && text[0] == ',':
			line = append(line, cell.String())
			cell.Reset()
		case !quoted && strings.HasPrefix(text, "\r\n"):
			lines = append(lines, append(line, cell.String()))
			cell.Reset()
			line, text = nil, text[1:]
		case !quoted && (text[0] == '\r' || text[0] == '\n'):
			t.Fatalf("a bare line break in %q", text)
		default:
			cell.WriteByte(text[0])
		}
		text = text[1:]
	}
	if len(line) > 0 || cell.Len() > 0 {
		t.Fatalf("the last line has no end: %q %q", line, cell.String())
	}
	return lines
}

func rowWith(key string) *Row {
	at := time.Date(2026, 3, 2, 9, 30, 0, 123000, time.UTC)
	return &Row{
		ID: "dlv_1", WebhookID: "ep_1", EventID: "evt_1", EventType: "-a", Status: "pending", Priority: "normal", AttemptCount: 2,
		OrderingKey: &key, NextAttemptAt: &at, CreatedAt: at, UpdatedAt: at,
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	lines := parseCSV(t, columns+string(rowWith(`=cmd|' /C calc'!A0, "x"`).appendCSV(nil)))
	want := []string{
		"dlv_1", "ep_1", "evt_1", "'-a", "pending", "", "2", "normal", `'=cmd|' /C calc'!A0, "x"`, "",
		"2026-03-02T09:30:00.000123Z", "2026-03-02T09:30:00.000123Z", "2026-03-02T09:30:00.000123Z",
	}
	if len(lines) != 2 || strings.Join(lines[1], "\x00") != strings.Join(want, "\x00") || len(lines[0]) != len(want) {
		t.Errorf("CSV = %q; want a header and %q", lines, want)
	}
	for cell, want := range map[string]string{
		"": "", "a": "a", "1": "1", "a=1": "a=1", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\ta": "'\ta", "\ra": "'\ra", "\na": "'\na",
		"\x00a": "'\x00a", "'a": "''a", "＝1": "'＝1", "＋1": "'＋1", "－1": "'－1", "＠a": "'＠a", "  =1": "'  =1", "\ufeff=1": "'\ufeff=1", " a": " a",
	} {
		if got := defuse(cell); got != want {
			t.Errorf("defuse(%q) = %q; want %q", cell, got, want)
		}
	}
}

// FuzzCSVCell writes any text as a cell: a spreadsheet never takes it for a formula, and a
// program gets it back to the letter.
func FuzzCSVCell(f *testing.F) {
	for _, seed := range []string{"", "=1+1", "a,b", "\"", "\r\n", "'", "\t=x", "＝x", "a\rb", " -x ", "\u200b@x", "\xff=", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := parseCSV(t, string(rowWith(text).appendCSV(nil)))
		if len(lines) != 1 || len(lines[0]) != strings.Count(columns, ",")+1 {
			t.Fatalf("a row with the ordering key %q = %q; want one line with a cell for each column", text, lines)
		}
		cell := lines[0][8]
		if strings.TrimPrefix(cell, "'") != text {
			t.Errorf("the ordering key %q is read back as %q", text, cell)
		}
		// What a spreadsheet judges by, said in another way than the code does.
		seen := strings.TrimLeft(cell, " \u00a0\u2003\u200b\ufeff")
		first, _ := utf8.DecodeRuneInString(seen)
		switch first {
		case '=', '+', '-', '@', '\t', '\r', '\n', 0, '＝', '＋', '－', '＠':
			t.Errorf("the ordering key %q is the cell %q, which a spreadsheet may compute", text, cell)
		}
	})
}
