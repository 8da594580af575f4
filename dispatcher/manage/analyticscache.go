package manage

import (
	"sync"
	"time"
)

const (
	// analyticsFor is how long an answer is given again.
	analyticsFor = time.Minute
	// maxAnalytics bounds the answers that are kept. A page asks for a few, and the
	// largest has 2,880 points.
	maxAnalytics = 32
)

type analyticsKey struct {
	tenant string
	query  AnalyticsQuery
}

// analyticsCache keeps answers for a minute, so that a page that many look at costs the
// store one query. What is in it is not changed any more.
type analyticsCache struct {
	mu      sync.Mutex
	answers map[analyticsKey]cachedAnalytics
}

type cachedAnalytics struct {
	Analytics
	until time.Time
}

func (c *analyticsCache) get(key analyticsKey, at time.Time) (Analytics, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.answers[key]
	return a.Analytics, ok && at.Before(a.until)
}

func (c *analyticsCache) put(key analyticsKey, a Analytics, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for other, kept := range c.answers {
		if !at.Before(kept.until) || len(c.answers) >= maxAnalytics {
			delete(c.answers, other)
		}
	}
	if c.answers == nil {
		c.answers = make(map[analyticsKey]cachedAnalytics)
	}
	c.answers[key] = cachedAnalytics{a, at.Add(analyticsFor)}
}
