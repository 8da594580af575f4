package httpapi_test

import (
	"os"
	"testing"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }
