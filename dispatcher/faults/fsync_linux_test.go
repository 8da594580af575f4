package faults_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFaultSyncBeforeAcknowledgement watches the system calls of a child: between
// the last write of a publish's commit to the log and the acknowledgement, the
// log must have been brought to the disk.
func TestFaultSyncBeforeAcknowledgement(t *testing.T) {
	beside(t, light)
	for _, tt := range []struct {
		name string
		cfg  childConfig
		// short and long are how many publishes are traced.
		short, long int
		// found says that the child breaks the promise, with every publish.
		found bool
	}{
		{name: "publish", short: 200, long: 1000},
		{name: "publish in a host's transaction", cfg: childConfig{Host: "full"}, short: 50, long: 1000},
		{name: "a host that turned it off", cfg: childConfig{Host: "off", Idle: true}, short: 25, long: 25, found: true},
		{name: "a store that answers early", cfg: childConfig{Sabotage: earlyPublish, Idle: true}, short: 25, long: 25, found: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			publishes := tt.short
			if long {
				publishes = tt.long
			}
			tr := traced(t, tt.cfg, publishes)
			synced := 0
			var first string
			for key := range tr.acknowledged {
				if err := tr.judge(key); err == nil {
					synced++
				} else if first == "" {
					first = err.Error()
				}
			}
			t.Logf("F9 SQLite, %s: %d acknowledged, %d of them after a sync of their commit; %d commits, %d syncs",
				tt.name, len(tr.acknowledged), synced, tr.commits, len(tr.syncs))
			if len(tr.acknowledged) != publishes {
				t.Fatalf("%d publishes were acknowledged in the trace; want %d", len(tr.acknowledged), publishes)
			}
			switch {
			case !tt.found && synced != publishes:
				t.Errorf("%d of %d acknowledgements came before their commit was on the disk, such as %s", publishes-synced, publishes, first)
			case tt.found && synced != 0:
				t.Errorf("%d of %d publishes that were never synced in time were taken for synced: the test cannot tell", synced, publishes)
			}
		})
	}
}

// traced publishes through a child under strace and returns what it did.
func traced(t *testing.T, cfg childConfig, publishes int) *walTrace {
	t.Helper()
	if testing.Short() {
		t.Skip("needs strace")
	}
	strace, err := exec.LookPath("strace")
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatalf("this test needs strace (apt-get install strace): %v", err)
	case err != nil:
		t.Skip("strace is not installed: whether the fsync comes before the acknowledgement was not checked")
	}
	w := newWorld(t, 1, good)
	if cfg.Host != "" {
		w.load.clients = 1 // a host's transactions share no commits
	}
	cfg.Path, cfg.Slots = w.path, slots
	trace := filepath.Join(t.TempDir(), "trace")
	cfg.Life = w.ledger.begin()
	p := start(t, cfg, strace, "-f", "--seccomp-bpf", "-y", "-s", "4200", "-o", trace, "-e", "signal=none",
		"-e", "trace=fsync,fdatasync,pwrite64,write", "--")
	w.load.publishN(p, publishes)
	p.stop()
	if n := w.ledger.count(acknowledged); n != publishes {
		t.Fatalf("%d of %d publishes were acknowledged", n, publishes)
	}
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	calls, err := readTrace(f)
	if err != nil {
		t.Fatal(err)
	}
	return newWALTrace(calls, w.path+"-wal")
}

// walTrace is what a trace says of the log.
type walTrace struct {
	// frames are the writes of a page each, in order, with those that end a
	// commit marked.
	frames []frame
	syncs  []*tracedCall
	// carried is the first frame that carries an idempotency key, and
	// acknowledged the write of its acknowledgement.
	carried      map[string]int
	acknowledged map[string]*tracedCall
	commits      int
}

type frame struct {
	page   *tracedCall
	commit bool
}

// frameHeader is the length of what precedes a page in the log: the page's
// number, and the database's size in pages if the frame ends a commit or else 0,
// both big endian, and more (https://www.sqlite.org/fileformat2.html, 4.1).
const frameHeader = 24

var (
	keyPattern          = regexp.MustCompile(`mark\d{7}x`)
	acknowledgedPattern = regexp.MustCompile(`^{\\"seq\\":\d+,\\"key\\":\\"(mark\d{7}x)\\",\\"result\\":\\"acknowledged\\"`)
)

func newWALTrace(calls []*tracedCall, wal string) *walTrace {
	tr := &walTrace{carried: map[string]int{}, acknowledged: map[string]*tracedCall{}}
	commit := false
	for _, c := range calls {
		switch {
		case c.writes() && c.file == wal && c.result == frameHeader:
			commit = binary.BigEndian.Uint32(unescape(c.text)[4:]) != 0
		case c.writes() && c.file == wal && c.result >= 512: // a page; the log's own header is shorter
			for _, key := range keyPattern.FindAllString(c.text, -1) {
				if _, seen := tr.carried[key]; !seen {
					tr.carried[key] = len(tr.frames)
				}
			}
			tr.frames = append(tr.frames, frame{c, commit})
			if commit {
				tr.commits++
			}
		case c.syncs() && c.file == wal && c.result == 0:
			tr.syncs = append(tr.syncs, c)
		case c.writes() && strings.HasPrefix(c.file, "pipe:"):
			if m := acknowledgedPattern.FindStringSubmatch(c.text); m != nil {
				tr.acknowledged[m[1]] = c
			}
		}
	}
	return tr
}

// judge returns nil if the commit that carried a key was synced before the key
// was acknowledged.
func (tr *walTrace) judge(key string) error {
	ack := tr.acknowledged[key]
	n, ok := tr.carried[key]
	if !ok {
		return fmt.Errorf("%s, which is not in the log", key)
	}
	for n < len(tr.frames) && !tr.frames[n].commit {
		n++
	}
	if n == len(tr.frames) {
		return fmt.Errorf("%s, whose commit has no end", key)
	}
	last := tr.frames[n].page
	for _, s := range tr.syncs {
		if s.start > last.end && s.end < ack.start {
			return nil
		}
	}
	return fmt.Errorf("%s: commit written at line %d of the trace, acknowledged at %d, no sync between", key, last.end, ack.start)
}
