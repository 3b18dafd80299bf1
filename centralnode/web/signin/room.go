package signin

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"vedette/centralnode/web/page"
	"vedette/centralnode/web/websession"
	"vedette/internal/accounts"
	"vedette/internal/acts"
	"vedette/internal/budget"
)

// The pages.
const (
	Path         = "/sign-in"
	pathCode     = "/sign-in/code"
	pathPassword = "/sign-in/password"
	pathOut      = "/sign-out"
)

// PathOf is the page where somebody goes on who has come so far.
func PathOf(s websession.Stage) string {
	switch s {
	case websession.AwaitsCode:
		return pathCode
	case websession.MustChangePassword:
		return pathPassword
	default:
		return "/"
	}
}

// Accounts says who may sign in; an *accounts.Accounts is one.
type Accounts interface {
	// Verify checks a password, VerifyCode a code of the second factor. Errors:
	// accounts.ErrRefused, *accounts.BackoffError, others of the store.
	Verify(ctx context.Context, name, password string, from netip.Addr) (accounts.Account, error)
	VerifyCode(ctx context.Context, name, code string, from netip.Addr) (accounts.Account, error)
	// Get reads an account, or says accounts.ErrNotFound.
	Get(ctx context.Context, name string) (accounts.Account, error)
}

// Backend is the acts that these pages need.
type Backend interface {
	ChangePassword(ctx context.Context, actor acts.Actor, in acts.ChangePassword) (acts.AccountChange, error)
}

// Config is what the pages need.
type Config struct {
	Sessions *websession.Store
	Accounts Accounts
	Backend  Backend
	// From is the address that a request came from.
	From   func(*http.Request) netip.Addr
	Logger *slog.Logger
	Now    func() time.Time
}

// suppressedEvery is how often held back log lines are counted.
const suppressedEvery = time.Minute

// Room is the pages.
type Room struct {
	c       Config
	kit     *page.Kit
	limited *budget.Limited
	log     *slog.Logger // writes through limited
}

// New makes the pages.
func New(c Config) *Room {
	limited := budget.NewLimited(c.Logger.Handler(), time.Second, c.Now, "address")
	return &Room{c: c, limited: limited, log: slog.New(limited)}
}

// Run reports log lines that were held back, until ctx ends.
func (m *Room) Run(ctx context.Context) { m.limited.Report(ctx, suppressedEvery, m.c.Logger) }

//go:embed templates/*.html
var templates embed.FS

// Register gives the pages to the kit.
func (m *Room) Register(k *page.Kit) error {
	m.kit = k
	if err := k.Templates("signin", templates); err != nil {
		return err
	}
	k.OpenGet(Path, m.showName)
	k.OpenPost(Path, m.takeName)
	k.OpenGet(pathCode, m.showCode)
	k.OpenPost(pathCode, m.takeCode)
	k.OpenGet(pathPassword, m.showPassword)
	k.OpenPost(pathPassword, m.takePassword)
	k.OpenPost(pathOut, m.signOut)
	return nil
}

// maxForm bounds the forms of these pages, in bytes.
const maxForm = 16 << 10

// fault is what was wrong with a form, for the page that is shown again.
type fault struct {
	Status int
	Field  string // that it is about; empty: the form
	Text   string
	Hint   string
	Name   string // as it was typed
	// wait is how long nothing will be looked at; 0: no time.
	wait time.Duration
}

type faultKey struct{}

// faultOf is what the page has to say of the form that came before it; nil:
// nothing.
func faultOf(r *page.Request) *fault {
	f, _ := r.Context().Value(faultKey{}).(*fault)
	return f
}

// again shows the page of the form with what was wrong with it.
func (m *Room) again(w http.ResponseWriter, r *page.Request, f *fault) {
	if f.wait > 0 {
		w.Header().Set("Retry-After", seconds(f.wait))
	}
	look := r.WithContext(context.WithValue(r.Context(), faultKey{}, f))
	look.Method, look.Body, look.ContentLength = http.MethodGet, http.NoBody, 0
	m.kit.Handler().ServeHTTP(w, look)
}

// form reads what was sent.
func form(w http.ResponseWriter, r *page.Request) *fault {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return &fault{Status: http.StatusBadRequest, Text: "The form cannot be read.", Hint: "Send it again."}
	}
	return nil
}

// shown is what the pages have in common.
type shown struct {
	Action string // path of the form, with what comes after it
	Host   string // by which the browser reached this server
	Name   string
	Fault  *fault
	Notice string
}

// FaultOf is what is wrong with a field, or, of no field, with the form; nil:
// nothing.
func (s shown) FaultOf(field string) *fault {
	if s.Fault != nil && s.Fault.Field == field {
		return s.Fault
	}
	return nil
}

func view(r *page.Request, template, title string, s shown) page.View {
	v := page.View{Template: "signin/" + template, Title: title, Data: s}
	if s.Fault != nil {
		v.Status = s.Fault.Status
	}
	return v
}
