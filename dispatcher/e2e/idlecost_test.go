package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/store/sqlite"
)

// roleIdle is a process that delivers from a file in which nothing is due, and
// says what that cost.
const roleIdle = "idle"

// The time that an idle process is watched, after some to come to rest.
const (
	idleRest  = 5 * time.Second
	idleWatch = 10 * time.Second
)

// What an idle process may cost.
const (
	idleCPU    = idleWatch / 100 // 1 % of a core
	idleMemory = 60 << 20
)

// idleCost is what an idle process says.
type idleCost struct {
	CPU       time.Duration
	RSS, Peak int64
}

// idleProcess is the main function of an idle process.
func idleProcess(path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), idleRest+idleWatch)
	defer cancel()
	st, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer st.Close()
	d, err := dispatcher.New(st, local(dispatcher.Config{}))
	if err != nil {
		return err
	}
	rested := make(chan time.Duration, 1)
	time.AfterFunc(idleRest, func() {
		used, _ := cpuTime() // if it cannot be told, the call below says so
		rested <- used
	})
	if err := d.Run(ctx); err != nil {
		return err
	}
	var cost idleCost
	if cost.CPU, err = cpuTime(); err != nil {
		return err
	}
	cost.CPU -= <-rested
	if cost.RSS, cost.Peak, err = residentMemory(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(cost)
}

// TestIdleCost measures an idle process with 10,000 endpoints that have a retry
// due in an hour, and 5,000 paused ones with a backlog. Run it alone, without the
// race detector:
//
//	POSTRIDER_E2E_IDLE=1 go test -run IdleCost -v ./dispatcher/e2e
func TestIdleCost(t *testing.T) {
	if os.Getenv("POSTRIDER_E2E_IDLE") == "" {
		t.Skip("measures for a minute; set POSTRIDER_E2E_IDLE=1")
	}
	path := databaseFile(t)
	began := time.Now()
	st := openStore(t, path)
	quietWorld{retrying: 10_000, paused: 5_000, backlog: 5}.fill(t, st)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("made in %v", time.Since(began))

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+roleIdle, childFile+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var cost idleCost
	if err := json.Unmarshal(out, &cost); err != nil {
		t.Fatal(err)
	}
	cpu := fmt.Sprintf("%.2f %% of a core", 100*float64(cost.CPU)/float64(idleWatch))
	t.Logf("%s, %.1f MiB resident, %.1f MiB at most", cpu, float64(cost.RSS)/(1<<20), float64(cost.Peak)/(1<<20))
	if cost.CPU >= idleCPU {
		t.Errorf("an idle process takes %s; want less than 1 %%", cpu)
	}
	if cost.RSS >= idleMemory {
		t.Errorf("an idle process has %d bytes resident; want less than %d", cost.RSS, idleMemory)
	}
}
