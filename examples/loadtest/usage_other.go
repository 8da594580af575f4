//go:build !unix

package main

import "time"

// Where there is no getrusage, CPU and memory are reported as 0.

func cpuTime() time.Duration { return 0 }

func resetPeakRSS() {}

func peakRSS() int64 { return 0 }
