package trends

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"vedette/internal/acts"
	"vedette/internal/kv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a Room whose daemon can be started and stopped, on a state file that
// stays.
type world struct {
	t     *testing.T
	store *kv.Store
	log   lines

	mu      sync.Mutex    // guards what follows
	shift   time.Duration // how far the machine's clock is from the test's
	agents  float64
	counted uint64

	room *Room
	stop func()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, agents: 100}
	var err error
	if w.store, err = kv.Open(filepath.Join(t.TempDir(), "state", "state.db"), kv.Options{Program: "test"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Round(0).Add(w.shift)
}

// turn sets the machine's clock.
func (w *world) turn(by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shift = by
}

// connect has so many agents connected.
func (w *world) connect(agents float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.agents = agents
}

// sample counts 60 packages more each time.
func (w *world) sample(context.Context) Sample {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counted += 60
	return Sample{
		Levels:   map[acts.Trend]float64{acts.TrendAgents: w.agents, "unknown": 1},
		Counters: map[acts.Trend]uint64{acts.TrendPackages: w.counted},
	}
}

// start starts the daemon: its counters begin anew.
func (w *world) start() {
	w.t.Helper()
	w.mu.Lock()
	w.counted = 0
	w.mu.Unlock()
	w.room = New(Config{Source: w.sample, Store: w.store, Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Now: w.now})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.room.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	}
	synctest.Wait()
}

// pass lets time pass, and the room count in it.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// values are the points of a trend as "time=value".
func (w *world) values(period acts.TrendPeriod, trend acts.Trend) string {
	list := w.room.Series(acts.TrendFilter{Period: period, Trends: []acts.Trend{trend}})
	out := []string{}
	for _, p := range list.Series[0].Points {
		out = append(out, fmt.Sprintf("%s=%g", p.At.Format("15:04"), p.Value))
	}
	return strings.Join(out, " ")
}

func (w *world) want(period acts.TrendPeriod, trend acts.Trend, want string) {
	w.t.Helper()
	if got := w.values(period, trend); got != want {
		w.t.Errorf("%s %s: %s\nwant %s", period, trend, got, want)
	}
}

func TestLevelsAndRatesAreKeptByStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // begins at midnight UTC
		w := newWorld(t)
		w.start()
		pass(7*time.Minute + time.Second)
		w.connect(150)
		pass(5 * time.Minute)
		w.want(acts.TrendDay, acts.TrendAgents, "00:00=100 00:05=150 00:10=150")
		w.want(acts.TrendDay, acts.TrendPackages, "00:00=60 00:05=60 00:10=60")
		w.want(acts.TrendMonth, acts.TrendAgents, "00:00=150")
		w.want("", acts.TrendHosts, "")
		all := w.room.Series(acts.TrendFilter{})
		if len(all.Series) != len(acts.Trends()) || all.Step != 5*time.Minute || !all.To.Equal(time.Now().Truncate(5*time.Minute)) || all.To.Sub(all.From) != 24*time.Hour-5*time.Minute {
			t.Errorf("%+v", all)
		}
		w.stop()
	})
}

func TestARestartIsAGapAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		pass(6 * time.Minute)
		w.stop()
		pass(20 * time.Minute)
		w.start()
		pass(5 * time.Minute)
		// A rate begins with the second sample, and is not told across the restart.
		w.want(acts.TrendDay, acts.TrendAgents, "00:00=100 00:05=100 00:25=100 00:30=100")
		w.want(acts.TrendDay, acts.TrendPackages, "00:00=60 00:05=60 00:25=60 00:30=60")
		w.stop()
		if strings.Contains(w.log.String(), "WARN") {
			t.Error(w.log.String())
		}
	})
}

func TestWhatIsOlderThanThePeriodIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		pass(25 * time.Hour)
		if points := strings.Fields(w.values(acts.TrendDay, acts.TrendAgents)); len(points) != 288 || points[0] != "01:05=100" || points[287] != "01:00=100" {
			t.Error(len(points), points)
		}
		w.stop()
		pass(29*24*time.Hour + 12*time.Hour)
		w.start()
		w.want(acts.TrendDay, acts.TrendAgents, "13:00=100")
		if points := strings.Fields(w.values(acts.TrendMonth, acts.TrendAgents)); len(points) != 12+1 {
			t.Error(points)
		}
		w.stop()
		e, err := w.store.Get(t.Context(), key)
		if err != nil || len(e.Value) > 128<<10 {
			t.Errorf("the record takes %d bytes, %v", len(e.Value), err)
		}
	})
}

func TestAClockThatJumpsSpoilsOnlyTheStepsThatItGoesThrough(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back a little": -90 * time.Second, "back an hour": -time.Hour, "back for ever": -400_000 * time.Hour, "forward": 400_000 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.start()
				pass(3*time.Hour + time.Second)
				before := len(strings.Fields(w.values(acts.TrendDay, acts.TrendAgents)))
				w.turn(jump)
				pass(2 * time.Minute)
				if got := w.values(acts.TrendDay, acts.TrendAgents); got == "" {
					t.Error("nothing is counted on the other clock")
				}
				w.turn(0)
				pass(8 * time.Minute)
				points := strings.Fields(w.values(acts.TrendDay, acts.TrendAgents))
				if after := len(points); after < before || points[0] != "00:00=100" && jump != -400_000*time.Hour && jump != 400_000*time.Hour {
					t.Errorf("%d steps were known, %d are: %v", before, after, points)
				}
				for _, p := range strings.Fields(w.values(acts.TrendDay, acts.TrendPackages)) {
					if !strings.HasSuffix(p, "=60") {
						t.Errorf("a rate of %s across the jump", p)
					}
				}
				w.stop()
			})
		})
	}
}

func TestAStateFileThatTakesNoWritesCostsTheRecordOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		pass(31 * time.Minute)
		if got := w.values(acts.TrendDay, acts.TrendAgents); strings.Count(got, "=100") != 7 {
			t.Error(got)
		}
		w.stop()
		if n := strings.Count(w.log.String(), "trends cannot be written down"); n != 1 {
			t.Errorf("said %d times: %s", n, w.log.String())
		}
	})
}

func TestWhatCannotBeReadIsForgottenAndSaid(t *testing.T) {
	for name, value := range map[string]string{
		"no JSON": "{", "a later version": `{"v":2}`, "a value too many": `{"v":1,"names":["agents"],"day":[{"n":1,"v":[1,2]}],"month":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				if _, err := w.store.Apply(t.Context(), []kv.Op{{Key: key, Value: []byte(value)}}, nil); err != nil {
					t.Fatal(err)
				}
				w.start()
				w.want(acts.TrendDay, acts.TrendAgents, "00:00=100")
				w.stop()
				if !strings.Contains(w.log.String(), "trends begin anew") {
					t.Error(w.log.String())
				}
			})
		})
	}
}

func TestTrendsOfAnotherProgramAreKeptByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		number := time.Now().UnixNano()/int64(5*time.Minute) - 1
		raw, err := json.Marshal(map[string]any{
			"v": 1, "names": []string{"gone", "agents"}, "month": []any{},
			"day": []any{map[string]any{"n": number, "v": []any{7, 42}}, map[string]any{"n": number - 288, "v": []any{7, 1}}, map[string]any{"n": -5, "v": []any{nil, nil}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.store.Apply(t.Context(), []kv.Op{{Key: key, Value: raw}}, nil); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.want(acts.TrendDay, acts.TrendAgents, "23:55=42 00:00=100")
		w.stop()
	})
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
