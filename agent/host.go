package agent

import (
	"net"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/types/known/timestamppb"

	agentv1 "vedette/proto/agent/v1"
)

const maxAddresses = 32

// syncRequest is what the agent says of itself.
func (a *Agent) syncRequest() *agentv1.SyncRequest {
	h := Host(a.options.Version)
	a.mu.Lock()
	if a.source != nil {
		h.Collector = a.source.Name()
	}
	a.mu.Unlock()
	s := a.queue.Stats()
	t := a.counts.merge(s.Dropped)
	return &agentv1.SyncRequest{
		AgentId: a.queue.AgentID(), QueueId: a.queue.QueueID(), Host: h,
		State: &agentv1.AgentState{
			Clock: timestamppb.New(a.options.Now()), QueuedPackages: uint64(s.Packages),
			QueuedBytes: uint64(s.Bytes + s.UnsavedSize), Dropped: t.Dropped, Suppressed: t.Suppressed,
		},
	}
}

// Host describes this machine.
func Host(version string) *agentv1.Host {
	h := &agentv1.Host{OsFamily: runtime.GOOS, AgentVersion: version}
	h.Name, _ = os.Hostname() // empty when the kernel does not say
	h.OsName, h.OsVersion = release("/etc/os-release")
	if h.OsName == "" {
		var u unix.Utsname
		if unix.Uname(&u) == nil {
			h.OsName, h.OsVersion = unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:])
		}
	}
	addresses, _ := net.InterfaceAddrs() // none when the kernel does not say
	for _, a := range addresses {
		n, ok := a.(*net.IPNet)
		if ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() && len(h.Addresses) < maxAddresses {
			h.Addresses = append(h.Addresses, n.IP.String())
		}
	}
	return h
}

// release reads os-release(5).
func release(path string) (name, version string) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.ToValidUTF8(strings.Trim(value, `"'`), "\uFFFD")
		switch key {
		case "NAME":
			name = value
		case "VERSION_ID":
			version = value
		}
	}
	return name, version
}
