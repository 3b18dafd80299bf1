package page

import (
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"vedette/centralnode/web/websession"
	"vedette/internal/acts"
)

// How live pages are followed.
const (
	defaultLiveEvery = 2 * time.Second
	heartbeat        = 15 * time.Second // of silence
	maxFollowers     = 512
	maxOwnFollowers  = 16 // of one session
)

// followers are the live pages that are followed now.
type followers struct {
	// turn bounds how many pages are made for them at once: however many there
	// are, the processor is not theirs alone.
	turn chan struct{}

	mu  sync.Mutex // guards what follows
	all int
	own map[*websession.Session]int
}

func newFollowers() *followers {
	return &followers{turn: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), own: make(map[*websession.Session]int)}
}

// enter adds one, unless there are too many.
func (f *followers) enter(s *websession.Session) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all >= maxFollowers || f.own[s] >= maxOwnFollowers {
		return false
	}
	f.all++
	f.own[s]++
	return true
}

func (f *followers) leave(s *websession.Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if f.own[s]--; f.own[s] == 0 {
		delete(f.own, s)
	}
}

// live says whether a request is one of the page's script, which follows
// changes.
func live(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Accept"), "text/event-stream")
}

// follower is one live page of one person that is followed.
type follower struct {
	kit   *Kit
	r     *Request
	act   string
	do    Read
	known map[string]string // hashes of what the person sees, by region
	out   *Events
}

// Why a page is followed no longer, beside what its handler says.
var (
	errLeft  = errors.New("the browser has left, or the server stops")
	errEnded = errors.New("the session has ended")
)

// follow sends what of a page becomes different, until the person leaves it, the
// session ends or the server ends the request. It does not keep the session alive.
// first is the page as it is now.
func (k *Kit) follow(w http.ResponseWriter, r *Request, act string, do Read, first View, known map[string]string) {
	if !k.followers.enter(r.Session) {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "too many pages are followed", http.StatusServiceUnavailable)
		return
	}
	defer k.followers.leave(r.Session)
	f := &follower{kit: k, r: r, act: act, do: do, known: known, out: NewEvents(w)}
	defer f.out.Close()
	f.end(f.run(first))
}

func (f *follower) run(v View) error {
	tick := time.NewTicker(f.kit.c.LiveEvery)
	defer tick.Stop()
	if err := f.out.Comment(); err != nil { // the script knows that it is connected
		return errLeft
	}
	silent := time.Duration(0)
	for {
		said, err := f.tell(v)
		if err != nil {
			return err
		}
		if silent += f.kit.c.LiveEvery; said {
			silent = 0
		} else if silent >= heartbeat {
			silent = 0
			if f.out.Send("beat", "", 0) != nil { // a comment would not reach the script
				return errLeft
			}
		}
		if err := f.wait(tick.C, nil); err != nil {
			return err
		}
		if v, err = f.look(); err != nil {
			return err
		}
	}
}

// wait waits for a tick or for a turn, whichever is given, or for the end.
func (f *follower) wait(tick <-chan time.Time, turn chan<- struct{}) error {
	select {
	case <-tick:
	case turn <- struct{}{}:
	case <-f.r.Session.Ended():
		return errEnded
	case <-f.r.Context().Done():
		return errLeft
	}
	return nil
}

// look asks the page's handler again, in turn with those of other pages. What it
// answers is not for somebody whose session has ended meanwhile.
func (f *follower) look() (View, error) {
	if err := f.wait(nil, f.kit.followers.turn); err != nil {
		return View{}, err
	}
	defer func() { <-f.kit.followers.turn }()
	if f.act != "" && !f.kit.c.May(f.r.Actor, f.act) {
		return View{}, &acts.Error{Code: acts.NotAllowed, Text: "your role may not see this page any more", Hint: "reload the page"}
	}
	v, err := f.do(f.r)
	select {
	case <-f.r.Session.Ended():
		return View{}, errEnded
	default:
		return v, err
	}
}

// changed is a region that differs from what the person sees.
type changed struct {
	ID   string `json:"id"`
	Hash string `json:"hash"`
	HTML string `json:"html"`
}

// tell sends those.
func (f *follower) tell(v View) (said bool, err error) {
	page, err := f.kit.render(f.r, v, "content")
	if err != nil {
		return false, err
	}
	found, err := regions(page)
	if err != nil {
		return false, err
	}
	var news []changed
	for _, one := range found {
		if f.known[one.id] != one.hash {
			f.known[one.id] = one.hash
			news = append(news, changed{one.id, one.hash, string(page.text[one.from:one.to])})
		}
	}
	if len(news) == 0 {
		return false, nil
	}
	if f.out.Send("regions", "", news) != nil {
		return false, errLeft
	}
	return true, nil
}

// end tells the person what he can do something about. Of the rest the script
// tries again later. Whoever does not hear it is not there.
func (f *follower) end(err error) {
	switch code := acts.CodeOf(err); {
	case errors.Is(err, errLeft) || f.r.Context().Err() != nil:
	case errors.Is(err, errEnded):
		f.out.Send("ended", "", withNext(f.kit.c.SignIn, f.r))
	case code == acts.NotFound || code == acts.NotAllowed:
		f.out.Send("gone", "", err.Error())
	default:
		f.kit.c.Logger.Error("a live page is followed no longer", "path", f.r.URL.Path, "error", err)
	}
}

// tellEnded answers a script whose person is not signed in.
func (k *Kit) tellEnded(w http.ResponseWriter, r *Request, to string) {
	takeKnown(r)
	out := NewEvents(w)
	defer out.Close()
	out.Send("ended", "", withNext(to, r)) // whoever does not hear it asks again
}

// tellGone answers a script whose page can be shown no longer.
func (k *Kit) tellGone(w http.ResponseWriter, err *acts.Error) {
	if err.Code == acts.Unavailable || err.Code == acts.Failed {
		http.Error(w, err.Text, http.StatusServiceUnavailable) // the script tries again later
		return
	}
	out := NewEvents(w)
	defer out.Close()
	out.Send("gone", "", err.Text)
}
