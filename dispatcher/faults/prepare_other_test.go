//go:build !linux

package faults_test

import "errors"

func prepare(cfg childConfig) error {
	if cfg.Tmpfs == "" {
		return nil
	}
	return errors.ErrUnsupported
}

func limitFiles(int64) error { return errors.ErrUnsupported }

func leaveFree(childConfig, int64) error { return errors.ErrUnsupported }
