package emulink

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Namespaces are called vlink-NUMBER-OWNER-END: the number of the link, the
// process that made it, and a or b.
const nameFormat = "vlink-%d-%d-%s"

// maxLinks at a time have an address of their own: 10.93.NUMBER.0/30.
const maxLinks = 256

// pairOf returns the namespaces of a link.
func pairOf(number, owner int) (a, b *Namespace) {
	end := func(name string, host byte) *Namespace {
		return &Namespace{fmt.Sprintf(nameFormat, number, owner, name), netip.AddrFrom4([4]byte{10, 93, byte(number), host})}
	}
	return end("a", 1), end("b", 2)
}

// parseName reads the name of a namespace of a link.
func parseName(name string) (number, owner int, ok bool) {
	w := strings.Split(name, "-")
	if len(w) != 4 || w[0] != "vlink" {
		return 0, 0, false
	}
	number, err := strconv.Atoi(w[1])
	owner, err2 := strconv.Atoi(w[2])
	return number, owner, err == nil && err2 == nil && number >= 0 && number < maxLinks
}

// gone says that a file is not there.
func gone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// sweep removes the namespaces whose owner is gone, and says which numbers the
// others have.
func sweep() (taken [maxLinks]bool, err error) {
	entries, err := os.ReadDir(namespaces)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return taken, err
	}
	for _, e := range entries {
		number, owner, ok := parseName(e.Name())
		if !ok {
			continue
		}
		left := Namespace{Name: e.Name()}
		if !gone(fmt.Sprintf("/proc/%d", owner)) {
			taken[number] = true
		} else if err := left.remove(); err != nil && !gone(left.path()) { // somebody else swept it
			return taken, fmt.Errorf("remove what process %d left: %w", owner, err)
		}
	}
	return taken, nil
}

// claim makes the namespaces of a new link, with the lowest number that no other
// has.
func claim() (a, b *Namespace, err error) {
	taken, err := sweep()
	if err != nil {
		return nil, nil, err
	}
	for number := range taken {
		if taken[number] {
			continue
		}
		a, b = pairOf(number, os.Getpid())
		if err := a.make(); err != nil {
			if gone(a.path()) {
				return nil, nil, err
			}
			continue // another link of this process took it just now
		}
		if err := b.make(); err != nil {
			return nil, nil, errors.Join(err, a.remove())
		}
		return a, b, nil
	}
	return nil, nil, fmt.Errorf("%d links are there already", maxLinks)
}
