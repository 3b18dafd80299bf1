package uplink

import "time"

// servers are the addresses of the settings, each with its own memory of faults,
// and the one that is asked.
type servers struct {
	list []server
	at   int
}

type server struct {
	address   string
	faults    int       // in a row
	notBefore time.Time // when it is to be asked again
}

func newServers(addresses []string) *servers {
	s := new(servers)
	for _, a := range addresses {
		s.list = append(s.list, server{address: a})
	}
	return s
}

func (s *servers) current() *server { return &s.list[s.at] }

// worked forgets the faults of all. When a server wants to be asked again stays.
func (s *servers) worked() {
	for i := range s.list {
		s.list[i].faults = 0
	}
}

// failed notes a fault of the current server and, when turn is set, goes on to
// the first of the others that may be asked now, or the one that may be asked
// soonest. It returns when that is.
func (s *servers) failed(now time.Time, pause time.Duration, turn, all bool) time.Time {
	due := now.Add(pause)
	s.current().faults++
	for i := range s.list {
		if at := &s.list[i].notBefore; i == s.at || all && at.Before(due) {
			*at = due
		}
	}
	if turn {
		best := (s.at + 1) % len(s.list)
		for i := 2; i <= len(s.list); i++ {
			n := (s.at + i) % len(s.list)
			if at := s.list[best].notBefore; at.After(now) && s.list[n].notBefore.Before(at) {
				best = n
			}
		}
		s.at = best
	}
	return s.current().notBefore
}
