package main

import (
	"os"
	"testing"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestMain makes this binary a child if a run starts it as one, or the clients of an API.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(work(os.Stdin, os.Stdout))
	}
	if url := os.Getenv(clientsVariable); url != "" {
		os.Exit(publishToAPI(url, os.Stdin))
	}
	os.Exit(postgrestest.Run(m))
}
