package sqldedup

import (
	"strconv"
	"strings"
)

// Dialect is the SQL of a database.
type Dialect int

// The dialects.
const (
	SQLite     Dialect = iota + 1 // 3.24 or later
	PostgreSQL                    // 9.5 or later
)

// statements are what a Deduplicator runs. Their arguments come in the order in
// which they are written.
type statements struct {
	create                                []string
	claim, holder, finish, release, prune string
}

// statements returns the statements for a table, whose name is safe. "$now" is the
// database's time in Unix microseconds, and "$n" an argument, which SQLite knows
// by "?n".
func (d Dialect) statements(table string) statements {
	now, argument := `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`, "$"
	if d == SQLite {
		now, argument = `CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)`, "?"
	}
	sql := strings.NewReplacer("$now", now, "$table", table, "$limit", strconv.Itoa(maxPruned), "$", argument).Replace
	s := statements{
		create: []string{
			sql(`
				CREATE TABLE IF NOT EXISTS $table (
					key   TEXT   NOT NULL PRIMARY KEY,
					token TEXT   NOT NULL,
					until BIGINT NOT NULL
				)`),
			sql(`CREATE INDEX IF NOT EXISTS $table_until ON $table (until)`),
		},
		// A row that means nothing any more is taken over.
		claim: sql(`
			INSERT INTO $table (key, token, until)
			VALUES ($1, $2, $now + $3)
			ON CONFLICT (key) DO UPDATE
			SET token = excluded.token, until = excluded.until
			WHERE $table.until <= $now`),
		holder: sql(`SELECT token FROM $table WHERE key = $1`),
		// The token is compared: a claim that lapsed may be somebody else's.
		finish: sql(`
			UPDATE $table
			SET token = '', until = $now + $3
			WHERE key = $1
			AND token = $2`),
		release: sql(`DELETE FROM $table WHERE key = $1 AND token = $2`),
		// The time is asked for again: a row that somebody claims anew meanwhile is
		// looked at once more when it is committed, and the list of keys is not.
		prune: sql(`
			DELETE FROM $table
			WHERE key IN (SELECT key FROM $table WHERE until <= $now ORDER BY until LIMIT $limit)
			AND until <= $now`),
	}
	if d == PostgreSQL {
		// IF NOT EXISTS looks before others have committed, and then fails.
		lock := `SELECT pg_advisory_xact_lock(hashtext('` + table + `'))`
		s.create = append([]string{lock}, s.create...)
	}
	return s
}

func validTable(s string) bool {
	if s == "" || len(s) > maxTable || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}
