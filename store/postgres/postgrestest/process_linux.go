package postgrestest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// bind ties a program to this process: the system sends it SIGQUIT, which ends a
// server at once, when the thread that started it ends. Its session is its own, so
// that an interrupt at the terminal reaches it by way of us.
func bind(cmd *exec.Cmd) error {
	credential, err := serversUser()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGQUIT, Credential: credential}
	return err
}

// serversUser returns whom servers run as, or nil if that is ourselves.
func serversUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("find a user for the server, which does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// giveToServers makes the servers' user the owner of a file.
func giveToServers(path string) error {
	u, err := serversUser()
	if err != nil || u == nil {
		return err
	}
	return os.Chown(path, int(u.Uid), int(u.Gid))
}

// killFamily kills a server. Its parts have sessions of their own and would live
// on for a while, so they are collected first, while the one that starts them
// stands still.
func killFamily(p *os.Process) {
	if p.Signal(syscall.SIGSTOP) != nil {
		return // it has ended
	}
	children := childrenOf(p.Pid)
	_ = p.Kill() // it is there until it is waited for
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
	for deadline := time.Now().Add(stopTimeout); anyAlive(children) && time.Now().Before(deadline); {
		time.Sleep(pollEvery)
	}
}

func childrenOf(parent int) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if _, ppid := stat(pid); err == nil && ppid == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

func anyAlive(pids []int) bool {
	for _, pid := range pids {
		if state, _ := stat(pid); state != "" && state != "Z" {
			return true
		}
	}
	return false
}

// stat returns the state of a process, empty if there is none, and its parent
// (proc_pid_stat(5)). The name before them may have any character.
func stat(pid int) (state string, ppid int) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // it may have ended
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	ppid, _ = strconv.Atoi(fields[1]) // digits
	return fields[0], ppid
}
