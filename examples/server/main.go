package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "server:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// run serves until ctx ends and everything is drained. It prints its URLs to stdout when it
// is ready.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	s, err := start(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "ready: console %s%s/ · API %s%s/ · document %s%s/openapi.json · %s/healthz · %s/readyz\n", s.url, consolePrefix, s.url, apiPrefix, s.url, apiPrefix, s.url, s.url)
	return s.serve(ctx)
}
