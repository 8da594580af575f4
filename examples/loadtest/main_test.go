package main

import (
	"os"
	"testing"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// TestMain makes this binary a child if a run starts it as one.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(work(os.Stdin, os.Stdout))
	}
	os.Exit(postgrestest.Run(m))
}
