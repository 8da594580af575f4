package postgrestest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// installTimeout bounds the installation of a package.
const installTimeout = 5 * time.Minute

// locate returns the folder of programs, which it installs if there are none.
func locate(p programs) (string, error) {
	if dir := p.find(); dir != "" {
		return dir, nil
	}
	// One test binary installs at a time, each user's by a lock of their own: in
	// a folder for all, nobody may open what another has made.
	unlock, err := lock(filepath.Join(os.TempDir(), fmt.Sprintf("postgrestest-install-%d.lock", os.Geteuid())))
	if err == nil {
		defer unlock()
		if dir := p.find(); dir != "" {
			return dir, nil
		}
		err = install(p.install)
	}
	dir := p.find()
	if dir == "" {
		return "", fmt.Errorf("find %s in PATH or %s: there is none; install Debian's package %s, or the like (apt-get says: %v)",
			strings.Join(p.names, " and "), p.folders, p.install, err)
	}
	return dir, nil
}

// installScript installs the package $1. While it runs, a policy keeps Debian from
// starting the package's service, unless the machine has a policy already.
const installScript = `
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 "$1"
`

// install installs one of Debian's packages, as root or by sudo without a password.
func install(name string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return err
	}
	args := []string{"sh", "-c", installScript, "sh", name}
	if os.Geteuid() != 0 {
		args = append([]string{"sudo", "-n"}, args...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
