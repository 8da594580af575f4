package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// startTimeout bounds how long a server takes to accept connections, after a
	// crash too.
	startTimeout = 60 * time.Second
	// stopTimeout bounds how long a server takes to end.
	stopTimeout = 30 * time.Second
	// pollEvery is how often a condition is looked at that nothing announces.
	pollEvery = 10 * time.Millisecond
)

// cluster is a server's data and, while it runs, its process. One that somebody
// else runs has nothing but a dsn.
type cluster struct {
	dir  string // the log and the socket
	data string
	bin  string // the folder of the programs
	port int    // 0 until the first start
	dsn  string

	mu     sync.Mutex // guards server
	server *process   // nil until the first start

	bouncer bouncer
}

// newCluster starts a server on a copy of the template.
func newCluster(opt Options) (*cluster, error) {
	c := &cluster{}
	err := c.make(opt)
	if err == nil {
		err = c.start()
	}
	if err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

func (c *cluster) make(opt Options) error {
	tpl, err := template()
	if err != nil {
		return err
	}
	c.bin = tpl.bin
	if c.dir, err = newDir(""); err != nil {
		return err
	}
	c.data = filepath.Join(c.dir, "data")
	if opt.Dir != "" {
		if c.data, err = newDir(opt.Dir); err != nil {
			return err
		}
	}
	if err := tpl.copyTo(c.data); err != nil {
		return err
	}
	return c.configure(opt.Settings)
}

// configure appends to postgresql.conf, where the last line of a name counts.
func (c *cluster) configure(settings map[string]string) error {
	all := map[string]string{
		"fsync":              "on",
		"synchronous_commit": "on",
		"full_page_writes":   "on",
		"max_connections":    "200",
		"shared_buffers":     "128MB",
	}
	maps.Copy(all, settings)
	all["listen_addresses"] = "127.0.0.1"
	all["unix_socket_directories"] = c.dir
	var lines strings.Builder
	quote := strings.NewReplacer(`'`, `''`, `\`, `\\`)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&lines, "%s = '%s'\n", name, quote.Replace(all[name]))
	}
	f, err := os.OpenFile(filepath.Join(c.data, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("configure server: %w", err)
	}
	_, err = f.WriteString(lines.String())
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("configure server: %w", err)
	}
	return nil
}

// start starts the server, and tries again while what it needs is still taken: a
// port by somebody else, or shared memory by what the last kill left.
func (c *cluster) start() error {
	if c.alive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := c.launch(ctx)
		if !errors.Is(err, errTaken) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pollEvery):
		}
	}
}

// errTaken means that a start may succeed later, or at another port.
var errTaken = errors.New("something it needs is taken")

// launch starts the server once. It is ready when it answers on its socket, which
// it opens after its port, and where nobody else's server can answer.
func (c *cluster) launch(ctx context.Context) error {
	port := c.port
	if port == 0 {
		var err error
		if port, err = freePort(); err != nil {
			return fmt.Errorf("start server: %w", err)
		}
	}
	l, err := openLog(filepath.Join(c.dir, "postgres.log"))
	if err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	defer l.close()
	p, err := spawn(exec.Command(filepath.Join(c.bin, "postgres"), "-D", c.data, "-p", strconv.Itoa(port)), l)
	if err != nil {
		return fmt.Errorf("start server: %w", err)
	}
	if err := p.await(ctx, address(c.dir, port, "postgres")); err != nil {
		p.crash()
		said := l.tail()
		if isTaken(said) {
			err = fmt.Errorf("%w: %w", errTaken, err)
		}
		return fmt.Errorf("start server: %w\n%s", err, said)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.server, c.port, c.dsn = p, port, address("127.0.0.1", port, "postgres")
	return nil
}

// isTaken reads in a log why a server did not start.
func isTaken(said string) bool {
	return slices.ContainsFunc([]string{
		"Address already in use", "pre-existing shared memory block", "lock file \"postmaster.pid\" already exists",
	}, func(reason string) bool { return strings.Contains(said, reason) })
}

// stop shuts the server down, which SIGINT calls fast.
func (c *cluster) stop() {
	p := c.running()
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		p.crash()
	}
}

func (c *cluster) kill() {
	if p := c.running(); p != nil {
		p.crash()
	}
}

// remove ends the server and removes all its files.
func (c *cluster) remove() error {
	c.bouncer.stop()
	c.kill()
	if err := removeAll(c.data, c.dir, c.bouncer.dir); err != nil {
		return fmt.Errorf("remove server: %w", err)
	}
	return nil
}

// running returns the server's process, or nil if there is none.
func (c *cluster) running() *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server == nil || c.server.hasEnded() {
		return nil
	}
	return c.server
}

func (c *cluster) alive() bool { return c.data == "" || c.running() != nil }

// address returns the URL of a database. A host that is a folder has the server's
// socket.
func address(host string, port int, database string) string {
	q := url.Values{"host": {host}, "port": {strconv.Itoa(port)}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database}
	if !filepath.IsAbs(host) {
		u.Host = net.JoinHostPort(host, strconv.Itoa(port))
		q.Del("host")
		q.Del("port")
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// freePort returns a port that nobody listens on. It is below those that systems
// give to outgoing connections, so that it stays free while a server is down.
func freePort() (int, error) {
	const first, n, tries = 20000, 12000, 100
	var err error
	for range tries {
		port := first + rand.IntN(n)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}
