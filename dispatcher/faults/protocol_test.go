package faults_test

import (
	"encoding/json"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/webhook"
)

// tenant owns everything in these tests.
const tenant = "acme"

// childVariable holds a childConfig as JSON in the environment of a child.
const childVariable = "POSTRIDER_FAULTS_CHILD"

// childConfig says what a child is.
type childConfig struct {
	// Path is the database file of SQLite.
	Path string `json:"path,omitempty"`
	// DSN and Schema are the place in PostgreSQL, if there is no file.
	DSN    string `json:"dsn,omitempty"`
	Schema string `json:"schema,omitempty"`
	// Life is the number of the child's life in the ledger.
	Life int `json:"life"`
	// Lease is the dispatcher's, or 0 for its default.
	Lease time.Duration `json:"lease,omitempty"`
	// Patience bounds a publish call. Defaults to 20 seconds.
	Patience time.Duration `json:"patience,omitempty"`
	// Slots bounds the deliveries under way.
	Slots int `json:"slots"`
	// RedeliverRate is the dispatcher's, or 0 for its default.
	RedeliverRate int `json:"redeliver_rate,omitempty"`
	// Retention is the dispatcher's.
	Retention dispatcher.Retention `json:"retention,omitzero"`
	// Idle leaves deliveries alone: the child only publishes.
	Idle bool `json:"idle,omitempty"`
	// WatchStalls measures how long the machine keeps the child waiting.
	WatchStalls bool `json:"watch_stalls,omitempty"`
	// Sabotage makes the store break a promise.
	Sabotage sabotage `json:"sabotage,omitempty"`
	// Failpoint is where the child kills itself, if anywhere.
	Failpoint *failpoint `json:"failpoint,omitempty"`
	// Host publishes in transactions of the host's, through a handle with this
	// setting of PRAGMA synchronous.
	Host string `json:"host,omitempty"`
	// Tmpfs is a folder where the child mounts a file system in memory, for
	// itself alone, and copies Seed to Path before it opens it.
	Tmpfs string `json:"tmpfs,omitempty"`
	Size  string `json:"size,omitempty"`
	Seed  string `json:"seed,omitempty"`
}

// The orders that a child takes.
const (
	doPublish = "publish"
	doPending = "pending" // how many deliveries are pending, 1 at most
	doLimit   = "limit"   // no file may be longer than N bytes; 0 lifts it
	doBallast = "ballast" // leave N bytes free beside the database; 0 frees all
	doClose   = "close"   // drain and close the store, and live on
	doStale   = "stale"   // how many outcomes were refused
	doClaims  = "claims"  // the 99th percentile of the calls that claim, in microseconds
	doStalls  = "stalls"  // the longest time that the machine kept it waiting, in microseconds
	doMemory  = "memory"  // the most memory that was resident, in bytes; 0 if nobody says
)

// order is a line from the parent to the child.
type order struct {
	Seq int    `json:"seq"`
	Do  string `json:"do"`
	// Tenant publishes, if it is not the usual one.
	Tenant string          `json:"tenant,omitempty"`
	Key    string          `json:"key,omitempty"`
	Type   string          `json:"type,omitempty"`
	Data   json.RawMessage `json:"data,omitempty"`
	N      int64           `json:"n,omitempty"`
	// OrderingKey is the event's.
	OrderingKey string `json:"ordering_key,omitempty"`
}

// result is what became of a publish call.
type result string

const (
	acknowledged result = "acknowledged"
	refused      result = "refused"
	unknown      result = "unknown"
)

// answer is a line from the child to the parent, one write(2) each. The first,
// whose Seq is 0, says that the child is ready.
type answer struct {
	Seq int `json:"seq"`
	// Key, Result and Receipt are those of a publish call.
	Key     string          `json:"key,omitempty"`
	Result  result          `json:"result,omitempty"`
	Receipt webhook.Receipt `json:"receipt"`
	// Error is what went wrong; Unavailable says that it was
	// store.ErrUnavailable.
	Error       string `json:"error,omitempty"`
	Unavailable bool   `json:"unavailable,omitempty"`
	// Micros is how long it took, N what was asked for.
	Micros int64 `json:"micros,omitempty"`
	N      int64 `json:"n,omitempty"`
}
