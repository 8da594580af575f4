package e2e_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

// childRole is the variable that makes the test binary another process of the
// host's instead of running tests, and childFile the database of that process.
const (
	childRole = "POSTRIDER_E2E_ROLE"
	childFile = "POSTRIDER_E2E_FILE"
)

func TestMain(m *testing.M) {
	var err error
	switch role := os.Getenv(childRole); role {
	case "":
		os.Exit(postgrestest.Run(m))
	case roleManager:
		err = managerProcess(os.Getenv(childFile))
	case roleIdle:
		err = idleProcess(os.Getenv(childFile))
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
