//go:build !linux

package postgrestest

import (
	"os"
	"os/exec"
)

// bind has no way to tie a program to this process. A server that outlives it has
// to be ended by hand.
func bind(*exec.Cmd) error { return nil }

func giveToServers(string) error { return nil }

// killFamily kills a server. Its parts end when they miss it.
func killFamily(p *os.Process) { _ = p.Kill() }
