package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap/zapcore"
)

// config is what the flags say.
type config struct {
	addr         string
	store        string
	apiKey       string
	allowHTTP    bool
	allowPrivate bool
	keyFile      string
	logLevel     zapcore.Level
}

// minKey bounds the API key from below: 16 bytes are what nobody guesses.
const minKey = 16

func parse(args []string, stderr io.Writer) (config, error) {
	c := config{logLevel: zapcore.InfoLevel}
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&c.addr, "addr", "127.0.0.1:8080", "address to listen on")
	f.StringVar(&c.store, "store", "memory", "memory, sqlite:PATH or postgres://…")
	f.StringVar(&c.apiKey, "api-key", "", "key that requests show as a bearer token (or POSTRIDER_API_KEY)")
	f.BoolVar(&c.allowHTTP, "allow-http", false, "accept webhooks with http URLs")
	f.BoolVar(&c.allowPrivate, "allow-private", false, "let deliveries reach loopback and private networks")
	f.StringVar(&c.keyFile, "key-file", "", "keyring that seals secrets, mode 0600; made if it is missing (default postrider.key beside the SQLite file, else here)")
	f.TextVar(&c.logLevel, "log-level", zapcore.InfoLevel, "debug, info, warn or error")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("there are only flags; %q is none", f.Arg(0))
	}
	if c.apiKey == "" {
		c.apiKey = os.Getenv("POSTRIDER_API_KEY")
	}
	if len(c.apiKey) < minKey {
		return c, errors.New("-api-key or POSTRIDER_API_KEY must have a key of at least 16 bytes")
	}
	if c.keyFile == "" {
		c.keyFile = "postrider.key"
		if path, ok := strings.CutPrefix(c.store, "sqlite:"); ok {
			c.keyFile = filepath.Join(filepath.Dir(path), c.keyFile)
		}
	}
	return c, nil
}
