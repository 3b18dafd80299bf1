package admin

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"

	"vedette/centralnode/agents"
	"vedette/centralnode/trust"
	"vedette/internal/acts"
	"vedette/internal/conduct"
	"vedette/internal/foreign"
)

// Hosts is the table of hosts.
type Hosts interface {
	Hosts() []agents.Host
	Host(agentID string) (agents.Host, bool)
	Len() int
}

// Hosts shows the part of the table of hosts that was asked for. Only what is
// shown is described, since there may be many.
func (a *Admin) Hosts(ctx context.Context, actor acts.Actor, f acts.HostFilter) (acts.HostList, error) {
	if err := a.desk.Permit(ctx, actor, acts.ActViewHosts); err != nil {
		return acts.HostList{}, err
	}
	if err := checkHostFilter(f); err != nil {
		return acts.HostList{}, err // a slip of the pen is no matter of the audit
	}
	thresholds, err := a.activity(ctx)
	if err != nil {
		return acts.HostList{}, a.desk.Failed(ctx, actor, acts.ActViewHosts, nil, err)
	}
	hosts := a.c.Hosts.Hosts()
	list := acts.HostList{Hosts: []acts.Host{}, Total: len(hosts), ByActivity: make(map[acts.Activity]int), Thresholds: thresholds}
	matching := hostMatcher(f)
	rows := make([]hostRow, 0, len(hosts))
	ways := make(map[string]int)
	now := a.c.Now()
	for i := range hosts {
		row := hostRow{Host: &hosts[i], activity: thresholds.Of(now.Sub(hosts[i].Last))}
		list.ByActivity[row.activity]++
		ways[row.Way]++
		if matching(row) {
			rows = append(rows, row)
		}
	}
	names := make(map[string]string, len(ways))
	for way, n := range ways {
		names[way] = foreign.Line(a.sensorName(way))
		list.Ways = append(list.Ways, acts.HostWay{Way: way, Sensor: names[way], Hosts: n})
	}
	slices.SortFunc(list.Ways, func(x, y acts.HostWay) int { return compareWays(x.Way, y.Way, names) })
	list.Matching = len(rows)
	sortHosts(rows, f.Sort, names)
	rows = rows[min(f.Offset, len(rows)):]
	if f.Limit > 0 {
		rows = rows[:min(f.Limit, len(rows))]
	}
	for _, row := range rows {
		list.Hosts = append(list.Hosts, a.describeHost(row, names[row.Way]))
	}
	return list, nil
}

// Host shows one host.
func (a *Admin) Host(ctx context.Context, actor acts.Actor, agentID string) (acts.Host, error) {
	return viewOne(ctx, a, actor, acts.ActViewHosts, agentID, func() (acts.Host, error) {
		h, found := a.c.Hosts.Host(agentID)
		if !found {
			return acts.Host{}, &acts.Error{Code: acts.NotFound, Text: "there is no host with agent id " + foreign.Line(agentID), Hint: "the list of hosts has the agent ids that there are"}
		}
		thresholds, err := a.activity(ctx)
		row := hostRow{Host: &h, activity: thresholds.Of(a.c.Now().Sub(h.Last))}
		return a.describeHost(row, foreign.Line(a.sensorName(h.Way))), err
	})
}

// hostRow is a host with what is made out of it.
type hostRow struct {
	*agents.Host
	activity acts.Activity
	// text or address is what it is sorted by, if that had to be made.
	text    string
	address netip.Addr
	at      int // where it was before, which decides between those that are alike
}

// os is the operating system as it is shown.
func (r hostRow) os() string {
	return acts.Host{OSFamily: r.OSFamily, OSName: r.OSName, OSVersion: r.OSVersion}.OS()
}

// first is the first of a host's addresses; those without one come first.
func (r hostRow) first() (a netip.Addr) {
	if len(r.Addresses) > 0 {
		a, _ = netip.ParseAddr(r.Addresses[0]) // the table keeps what parsed
	}
	return a
}

// checkHostFilter refuses what no host can have.
func checkHostFilter(f acts.HostFilter) error {
	if word := acts.HostSort(strings.TrimPrefix(string(f.Sort), "-")); word != "" && !slices.Contains(acts.HostSorts(), word) {
		return conduct.Invalid("hosts cannot be sorted by \""+foreign.Line(string(f.Sort))+"\"", "they can by "+joinWords(acts.HostSorts()))
	}
	if f.Activity != "" && !slices.Contains(acts.Activities(), f.Activity) {
		return conduct.Invalid("activity \""+foreign.Line(string(f.Activity))+"\" is not known", "the words are "+joinWords(acts.Activities()))
	}
	if f.Offset < 0 || f.Limit < 0 {
		return conduct.Invalid("offset and limit cannot be negative", "0 stands for the first, and for all")
	}
	return nil
}

