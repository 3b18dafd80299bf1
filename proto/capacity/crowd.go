package capacity

import "time"

// longer is by how much a round trip must be longer than it was of late, beside a quarter, to be called so: a test alone does
// not make it so.
const longer = 20 * time.Millisecond

// crowd is what shows that others may use the channel, outside of the link: then a test finds a least. It cannot tell
// them from a way that has grown within the last minutes.
type crowd struct {
	looks, long int  // of these, with a round trip longer than TCP's least of the last minutes
	lost        bool // more than a way loses
}

// see takes a look at the way; own is for how long two packets of the test wait on any line.
func (c *crowd) see(w Way, own time.Duration) {
	c.looks++
	if w.Now > w.Least+w.Least/4+longer+own {
		c.long++
	}
}

// there says whether others may be there.
func (c *crowd) there() bool { return c.lost || 2*c.long > c.looks }
