package webhooktest_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/postrider/postrider/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(withPostgres{m}) }

// withPostgres runs the tests, and ends the server that they have shared.
type withPostgres struct{ *testing.M }

func (m withPostgres) Run() int { return postgrestest.Run(m.M) }

// inTest runs f as go test would, so that examples have a t. What go test says of it
// is not among the example's output, unless it fails.
func inTest(f func(t *testing.T)) {
	stdout := os.Stdout
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer null.Close()
	os.Stdout = null
	ran := false // flags such as -count hold for f, too
	ok := testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{{Name: "TestExample", F: func(t *testing.T) {
		if ran {
			return
		}
		ran = true
		os.Stdout = stdout
		defer func() { os.Stdout = null }()
		f(t)
	}}})
	os.Stdout = stdout
	if !ok {
		fmt.Println("FAIL")
	}
}
