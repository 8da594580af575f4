package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher/lane"
)

// config is what the flags say.
type config struct {
	store       string
	events      int
	fanout      int
	endpoints   int
	payload     int
	publishers  int
	tx          bool
	dark        float64
	backlog     int
	history     int
	rate        float64
	limit       float64
	ordered     bool
	keys        int
	processes   int
	publishFrom string
	json        bool
	timeout     time.Duration
	rawTime     time.Duration
	cpuProfile  string
	args        []string // that all this was read from
}

const (
	maxProcesses = 64
	maxEvents    = 10_000_000
	maxEndpoints = 10_000
	maxPayload   = 256 << 10 // what the dispatcher accepts by default
)

// The values of -publish-from.
const (
	fromParent   = "parent"
	fromChildren = "children"
)

// parse reads the flags. It returns flag.ErrHelp if they ask for help, which
// has been printed then.
func parse(args []string, stderr io.Writer) (config, error) {
	c := config{args: args}
	f := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.store, "store", "sqlite:", "`memory`, sqlite:PATH (a temporary file if there is no path), or postgres://USER@HOST:PORT/DATABASE (a temporary schema)")
	f.IntVar(&c.events, "events", 10_000, "`number` of events to publish")
	f.IntVar(&c.fanout, "fanout", 1, "`number` of endpoints that each event goes to")
	f.IntVar(&c.endpoints, "endpoints", 0, "`number` of endpoints, a multiple of the fan-out; 0 is as many as the fan-out")
	f.IntVar(&c.payload, "payload", 1024, "size of an event's data in `bytes`")
	f.IntVar(&c.publishers, "publishers", 64, "`number` of goroutines that publish")
	f.BoolVar(&c.tx, "tx", false, "publish each event in a transaction of its own")
	f.Float64Var(&c.dark, "dark", 0, "`share` of the endpoints that accept and never answer, 0 to 1")
	f.IntVar(&c.backlog, "backlog", 0, "`number` of deliveries that wait for a dead endpoint")
	f.IntVar(&c.history, "history", 0, "`number` of delivered events that are in the store already")
	f.Float64Var(&c.rate, "rate", 0, "`events` to publish a second; 0 is as many as possible")
	f.Float64Var(&c.limit, "limit", 0, "`deliveries` a second that each healthy endpoint allows, 0.01 to 10000; 0 is no limit")
	f.BoolVar(&c.ordered, "ordered", false, "deliver in the order of publishing, by ordering keys")
	f.IntVar(&c.keys, "keys", 1000, "`number` of ordering keys, which take turns; for -ordered")
	f.IntVar(&c.processes, "processes", 1, "`number` of processes that deliver; if several, they are children of this one")
	f.StringVar(&c.publishFrom, "publish-from", "", "`where` to publish: parent, which does not deliver then, or children; given, one process is a child too (default parent if there are children)")
	f.BoolVar(&c.json, "json", false, "print one JSON object instead of the table")
	f.DurationVar(&c.timeout, "timeout", 5*time.Minute, "`time` after which what has not arrived is lost; preparations not counted")
	f.DurationVar(&c.rawTime, "raw-time", 2*time.Second, "`time` to measure raw, for each number of connections; 0 leaves it out")
	f.StringVar(&c.cpuProfile, "cpuprofile", "", "`file` to write a CPU profile of the run to")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if c.endpoints == 0 {
		c.endpoints = c.fanout
	}
	if c.publishFrom == "" && c.processes > 1 {
		c.publishFrom = fromParent
	}
	return c, c.validate()
}

// children reports whether it is processes of their own that deliver.
func (c *config) children() bool { return c.publishFrom != "" }

func (c *config) validate() error {
	switch {
	case c.store != "memory" && scheme(c.store) != "sqlite" && !c.postgres():
		return fmt.Errorf("-store %q: want memory, sqlite:PATH or postgres://USER@HOST:PORT/DATABASE", withoutUser(c.store))
	case c.postgres() && !strings.Contains(c.store, "://"):
		return errors.New("-store postgres: needs an address, postgres://USER@HOST:PORT/DATABASE")
	case c.processes < 1 || c.processes > maxProcesses:
		return fmt.Errorf("-processes must be 1 to %d", maxProcesses)
	case c.publishFrom != "" && c.publishFrom != fromParent && c.publishFrom != fromChildren:
		return fmt.Errorf("-publish-from must be %s or %s", fromParent, fromChildren)
	case c.children() && !c.postgres():
		return errors.New("-processes must be 1, without -publish-from: memory and sqlite deliver from one process only")
	case c.publishFrom == fromChildren && c.publishers < c.processes:
		return errors.New("-publishers must be at least -processes if the children publish")
	case c.tx && c.store == "memory":
		return errors.New("-tx needs a store with transactions: use sqlite:PATH or postgres://…")
	case c.events < 1 || c.events > maxEvents:
		return fmt.Errorf("-events must be 1 to %d", maxEvents)
	case c.fanout < 1 || c.fanout > maxEndpoints:
		return fmt.Errorf("-fanout must be 1 to %d", maxEndpoints)
	case c.endpoints < c.fanout || c.endpoints > maxEndpoints || c.endpoints%c.fanout != 0:
		return fmt.Errorf("-endpoints must be a multiple of -fanout, at most %d", maxEndpoints)
	case c.payload < minPayload || c.payload > maxPayload:
		return fmt.Errorf("-payload must be %d to %d bytes", minPayload, maxPayload)
	case c.publishers < 1 || c.publishers > 10_000:
		return errors.New("-publishers must be 1 to 10000")
	case !(c.dark >= 0 && c.dark < 1): // also NaN
		return errors.New("-dark must be at least 0 and less than 1")
	case c.dark > 0 && int(float64(c.endpoints)*c.dark) == 0:
		return fmt.Errorf("-dark %g of %d endpoints is none: use more endpoints", c.dark, c.endpoints)
	case c.backlog < 0 || c.backlog > maxEvents || c.history < 0 || c.history > maxEvents:
		return fmt.Errorf("-backlog and -history must be 0 to %d", maxEvents)
	case c.backlog > 0 && c.backlog < lane.OpensAfter:
		return fmt.Errorf("-backlog must be 0 or at least %d: so many attempts must fail until a breaker opens", lane.OpensAfter)
	case c.keys < 1 || c.keys > maxEvents:
		return fmt.Errorf("-keys must be 1 to %d", maxEvents)
	case !(c.rate >= 0):
		return errors.New("-rate must not be negative")
	case c.limit != 0 && !(c.limit >= 0.01 && c.limit <= 10_000):
		return errors.New("-limit must be 0, or 0.01 to 10000")
	case c.timeout <= 0 || c.rawTime < 0:
		return errors.New("-timeout must be positive, and -raw-time not negative")
	}
	return nil
}

func (c *config) postgres() bool {
	s := scheme(c.store)
	return s == "postgres" || s == "postgresql"
}

// tenants is how many tenants the endpoints are spread over.
func (c *config) tenants() int { return c.endpoints / c.fanout }

// darkEndpoint reports whether an endpoint never answers. Dark endpoints are
// spread evenly, and the first endpoint is not one of them.
func (c *config) darkEndpoint(i int) bool {
	return int(float64(i+1)*c.dark) > int(float64(i)*c.dark)
}
