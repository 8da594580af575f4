package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/pprof"
)

func main() {
	if os.Getenv(childVariable) != "" {
		os.Exit(work(os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run measures what the flags say and prints the result. It returns the exit
// code: 0, 1 if something was lost or doubled or the run failed, 2 if the flags
// are wrong.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "loadtest:", err)
		return 2
	}
	r, err := measure(ctx, c, newBar(stderr))
	if err == nil {
		err = r.print(stdout, c.json)
	}
	if err == nil {
		err = r.check()
	}
	if err != nil {
		fmt.Fprintln(stderr, "loadtest:", err)
		return 1
	}
	return 0
}

// measure measures raw, then the run.
func measure(ctx context.Context, c config, b *bar) (r result, err error) {
	r = result{Store: withoutUser(c.store), Events: c.events, Publishers: c.publishers, Processes: c.processes}
	if c.rawTime > 0 {
		if r.RawPerSecond, err = measureRaw(ctx, c, b); err != nil {
			return r, err
		}
	}
	db, err := openDatabase(ctx, c)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	l, err := newLoad(ctx, c, db)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	if err := l.prepare(ctx, b); err != nil {
		return r, err
	}
	stopProfile, err := profile(c.cpuProfile)
	if err != nil {
		return r, err
	}
	m, err := l.run(ctx, b)
	if err := errors.Join(err, stopProfile()); err != nil {
		return r, err
	}
	r.add(c, m)
	return r, nil
}

// profile writes a CPU profile to a file until the function it returns is
// called. Without a path it does nothing.
func profile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
