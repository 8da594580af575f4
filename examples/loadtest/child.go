package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// childVariable is set in the environment of a process that is to be a child.
const childVariable = "POSTRIDER_LOADTEST_CHILD"

// stopTimeout is how long a child may take to stop: longer than a dispatcher waits
// for what is under way.
const stopTimeout = time.Minute

// What parent and child tell each other, one JSON value after the other: first
// hello, then orders one way and as many reports the other. A child ends when its
// input does, and so never outlives its parent.
type (
	hello struct {
		Args    []string // of the parent
		Schema  string
		Key     string
		Process int // counted from 0
	}

	order string

	report struct {
		To order
		// Err is why the child gives up.
		Err string `json:",omitempty"`
		// Used is the answer to orderStop.
		Used usage
		// Published and Ended are the answer to orderPublish: the times, by
		// clock, of its events, and of the end.
		Published []int64 `json:",omitempty"`
		Ended     int64   `json:",omitempty"`
	}
)

const (
	orderReset   order = "reset"   // count CPU and memory from now on
	orderPublish order = "publish" // publish your share
	orderStop    order = "stop"    // leave nothing under way, and end
)

// child is a process that delivers, as its parent sees it.
type child struct {
	cmd     *exec.Cmd
	input   io.Closer
	orders  *json.Encoder
	reports chan report // closed when the child has ended
}

// startChild starts this program again. The child is killed when ctx ends; fail is
// called if it ends by itself.
func startChild(ctx context.Context, h hello, fail context.CancelCauseFunc) (*child, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = append(os.Environ(), childVariable+"=1")
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ch := &child{cmd: cmd, input: input, orders: json.NewEncoder(input), reports: make(chan report, 1)}
	go func() {
		defer close(ch.reports)
		if err := ch.read(output); err != nil {
			fail(fmt.Errorf("process %d: %w", h.Process, err))
		}
	}()
	_ = ch.orders.Encode(h) // that it has ended is noticed by read
	return ch, nil
}

// read reads reports until the last one.
func (ch *child) read(output io.Reader) error {
	for dec := json.NewDecoder(output); ; {
		var r report
		if err := dec.Decode(&r); err != nil {
			return fmt.Errorf("it has ended: %w", err)
		}
		if r.Err != "" {
			return errors.New(r.Err)
		}
		ch.reports <- r
		if r.To == orderStop {
			return nil
		}
	}
}

func (ch *child) give(o order) { _ = ch.orders.Encode(o) } // as in startChild

// await returns the report about an order.
func (ch *child) await(ctx context.Context, o order) (report, error) {
	for {
		select {
		case r, ok := <-ch.reports:
			if !ok {
				return r, errors.New("a process has ended")
			}
			if r.To == o {
				return r, nil
			}
		case <-ctx.Done():
			return report{}, context.Cause(ctx)
		}
	}
}

// stop stops a child, or kills it if that takes too long. What goes wrong has been
// told to fail.
func (ch *child) stop() usage {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	ch.give(orderStop)
	r, err := ch.await(ctx, orderStop)
	if err != nil {
		_ = ch.cmd.Process.Kill() // it may have ended
	}
	_ = ch.input.Close()
	for range ch.reports { //nolint:revive // until it is closed
	}
	_ = ch.cmd.Wait() // its report said what matters
	return r.Used
}
