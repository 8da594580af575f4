package faults_test

import "testing"

// local is a child in the parent's own process, for faults that no process dies
// of.
type local struct {
	*child
}

// startLocal opens a child. It is closed with the test at the latest.
func startLocal(t *testing.T, cfg childConfig) *local {
	t.Helper()
	c := &local{&child{cfg: cfg, log: new(tail)}}
	if err := c.open(); err != nil {
		t.Fatalf("open a child: %v\n%s", err, c.said())
	}
	t.Cleanup(func() { c.stop(t) })
	return c
}

func (c *local) call(o order) (answer, bool) { return c.obey(o), true }

func (c *local) life() int { return c.cfg.Life }

// stop lets the child end.
func (c *local) stop(t *testing.T) {
	t.Helper()
	if err := c.close(); err != nil {
		t.Errorf("close a child = %v; want nil", err)
	}
}

// said returns the end of the child's log.
func (c *local) said() string { return c.log.(*tail).String() }

// connections returns how many connections the child's pool has, and may have.
func (c *local) connections() (open, most int32) {
	s := c.pool.Stat()
	return s.TotalConns(), s.MaxConns()
}
