//go:build !unix

package sqlite_test

import "time"

// cpuTime does not know.
func cpuTime() time.Duration { return 0 }
