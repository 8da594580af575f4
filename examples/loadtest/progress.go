package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// bar draws one phase after another on a line of a terminal. Where there is no
// terminal each phase gets a line when it ends.
type bar struct {
	w        io.Writer
	terminal bool
}

func newBar(w io.Writer) *bar {
	b := &bar{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		b.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

// begin draws a phase until the function it returns is called. now says how much
// of total is done.
func (b *bar) begin(phase string, total int64, now func() int64) (end func()) {
	began := time.Now()
	stop := make(chan struct{})
	var drawing sync.WaitGroup
	if b.terminal {
		drawing.Go(func() {
			ticker := time.NewTicker(100 * time.Millisecond)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					b.draw(phase, now(), total, began)
				case <-stop:
					return
				}
			}
		})
	}
	return func() {
		close(stop)
		drawing.Wait()
		b.draw(phase, now(), total, began)
		fmt.Fprintln(b.w)
	}
}

func (b *bar) draw(phase string, n, total int64, began time.Time) {
	const width = 30
	filled := width
	if total > 0 {
		filled = int(min(n, total) * width / total)
	}
	start := ""
	if b.terminal {
		start = "\r"
	}
	fmt.Fprintf(b.w, "%s%-24s %s%s %3d%%  %6.1fs", start, phase, strings.Repeat("█", filled), strings.Repeat("░", width-filled),
		filled*100/width, time.Since(began).Seconds())
}
