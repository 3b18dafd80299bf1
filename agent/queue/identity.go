package queue

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

const (
	identityName    = "identity.json"
	identityVersion = 1
)

// identity is who the agent and its queue are, and which numbers are spoken for.
type identity struct {
	Version  int    `json:"version"`
	AgentID  string `json:"agent_id"`
	QueueID  string `json:"queue_id"`
	Machine  string `json:"machine,omitempty"`
	Base     uint64 `json:"base"`     // file number less base is the seq on the wire
	Reserved uint64 `json:"reserved"` // file numbers up to here may have been used
}

func newIdentity(machine string) identity {
	return identity{Version: identityVersion, AgentID: randomID(), QueueID: randomID(), Machine: machine}
}

// randomID is 128 random bits as 32 lower-case hexadecimal digits.
func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// readIdentity reports whether there is one. A damaged file is set aside: the
// queue then starts with new identities and keeps its packages.
func readIdentity(d disk, log *slog.Logger) (identity, bool, error) {
	data, err := d.readNamed(identityName)
	if errors.Is(err, os.ErrNotExist) {
		return identity{}, false, nil
	}
	if err != nil {
		return identity{}, false, fmt.Errorf("read queue identity: %w", err)
	}
	var id identity
	err = json.Unmarshal(data, &id)
	switch {
	case err == nil && id.Version > identityVersion:
		return identity{}, false, fmt.Errorf("queue identity has version %d, this agent knows %d: install the newer agent again", id.Version, identityVersion)
	case err != nil || id.Version < 1 || len(id.AgentID) != 32 || len(id.QueueID) != 32:
		log.Warn("queue identity is damaged: the agent gets new identities and appears as a new host", "error", err)
		return identity{}, false, d.setAside(identityName)
	}
	return id, true, nil
}

func writeIdentity(d disk, id identity) error {
	data, err := json.Marshal(id)
	if err != nil {
		return fmt.Errorf("write queue identity: %w", err)
	}
	if err := d.writeNamed(identityName, append(data, '\n')); err != nil {
		return fmt.Errorf("write queue identity: %w", err)
	}
	return nil
}

// Identity reads the agent_id of a queue folder without opening the queue.
// It returns an error that is os.ErrNotExist before the agent's first start.
func Identity(dir string) (agentID string, err error) {
	data, err := folder(dir).readNamed(identityName)
	if err != nil {
		return "", err
	}
	var id identity
	if err := json.Unmarshal(data, &id); err != nil {
		return "", fmt.Errorf("read queue identity: %w", err)
	}
	return id.AgentID, nil
}

// MachineHash tells this machine from its clones without naming it: a hash of
// a machine-id file (machine-id(5) asks never to send the id itself). It is
// empty when the file cannot be read or holds no id yet.
func MachineHash(path string) string {
	data, err := os.ReadFile(path)
	id := strings.TrimSpace(string(data))
	if err != nil || id == "" || id == "uninitialized" {
		return ""
	}
	sum := sha256.Sum256([]byte("vedette agent machine\x00" + id))
	return hex.EncodeToString(sum[:16])
}
