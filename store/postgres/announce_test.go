package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/store/postgres"
	"github.com/postrider/postrider/store/postgres/postgrestest"
)

func TestAnnounce(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	cfg := postgres.Config{Schema: server.Schema(t), Announce: true}
	if err := postgres.Migrate(t.Context(), server.Pool(t), cfg); err != nil {
		t.Fatal(err)
	}
	open := func() *postgres.Store {
		st, err := postgres.New(t.Context(), server.Pool(t), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	publisher, worker := open(), open()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := worker.Await(ctx); err != nil {
		t.Fatalf("first Await = %v; want nil at once: something may have been stored before", err)
	}
	heard := make(chan error, 100)
	go func() {
		for {
			err := worker.Await(ctx)
			heard <- err
			if err != nil {
				return
			}
		}
	}()
	publish := func() {
		t.Helper()
		pubs, _ := batchOf(1, 1, []byte("{}"))
		pubs[0].Deliveries[0].HandOver = false
		if _, err := publisher.Publish(ctx, time.Now(), pubs); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	if err := <-heard; err != nil {
		t.Fatalf("Await after a publish elsewhere = %v; want nil", err)
	}
	began := time.Now()
	for range 50 {
		publish()
	}
	if err := <-heard; err != nil {
		t.Fatalf("Await after many publishes = %v; want nil", err)
	}
	cancel()
	n := 1
	for err := range heard {
		if err != nil {
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, context.Canceled) {
				t.Errorf("Await after its context ended = %v; want ErrUnavailable and the context's error", err)
			}
			break
		}
		n++
	}
	if most := int(time.Since(began)/(20*time.Millisecond)) + 2; n > most {
		t.Errorf("%d announcements of 50 publishes; want at most %d, one in 20 ms: NOTIFY makes commits take turns", n, most)
	}
}

// What is handed over is for nobody else.
func TestAnnounceOnlyWhatMayBeClaimed(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	cfg := postgres.Config{Schema: server.Schema(t), Announce: true}
	if err := postgres.Migrate(t.Context(), server.Pool(t), cfg); err != nil {
		t.Fatal(err)
	}
	st, err := postgres.New(t.Context(), server.Pool(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := server.Pool(t).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Release()
	if _, err := listener.Exec(t.Context(), `LISTEN `+cfg.Schema+`_stored`); err != nil {
		t.Fatal(err)
	}
	pubs, _ := batchOf(1, 1, []byte("{}"))
	if _, err := st.Publish(t.Context(), time.Now(), pubs); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // five times what it may be late
	defer cancel()
	if n, err := listener.Conn().WaitForNotification(ctx); err == nil {
		t.Errorf("a publish that was handed over is announced: %+v; want nothing: nobody else may claim it", n)
	}
}

func TestAnnounceNeedsNoPooler(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	_, err := postgres.New(t.Context(), server.Pool(t), postgres.Config{Announce: true, Pooler: true})
	if err == nil {
		t.Error("New with Announce and Pooler = nil; want an error: LISTEN does not work there")
	}
}

func TestAwaitWithoutAnnouncements(t *testing.T) {
	t.Parallel()
	server := postgrestest.Shared(t)
	cfg := postgres.Config{Schema: server.Schema(t)}
	if err := postgres.Migrate(t.Context(), server.Pool(t), cfg); err != nil {
		t.Fatal(err)
	}
	st, err := postgres.New(t.Context(), server.Pool(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := st.Await(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Await without announcements = %v; want the context's error once it ends", err)
	}
}