func joinWords[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

// hostMatcher says whether a host matches.
func hostMatcher(f acts.HostFilter) func(hostRow) bool {
	text, name, address := strings.ToLower(f.Text), strings.ToLower(f.Name), strings.ToLower(f.Address)
	system, version := strings.ToLower(f.OS), strings.ToLower(f.Version)
	has := func(part string) func(string) bool {
		return func(s string) bool { return part == "" || strings.Contains(strings.ToLower(s), part) }
	}
	named, versioned, ran := has(name), has(version), has(system)
	addressed := func(addresses []string, part string) bool { return slices.ContainsFunc(addresses, has(part)) }
	return func(h hostRow) bool {
		return (f.Activity == "" || h.activity == f.Activity) && (f.Way == "" || h.Way == f.Way) &&
			named(h.Name) && versioned(h.AgentVersion) &&
			(system == "" || ran(h.OSFamily) || ran(h.os())) &&
			(address == "" || addressed(h.Addresses, address)) &&
			(text == "" || has(text)(h.Name) || has(text)(h.AgentID) || addressed(h.Addresses, text))
	}
}

// sortHosts puts hosts, which come by name, into another order; those that are
// alike in it stay by name.
func sortHosts(rows []hostRow, by acts.HostSort, names map[string]string) {
	word, down := strings.CutPrefix(string(by), "-")
	var order func(x, y hostRow) int
	switch acts.HostSort(word) {
	case acts.HostsByAddress:
		for i := range rows {
			rows[i].address = rows[i].first()
		}
		order = func(x, y hostRow) int { return x.address.Compare(y.address) }
	case acts.HostsByOS:
		for i := range rows {
			rows[i].text = rows[i].os()
		}
		order = func(x, y hostRow) int { return natural(x.text, y.text) }
	case acts.HostsByVersion:
		order = func(x, y hostRow) int { return natural(x.AgentVersion, y.AgentVersion) }
	case acts.HostsByActivity:
		// The worst is last, and within one the longest silence.
		order = func(x, y hostRow) int { return y.Last.Compare(x.Last) }
	case acts.HostsByLastContact:
		order = func(x, y hostRow) int { return x.Last.Compare(y.Last) }
	case acts.HostsByWay:
		order = func(x, y hostRow) int { return compareWays(x.Way, y.Way, names) }
	default:
		if down {
			slices.Reverse(rows)
		}
		return
	}
	for i := range rows {
		rows[i].at = i
	}
	slices.SortFunc(rows, func(x, y hostRow) int {
		c := order(x, y)
		if down {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(x.at, y.at))
	})
}

// compareWays puts the direct way before Sensors, and these by name.
func compareWays(x, y string, names map[string]string) int {
	switch {
	case x == y:
		return 0
	case x == trust.Direct:
		return -1
	case y == trust.Direct:
		return 1
	}
	return cmp.Or(strings.Compare(names[x], names[y]), strings.Compare(x, y))
}

// natural compares texts so that 1.9 comes before 1.10.
func natural(x, y string) int {
	for x != "" && y != "" {
		a, b := leading(x), leading(y)
		c := strings.Compare(x[:a], y[:b])
		if digit(x[0]) && digit(y[0]) {
			m, n := strings.TrimLeft(x[:a], "0"), strings.TrimLeft(y[:b], "0")
			c = cmp.Or(cmp.Compare(len(m), len(n)), strings.Compare(m, n))
		}
		if c != 0 {
			return c
		}
		x, y = x[a:], y[b:]
	}
	return cmp.Compare(len(x), len(y))
}

// leading is the length of the digits, or of what are none, that a text begins
// with.
func leading(s string) int {
	n := 1
	for n < len(s) && digit(s[n]) == digit(s[0]) {
		n++
	}
	return n
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func (a *Admin) describeHost(h hostRow, sensor string) acts.Host {
	d := acts.Host{
		AgentID: h.AgentID, Name: foreign.Line(h.Name), Addresses: slices.Clone(h.Addresses),
		OSFamily: foreign.Line(h.OSFamily), OSName: foreign.Line(h.OSName), OSVersion: foreign.Line(h.OSVersion),
		AgentVersion: foreign.Line(h.AgentVersion), Collector: foreign.Line(h.Collector),
		Way: h.Way, Sensor: sensor, Remote: h.Remote, Certificate: h.Leaf, Activity: h.activity, FirstContact: h.First, LastContact: h.Last,
		Connected: a.c.Door.Live(h.Connection), Conflict: h.Conflict, Suppressed: h.Suppressed, ClockSkew: h.ClockSkew,
	}
	for reason, n := range h.Dropped {
		if d.Dropped == nil {
			d.Dropped = make(map[string]uint64)
		}
		d.Dropped[foreign.Line(reason)] = n
	}
	return d
}
