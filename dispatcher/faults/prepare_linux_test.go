package faults_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
)

// prepare makes the child's own file system, if it is to have one. Its parent
// has given it a mount namespace, so that the mount ends with the child.
func prepare(cfg childConfig) error {
	if cfg.Tmpfs == "" {
		return nil
	}
	if err := syscall.Mount("tmpfs", cfg.Tmpfs, "tmpfs", 0, "size="+cfg.Size); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	seed, err := os.ReadFile(cfg.Seed)
	if err != nil {
		return err
	}
	return os.WriteFile(cfg.Path, seed, 0o600)
}

// limitFiles bounds the length of every file that this process writes. The limit
// is the soft one, which may be raised again.
func limitFiles(n int64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	if limit.Cur = uint64(n); n == 0 {
		limit.Cur = min(limit.Max, math.MaxUint64)
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}

// leaveFree fills the file system until n bytes are free, or, for n = 0, takes
// the filling away.
func leaveFree(cfg childConfig, n int64) error {
	ballast := filepath.Join(cfg.Tmpfs, "ballast")
	if n == 0 {
		if err := os.Remove(ballast); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	var st syscall.Statfs_t
	if err := syscall.Statfs(cfg.Tmpfs, &st); err != nil {
		return err
	}
	size := max(int64(st.Bavail)*st.Bsize-n, 0)
	f, err := os.Create(ballast)
	if err != nil {
		return err
	}
	return errors.Join(syscall.Fallocate(int(f.Fd()), 0, 0, size), f.Close())
}
