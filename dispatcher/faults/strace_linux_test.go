package faults_test

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// tracedCall is one system call of a trace: its place at the start and at the end
// among all lines, so that calls of different threads can be put in order.
type tracedCall struct {
	name       string
	file       string // that the first argument is open on
	text       string // the second argument as it was printed, if it is a string
	result     int64
	start, end int
}

// The lines of strace -f -y: a whole call, its beginning, or its end.
var (
	callBegins  = regexp.MustCompile(`^(\d+) +(\w+)\(\d+<([^>]*)>(?:, "((?:[^"\\]|\\.)*)")?`)
	callResumes = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>`)
	callResult  = regexp.MustCompile(`\) += (-?\d+)`)
)

// readTrace returns the system calls of a trace in the order of their starts.
func readTrace(r io.Reader) ([]*tracedCall, error) {
	var calls []*tracedCall
	open := map[string]*tracedCall{} // by thread
	in := bufio.NewReaderSize(r, 1<<20)
	for n := 0; ; n++ {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return calls, nil
		} else if err != nil {
			return nil, fmt.Errorf("read trace: %w", err)
		}
		if m := callResumes.FindStringSubmatch(line); m != nil {
			if c := open[m[1]]; c != nil && c.name == m[2] {
				c.finish(line, n)
			}
			delete(open, m[1])
			continue
		}
		m := callBegins.FindStringSubmatch(line)
		if m == nil {
			continue // a signal, or the end of a thread
		}
		c := &tracedCall{name: m[2], file: m[3], text: m[4], result: -1, start: n, end: -1}
		calls = append(calls, c)
		if strings.Contains(line, "<unfinished ...>") {
			open[m[1]] = c
			continue
		}
		c.finish(line, n)
	}
}

// finish notes the end of a call. One without a result never ended.
func (c *tracedCall) finish(line string, n int) {
	m := callResult.FindAllStringSubmatch(line, -1)
	if m == nil {
		return
	}
	c.end = n
	c.result, _ = strconv.ParseInt(m[len(m)-1][1], 10, 64) // digits
}

func (c *tracedCall) writes() bool { return c.name == "write" || c.name == "pwrite64" }

func (c *tracedCall) syncs() bool { return c.name == "fsync" || c.name == "fdatasync" }

// unescape returns the bytes of a string as strace prints it.
func unescape(s string) []byte {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			continue
		}
		i++
		if s[i] < '0' || s[i] > '7' {
			b = append(b, controls[s[i]])
			continue
		}
		end := i + 1
		for end < len(s) && end < i+3 && s[end] >= '0' && s[end] <= '7' {
			end++
		}
		n, _ := strconv.ParseUint(s[i:end], 8, 16) // octal digits
		b = append(b, byte(n))
		i = end - 1
	}
	return b
}

// controls are the escapes that are letters.
var controls = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'v': '\v', 'f': '\f', '"': '"', '\\': '\\'}
