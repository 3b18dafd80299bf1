// Package machine says where a daemon runs, so that two daemons can find out
// whether they share one server without telling each other what it is called.
package machine

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"syscall"
)

// Digest is the SHA-256 over the machine's id, its present boot and the network
// namespace. Two daemons with equal digests are on one server: containers and
// namespaces with a network of their own count as servers.
type Digest [sha256.Size]byte

// The kernel's and the system's names for those three.
const (
	bootIDFile    = "/proc/sys/kernel/random/boot_id"
	namespaceFile = "/proc/self/ns/net"
)

// machineIDFiles are tried in this order; a minimal system has neither, and
// then the boot id alone tells machines apart.
var machineIDFiles = [...]string{"/etc/machine-id", "/var/lib/dbus/machine-id"}

// Here computes the digest of the process's own place.
func Here() (Digest, error) {
	boot, err := os.ReadFile(bootIDFile)
	if err != nil {
		return Digest{}, fmt.Errorf("tell this server from others: %w", err)
	}
	var namespace syscall.Stat_t
	if err := syscall.Stat(namespaceFile, &namespace); err != nil {
		return Digest{}, fmt.Errorf("tell this server from others: read %s: %w", namespaceFile, err)
	}
	var id []byte
	for _, file := range machineIDFiles {
		if id, err = os.ReadFile(file); err == nil {
			break
		}
	}
	return digest(id, boot, namespace.Dev, namespace.Ino), nil
}

func digest(machine, boot []byte, device, inode uint64) Digest {
	return sha256.Sum256(fmt.Appendf(nil, "vedette server\n%s\n%s\n%d:%d\n", bytes.TrimSpace(machine), bytes.TrimSpace(boot), device, inode))
}
