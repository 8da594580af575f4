package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// drawProgress draws a bar of what was published and what has arrived until the
// function it returns is called. Where there is no terminal it draws the end
// alone.
func drawProgress(show demo, l *ledger) (finish func()) {
	stop := make(chan struct{})
	var drawing sync.WaitGroup
	if isTerminal(show.progress) {
		drawing.Go(func() {
			ticker := time.NewTicker(100 * time.Millisecond)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					draw(show, l)
					fmt.Fprint(show.progress, "\r")
				case <-stop:
					return
				}
			}
		})
	}
	return func() {
		close(stop)
		drawing.Wait()
		draw(show, l)
		fmt.Fprint(show.progress, "\n\n")
	}
}

func draw(show demo, l *ledger) {
	const width = 40
	published, arrived := l.size(), 0
	for _, rc := range show.receivers {
		arrived += rc.count()
	}
	filled := min(published*width/show.events, width)
	fmt.Fprintf(show.progress, "%s%s  %d of %d events published, %d deliveries accepted", strings.Repeat("█", filled),
		strings.Repeat("░", width-filled), published, show.events, arrived)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
