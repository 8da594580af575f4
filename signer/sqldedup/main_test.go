package sqldedup_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// A process of these tests is this program again: envReceiver says which database
// it is to receive webhooks over.
const envReceiver = "SQLDEDUP_TEST_RECEIVER"

func TestMain(m *testing.M) {
	if dsn := os.Getenv(envReceiver); dsn != "" {
		if err := receive(dsn); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(postgrestest.Run(m))
}
