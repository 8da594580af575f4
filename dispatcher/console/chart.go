package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/postrider/postrider/dispatcher/manage"
	"github.com/postrider/postrider/store"
	"github.com/postrider/postrider/webhook"
)

// chart is a picture of a series, and the same as a table for those who cannot see it.
// Lengths are in the units of its view box.
type chart struct {
	ID, Title, Summary string
	Width, Height      float64
	Bars               []bar
	Lines              []line
	Grid               []gridLine
	Labels             []label
	Legend             []legend
	Columns            []string
	Rows               [][]string
}

// bar is one rectangle with what it says when it is pointed at.
type bar struct {
	X, Y, W, H float64
	Class      string
	Title      string
}

type line struct{ Class, Points string }

type gridLine struct {
	Y    float64
	Text string
}

type label struct {
	X      float64
	Text   string
	Anchor string
}

type legend struct{ Class, Text string }

// The measures of charts. The view box is as wide as a chart usually is on a desktop, so
// that its text is as large there as what surrounds it.
const (
	chartWidth  = 720
	chartHeight = 180
	chartLeft   = 44 // room for the numbers at the left
	chartBottom = 22 // room for the times below
	chartTop    = 8
)

// deliveriesChart shows for each point how many deliveries succeeded and failed for good,
// and the attempts that failed and were tried again.
func deliveriesChart(id string, a *manage.Analytics) chart {
	c := chart{
		ID: id, Title: "Deliveries over time", Width: chartWidth, Height: chartHeight,
		Columns: []string{"From (UTC)", "Delivered", "Failed for good", "Attempts", "Success rate"},
		Legend:  []legend{{"good", "Delivered"}, {"warn", "Failed, tried again"}, {"bad", "Failed for good"}},
	}
	most := int64(1)
	for i := range a.Series {
		most = max(most, a.Series[i].Counts.Attempts, a.Series[i].Counts.Delivered+a.Series[i].Counts.Failed)
	}
	top := c.scale(float64(most), true, func(v float64) string { return count(int64(v)) })
	for i, w := 0, c.step(len(a.Series)); i < len(a.Series); i++ {
		s := &a.Series[i]
		x, y := chartLeft+float64(i)*w, c.Height-chartBottom
		repeated := max(s.Counts.Attempts-s.Counts.Delivered-s.Counts.Failed, 0)
		title := fmt.Sprintf("%s: %s delivered, %s failed for good, %s failed and tried again", pointTime(s.Start, a.Interval), count(s.Counts.Delivered), count(s.Counts.Failed), count(repeated))
		for _, part := range []struct {
			n     int64
			class string
		}{{s.Counts.Delivered, "good"}, {repeated, "warn"}, {s.Counts.Failed, "bad"}} {
			if part.n == 0 {
				continue
			}
			h := math.Max(float64(part.n)/top*c.plot(), 1)
			y -= h
			c.Bars = append(c.Bars, bar{round(x + w*0.12), round(y), round(math.Max(w*0.76, 0.5)), round(h), part.class, title})
		}
		if s.Counts.Attempts+s.Counts.Delivered+s.Counts.Failed > 0 {
			c.Rows = append(c.Rows, []string{pointTime(s.Start, a.Interval), count(s.Counts.Delivered), count(s.Counts.Failed), count(s.Counts.Attempts), rate(&s.Counts)})
		}
	}
	c.times(a)
	t := &a.Totals
	c.Summary = fmt.Sprintf("%s delivered and %s failed for good in %s attempts.", count(t.Delivered), count(t.Failed), count(t.Attempts))
	return c
}

// latencyChart shows the quantiles of the attempts' time.
func latencyChart(id string, a *manage.Analytics) chart {
	c := chart{
		ID: id, Title: "Response time over time", Width: chartWidth, Height: chartHeight,
		Columns: []string{"From (UTC)", "p50", "p95", "p99"},
		Legend:  []legend{{"p50", "p50"}, {"p95", "p95"}, {"p99", "p99"}},
	}
	var most time.Duration
	for i := range a.Series {
		most = max(most, a.Series[i].Counts.Latency.Quantile(0.99))
	}
	top := c.scale(math.Max(float64(most)/float64(time.Millisecond), 1), false, func(v float64) string { return took(time.Duration(v * float64(time.Millisecond))) })
	w := c.step(len(a.Series))
	for _, q := range []struct {
		class string
		q     float64
	}{{"p99", 0.99}, {"p95", 0.95}, {"p50", 0.5}} {
		var points []string
		for i := range a.Series {
			s := &a.Series[i].Counts
			if s.Attempts == 0 {
				points = c.endLine(q.class, points)
				continue
			}
			ms := float64(s.Latency.Quantile(q.q)) / float64(time.Millisecond)
			points = append(points, fmt.Sprintf("%.1f,%.1f", chartLeft+(float64(i)+0.5)*w, c.Height-chartBottom-ms/top*c.plot()))
		}
		c.endLine(q.class, points)
	}
	for i := range a.Series {
		if s := &a.Series[i]; s.Counts.Attempts > 0 {
			l := &s.Counts.Latency
			c.Rows = append(c.Rows, []string{pointTime(s.Start, a.Interval), took(l.Quantile(0.5)), took(l.Quantile(0.95)), took(l.Quantile(0.99))})
		}
	}
	c.times(a)
	l := &a.Totals.Latency
	c.Summary = fmt.Sprintf("Half of all attempts took at most %s, 95 %% at most %s and 99 %% at most %s.", took(l.Quantile(0.5)), took(l.Quantile(0.95)), took(l.Quantile(0.99)))
	return c
}

