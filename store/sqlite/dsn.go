package sqlite

import (
	"net/url"
	"path/filepath"
	"strings"
)

// DSN returns the name under which a host opens a handle of its own on a file:
//
//	db, err := sql.Open("sqlite", sqlite.DSN("webhooks.db"))
//
// It asks for WAL mode, durable commits, foreign keys, five seconds of patience
// with other writers, transactions that take the write lock at once, and, before
// the first table, incremental vacuum.
func DSN(path string) string {
	return fileURI(path) + "&_txlock=immediate" + pragmas(
		"auto_vacuum(incremental)", "busy_timeout(5000)", "foreign_keys(on)", "journal_mode(wal)", "synchronous(full)")
}

// readerDSN names a connection that only reads.
func readerDSN(uri string) string {
	return uri + pragmas("busy_timeout(5000)", "foreign_keys(on)", "query_only(on)", "cache_size(-65536)", "temp_store(memory)", "wal_autocheckpoint(16000)")
}

// writerDSN names the connection that writes. The log is written back to the file
// every 16 MiB: pages that many commits change are then written back once. Its
// file is cut after that if it grew behind a long read.
func writerDSN(uri string) string {
	return uri + "&_txlock=immediate" + pragmas(
		"auto_vacuum(incremental)", "busy_timeout(5000)", "foreign_keys(on)", "journal_mode(wal)", "synchronous(full)",
		"wal_autocheckpoint(4096)", "journal_size_limit(33554432)", "cache_size(-32768)", "temp_store(memory)")
}

func pragmas(list ...string) string {
	var b strings.Builder
	for _, p := range list {
		b.WriteString("&_pragma=" + url.QueryEscape(p))
	}
	return b.String()
}

// fileURI returns a path as SQLite's form of a URI, open for parameters.
func fileURI(path string) string {
	slashed := filepath.ToSlash(path)
	if filepath.VolumeName(path) != "" {
		slashed = "/" + slashed
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: slashed}).EscapedPath()}
	if strings.HasPrefix(slashed, "//") {
		u.Opaque = "//" + u.Opaque
	}
	return u.String() + "?_time_format=sqlite"
}
