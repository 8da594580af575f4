package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"
)

// result is what is printed. The JSON names are a promise to scripts.
type result struct {
	Store              string  `json:"store"`
	Events             int     `json:"events"`
	Publishers         int     `json:"publishers"`
	RawPerSecond       float64 `json:"raw_per_s"`
	PublishedPerSecond float64 `json:"published_per_s"`
	DeliveredPerSecond float64 `json:"delivered_per_s"`
	LatencyP50         float64 `json:"latency_p50_ms"`
	LatencyP99         float64 `json:"latency_p99_ms"`
	CPUPer10k          float64 `json:"cpu_s_per_10k"`
	// ServerPer10k is the database server's part of that. It is null, and not in
	// it, if the server's processes cannot be seen from here.
	ServerPer10k *float64 `json:"cpu_server_s_per_10k"`
	PeakRSS      float64  `json:"peak_rss_mib"`
	Processes    int      `json:"processes"`
	// DeliveredBy counts, for each process, the deliveries that arrived from it
	// first.
	DeliveredBy []int64 `json:"delivered_by_process"`
	Duplicates  int64   `json:"duplicates"`
	Lost        int64   `json:"lost"`

	// For the table alone.
	c       config
	arrived int64
	took    time.Duration
	refused int64
}

func (r *result) add(c config, m measured) {
	r.c = c
	r.arrived, r.took, r.refused = m.arrivals.count.Load(), m.delivering, m.refused
	r.PublishedPerSecond = float64(c.events) / m.publishing.Seconds()
	if r.arrived > 0 {
		r.DeliveredPerSecond = float64(r.arrived) / m.delivering.Seconds()
		r.CPUPer10k = m.cpu.Seconds() / float64(r.arrived) * 10_000
		if m.server != nil {
			server := m.server.Seconds() / float64(r.arrived) * 10_000
			server = math.Round(server*100) / 100
			r.ServerPer10k = &server
		}
	}
	for i := range m.arrivals.byProcess {
		r.DeliveredBy = append(r.DeliveredBy, m.arrivals.byProcess[i].Load())
	}
	latencies := m.arrivals.latencies()
	r.LatencyP50 = float64(latencies.ValueAtQuantile(50)) / 1000
	r.LatencyP99 = float64(latencies.ValueAtQuantile(99)) / 1000
	r.PeakRSS = float64(m.peakRSS) / (1 << 20)
	r.Duplicates = m.arrivals.duplicates.Load()
	r.Lost = m.arrivals.want - r.arrived
	for _, v := range []*float64{&r.RawPerSecond, &r.PublishedPerSecond, &r.DeliveredPerSecond, &r.LatencyP50, &r.LatencyP99, &r.CPUPer10k, &r.PeakRSS} {
		*v = math.Round(*v*100) / 100
	}
}

// check returns an error unless everything arrived once.
func (r *result) check() error {
	if r.Lost != 0 || r.Duplicates != 0 || r.refused != 0 {
		return fmt.Errorf("%d deliveries were lost, %d doubled, %d refused by the receiver", r.Lost, r.Duplicates, r.refused)
	}
	return nil
}

func (r *result) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("store", "%s", r.Store)
	row("events", "%d of %d bytes, by %d publishers", r.Events, r.c.payload, r.Publishers)
	if r.c.children() {
		row("processes", "%d that deliver; published by the %s", r.Processes, r.c.publishFrom)
		row("delivered by each", "%d", r.DeliveredBy)
	}
	row("endpoints", "%d, of which dark %d; fan-out %d", r.c.endpoints, int(float64(r.c.endpoints)*r.c.dark), r.c.fanout)
	row("already stored", "history %d, backlog %d", r.c.history, r.c.backlog)
	row("raw", "%.0f/s", r.RawPerSecond)
	row("published", "%.0f/s", r.PublishedPerSecond)
	row("delivered", "%.0f/s, %d in %.2fs", r.DeliveredPerSecond, r.arrived, r.took.Seconds())
	if r.RawPerSecond > 0 {
		row("delivered of raw", "%.0f %%", r.DeliveredPerSecond/r.RawPerSecond*100)
	}
	row("latency", "p50 %.1f ms, p99 %.1f ms", r.LatencyP50, r.LatencyP99)
	switch {
	case r.ServerPer10k == nil:
		row("CPU", "%.2f s per 10,000 deliveries, without the database's server", r.CPUPer10k)
	case *r.ServerPer10k > 0:
		row("CPU", "%.2f s per 10,000 deliveries, of which the database's server %.2f s", r.CPUPer10k, *r.ServerPer10k)
	default:
		row("CPU", "%.2f s per 10,000 deliveries", r.CPUPer10k)
	}
	row("peak memory", "%.0f MiB", r.PeakRSS)
	row("duplicates", "%d", r.Duplicates)
	row("lost", "%d", r.Lost)
	return t.Flush()
}
