package sqlite

import (
	"os"
	"time"
)

// The log is written back to the file by SQLite itself as it grows, but it can
// only begin anew in a moment that no reader looks into it. If readers never
// rest it grows without end. So once it is long, the writer lets the readers of
// this Store rest for that moment.
const (
	logCheckEvery = 64       // commits
	logLong       = 48 << 20 // bytes; SQLite itself begins anew at about 16 MiB
	readersRest   = 50 * time.Millisecond
)

// logKeeper keeps the log short. It belongs to whoever leads the writer.
type logKeeper struct {
	path    string // of the log, or "" for a database in memory
	long    int64  // bytes
	readers *readers
	commits int
}

// committed is called after each commit, outside any transaction.
func (k *logKeeper) committed(c *conn) {
	if k.commits++; k.path == "" || k.commits%logCheckEvery != 0 {
		return
	}
	info, err := os.Stat(k.path)
	if err != nil || info.Size() < k.long {
		return
	}
	resume := k.readers.pause(readersRest)
	defer resume()
	// If somebody else reads, it is tried again later. The log is longer than
	// it should be, and nothing else is wrong: there is no one to tell.
	_, _ = c.Exec(background, `PRAGMA wal_checkpoint(TRUNCATE)`)
}
