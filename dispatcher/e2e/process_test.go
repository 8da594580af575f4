package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/postrider/postrider/dispatcher"
	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store/sqlite"
	"github.com/postrider/postrider/webhook"
)

// roleManager is a process that manages endpoints and publishes, and does not
// deliver: it carries out requests from its standard input, one a line.
const roleManager = "manager"

// request is what a managing process is asked to do.
type request struct {
	Do             string // create, delete, pause or publish
	ID, URL, Type  string
	Tenant, Status string
}

// reply is what it answers.
type reply struct {
	ID         string
	Deliveries int
	Err        string
}

// managerProcess is the main function of a managing process.
func managerProcess(path string) error {
	ctx := context.Background()
	st, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer st.Close()
	d, err := dispatcher.New(st, local(dispatcher.Config{}))
	if err != nil {
		return err
	}
	m, out := manage.New(d), json.NewEncoder(os.Stdout)
	for in := json.NewDecoder(os.Stdin); ; {
		var rq request
		if err := in.Decode(&rq); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		r, err := rq.carryOut(ctx, d, m)
		if err != nil {
			r.Err = err.Error()
		}
		if err := out.Encode(r); err != nil {
			return err
		}
	}
}

func (rq request) carryOut(ctx context.Context, d *dispatcher.Dispatcher, m *manage.Manager) (reply, error) {
	switch rq.Do {
	case "create":
		ep, _, err := m.CreateEndpoint(ctx, webhook.Endpoint{
			Tenant: rq.Tenant, URL: rq.URL, EventTypes: []string{rq.Type}, Status: webhook.EndpointStatus(rq.Status),
		})
		return reply{ID: ep.ID}, err
	case "delete":
		return reply{}, m.DeleteEndpoint(ctx, rq.Tenant, rq.ID)
	case "pause":
		_, err := m.Pause(ctx, rq.Tenant, rq.ID)
		return reply{}, err
	case "publish":
		ev := event(rq.Type, 1)
		ev.Tenant = rq.Tenant
		r, err := d.Publish(ctx, ev)
		return reply{ID: r.EventID, Deliveries: r.Deliveries}, err
	}
	return reply{}, fmt.Errorf("cannot do %q", rq.Do)
}

// process is another process of the host's, on the same file.
type process struct {
	t   *testing.T
	mu  sync.Mutex // one request at a time
	in  *json.Encoder
	out *json.Decoder
}

// startProcess runs the test binary as a managing process until the test ends.
func startProcess(t *testing.T, path string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+roleManager, childFile+"="+path)
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the other process ended with %v: %s", err, said.String())
		}
	})
	return &process{t: t, in: json.NewEncoder(in), out: json.NewDecoder(bufio.NewReader(out))}
}

// do has the process carry out a request.
func (p *process) do(rq request) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var r reply
	if err := p.in.Encode(rq); err != nil {
		return r, err
	}
	if err := p.out.Decode(&r); err != nil {
		return r, err
	}
	if r.Err != "" {
		return r, fmt.Errorf("%s in the other process: %s", rq.Do, r.Err)
	}
	return r, nil
}

// must is do for a request that must work.
func (p *process) must(rq request) reply {
	p.t.Helper()
	r, err := p.do(rq)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}
