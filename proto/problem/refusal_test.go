package problem_test

import (
	"net/http"
	"testing"

	"vedette/proto/problem"
)

func TestRefusalsSayTheNextStep(t *testing.T) {
	seen := make(map[string]problem.Code)
	for _, code := range []problem.Code{problem.NoCertificate, problem.CertificateUnknown, problem.Withdrawn, problem.WrongDoor, problem.Pending, problem.Rejected, problem.CertificateChanged} {
		p := problem.Refusal(code)
		if p.Code != code || p.Status != http.StatusUnauthorized || p.Title == "" || p.Detail == "" {
			t.Errorf("%s: %+v", code, p)
		}
		if other, ok := seen[p.Detail]; ok {
			t.Errorf("%s and %s say the same", code, other)
		}
		seen[p.Detail] = code
	}
	if p := problem.Full(); p.Status != http.StatusServiceUnavailable || p.Code != problem.Busy || p.RetryAfter == 0 {
		t.Errorf("full: %+v", p)
	}
}
