//go:build unix

package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"time"
)

// cpuTime returns the CPU time, user and system, that this process has used.
func cpuTime() (time.Duration, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}

// residentMemory returns the memory that this process has resident now, and the
// most that it ever had, in bytes. Only Linux tells.
func residentMemory() (now, peak int64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	read := func(name string) (kib int64) {
		_, after, _ := bytes.Cut(status, []byte(name))
		_, err2 := fmt.Sscanf(string(after), "%d kB", &kib)
		if err2 != nil {
			err = err2
		}
		return kib
	}
	return read("VmRSS:") << 10, read("VmHWM:") << 10, err
}
