package schema

import (
	"container/list"
	"sync"
)

// Cache keeps compiled schemas by their text, so that each is compiled once. It is safe for
// concurrent use. The zero value is ready.
type Cache struct {
	mu     sync.Mutex
	byText map[string]*list.Element
	used   list.List // of *cached, the latest first
	bytes  int
}

// maxCached is how long the texts of a cache may be together. What is compiled takes
// about 20 times as much (measured), for each processor that uses it.
const maxCached = 2 << 20

type cached struct {
	text    string
	compile func() (*Schema, error)
}

// Compile is the function Compile, whose result it keeps.
func (c *Cache) Compile(text []byte) (*Schema, error) {
	return c.find(text).compile()
}

func (c *Cache) find(text []byte) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.byText[string(text)]; ok {
		c.used.MoveToFront(at)
		return at.Value.(*cached)
	}
	entry := &cached{text: string(text)}
	entry.compile = sync.OnceValues(func() (*Schema, error) { return Compile([]byte(entry.text)) })
	if c.byText == nil {
		c.byText = make(map[string]*list.Element)
	}
	c.byText[entry.text] = c.used.PushFront(entry)
	for c.bytes += len(entry.text); c.bytes > maxCached && c.used.Len() > 1; {
		old := c.used.Remove(c.used.Back()).(*cached)
		delete(c.byText, old.text)
		c.bytes -= len(old.text)
	}
	return entry
}
