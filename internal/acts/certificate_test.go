package acts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"vedette/internal/acts"
)

func TestFaultsOfManyFilesAreToldInOneSentence(t *testing.T) {
	cause := errors.New("cause")
	faults := acts.FileFaults{{Name: "a.pem", Text: "no key", Hint: "add it", Err: cause}, {Name: "b.pem", Text: "no key", Hint: "add it"}, {Text: "too large"}}
	if got := faults.Error(); got != "a.pem: no key; b.pem: no key; too large" {
		t.Errorf("text %q", got)
	}
	if got := faults.Hints(); got != "add it" {
		t.Errorf("hints %q", got)
	}
	if !errors.Is(&acts.Error{Err: faults}, cause) {
		t.Error("the cause is lost")
	}
	for i := range 2000 {
		faults = append(faults, acts.FileFault{Name: fmt.Sprint(i), Text: "no", Hint: fmt.Sprint("hint ", i)})
	}
	if got := faults.Error(); len(got) > 500 || !strings.HasSuffix(got, "; and 1987 more") || len(faults.Hints()) > 500 {
		t.Errorf("%d files fill %d and %d characters: %s", len(faults), len(got), len(faults.Hints()), got)
	}
}
