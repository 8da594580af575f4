package postgres

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// literals returns arguments with slices written as array literals
// (PostgreSQL documentation, section 8.15.2).
func literals(args []any) []any {
	written := make([]any, len(args))
	for i, arg := range args {
		switch list := arg.(type) {
		case []string:
			arg = arrayOf(list, quoted)
		case [][]byte:
			arg = arrayOf(list, func(b []byte) string { return `"\\x` + hex.EncodeToString(b) + `"` })
		case []int64:
			arg = arrayOf(list, func(n int64) string { return strconv.FormatInt(n, 10) })
		}
		written[i] = arg
	}
	return written
}

func arrayOf[T any](list []T, write func(T) string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(write(v))
	}
	b.WriteByte('}')
	return b.String()
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func quoted(s string) string { return `"` + escaper.Replace(s) + `"` }
