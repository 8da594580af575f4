// Command receiver is a service that takes webhooks: a shop's books, which are told of
// payments and refunds. It is made to be copied. What a receiver must get right:
//
//   - Anybody can send a request: it verifies the signature before it does anything
//     (signer.Verifier).
//   - The same event can come twice, after a crash, a lost answer, or because somebody
//     asked for it again: the change and the memory of the event are one transaction
//     (sqldedup.ClaimTx), so it is booked once.
//   - Events come in any order: what cannot be booked yet is refused, and comes again.
//   - The sender waits 15 seconds: it answers as soon as the change is committed. What
//     takes longer is written down in the same transaction and done afterwards.
//   - Payloads may be encrypted: it opens them by its private key (package jwe).
//   - It is restarted: requests that have begun are finished first.
//
// Secrets come from the environment, since everybody on the machine can read the
// arguments of a process:
//
//	export WEBHOOK_SECRETS=whsec_…      # as the sender shows it; during a rotation the new and the old, with a space between
//	export WEBHOOK_PRIVATE_JWK="$(cat receiver.jwk)" # if payloads are encrypted
//	go run ./examples/receiver -addr :9090 -database books.db
//
// A private key is made by -new-key; its public half, for the sender, is printed at the
// start.
//
//	server.go    what stands before the books: verify, decrypt, route, answer, stop
//	books.go     the changes, each in one transaction with the memory of its event
//	receipts.go  what is done afterwards
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/postrider/postrider/signer"
	"github.com/postrider/postrider/signer/jwe"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

// config is what the flags and the environment say.
type config struct {
	addr, database string
	secrets        []signer.Secret
	publicKeys     []signer.PublicKey
	// key opens what is encrypted, or is nil.
	key *jwe.PrivateKey
}

// run takes webhooks until ctx ends.
func run(ctx context.Context, args []string, out, logs io.Writer) error {
	var c config
	f := flag.NewFlagSet("receiver", flag.ContinueOnError)
	f.SetOutput(logs)
	f.StringVar(&c.addr, "addr", "127.0.0.1:9090", "`address` to listen on")
	f.StringVar(&c.database, "database", "books.db", "`file` of the books; made if it is missing")
	newKey := f.Bool("new-key", false, "print a new private key for encrypted payloads, and end")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *newKey {
		return printNewKey(out)
	}
	if err := c.readKeys(os.Getenv("WEBHOOK_SECRETS"), os.Getenv("WEBHOOK_PRIVATE_JWK")); err != nil {
		return err
	}
	s, err := start(ctx, c, out, logs)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ready: POST %s\n", s.url)
	if c.key != nil {
		fmt.Fprintf(out, "public key: %s\n", c.key.PublicJWK())
	}
	return s.serve(ctx)
}

// readKeys reads what verifies signatures, separated by white space, and what opens
// payloads, which may be missing.
func (c *config) readKeys(verifying, opening string) error {
	for _, text := range strings.Fields(verifying) {
		if strings.HasPrefix(text, "whpk_") {
			key, err := signer.ParsePublicKey(text)
			if err != nil {
				return fmt.Errorf("WEBHOOK_SECRETS: %w", err)
			}
			c.publicKeys = append(c.publicKeys, key)
			continue
		}
		secret, err := signer.ParseSecret(text)
		if err != nil {
			return fmt.Errorf("WEBHOOK_SECRETS: %w", err)
		}
		c.secrets = append(c.secrets, secret)
	}
	if len(c.secrets)+len(c.publicKeys) == 0 {
		return errors.New("WEBHOOK_SECRETS must have the secret that the sender shows for this endpoint")
	}
	if opening == "" {
		return nil
	}
	key, err := jwe.ParsePrivateKey(opening)
	if err != nil {
		return fmt.Errorf("WEBHOOK_PRIVATE_JWK: %w", err)
	}
	c.key = &key
	return nil
}

func printNewKey(out io.Writer) error {
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	key, err := jwe.NewPrivateKey(pair, "")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, key.Reveal())
	return err
}
