package faults_test

import (
	"context"
	"database/sql"
	"net/url"
)

// integrity returns SQLite's verdict on a file, "ok" if it is whole. It looks
// without changing anything: the log that a dead process left is what the next
// one has to recover from.
func integrity(ctx context.Context, path string) string {
	uri := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro"}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&verdict); err != nil {
		return err.Error()
	}
	return verdict
}
