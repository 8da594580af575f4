// Command quickstart shows the main job of Postrider in one run, "make demo": a
// thousand events are published, stored in a SQLite file, signed and delivered to
// five receivers on this machine, four of which misbehave. It exits with 0 only
// if every event that should arrive arrived, once and byte for byte.
//
// main.go is the story, top to bottom; the receivers are in receivers.go, the
// events in events.go, and what came of them in report.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/dispatcher/seal"
	"github.com/postrider/postrider/dispatcher/transport"
	"github.com/postrider/postrider/dispatcher/transport/guard"
	"github.com/postrider/postrider/store/sqlite"
)

// tenant is the customer who owns the endpoints.
const tenant = "acme"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // it takes a few seconds
	err := run(ctx, demo{events: 1000, receivers: newReceivers(), out: os.Stdout, progress: os.Stderr})
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// demo is what to show, and where.
type demo struct {
	events        int
	receivers     []*receiver
	out, progress io.Writer
}

// run does it all. If ctx ends before everything has arrived, it reports how far
// it came and returns an error.
func run(ctx context.Context, show demo) (err error) {
	dir, err := os.MkdirTemp("", "postrider-quickstart-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	// A database: one file. The key that seals the endpoints' secrets in it is in
	// a file of its own, which a service backs up elsewhere.
	st, err := sqlite.Open(ctx, filepath.Join(dir, "webhooks.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	keyring, err := seal.LoadKeyring(filepath.Join(dir, "postrider.key"))
	if err != nil {
		return err
	}

	// Our receivers speak http on loopback, and that must be allowed here. Leave
	// HTTP out where customers choose the URLs: then deliveries go to https and
	// to public addresses only.
	d, err := dispatcher.New(st, dispatcher.Config{
		Keyring: keyring,
		HTTP:    transport.HTTPConfig{Guard: guard.Config{AllowHTTP: true, AllowPrivate: true}},
	})
	if err != nil {
		return err
	}

	m := manage.New(d)
	defer func() {
		for _, rc := range show.receivers {
			err = errors.Join(err, rc.close())
		}
	}()
	for _, rc := range show.receivers {
		if err := connect(ctx, m, rc); err != nil {
			return fmt.Errorf("connect the %s receiver: %w", rc.name, err)
		}
	}
	sent, err := publishAndDeliver(ctx, d, show)
	if err != nil {
		return err
	}
	return report(context.WithoutCancel(ctx), d, show, sent)
}

// connect creates an endpoint for a receiver. The secret is shown this once: the
// receiver copies it, and verifies with it what arrives.
func connect(ctx context.Context, m *manage.Manager, rc *receiver) (err error) {
	rc.endpoint.Tenant = tenant
	if rc.endpoint.URL, err = rc.listen(ctx); err != nil {
		return err
	}
	ep, secret, err := m.CreateEndpoint(ctx, rc.endpoint)
	if err != nil {
		return err
	}
	rc.endpoint = ep
	return rc.serve(secret.Reveal())
}

// publishAndDeliver publishes all events while Run delivers, and returns what was
// published when everything has arrived, or ctx has ended.
func publishAndDeliver(ctx context.Context, d *dispatcher.Dispatcher, show demo) (*ledger, error) {
	// Run delivers until its context ends. It could as well be in a process of
	// its own: publishing needs no Run.
	running, stop := context.WithCancel(ctx)
	defer stop()
	stopped := make(chan error, 1)
	go func() { stopped <- d.Run(running) }()

	sent := newLedger()
	finish := drawProgress(show, sent)
	err := publishAll(ctx, d, show, sent)
	for !allArrived(show.receivers, sent) && ctx.Err() == nil && err == nil {
		time.Sleep(5 * time.Millisecond)
	}
	finish()

	// Run lets what is under way finish, and writes every outcome, before it
	// returns. After that the database has the whole truth.
	stop()
	return sent, errors.Join(err, <-stopped)
}
