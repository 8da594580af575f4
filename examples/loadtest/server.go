package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// server is the processes of a PostgreSQL server: the first one, which the others
// are children of.
type server struct{ pid int } // 0 if it is not on this machine

var errElsewhere = errors.New("the server is not on this machine, or this is not Linux")

// findServer finds the processes of a server, if they are on this machine: those
// of a server elsewhere have other numbers, or other names.
func findServer(ctx context.Context, pool *pgxpool.Pool) (*server, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	var backend int
	var version string
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid(), current_setting('server_version')`).Scan(&backend, &version); err != nil {
		return nil, err
	}
	b, err := readProcess(backend)
	if err != nil || b.name != "postgres" {
		return &server{}, nil //nolint:nilerr // elsewhere
	}
	if first, err := readProcess(b.parent); err != nil || first.name != "postgres" {
		return &server{}, nil //nolint:nilerr // elsewhere
	}
	return &server{pid: b.parent}, nil
}

// cpu returns the CPU time, user and system, that all processes of the server
// have used, those that have ended included.
func (s *server) cpu() (time.Duration, error) {
	if s.pid == 0 {
		return 0, errElsewhere
	}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	first, err := readProcess(s.pid)
	if err != nil {
		return 0, err
	}
	total := first.cpu
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue // not a process
		}
		if p, err := readProcess(pid); err == nil && p.parent == s.pid {
			total += p.cpu
		}
	}
	return total, nil
}

// process is what Linux tells of one (proc_pid_stat(5)).
type process struct {
	name   string
	parent int
	// cpu is its own time and that of its children that have ended.
	cpu time.Duration
}

// tick is the unit of CPU times in /proc. The kernel tells all programs that
// there are 100 in a second, whatever it does itself.
const tick = 10 * time.Millisecond

func readProcess(pid int) (p process, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return p, err
	}
	// The name is in parentheses and may have any character.
	before, name, _ := bytes.Cut(b, []byte("("))
	end := bytes.LastIndexByte(name, ')')
	if len(before) == 0 || end < 0 {
		return p, fmt.Errorf("process %d: unknown format", pid)
	}
	p.name = string(name[:end])
	fields := strings.Fields(string(name[end+1:]))
	const state, times = 0, 11 // of the fields after the name
	if len(fields) < times+4 {
		return p, fmt.Errorf("process %d: unknown format", pid)
	}
	if p.parent, err = strconv.Atoi(fields[state+1]); err != nil {
		return p, fmt.Errorf("process %d: %w", pid, err)
	}
	for _, field := range fields[times : times+4] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return p, fmt.Errorf("process %d: %w", pid, err)
		}
		p.cpu += time.Duration(ticks) * tick
	}
	return p, nil
}
