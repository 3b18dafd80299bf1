package kv

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// holder finds the process that locks the file, or 0. The answer is a hint:
// the kernel shows only processes of the own process namespace.
func holder(path string) int {
	var st syscall.Stat_t
	if syscall.Stat(path, &st) != nil {
		return 0
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	inode := fmt.Sprintf(":%d", st.Ino)
	// 1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF
	for line := range strings.Lines(string(locks)) {
		f := strings.Fields(line)
		if len(f) >= 6 && f[1] == "FLOCK" && strings.HasSuffix(f[5], inode) {
			if pid, err := strconv.Atoi(f[4]); err == nil {
				return pid
			}
		}
	}
	return 0
}
