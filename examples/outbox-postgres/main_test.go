package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

func TestDemo(t *testing.T) {
	for _, driver := range []string{"pgx", "sql"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			c := config{database: postgrestest.Shared(t).DSN(), driver: driver, out: &out}
			if err := run(t.Context(), c, func(s *shop) error { return s.demo(t.Context()) }); err != nil {
				t.Fatalf("run = %v; want nil\n%s", err, &out)
			}
			t.Log(out.String())
		})
	}
}

// TestDemoCanFail publishes outside the transaction: a demonstration that does not
// mind shows nothing.
func TestDemoCanFail(t *testing.T) {
	t.Parallel()
	c := config{database: postgrestest.Shared(t).DSN(), driver: "pgx", out: io.Discard}
	err := run(t.Context(), c, func(s *shop) error {
		s.place = func(ctx context.Context, o order) (order, error) {
			o, err := s.placeWithPgx(ctx, o)
			if ev, _ := o.event(); err != nil && o.Item == "teapot" {
				_, _ = s.dispatcher.Publish(ctx, ev)
			}
			return o, err
		}
		return s.demo(t.Context())
	})
	if err == nil || !strings.Contains(err.Error(), "received") {
		t.Errorf("run = %v; want an error about what was received", err)
	}
}