// endLine ends a line where nothing was measured; a lone point is a short dash.
func (c *chart) endLine(class string, points []string) []string {
	if len(points) == 1 {
		x, y, _ := strings.Cut(points[0], ",")
		at, _ := strconv.ParseFloat(x, 64) // was written above
		points = append(points, fmt.Sprintf("%.1f,%s", at+3, y))
	}
	if len(points) > 0 {
		c.Lines = append(c.Lines, line{class, strings.Join(points, " ")})
	}
	return nil
}

// plot is the height that values have.
func (c *chart) plot() float64 { return c.Height - chartBottom - chartTop }

// step is the width of a point.
func (c *chart) step(points int) float64 { return (c.Width - chartLeft) / math.Max(float64(points), 1) }

// scale draws a grid of about four lines up to a round number that is not below most, and
// returns that. Lines between whole numbers are left out if values are whole.
func (c *chart) scale(most float64, whole bool, text func(float64) string) (top float64) {
	unit, parts := math.Pow(10, math.Floor(math.Log10(most))), 5.0
	for _, f := range []struct{ times, parts float64 }{{1, 5}, {2, 4}, {4, 4}, {5, 5}, {8, 4}, {10, 5}} {
		if top, parts = f.times*unit, f.parts; top >= most {
			break
		}
	}
	if whole {
		parts = math.Min(parts, top)
	}
	for i := 0.0; i <= parts; i++ {
		v := top * i / parts
		c.Grid = append(c.Grid, gridLine{round(c.Height - chartBottom - v/top*c.plot()), text(v)})
	}
	return top
}

// times writes four times below the points.
func (c *chart) times(a *manage.Analytics) {
	n := len(a.Series)
	for i := range 4 {
		at, anchor := i*(n-1)/3, "middle"
		if n == 0 || i > 0 && at == (i-1)*(n-1)/3 {
			continue
		}
		x := chartLeft + (float64(at)+0.5)*c.step(n)
		switch i {
		case 0:
			x, anchor = chartLeft, "start"
		case 3:
			x, anchor = c.Width, "end"
		}
		c.Labels = append(c.Labels, label{round(x), pointTime(a.Series[at].Start, a.Interval), anchor})
	}
}

// pointTime writes when a point of a series begins.
func pointTime(t time.Time, interval manage.Interval) string {
	if interval == manage.IntervalDay {
		return t.UTC().Format("2 Jan")
	}
	return t.UTC().Format("2 Jan 15:04")
}

// rate writes the share of the deliveries that ended which succeeded, or that there is
// none.
func rate(c *webhook.Counts) string {
	if c.Delivered+c.Failed == 0 {
		return "–"
	}
	return percent(manage.SuccessRate(c))
}

// sparkline returns small bars of a series: what was delivered, with what failed on top.
func sparkline(series []store.Stat) []bar {
	const width, height = 120.0, 28.0
	most := int64(1)
	for i := range series {
		most = max(most, series[i].Counts.Attempts)
	}
	w := width / math.Max(float64(len(series)), 1)
	bars := make([]bar, 0, len(series))
	for i := range series {
		s := &series[i].Counts
		x, y := float64(i)*w, height
		for _, part := range []struct {
			n     int64
			class string
		}{{s.Delivered, "good"}, {max(s.Attempts-s.Delivered, 0), "bad"}} {
			if part.n == 0 {
				continue
			}
			h := math.Max(float64(part.n)/float64(most)*(height-2), 1.5)
			y -= h
			bars = append(bars, bar{X: round(x + 0.5), Y: round(y), W: round(w - 1), H: round(h), Class: part.class})
		}
		if s.Attempts == 0 {
			bars = append(bars, bar{X: round(x + 0.5), Y: height - 1, W: round(w - 1), H: 1, Class: "none"})
		}
	}
	return bars
}

// round keeps the markup small.
func round(v float64) float64 { return math.Round(v*10) / 10 }
