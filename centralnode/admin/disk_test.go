package admin

import (
	"strings"
	"testing"

	"vedette/internal/acts"
)

func TestADiskThatIsAlmostFullNeedsAPerson(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for _, c := range []struct {
		free, total uint64
		low         bool
	}{
		{0, 24 * mib, true}, {150 * mib, gib, true}, {250 * mib, gib, false}, {250 * mib, 10 * gib, true}, {600 * mib, 10 * gib, false},
		{12 * gib, 4000 * gib, false}, {9 * gib, 4000 * gib, true}, {0, 4000 * gib, true},
	} {
		n := needs{admin: &Admin{c: Config{
			StateDegraded: func() string { return "" },
			StateSpace:    func() (Space, error) { return Space{Folder: "/var/lib/vedette", Free: c.free, Total: c.total}, nil },
		}}}
		n.server()
		if c.low != (len(n.problems) == 1) || c.low != (len(n.all) == 1) {
			t.Errorf("%d of %d: %q", c.free, c.total, n.problems)
		}
		if c.low && c.free == 150*mib && !strings.Contains(n.problems[0], "about 150 MB of 1.074 GB") {
			t.Error(n.problems[0])
		}
		if c.low && (n.all[0].Level != acts.NeedProblem || n.all[0].About != acts.AboutServer || n.all[0].Next == "" || !strings.Contains(n.problems[0], "/var/lib/vedette")) {
			t.Errorf("%+v", n.all[0])
		}
	}
}

func TestSpaceIsThatOfTheFileSystem(t *testing.T) {
	s, err := SpaceOf(t.TempDir())
	if err != nil || s.Total == 0 || s.Free > s.Total {
		t.Error(s, err)
	}
	if _, err := SpaceOf(t.TempDir() + "/none"); err == nil {
		t.Error("there is no such folder")
	}
}
